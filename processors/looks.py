"""Frames as results are compared: luma at full size and chroma small, on one scale for every pixel format."""

from __future__ import annotations

from typing import NamedTuple

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from . import media

Image = NDArray[np.float32]

THUMBNAIL_PX = (48, 27)
_LUMA_OF_RGB = np.array((0.2126, 0.7152, 0.0722), np.float32)  # BT.709, as media.to_format converts


class Look(NamedTuple):
    """One frame: ``luma`` (height, width) full-range 8-bit levels; ``chroma`` (rows, columns, 2), small: U and V, 8-bit levels."""

    luma: Image
    chroma: Image


def look(frame: av.VideoFrame) -> Look:
    """A frame's luma and small chroma, on one scale for every pixel format."""
    layout = frame.format
    if layout.is_rgb or layout.has_palette:
        return _look_of_rgb(np.asarray(frame.to_ndarray(format="rgb24"), np.uint8))
    planes = media.planes(frame)
    scale = 2.0 ** (8 - layout.components[0].bits)
    full = media.is_full_range(frame)
    luma = planes.y.astype(np.float32) * np.float32(scale)
    if not full:
        luma = (luma - np.float32(16)) * np.float32(255 / 219)
    if planes.u is None or planes.v is None:
        return Look(luma, np.full((*reversed(THUMBNAIL_PX), 2), 128, np.float32))
    gain = scale * (1.0 if full else 255 / 224)
    chroma = np.dstack([thumbnail(plane.astype(np.float32)) for plane in (planes.u, planes.v)])
    return Look(luma, np.asarray(128 + (chroma - 128 / scale) * gain, np.float32))


def _look_of_rgb(rgb: NDArray[np.uint8]) -> Look:
    small = thumbnail(rgb.astype(np.float32))
    differences = small[..., (2, 0)] - (small @ _LUMA_OF_RGB)[..., None]
    return Look(np.asarray(rgb @ _LUMA_OF_RGB, np.float32), np.asarray(128 + differences / (2 - 2 * _LUMA_OF_RGB[[2, 0]]), np.float32))


def thumbnail(image: Image) -> Image:
    """``THUMBNAIL_PX`` large."""
    return np.asarray(cv2.resize(image, THUMBNAIL_PX, interpolation=cv2.INTER_AREA), np.float32)


def fit(image: Image, height_px: int) -> Image:
    """Shrunk to ``height_px`` lines (never enlarged), the aspect kept."""
    height, width = image.shape[:2]
    if height <= height_px:
        return image
    return np.asarray(cv2.resize(image, (max(8, round(width * height_px / height)), height_px), interpolation=cv2.INTER_AREA), np.float32)
