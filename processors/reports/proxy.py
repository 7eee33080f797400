"""Clips for browsers: which ones play as they are, and an 8-bit H.264 stand-in with every frame for those that do not."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import closing
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import av
import av.error
import numpy as np

from ...config.errors import ToolFailed, UnreadableClip
from .. import ffmpeg, media, timing
from ..animations import webp
from ..containers import open_container, video_stream
from ..writing import frame_pipe
from . import pictures

if TYPE_CHECKING:
    from ...config.settings import Settings
    from ..records import Clip, Progress

WIDEST_PX, TALLEST_PX = 1920, 1080
_PLAYED = {
    **dict.fromkeys((".mp4", ".m4v", ".mov"), frozenset({"h264"})),
    ".webm": frozenset({"vp8", "vp9", "av1"}),
}
"""Codecs by suffix that Chrome, Edge, Firefox and Safari all play; of 8-bit 4:2:0 only."""

_FORMATS = ("yuv420p", "yuvj420p")
_HDR_TRANSFERS = (16, 18)  # PQ and HLG, which some browsers show washed out
_KEY_EVERY = 12
_VIDEO: dict[str, Any] = {"c:v": "libx264", "crf": 15, "preset": "veryfast", "g": _KEY_EVERY, "bf": 0}
"""Frames from one key frame to the next: a step back decodes no more than these."""


def plays_in_browsers(path: Path) -> bool:
    """Whether every browser shows this file as it is. Reads its header only. Raises ClipError."""
    if path.is_dir() or path.suffix.lower() not in _PLAYED or webp.is_animated(path):
        return False
    with open_container(path) as container:
        stream = video_stream(container, path)
        context = stream.codec_context
        sees_through = stream.metadata.get("alpha_mode") == "1"  # of WebM: shown on black, or as if there were no alpha
        is_shown_right = context.pix_fmt in _FORMATS and int(context.color_trc) not in _HDR_TRANSFERS and not sees_through
        return is_shown_right and context.codec.canonical_name in _PLAYED[path.suffix.lower()]


def frame_times(path: Path) -> tuple[float, ...]:
    """When a player shows each frame of a file that browsers play, in seconds; read from its packets. Raises ClipError."""
    with open_container(path) as container:
        stream = video_stream(container, path)
        tracks = (stream, *container.streams.audio)
        starts = [each.start_time * each.time_base for each in tracks if each.start_time is not None and each.time_base]
        origin, unit = Fraction(min(starts, default=Fraction(0))), Fraction(stream.time_base or Fraction(1, 1000))
        try:
            packets = [packet.pts for packet in container.demux(stream) if packet.size and not packet.is_discard]
        except av.error.FFmpegError as error:
            raise UnreadableClip(f"It is damaged ({error}). Render it again, or re-export it.", path=path) from error
    return tuple(round(float(pts * unit - origin), 6) for pts in sorted({pts for pts in packets if pts is not None}))


def make(source: Path, output: Path, settings: Settings, progress: Progress) -> None:
    """Write the stand-in: MP4, H.264, yuv420p, silent, upright, square pixels, no larger than 1920x1080, and each frame at its own time
    from the first one on. It appears by rename. Raises DeshimmerError.
    """
    clip = media.probe(source, sequence_fps=timing.exact_rate(settings.sequences.fps))
    temporary = output.with_name(f"{output.stem}.part{output.suffix}")
    argv = ffmpeg.shown(ffmpeg.tool(settings), clip, _VIDEO, temporary)
    try:
        with closing(_frames(clip)) as frames:
            written = frame_pipe.feed(argv, clip, frames, clip.frame_rate, temporary, settings, progress=progress)
        if written < clip.frames:
            raise ToolFailed(f"Only {written} of {clip.frames} frames reached the proxy. Check that the clip plays whole.", path=source)
        temporary.replace(output)
    finally:
        temporary.unlink(missing_ok=True)


def _frames(clip: Clip) -> Generator[av.VideoFrame, None, None]:
    across, down = _size(clip)
    decoded_size = (down, across) if clip.rotation in (90, 270) else (across, down)
    first: int | None = None
    with closing(media.frames(clip)) as decoded:
        for frame in decoded:
            first = (frame.pts or 0) if first is None else first
            picture = _turned(pictures.shown(frame, clip, decoded_size, "yuv420p"), clip, across, down)
            picture.pts, picture.time_base = (frame.pts or 0) - first, clip.time_base
            yield picture


def _size(clip: Clip) -> tuple[int, int]:
    width, height = clip.display_size
    scale = min(1.0, WIDEST_PX / width, TALLEST_PX / height)
    return _even(width * scale), _even(height * scale)


def _even(length: float) -> int:
    return max(2, int(length) // 2 * 2)


def _turned(frame: av.VideoFrame, clip: Clip, across: int, down: int) -> av.VideoFrame:
    if not clip.rotation and not clip.mirrored:
        return frame
    turned = av.VideoFrame(across, down, "yuv420p")
    for source, target in zip(media.planes(frame)[:3], media.planes(turned)[:3], strict=True):
        assert source is not None
        assert target is not None
        np.copyto(target, pictures.upright(source, clip))  # pyright: ignore[reportArgumentType]  uint8 on both sides
    return turned
