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

_Matrix = NDArray[np.float32]


def padded_to(pictures: Tensor, size: tuple[int, ...]) -> Tensor:
    """(n, c, h, w) continued by its last row and column to a larger ``size`` (height, width)."""
    below, right = size[0] - pictures.shape[2], size[1] - pictures.shape[3]
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


def shrunk(pictures: Tensor, size: tuple[int, int]) -> Tensor:
    """(..., h, w) at a smaller ``size`` (height, width), every pixel counted: INTER_AREA."""
    return _made(pictures, *(("area", side) for side in size))


def resized(pictures: Tensor, size: tuple[int, int]) -> Tensor:
    """(..., h, w) at ``size`` (height, width), between pixels: INTER_LINEAR."""
    return _made(pictures, *(("linear", side) for side in size))


def blurred(pictures: Tensor, sigma: float) -> Tensor:
    """(..., h, w) by a Gaussian as ``lowband`` does it: wide ones at a quarter of the size; borders repeat."""
    is_wide = sigma >= 5 and min(pictures.shape[-2:]) >= 16
    return _made(pictures, *(("wide gaussian" if is_wide else "gaussian", sigma),) * 2)


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


def _linear(columns: _Matrix, to: float) -> _Matrix:
    return _resized(columns, int(to), cv2.INTER_LINEAR)


def _resized(columns: _Matrix, to: int, interpolation: int) -> _Matrix:
    return np.asarray(cv2.resize(columns, (columns.shape[1], to), interpolation=interpolation), np.float32).reshape(to, -1)


def _gaussian(columns: _Matrix, sigma: float) -> _Matrix:
    kernel = cv2.getGaussianKernel(round(8 * sigma + 1) | 1, sigma, cv2.CV_32F)
    return np.asarray(cv2.sepFilter2D(columns, -1, np.ones(1, np.float32), kernel, borderType=cv2.BORDER_REPLICATE), np.float32)


def _wide_gaussian(columns: _Matrix, sigma: float) -> _Matrix:
    small = _resized(columns, math.ceil(len(columns) / 4), cv2.INTER_AREA)
    return _resized(_gaussian(small, sigma / 4), len(columns), cv2.INTER_LINEAR)


def _box(columns: _Matrix, side_px: float, border: int) -> _Matrix:
    return np.asarray(cv2.blur(columns, (1, int(side_px)), borderType=border), np.float32)


_KINDS: dict[str, Callable[..., _Matrix]] = {
    "area": _area,
    "linear": _linear,
    "gaussian": _gaussian,
    "wide gaussian": _wide_gaussian,
    "box": _box,
}
