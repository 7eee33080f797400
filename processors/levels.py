"""Frames as arithmetic sees them: float32 planes in 8-bit levels, whatever the depth, and back without loss."""

from __future__ import annotations

from collections.abc import Sequence

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from .media import planes

Plane = NDArray[np.float32]

_KEPT_STEPS, _ZERO = 128, 128  # levels are put by in 128ths, from -128 to 384: a correction may leave the picture's range


def steps_per_level(frame: av.VideoFrame) -> int:
    """Code values in one 8-bit level."""
    return 1 << (frame.format.components[0].bits - 8)


def levels(frame: av.VideoFrame) -> list[Plane]:
    """Luma and the two chroma planes of a planar YUV frame: float32, 0-255 with fractions. Alpha is left out."""
    y, u, v, _ = planes(frame)
    scale = np.float32(1 / steps_per_level(frame))
    return [plane.astype(np.float32) * scale for plane in (y, u, v) if plane is not None]


def put(frame: av.VideoFrame, planes_yuv: Sequence[Plane]) -> None:
    """Write Y, U and V into ``frame``, which keeps its alpha, times and tags. What ``levels`` gave goes back bit for bit."""
    frame.make_writable()
    steps, peak = steps_per_level(frame), (1 << frame.format.components[0].bits) - 1
    for index, plane in enumerate(planes_yuv):
        _write(_codes(frame, index), plane * np.float32(steps), peak)


def keep(frame: av.VideoFrame, planes_yuv: Sequence[Plane]) -> None:
    """Put Y, U and V by in ``frame``, which shows nothing until ``put``: half of float32's memory. ``kept`` and ``unpacked`` give them back."""
    frame.make_writable()
    for index, plane in enumerate(planes_yuv):
        values = plane + np.float32(_ZERO)
        values *= np.float32(_KEPT_STEPS)
        _write(_codes(frame, index), values, 0xFFFF)


def kept(frame: av.VideoFrame) -> list[NDArray[np.uint16]]:
    """Views of what ``keep`` put by."""
    return [_codes(frame, index) for index in range(3)]


def unpacked(plane: NDArray[np.uint16] | NDArray[np.float32]) -> Plane:
    """Levels of a kept plane, or of what was carried of one."""
    return np.asarray(cv2.addWeighted(plane, 1 / _KEPT_STEPS, plane, 0, -_ZERO, dtype=cv2.CV_32F), np.float32).reshape(plane.shape)


def unpacked_difference(one: NDArray[np.uint16] | cv2.typing.MatLike, other: NDArray[np.uint16], out: Plane | None = None) -> Plane:
    """Levels by which a kept plane is above another."""
    return np.asarray(cv2.addWeighted(one, 1 / _KEPT_STEPS, other, -1 / _KEPT_STEPS, 0, out, cv2.CV_32F), np.float32)


def raised(plane: NDArray[np.uint16], change: Plane, out: NDArray[np.uint16]) -> None:
    """A kept plane with a change in levels added; ``change`` is used up."""
    change *= np.float32(_KEPT_STEPS)
    cv2.add(plane, change, out, dtype=cv2.CV_16U)


def _write(codes: NDArray[np.uint16], values: Plane, peak: int) -> None:
    """Round into ``codes``."""
    cv2.addWeighted(values, 1, values, 0, 0, codes, cv2.CV_16U)
    if peak < 0xFFFF:
        np.minimum(codes, np.uint16(peak), out=codes)


def _codes(frame: av.VideoFrame, index: int) -> NDArray[np.uint16]:
    plane = frame.planes[index]
    return np.frombuffer(memoryview(plane), np.uint16).reshape(plane.height, -1)[:, : plane.width]
