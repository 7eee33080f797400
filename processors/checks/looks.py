"""Frames as results are compared: luma at full size, where it is asked for, and chroma small, on one scale for every pixel format."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeVar, cast

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from .. import media

Image = NDArray[np.float32]
Plane = NDArray[np.uint8 | np.uint16 | np.float32] | NDArray[np.uint8] | NDArray[np.uint16] | NDArray[np.float32]
P = TypeVar("P", bound=NDArray[np.generic])

THUMBNAIL_PX = (48, 27)
_LUMA_OF_RGB = np.array((0.2126, 0.7152, 0.0722), np.float32)  # BT.709, as media.to_format converts


@dataclass(frozen=True)
class Look:
    """One frame. Its luma is brought to full-range 8-bit levels only where it is asked for."""

    plane: Plane  # (height, width) luma
    gain: float  # that makes levels of it, with ``offset``
    offset: float
    chroma: Image  # (rows, columns, 2), small: U and V, 8-bit levels

    @cached_property
    def luma(self) -> Image:
        """(height, width), full-range 8-bit levels."""
        return self._levels(self.plane, 1)

    def small(self, height_px: int) -> Image:
        """The luma at ``height_px`` lines, to a hundredth of a level."""
        if self.plane.dtype != np.uint8:
            return self._levels(fit(self.plane, height_px), 1)
        return self._levels(fit(np.multiply(self.plane, np.uint16(256), dtype=np.uint16), height_px), 256)

    def cropped(self, height: int, width: int) -> Look:
        return Look(self.plane[:height, :width], self.gain, self.offset, self.chroma)

    def _levels(self, plane: Plane, steps: int) -> Image:
        levels = np.multiply(plane, np.float32(self.gain / steps), dtype=np.float32)
        levels += np.float32(self.offset)
        return levels


def look(frame: av.VideoFrame) -> Look:
    """A frame's luma and small chroma, on one scale for every pixel format."""
    layout = frame.format
    if layout.is_rgb or layout.has_palette:
        return _look_of_rgb(np.asarray(frame.to_ndarray(format="rgb24"), np.uint8))
    planes = media.planes(frame)
    scale = 2.0 ** (8 - layout.components[0].bits)
    full = media.is_full_range(frame)
    stretch = 1.0 if full else 255 / 219
    luma = scale * stretch, 0.0 if full else -16 * stretch
    if planes.u is None or planes.v is None:
        return Look(planes.y, *luma, np.full((*reversed(THUMBNAIL_PX), 2), 128, np.float32))
    gain = scale * (1.0 if full else 255 / 224)
    chroma = np.dstack([thumbnail(plane.astype(np.float32)) for plane in media.chroma(frame, media.working_steps(layout))])
    return Look(planes.y, *luma, np.asarray(128 + (chroma - 128 / scale) * gain, np.float32))


def _look_of_rgb(rgb: NDArray[np.uint8]) -> Look:
    small = thumbnail(rgb.astype(np.float32))
    differences = small[..., (2, 0)] - (small @ _LUMA_OF_RGB)[..., None]
    chroma = np.asarray(128 + differences / (2 - 2 * _LUMA_OF_RGB[[2, 0]]), np.float32)
    return Look(np.asarray(rgb @ _LUMA_OF_RGB, np.float32), 1.0, 0.0, chroma)


def thumbnail(image: Image) -> Image:
    """``THUMBNAIL_PX`` large."""
    return _resized(image, THUMBNAIL_PX)


def fit(image: P, height_px: int) -> P:
    """Shrunk to ``height_px`` lines (never enlarged), the aspect kept."""
    height, width = image.shape[:2]
    if height <= height_px:
        return image
    size = (max(8, round(width * height_px / height)), height_px)
    while image.shape[0] % 2 == image.shape[1] % 2 == 0 and image.shape[0] >= 2 * size[1] and image.shape[1] >= 2 * size[0]:
        image = _resized(image, (image.shape[1] // 2, image.shape[0] // 2))  # many times quicker than any other step
    return _resized(image, size)


def _resized(image: P, size: tuple[int, int]) -> P:
    return cast("P", cv2.resize(cast("Any", image), size, interpolation=cv2.INTER_AREA))
