"""The comparison: original and result side by side at quarter speed, as in the article, made to be shown to somebody.

Both are decoded here and paired by time, so that variable frame rates, twice the rate, slow motion, rotation and animated WebP
come out in step; FFmpeg only encodes.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import closing
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import av
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from . import ffmpeg, media
from .checks.tolerances import CAMBI_RISE, CAMBI_UNSEEN
from .measurement import cambi
from .records import Clip, Progress
from .reports import pictures
from .writing import frame_pipe

if TYPE_CHECKING:
    from ..config.settings import Settings

SLOWER = 4
LONGEST_S = 20
WIDEST_PX, TALLEST_PX = 1920, 1080
_DIVIDER_PX = 2
_TIME_BASE = Fraction(1, 90_000)
_LABELS = ("Original", "deshimmer")

Plane = NDArray[np.uint8 | np.uint16]
_Part = tuple[Fraction, Fraction]


@dataclass(frozen=True)
class _Layout:
    """One half's size as shown (even), the pixel format, and the labels' masks, 0 to 1."""

    width: int
    height: int
    pixel_format: str
    bits: int
    labels: tuple[NDArray[np.float32], ...]  # (height, width, 2): opacity of the plate, opacity of the text


def make(
    source: Clip,
    candidate: Path,
    output: Path,
    settings: Settings,
    progress: Progress,
    *,
    curves: Path | None = None,
    debanded: bool = False,
    in_step: bool = True,
) -> None:
    """Write the comparison to ``output``: MP4, H.264; HEVC 10 bit where 8 bit would bring back the banding that was removed, as it does
    to a deep result that is ``debanded``, and where it is measured to do so.

    ``in_step``: the result shows the source's moments, slow motion later; else both run at their own speed, to the shorter one's end.
    Of a clip over ``LONGEST_S`` seconds it shows the part in which ``curves`` (of the source) flicker most. Raises DeshimmerError.
    """
    result = media.probe_result(candidate, source)
    part = excerpt(source, curves) if in_step else (Fraction(0), min(source.duration, result.duration, Fraction(LONGEST_S)))
    pace = _pace(source, result) if in_step else Fraction(1)
    temporary = output.with_name(f"{output.stem}.part{output.suffix}")
    is_deep = result.bit_depth > 8
    _write(source, result, part, pace, 10 if is_deep and debanded else 8, temporary, settings, progress)
    if is_deep and not debanded and _bands_again(result, temporary, settings):
        _write(source, result, part, pace, 10, temporary, settings, progress)
    temporary.replace(output)


def _bands_again(result: Clip, made: Path, settings: Settings) -> bool:
    shown = cambi.of(media.probe(made), settings, folder=made.parent, right_half=True) or 0.0
    return shown > CAMBI_UNSEEN and shown > (cambi.of(result, settings, folder=made.parent) or 0.0) + CAMBI_RISE


def _write(
    source: Clip, result: Clip, part: _Part, pace: Fraction, bits: int, output: Path, settings: Settings, progress: Progress
) -> None:
    layout = _layout(source, bits)
    argv = ffmpeg.shown(ffmpeg.tool(settings), source, _HEVC if layout.bits > 8 else _H264, output)
    rate = result.frame_rate * pace / SLOWER
    with closing(_frames(source, result, layout, part, pace)) as frames:
        frame_pipe.feed(argv, source, frames, rate, output, settings, progress=progress, expected_frames=_frames_in(result, source, part))


def excerpt(source: Clip, curves: Path | None) -> _Part:
    """(start, end) in seconds of the source that its comparison shows."""
    return pictures.strongest_stretch(pictures.read_curves(curves), source.duration, LONGEST_S)


def _frames_in(result: Clip, source: Clip, part: _Part) -> int:
    return max(1, round(result.frames * (part[1] - part[0]) / source.duration))


def _layout(source: Clip, bits: int) -> _Layout:
    width, height = source.display_size
    scale = min(1.0, (WIDEST_PX - _DIVIDER_PX) / 2 / width, TALLEST_PX / height)
    half = (_even(width * scale), _even(height * scale))
    labels = tuple(_label(text, half) for text in _LABELS)
    return _Layout(*half, "yuv420p10le" if bits > 8 else "yuv420p", bits, labels)


def _even(length: float) -> int:
    return max(2, int(length) // 2 * 2)


def _label(text: str, half: tuple[int, int]) -> NDArray[np.float32]:
    """A plate with the text, small beside the picture; empty where the picture has no room for it."""
    font = ImageFont.load_default(max(10, half[1] // 26))
    left, top, right, bottom = font.getbbox(text)
    margin = max(4, half[1] // 60)
    size = (_even(right - left + 2 * margin), _even(bottom - top + 2 * margin))
    if size[0] > half[0] * 0.6 or size[1] > half[1] * 0.3:
        return np.zeros((0, 0, 2), np.float32)
    plate, letters = Image.new("L", size, 0), Image.new("L", size, 0)
    ImageDraw.Draw(plate).rounded_rectangle((0, 0, size[0] - 1, size[1] - 1), radius=margin, fill=150)
    ImageDraw.Draw(letters).text((margin - left, margin - top), text, font=font, fill=255)
    return np.stack([np.asarray(plate, np.float32), np.asarray(letters, np.float32)], axis=2) / np.float32(255)


def _frames(source: Clip, result: Clip, layout: _Layout, part: _Part, pace: Fraction) -> Generator[av.VideoFrame, None, None]:
    """One frame for each of the result's, beside the source frame that is on screen at that moment."""
    tolerance = 1 / source.frame_rate / 4
    with closing(_timed(source, layout)) as originals, closing(_timed(result, layout)) as results:
        current = following = next(originals)
        for seconds, right in results:
            moment = seconds / pace
            while following is not None and following[0] <= moment + tolerance:
                current, following = following, next(originals, None)
            if moment >= part[1]:
                return
            if moment >= part[0]:
                yield _side_by_side(current[1], right, layout, round((moment - part[0]) * SLOWER / _TIME_BASE))


