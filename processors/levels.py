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


def with_levels(frame: av.VideoFrame, changed: Sequence[Plane]) -> av.VideoFrame:
    """A copy of ``frame`` with new Y, U and V; what ``levels`` gave goes back bit for bit. Alpha stays."""
    result = av.VideoFrame(frame.width, frame.height, frame.format.name)
    steps, peak = steps_per_level(frame), (1 << frame.format.components[0].bits) - 1
    for index in range(len(frame.planes)):
        target = _codes(result, index)
        if index < len(changed):
            target[:] = np.clip(changed[index] * np.float32(steps) + np.float32(0.5), 0, peak)
        else:
            target[:] = _codes(frame, index)
    return _stamped(result, frame)


def _codes(frame: av.VideoFrame, index: int) -> NDArray[np.uint16]:
    plane = frame.planes[index]
    return np.frombuffer(plane, np.uint16).reshape(plane.height, -1)[:, : plane.width]


def _stamped(result: av.VideoFrame, source: av.VideoFrame) -> av.VideoFrame:
    result.pts = source.pts
    if source.time_base:
        result.time_base = source.time_base
    result.color_range = source.color_range
    result.colorspace = source.colorspace
    result.color_primaries = source.color_primaries
    result.color_trc = source.color_trc
    return result
