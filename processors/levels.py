"""Frames as arithmetic sees them: float32 planes in 8-bit levels, whatever the depth, and back without loss."""

from __future__ import annotations

from collections.abc import Sequence

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from .media import planes

Plane = NDArray[np.float32]

KEPT_STEPS, ZERO = 128, 128  # levels are put by in 128ths, from -128 to 384: a correction may leave the picture's range


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
        _write(_codes(frame, index), plane, steps, 0, peak)


def put_below(frame: av.VideoFrame, kept_planes: Sequence[NDArray[np.uint16]], changes: Sequence[Plane], share: float) -> None:
    """Write kept Y, U and V less a share of changes in levels into ``frame``, as ``put`` does."""
    steps, peak = steps_per_level(frame), (1 << frame.format.components[0].bits) - 1
    for index, (plane, change) in enumerate(zip(kept_planes, changes, strict=True)):
        codes = _codes(frame, index)
        cv2.addWeighted(plane, steps / KEPT_STEPS, change, -share * steps, -ZERO * steps, codes, cv2.CV_16U)
        np.minimum(codes, np.uint16(peak), out=codes)


def keep(frame: av.VideoFrame, planes_yuv: Sequence[Plane]) -> None:
    """Put Y, U and V by in ``frame``, which shows nothing until ``put``: half of float32's memory. ``kept`` and ``unpacked`` give them back."""
    frame.make_writable()
    for index, plane in enumerate(planes_yuv):
        _write(_codes(frame, index), plane, KEPT_STEPS, KEPT_STEPS * ZERO, 0xFFFF)


def kept(frame: av.VideoFrame) -> list[NDArray[np.uint16]]:
    """Views of what ``keep`` put by."""
    return [_codes(frame, index) for index in range(3)]


def unpacked(plane: NDArray[np.uint16] | NDArray[np.float32]) -> Plane:
    """Levels of a kept plane, or of what was carried of one."""
    return np.asarray(cv2.addWeighted(plane, 1 / KEPT_STEPS, plane, 0, -ZERO, dtype=cv2.CV_32F), np.float32).reshape(plane.shape)


def unpacked_difference(one: NDArray[np.uint16] | cv2.typing.MatLike, other: NDArray[np.uint16], out: Plane | None = None) -> Plane:
    """Levels by which a kept plane is above another."""
    return np.asarray(cv2.addWeighted(one, 1 / KEPT_STEPS, other, -1 / KEPT_STEPS, 0, out, cv2.CV_32F), np.float32)


def raised(plane: NDArray[np.uint16], change: Plane, out: NDArray[np.uint16]) -> None:
    """A kept plane with a change in levels added; ``change`` is used up."""
    change *= np.float32(KEPT_STEPS)
    cv2.add(plane, change, out, dtype=cv2.CV_16U)


def _write(codes: NDArray[np.uint16], levels: Plane, steps: int, zero: int, peak: int) -> None:
    """Round into ``codes``, of which there are so many ``steps`` to a level."""
    cv2.addWeighted(levels, steps, levels, 0, zero, codes, cv2.CV_16U)
    if peak < 0xFFFF:
        np.minimum(codes, np.uint16(peak), out=codes)


def _codes(frame: av.VideoFrame, index: int) -> NDArray[np.uint16]:
    plane = frame.planes[index]
    return np.frombuffer(memoryview(plane), np.uint16).reshape(plane.height, -1)[:, : plane.width]