def _pace(source: Clip, result: Clip) -> Fraction:
    """How much longer the result lasts: 1 but for slow motion."""
    ratio = result.duration / source.duration
    return ratio if ratio > Fraction(5, 4) else Fraction(1)


def _timed(clip: Clip, layout: _Layout) -> Generator[tuple[Fraction, list[Plane]], None, None]:
    """(seconds since the first frame, upright planes at the half's size) of each frame."""
    size = (layout.height, layout.width) if clip.rotation in (90, 270) else (layout.width, layout.height)
    start: Fraction | None = None
    with closing(media.frames(clip)) as decoded:
        for frame in decoded:
            seconds = (frame.pts or 0) * clip.time_base
            start = seconds if start is None else start
            planes = media.planes(pictures.shown(frame, clip, size, layout.pixel_format))
            yield seconds - start, [pictures.upright(plane, clip) for plane in planes[:3] if plane is not None]


def _side_by_side(left: list[Plane], right: list[Plane], layout: _Layout, pts: int) -> av.VideoFrame:
    frame = av.VideoFrame(2 * layout.width + _DIVIDER_PX, layout.height, layout.pixel_format)
    for index, plane in enumerate(media.planes(frame)[:3]):
        assert plane is not None
        width = left[index].shape[1]
        plane[:, :width] = left[index]
        plane[:, -width:] = right[index]
        plane[:, width:-width] = (128 if index else 170) << (layout.bits - 8)
        for label, start in zip(layout.labels, (0, plane.shape[1] - width), strict=True):
            _stamp(plane, label, start, layout.bits, is_chroma=index > 0)
    frame.pts, frame.time_base = pts, _TIME_BASE
    return frame


def _stamp(plane: Plane, label: NDArray[np.float32], start: int, bits: int, *, is_chroma: bool) -> None:
    """Blend a label into the upper left corner of the half that begins at column ``start``."""
    if not label.size:
        return
    mask = label[::2, ::2] if is_chroma else label
    margin = 8 if is_chroma else 16
    height, width = mask.shape[:2]
    area = plane[margin : margin + height, start + margin : start + margin + width]
    if area.shape != mask.shape[:2]:
        return
    scale = 2 ** (bits - 8)
    plate, letters = (128 * scale, 128 * scale) if is_chroma else (20 * scale, 235 * scale)
    shaded = area + (plate - area.astype(np.float32)) * mask[..., 0]
    area[:] = (shaded + (letters - shaded) * mask[..., 1]).round().astype(area.dtype)


_H264: dict[str, Any] = {"c:v": "libx264", "crf": 17, "preset": "superfast"}
_HEVC: dict[str, Any] = {"c:v": "libx265", "crf": 18, "preset": "ultrafast", "tag:v": "hvc1", "x265-params": "log-level=error"}
