"""Frames as arrays, and frames made of frames: planes, formats, fields. What is copied keeps its tags and its time."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

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

    Limited-range levels are multiplied by four from 8 to 10 bit; full-range luma and alpha go from 0-255 to 0-1023.
    """
    if frame.format.name == pixel_format:
        return frame
    if is_rgb(frame.format):
        made = frame.reformat(format=pixel_format, dst_colorspace="itu709", dst_color_range="MPEG")
    else:
        color_range = "JPEG" if is_full_range(frame) else "MPEG"
        made = frame.reformat(format=pixel_format, src_color_range=color_range, dst_color_range=color_range)
        _keep_chroma(frame, made)
    _keep_opacity(frame, made)
    return made


def chroma_steps(layout: av.VideoFormat) -> tuple[int, int]:
    """Pixels across and down that share a sample of chroma."""
    return 16 // layout.chroma_width(16), 16 // layout.chroma_height(16)


def working_steps(layout: av.VideoFormat) -> tuple[int, int]:
    """The same of what such frames are worked on as: 4:2:0, 4:2:2 or 4:4:4, whichever holds all of their chroma."""
    across, down = chroma_steps(layout)
    return (2, 2 if down > 1 else 1) if across > 1 else (1, 1)


def chroma(frame: av.VideoFrame, steps: tuple[int, int]) -> list[NDArray[Any]]:
    """U and V in code values, with fractions where they are brought to a finer sampling: by lines between samples, which lie where those of
    4:1:1 do, on the first of their pixels, else in the middle (JPEG's, and what shares lines).
    """
    planes_uv = [plane for plane in planes(frame)[1:3] if plane is not None]
    across, down = (had // wanted for had, wanted in zip(chroma_steps(frame.format), steps, strict=True))
    size = -(-frame.width // steps[0]), -(-frame.height // steps[1])
    at_first = frame.format.name == "yuv411p"
    for axis, factor, centred in ((1, across, not at_first), (0, down, True)):
        if factor > 1:
            planes_uv = [_finer(plane, factor, axis, centred=centred) for plane in planes_uv]
    return [plane[: size[1], : size[0]] for plane in planes_uv]


def _finer(plane: NDArray[Any], factor: int, axis: int, *, centred: bool) -> NDArray[np.float32]:
    """``factor`` times as many samples along ``axis``."""
    own = np.swapaxes(plane.astype(np.float32), axis, -1)
    made = np.empty((*own.shape[:-1], own.shape[-1] * factor), np.float32)
    before, after = np.concatenate([own[..., :1], own[..., :-1]], -1), np.concatenate([own[..., 1:], own[..., -1:]], -1)
    for place in range(factor):
        away = (place + 0.5) / factor - 0.5 if centred else place / factor
        made[..., place::factor] = own + np.float32(abs(away)) * ((after if away > 0 else before) - own)
    return np.swapaxes(made, axis, -1)


def _keep_chroma(frame: av.VideoFrame, made: av.VideoFrame) -> None:
    """Of 4:1:1 and its like, which FFmpeg brings to a finer sampling with another place of the samples, and with gray at the left edge of
    some.
    """
    if len(frame.planes) < 3 or len(made.planes) < 3:
        return
    had, steps = chroma_steps(frame.format), chroma_steps(made.format)
    if had == steps or any(mine < theirs for mine, theirs in zip(had, steps, strict=True)):
        return
    scale = 2.0 ** (made.format.components[0].bits - frame.format.components[0].bits)
    for target, plane in zip(planes(made)[1:3], chroma(frame, steps), strict=True):
        assert target is not None
        target[:] = np.rint(plane * np.float32(scale))


def _keep_opacity(frame: av.VideoFrame, made: av.VideoFrame) -> None:
    """FFmpeg shifts alpha like limited-range luma, so that what was opaque no longer is, and rounds what it takes out of RGB."""
    target = planes(made).a if not is_rgb(made.format) else None
    before = opacity(frame) if target is not None else None
    if target is not None and before is not None:
        target[:] = np.rint(before.plane * (((1 << made.format.components[-1].bits) - 1) / before.peak))


class Opacity(NamedTuple):
    plane: NDArray[Any]  # (height, width), code values
    peak: int  # the one that is opaque


def opacity(frame: av.VideoFrame) -> Opacity | None:
    """The alpha of a frame as it is stored; None where its format has none."""
    layout = frame.format
    if not layout.has_palette and not any(component.is_alpha for component in layout.components):
        return None
    bits = 8 if layout.has_palette else layout.components[-1].bits
    if len(frame.planes) == 4 and not layout.is_big_endian:
        return Opacity(_array(frame.planes[3], bits > 8), (1 << bits) - 1)
    packed = frame.to_ndarray(format="rgba64le" if bits > 8 else "rgba")
    return Opacity(packed[..., 3], 65535 if bits > 8 else 255)


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
