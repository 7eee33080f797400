"""Frames as arrays, and frames made of frames: planes, formats, fields. What is copied keeps its tags and its time."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, NamedTuple

import av
import numpy as np
from numpy.typing import NDArray

from . import colors

if TYPE_CHECKING:
    from av.video.plane import VideoPlane

_FULL_RANGE = 2


class Planes(NamedTuple):
    """One frame as arrays. Luma ``(height, width)``; chroma ``(height', width')`` by the pixel format; uint8 or uint16 levels."""

    y: NDArray[np.uint8] | NDArray[np.uint16]
    u: NDArray[np.uint8] | NDArray[np.uint16] | None
    v: NDArray[np.uint8] | NDArray[np.uint16] | None
    a: NDArray[np.uint8] | NDArray[np.uint16] | None


def planes(frame: av.VideoFrame) -> Planes:
    """Views, not copies, of a planar YUV or gray frame's memory. They are valid as long as ``frame`` is."""
    is_deep, has_alpha = _kind(frame.format.name)
    arrays = [_array(plane, is_deep) for plane in frame.planes]
    alpha = arrays.pop() if has_alpha and len(arrays) in (2, 4) else None
    y, u, v = (*arrays, None, None)[:3]
    assert y is not None
    return Planes(y, u, v, alpha)


def field_of(frame: av.VideoFrame, field: str) -> av.VideoFrame:
    """The ``"top"`` or ``"bottom"`` lines of a planar frame, as a frame of half the height."""
    made = av.VideoFrame(frame.width, frame.height // 2, frame.format.name)
    tagged_like(frame, made)
    for source, target in zip(planes(frame), planes(made), strict=True):
        if source is not None and target is not None:
            target[:] = source[field == "bottom" :: 2]  # pyright: ignore[reportArgumentType]  of one format
    return made


def tagged_like(frame: av.VideoFrame, made: av.VideoFrame) -> None:
    """Give ``made`` the colour tags and the time of ``frame``."""
    for name in ("colorspace", "color_range", "color_trc", "color_primaries", "pts"):
        setattr(made, name, getattr(frame, name))
    if frame.time_base is not None:
        made.time_base = frame.time_base


def blank_like(frame: av.VideoFrame) -> av.VideoFrame:
    """A frame without content of the same size, format, colour tags and pts."""
    made = av.VideoFrame(frame.width, frame.height, frame.format.name)
    tagged_like(frame, made)
    return made


def to_format(frame: av.VideoFrame, pixel_format: str) -> av.VideoFrame:
    """The frame in another pixel format; pts, size, matrix and range stay, RGB becomes limited-range BT.709.

    Limited-range levels are multiplied by four from 8 to 10 bit; full-range luma goes from 0-255 to 0-1023.
    """
    if frame.format.name == pixel_format:
        return frame
    if is_rgb(frame.format):
        return frame.reformat(format=pixel_format, dst_colorspace="itu709", dst_color_range="MPEG")
    color_range = "JPEG" if is_full_range(frame) else "MPEG"
    made = frame.reformat(format=pixel_format, src_color_range=color_range, dst_color_range=color_range)
    _keep_opacity(frame, made)
    return made


def _keep_opacity(frame: av.VideoFrame, made: av.VideoFrame) -> None:
    """FFmpeg shifts alpha like limited-range luma, so that what was opaque no longer is."""
    depths = [each.format.components[-1].bits for each in (frame, made)]
    if depths[0] == depths[1] or not (frame.format.components[-1].is_alpha and made.format.components[-1].is_alpha):
        return
    before, after = planes(frame).a, planes(made).a
    if before is not None and after is not None:
        after[:] = np.rint(before * (((1 << depths[1]) - 1) / ((1 << depths[0]) - 1)))


def is_rgb(layout: av.VideoFormat) -> bool:
    return layout.is_rgb or layout.has_palette


def is_full_range(frame: av.VideoFrame) -> bool:
    return colors.is_always_full_range(frame.format) or int(frame.color_range) == _FULL_RANGE


@cache
def _kind(pixel_format: str) -> tuple[bool, bool]:
    """(two bytes a value, alpha) of a format; to ask FFmpeg takes longer than to look at a small frame."""
    components = av.VideoFormat(pixel_format).components
    return bool(components) and components[0].bits > 8, bool(components) and components[-1].is_alpha


def _array(plane: VideoPlane, is_deep: bool) -> NDArray[np.uint8] | NDArray[np.uint16]:
    memory = memoryview(plane)
    array = np.frombuffer(memory, np.uint16) if is_deep else np.frombuffer(memory, np.uint8)
    return array.reshape(plane.height, -1)[:, : plane.width]
