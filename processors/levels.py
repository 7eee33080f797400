"""Frames as arithmetic sees them: float32 planes in 8-bit levels, whatever the depth, and back without loss."""

from __future__ import annotations

from collections.abc import Sequence

import av
import numpy as np
from numpy.typing import NDArray

from .media import planes

Plane = NDArray[np.float32]


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
        _codes(frame, index)[:] = np.clip(plane * np.float32(steps) + np.float32(0.5), 0, peak)


def _codes(frame: av.VideoFrame, index: int) -> NDArray[np.uint16]:
    plane = frame.planes[index]
    return np.frombuffer(memoryview(plane), np.uint16).reshape(plane.height, -1)[:, : plane.width]
