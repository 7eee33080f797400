"""Pictures in torch by the conventions of OpenCV: carried along motion, resized and blurred, many at once.

What is linear and works on rows and columns alike (resizing, blurs, with their borders) is made of two matrices, which OpenCV itself fills in.

Imports torch: import this module only where torch is known to be there.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

_BEYOND_PX = 3  # that a bicubic place a pixel outside looks at

_Matrix = NDArray[np.float32]


def padded_to(pictures: Tensor, size: tuple[int, ...]) -> Tensor:
    """(n, c, h, w) continued by its last row and column to at least ``size`` (height, width)."""
    below, right = max(0, size[0] - pictures.shape[2]), max(0, size[1] - pictures.shape[3])
    return functional.pad(pictures, (0, right, 0, below), mode="replicate") if below or right else pictures


def sampled(pictures: Tensor, x: Tensor, y: Tensor) -> Tensor:
    """(n, c, h', w'): ``pictures`` (n, c, h, w) at places (n, h', w') in pixels, bilinear; borders repeat."""
    height, width = pictures.shape[2:]
    grid = torch.stack((x * (2 / max(width - 1, 1)) - 1, y * (2 / max(height - 1, 1)) - 1), -1)
    # Clamped to the picture, zero padding is never seen; padding_mode="border" does the same but is missing on Apple's GPUs.
    return functional.grid_sample(pictures, grid.clamp_(-1, 1), mode="bilinear", padding_mode="zeros", align_corners=True)


def carried(pictures: Tensor, ways: Tensor) -> Tensor:
    """``flow.warp`` for many: (n, c, h, w) where ``ways`` (n, 2, h', w'), in pixels of the pictures, lead; borders repeat."""
    height, width = ways.shape[2:]
    x = torch.arange(width, device=ways.device, dtype=ways.dtype) + ways[:, 0]
    y = torch.arange(height, device=ways.device, dtype=ways.dtype)[:, None] + ways[:, 1]
    return sampled(pictures, x, y)


def sampled_finely(pictures: Tensor, x: Tensor, y: Tensor) -> Tensor:
    """``sampled``, bicubic."""
    height, width = pictures.shape[2:]
    around = _continued(pictures, _BEYOND_PX)
    x, y = x.clamp(-1, width) + _BEYOND_PX, y.clamp(-1, height) + _BEYOND_PX
    if pictures.device.type == "mps":
        return cubic(around, x, y)
    grid = torch.stack((x * (2 / (around.shape[3] - 1)) - 1, y * (2 / (around.shape[2] - 1)) - 1), -1)
    return functional.grid_sample(around, grid, mode="bicubic", padding_mode="zeros", align_corners=True)


def cubic(pictures: Tensor, x: Tensor, y: Tensor) -> Tensor:
    """The same of places at least a pixel from the borders, where torch has no bicubic sampling: on Apple's GPUs."""
    count, channels, _, width = pictures.shape
    left, top = x.floor(), y.floor()
    across, down = _cubic_weights(x - left), _cubic_weights(y - top)
    corner = ((top - 1) * width + left - 1).long()
    flat, found = pictures.flatten(2), pictures.new_zeros((count, channels, *x.shape[1:]))
    for row, high in enumerate(down):
        for column, wide in enumerate(across):
            places = (corner + row * width + column).view(count, 1, -1).expand(-1, channels, -1)
            found += (high * wide)[:, None] * flat.gather(2, places).view_as(found)
    return found


def _cubic_weights(part: Tensor) -> tuple[Tensor, ...]:
    """Of four pixels, two on either side."""
    a = -0.75  # OpenCV's, and torch's
    near, far = (part, 1 - part), (1 + part, 2 - part)
    (one, two), (zero, three) = (
        [(a + 2) * t**3 - (a + 3) * t**2 + 1 for t in near],
        [a * t**3 - 5 * a * t**2 + 8 * a * t - 4 * a for t in far],
    )
    return zero, one, two, three


def rows_of(fields: Tensor, size: tuple[int, int], rows: slice) -> Tensor:
    """(n, c, rows, w): of fields (n, c, h', w') at another ``size`` (height, width) as many rows, between pixels."""
    scale_y, scale_x = fields.shape[2] / size[0], fields.shape[3] / size[1]
    x = (torch.arange(size[1], device=fields.device, dtype=fields.dtype) + 0.5) * scale_x - 0.5
    y = (torch.arange(rows.start, rows.stop, device=fields.device, dtype=fields.dtype) + 0.5) * scale_y - 0.5
    shape = len(fields), len(y), len(x)
    return sampled(fields, x.expand(shape), y[:, None].expand(shape))


