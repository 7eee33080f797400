"""Single pictures of a clip for people: which moments show most, and frames as a player shows them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass
from fractions import Fraction
from itertools import islice, pairwise
from pathlib import Path
from typing import TypeVar

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from .. import media
from ..records import MAP_PREFIX, Band, Clip
from . import tonemap

Rgb = NDArray[np.uint8]  # (height, width, 3)
T = TypeVar("T", bound=np.generic)
Curves = dict[str, NDArray[np.float64]]
_SHOWS_LEVELS = {Band.GLOBAL_LUMA: 1.0, Band.LOW_LUMA: 1.0, Band.LOW_CHROMA: 1.0, Band.DETAIL: 4.0}
_CHECKER_PX = 16
_SLIT_PX = 320
_SLIT_FRAMES = 160
_SLIT_WIDTH_PX = 640


def read_curves(path: Path | None) -> Curves:
    """The curves of a diagnosis, without its maps; empty where there are none. One value a frame for each key."""
    if path is None or not path.is_file():
        return {}
    with np.load(path, allow_pickle=False) as stored:
        return {key: np.nan_to_num(np.asarray(stored[key], np.float64)) for key in stored.files if not key.startswith(MAP_PREFIX)}


def flicker(curves: Mapping[str, NDArray[np.floating]]) -> NDArray[np.float64]:
    """One value a frame: the flicker of all bands together, each relative to what begins to show."""
    bands = [np.abs(curves[band]) / levels for band, levels in _SHOWS_LEVELS.items() if band in curves and curves[band].size]
    return np.sum(bands, axis=0) if bands else np.zeros(0)


def telling_frames(curves: Curves, frames: int, count: int) -> tuple[int, ...]:
    """``count`` frames that show flicker best, one from each equal part of the clip, in order."""
    strength = flicker(curves)
    if strength.size < frames:
        strength = np.zeros(frames)
    edges = np.linspace(0, frames, min(count, frames) + 1).astype(int)
    return tuple(int(start + np.argmax(strength[start:end])) for start, end in pairwise(edges) if end > start)


def strongest_stretch(curves: Curves, duration: Fraction, longest_s: int) -> tuple[Fraction, Fraction]:
    """(start, end) in seconds of at most ``longest_s`` in which the clip flickers most."""
    if duration <= longest_s:
        return Fraction(0), duration
    strength = flicker(curves)
    if not strength.size:
        return Fraction(0), Fraction(longest_s)
    width = max(1, round(len(strength) * longest_s / duration))
    start = int(np.argmax(np.convolve(strength, np.ones(width), "valid")))
    begin = min(duration * start / len(strength), duration - longest_s)
    return begin, begin + longest_s


def slit_range(curves: Curves, frames: int) -> range:
    """Up to ``_SLIT_FRAMES`` frames in a row, where the clip flickers most."""
    start, _ = strongest_stretch(curves, Fraction(frames), min(frames, _SLIT_FRAMES))
    return range(int(start), min(frames, int(start) + _SLIT_FRAMES))


def shown(frame: av.VideoFrame, clip: Clip, size: tuple[int, int], pixel_format: str) -> av.VideoFrame:
    """A frame as a player shows it, but for rotation: scaled to ``size`` (width, height before rotation), transparency over a checker,
    limited range, HDR as an ordinary display shows it.
    """
    if clip.has_alpha:
        frame = _over_checker(frame)
    elif tonemap.is_due(clip.color):
        frame = tonemap.mapped(frame, clip.color, size)
    if frame.format.is_rgb or frame.format.has_palette:
        return frame.reformat(*size, format=pixel_format, interpolation="AREA", dst_colorspace="itu709", dst_color_range="MPEG")
    given = "JPEG" if media.is_full_range(frame) else "MPEG"
    return frame.reformat(*size, format=pixel_format, interpolation="AREA", src_color_range=given, dst_color_range="MPEG")


def upright(plane: NDArray[T], clip: Clip) -> NDArray[T]:
    """A decoded plane, turned and mirrored as a player does."""
    turned = np.rot90(plane, -clip.rotation // 90)
    return turned[:, ::-1] if clip.mirrored else turned


@dataclass(frozen=True)
class Study:
    """What a report shows of a clip: whole frames by index, and the slit-scan."""

    frames: dict[int, Rgb]
    slit: Rgb | None  # one upright line of the picture, frame after frame from left to right; None for a single frame


def study(clip: Clip, indices: Iterable[int], longest_px: int, *, slit: range = range(0), step: int = 1) -> Study:
    """Frames (upright, at their display aspect, no side over ``longest_px``) and a slit-scan over the frames ``slit``.

    Frames are counted in steps of ``step``, so that an interpolated result is looked at on its source frames. Decoding is streamed.
    """
    wanted = set(indices)
    last = max((*wanted, *slit), default=-1)
    frames: dict[int, Rgb] = {}
    lines: list[Rgb] = []
    with closing(media.frames(clip)) as decoded:
        for index, frame in enumerate(islice(decoded, 0, None, step)):
            if index > last:
                break
            if index in wanted:
                frames[index] = _upright(frame, clip, longest_px)
            if index in slit:
                picture = _upright(frame, clip, _SLIT_PX)
                lines.append(picture[:, picture.shape[1] // 2])
    return Study(frames, _slit_scan(lines))


def _upright(frame: av.VideoFrame, clip: Clip, longest_px: int) -> Rgb:
    width, height = clip.display_size
    scale = min(1.0, longest_px / max(width, height))
    across, down = max(1, round(width * scale)), max(1, round(height * scale))
    size = (down, across) if clip.rotation in (90, 270) else (across, down)
    picture = _over_checker(frame) if clip.has_alpha else tonemap.mapped(frame, clip.color, size) if tonemap.is_due(clip.color) else frame
    rgb = np.asarray(picture.reformat(*size, format="rgb24", interpolation="AREA").to_ndarray(), np.uint8)
    return np.ascontiguousarray(upright(rgb, clip))


def _slit_scan(lines: list[Rgb]) -> Rgb | None:
    """Columns of whole pixels, not blended, so that a change from one frame to the next stays a hard stripe."""
    if len(lines) < 2:
        return None
    width = max(1, _SLIT_WIDTH_PX // len(lines))
    return np.ascontiguousarray(np.repeat(np.stack(lines, axis=1), width, axis=1))


def jpeg(picture: Rgb, quality: int) -> bytes:
    done, data = cv2.imencode(".jpg", picture[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])
    assert done
    return data.tobytes()


def _over_checker(frame: av.VideoFrame) -> av.VideoFrame:
    rgba = np.asarray(frame.to_ndarray(format="rgba"), np.uint8)
    place = np.indices(rgba.shape[:2]) // _CHECKER_PX
    checker = np.where((place.sum(axis=0) % 2)[..., None], np.float32(96), np.float32(72))
    opacity = rgba[..., 3:].astype(np.float32) / np.float32(255)
    blended = av.VideoFrame.from_ndarray((rgba[..., :3] * opacity + checker * (1 - opacity)).round().astype(np.uint8), format="rgb24")
    blended.pts, blended.time_base = frame.pts, frame.time_base or Fraction(1, 1000)
    return blended