def softened(pictures: Tensor, sigma: float) -> Tensor:
    """(c, h, w) by a narrow Gaussian; borders repeat."""
    kernel = _kernel(sigma, pictures.device)
    around = _continued(pictures[:, None], len(kernel) // 2)
    with torch.backends.cudnn.flags(enabled=True, allow_tf32=False):  # whose ten bits are a tenth of a level
        return functional.conv2d(functional.conv2d(around, kernel.view(1, 1, -1, 1)), kernel.view(1, 1, 1, -1))[:, 0]


def laplacian(pictures: Tensor) -> Tensor:
    """Of (n, c, h, w); borders repeat."""
    around = _continued(pictures, 1)
    return (around[..., :-2, 1:-1] + around[..., 2:, 1:-1]).add_(around[..., 1:-1, :-2]).add_(around[..., 1:-1, 2:]).sub_(pictures, alpha=4)


def _continued(pictures: Tensor, beyond_px: int) -> Tensor:
    return functional.pad(pictures, (beyond_px,) * 4, mode="replicate")


def shrunk(pictures: Tensor, size: tuple[int, int]) -> Tensor:
    """(..., h, w) at a smaller ``size`` (height, width), every pixel counted: INTER_AREA."""
    return _made(pictures, *(("area", side) for side in size))


def resized(pictures: Tensor, size: tuple[int, int]) -> Tensor:
    """(..., h, w) at ``size`` (height, width), between pixels: INTER_LINEAR."""
    flat = pictures.reshape(1, -1, *pictures.shape[-2:])
    return functional.interpolate(flat, size=size, mode="bilinear", align_corners=False).view(*pictures.shape[:-2], *size)


def blurred(pictures: Tensor, sigma: float) -> Tensor:
    """(..., h, w) by a Gaussian as ``lowband`` does it: wide ones at a quarter of the size; borders repeat."""
    is_wide = sigma >= 5 and min(pictures.shape[-2:]) >= 16
    return _made(pictures, *(("wide gaussian" if is_wide else "gaussian", sigma),) * 2)


def gaussian(pictures: Tensor, sigma: float) -> Tensor:
    """(..., h, w) by a Gaussian of any width; borders repeat."""
    return _made(pictures, *(("gaussian", sigma),) * 2)


def boxed(pictures: Tensor, side_px: int, border: int = cv2.BORDER_DEFAULT) -> Tensor:
    """(..., h, w), the mean of a box around each pixel."""
    return _made(pictures, *(("box", side_px, border),) * 2)


def _made(pictures: Tensor, down: tuple[str | float, ...], across: tuple[str | float, ...]) -> Tensor:
    """Whichever of rows and columns makes it smaller comes first."""
    height, width = pictures.shape[-2:]
    rows, columns = _matrix(height, pictures.device, *down), _matrix(width, pictures.device, *across).T
    new_height, new_width = rows.shape[0], columns.shape[1]
    rows_first = new_height * width * (height + new_width)
    columns_first = new_width * height * (width + new_height)
    return rows @ pictures @ columns if rows_first <= columns_first else rows @ (pictures @ columns)


@cache
def _matrix(length: int, device: torch.device, kind: str, *how: float) -> Tensor:
    """(new length, length): what becomes of a column of ``length`` pixels."""
    made = _KINDS[kind](np.eye(length, dtype=np.float32), *how)
    return torch.from_numpy(np.ascontiguousarray(made, np.float32)).to(device)


def _area(columns: _Matrix, to: float) -> _Matrix:
    return _resized(columns, int(to), cv2.INTER_AREA)


def _resized(columns: _Matrix, to: int, interpolation: int) -> _Matrix:
    return np.asarray(cv2.resize(columns, (columns.shape[1], to), interpolation=interpolation), np.float32).reshape(to, -1)


def _gaussian(columns: _Matrix, sigma: float) -> _Matrix:
    kernel = cv2.getGaussianKernel(_taps(sigma), sigma, cv2.CV_32F)
    return np.asarray(cv2.sepFilter2D(columns, -1, np.ones(1, np.float32), kernel, borderType=cv2.BORDER_REPLICATE), np.float32)


@cache
def _kernel(sigma: float, device: torch.device) -> Tensor:
    return torch.from_numpy(cv2.getGaussianKernel(_taps(sigma), sigma, cv2.CV_32F)[:, 0]).to(device)


def _taps(sigma: float) -> int:
    """As OpenCV chooses them for float32."""
    return round(8 * sigma + 1) | 1


def _wide_gaussian(columns: _Matrix, sigma: float) -> _Matrix:
    small = _resized(columns, math.ceil(len(columns) / 4), cv2.INTER_AREA)
    return _resized(_gaussian(small, sigma / 4), len(columns), cv2.INTER_LINEAR)


def _box(columns: _Matrix, side_px: float, border: int) -> _Matrix:
    return np.asarray(cv2.blur(columns, (1, int(side_px)), borderType=border), np.float32)


_KINDS: dict[str, Callable[..., _Matrix]] = {
    "area": _area,
    "gaussian": _gaussian,
    "wide gaussian": _wide_gaussian,
    "box": _box,
}
