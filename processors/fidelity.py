"""How faithful a result is to its source, frame beside frame: the same pictures, levels, motion and detail.

None of these measures rewards calm: a frozen clip keeps no motion, a blurred or averaged one keeps no detail.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Container, Generator, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import islice
from typing import NamedTuple

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from . import flow, media
from .records import Clip, Progress

Image = NDArray[np.float32]

_MOTION_HEIGHT_PX = 144
_THUMBNAIL_PX = (48, 27)
_DETAIL_PAIRS = 48  # frame pairs on which detail is measured at full size
_EDGE_SHARE = 0.10  # detail is judged on this part of the picture, where structure stands far above noise
_EDGE_SLOPE = 12.0  # Sobel's; the edge of a band of two levels, which debanding takes away, has 4
_DETAIL_FLOOR = 20.0  # levels squared, a pixel: a soft picture has less, and what persists of it is coding noise (real clips: over 150)
_MOTION_FLOOR = 0.25  # levels squared; less is what encoding changes
_GARBAGE_DISTANCE = 0.8  # of the contrast: 1 is another picture, a repaired frame stays under 0.4
_GARBAGE_LEVELS = 60.0  # mean brightness off by this much is a black or white frame, not a repair
_LUMA_OF_RGB = np.array((0.2126, 0.7152, 0.0722), np.float32)  # BT.709, as media.to_format converts


@dataclass(frozen=True)
class Fidelity:
    """Levels are on the 8-bit full-range scale. ``None`` where the clip gives nothing to measure by."""

    frames: int  # of the candidate that decoded
    garbage_frames: tuple[int, ...]  # source frames whose counterpart shows something else
    luma_shift: float  # mean of the candidate's luma less the source's
    chroma_shift: float  # the larger of both planes' mean differences, absolute
    contrast: float  # slope of the candidate's mean picture, coarse luma, on the source's
    motion_kept: float | None  # part of the change explained by the source's motion that is still there
    lost_motion: float | None  # part of the moving frames on which it is not
    detail_kept: float | None  # gain of the detail that persists from frame to frame
    edges_kept: float | None  # strength of the source frames' strong edges, in the very frame


def measure(
    source: Clip,
    candidate: Clip,
    progress: Progress,
    *,
    factor: int | None = 1,
    stretch: Fraction = Fraction(1),
    cuts: Iterable[int] = (),
    replaced: Container[int] = (),
) -> Fidelity:
    """Compare source frames with their counterparts: the candidate's frame ``factor`` times the index; without a factor (another frame
    rate) the one shown at the same moment, ``stretch`` times later, where there is one.

    ``cuts`` are the first frames of shots: nothing is compared across them. ``replaced`` source frames have no counterpart. Frames are
    streamed; both clips are decoded once.
    """
    tally = _Tally(source.frames, tuple(cuts))
    counted = _Counted(candidate)
    with closing(media.frames(source)) as originals, closing(counted.frames()) as results:
        pairs = _by_time(source, candidate, originals, results, stretch) if factor is None else _by_index(originals, results, factor)
        for index, original, result in pairs:
            if index not in replaced:
                tally.add(index, look(original), look(result))
            progress(min(1.0, (index + 1) / source.frames))
        for _ in results:
            pass
    return tally.conclude(counted.count)


_Pair = tuple[int, av.VideoFrame, av.VideoFrame]


def _by_index(originals: Iterable[av.VideoFrame], results: Iterable[av.VideoFrame], factor: int) -> Iterator[_Pair]:
    for index, (original, result) in enumerate(zip(originals, islice(results, 0, None, factor), strict=False)):
        yield index, original, result


def _by_time(
    source: Clip, candidate: Clip, originals: Iterator[av.VideoFrame], results: Iterator[av.VideoFrame], stretch: Fraction
) -> Iterator[_Pair]:
    tolerance = 1 / source.frame_rate / 8
    timed = _timed(results, candidate.time_base, 1 / stretch)
    result = next(timed, None)
    for index, (moment, original) in enumerate(_timed(originals, source.time_base, Fraction(1))):
        while result is not None and result[0] < moment - tolerance:
            result = next(timed, None)
        if result is not None and result[0] <= moment + tolerance:
            yield index, original, result[1]


def _timed(frames: Iterator[av.VideoFrame], time_base: Fraction, scale: Fraction) -> Iterator[tuple[Fraction, av.VideoFrame]]:
    """Frames with their seconds since the first one, scaled."""
    start: int | None = None
    for frame in frames:
        pts = frame.pts or 0
        start = pts if start is None else start
        yield (pts - start) * time_base * scale, frame


class Look(NamedTuple):
    """One frame: ``luma`` (height, width) full-range 8-bit levels; ``chroma`` mean of U and V, 8-bit levels."""

    luma: Image
    chroma: tuple[float, float]


def look(frame: av.VideoFrame) -> Look:
    """A frame's luma and mean chroma, on one scale for every pixel format."""
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
        return Look(luma, (128.0, 128.0))
    gain = scale * (1.0 if full else 255 / 224)
    middle = 128 / scale
    return Look(luma, (128 + (float(planes.u.mean()) - middle) * gain, 128 + (float(planes.v.mean()) - middle) * gain))


def _look_of_rgb(rgb: NDArray[np.uint8]) -> Look:
    luma = np.asarray(rgb @ _LUMA_OF_RGB, np.float32)
    mean, red, blue = (float(part.mean()) for part in (luma, rgb[..., 0], rgb[..., 2]))
    of_red, of_blue = float(_LUMA_OF_RGB[0]), float(_LUMA_OF_RGB[2])
    return Look(luma, (128 + (blue - mean) / (2 - 2 * of_blue), 128 + (red - mean) / (2 - 2 * of_red)))


def fit(image: Image, height_px: int) -> Image:
    """Shrunk to ``height_px`` lines (never enlarged), the aspect kept."""
    height, width = image.shape[:2]
    if height <= height_px:
        return image
    return np.asarray(cv2.resize(image, (max(8, round(width * height_px / height)), height_px), interpolation=cv2.INTER_AREA), np.float32)


class _Counted:
    def __init__(self, clip: Clip) -> None:
        self._clip = clip
        self.count = 0

    def frames(self) -> Generator[av.VideoFrame, None, None]:
        with closing(media.frames(self._clip)) as source:
            for frame in source:
                self.count += 1
                yield frame


class _Before(NamedTuple):
    """What is kept of the frame before."""

    number: int
    luma: Image
    guide: NDArray[np.uint8]
    texture: tuple[Image, Image]


class _Thumbnails(NamedTuple):
    number: int  # of the source frame
    original: Image
    result: Image


@dataclass
class _Tally:
    expected: int
    cuts: tuple[int, ...]
    luma_shifts: list[float] = field(default_factory=lambda: [])
    chroma_shifts: list[tuple[float, float]] = field(default_factory=lambda: [])
    thumbnails: deque[_Thumbnails] = field(default_factory=lambda: deque(maxlen=3))
    summed: NDArray[np.float64] = field(default_factory=lambda: np.zeros((2, *reversed(_THUMBNAIL_PX))))
    garbage: list[int] = field(default_factory=lambda: [])
    moved: list[tuple[float, float, float]] = field(default_factory=lambda: [])
    persistent: list[tuple[float, float, float, int]] = field(default_factory=lambda: [])
    edges: list[tuple[float, float]] = field(default_factory=lambda: [])
    before: _Before | None = None

    def add(self, index: int, original: Look, result: Look) -> None:
        if result.luma.shape != original.luma.shape:  # an odd edge cut off for the encoder
            height, width = (min(sides) for sides in zip(result.luma.shape, original.luma.shape, strict=True))
            original, result = (Look(side.luma[:height, :width], side.chroma) for side in (original, result))
        self._levels(index, original, result)
        guide = flow.guide(np.clip(original.luma, 0, 255).astype(np.uint8), _MOTION_HEIGHT_PX)
        texture = (_texture(original.luma), _texture(result.luma))
        if self.before is not None and not any(self.before.number < cut <= index for cut in self.cuts):
            vectors = flow.flow(self.before.guide, guide)
            self.moved.append(_explained(vectors, self.before.texture, texture))
            if len(self.moved) % max(1, self.expected // _DETAIL_PAIRS) == 1 or self.expected < _DETAIL_PAIRS:
                slopes = _slopes(original.luma)
                strong = _strong_edges(slopes)
                self.persistent.append(_persistent_detail(vectors, self.before.luma, original.luma, result.luma, strong))
                self.edges.append(_edges(slopes, _slopes(result.luma), strong))
        self.before = _Before(index, original.luma, guide, texture)

    def _levels(self, index: int, original: Look, result: Look) -> None:
        self.luma_shifts.append(float(result.luma.mean()) - float(original.luma.mean()))
        self.chroma_shifts.append((result.chroma[0] - original.chroma[0], result.chroma[1] - original.chroma[1]))
        mine, theirs = (
            np.asarray(cv2.resize(side.luma, _THUMBNAIL_PX, interpolation=cv2.INTER_AREA), np.float32) for side in (original, result)
        )
        self.summed += (mine, theirs)
        self.thumbnails.append(_Thumbnails(index, mine, theirs))
        if len(self.thumbnails) > 1:
            self._look_for_garbage(-2)

    def conclude(self, decoded: int) -> Fidelity:
        chroma = np.abs(np.mean(self.chroma_shifts, axis=0)) if self.chroma_shifts else np.zeros(2)
        kept, lost = self._motion()
        if self.thumbnails:
            self._look_for_garbage(-1)
        return Fidelity(
            frames=decoded,
            garbage_frames=tuple(self.garbage),
            luma_shift=float(np.mean(self.luma_shifts)) if self.luma_shifts else 0.0,
            chroma_shift=float(chroma.max()),
            contrast=self._contrast(),
            motion_kept=kept,
            lost_motion=lost,
            detail_kept=self._detail(),
            edges_kept=self._edges(),
        )

    def _contrast(self) -> float:
        """Slope of the result's mean picture on the source's: flicker averages out of it, a change of grade does not."""
        before, after = (mean - mean.mean() for mean in self.summed / max(1, len(self.luma_shifts)))
        return float((before * after).sum() / (before * before).sum()) if before.std() > 2 else 1.0

    def _look_for_garbage(self, place: int) -> None:
        """Judge one of the last thumbnails beside its neighbours, which a repaired bad frame looks like."""
        judged = self.thumbnails[place]
        near = list(self.thumbnails)[-3:] if place == -2 else list(self.thumbnails)[-2:]
        if not any(_alike(each.original, judged.result) for each in near):
            self.garbage.append(judged.number)

    def _motion(self) -> tuple[float | None, float | None]:
        """None where fewer than three frames move by more than encoding and flicker change them."""
        moving = [(mine, theirs) for mine, rest, theirs in self.moved if mine > max(_MOTION_FLOOR, rest)]
        if len(moving) < 3:
            return None, None
        kept = sum(theirs for _, theirs in moving) / sum(mine for mine, _ in moving)
        return kept, sum(theirs < 0.25 * mine for mine, theirs in moving) / len(moving)

    def _edges(self) -> float | None:
        result, original = np.sum(self.edges, axis=0) if self.edges else (0.0, 0.0)
        return float(result / original) if original > 0 else None

    def _detail(self) -> float | None:
        """None where there is little detail, or the flow finds so little of it again that the measure would be noise."""
        result, original, energy, pixels = np.sum(self.persistent, axis=0) if self.persistent else (0.0, 0.0, 0.0, 0)
        return float(result / original) if original > 0.02 * energy and energy > _DETAIL_FLOOR * pixels else None


def _slopes(luma: Image) -> tuple[Image, Image]:
    """Horizontal and vertical slope of the picture without its finest noise."""
    blurred = cv2.GaussianBlur(luma, (0, 0), 1.5)
    return np.asarray(cv2.Sobel(blurred, cv2.CV_32F, 1, 0), np.float32), np.asarray(cv2.Sobel(blurred, cv2.CV_32F, 0, 1), np.float32)


def _strong_edges(slopes: tuple[Image, Image]) -> NDArray[np.bool_]:
    size = cv2.magnitude(*slopes)
    return np.asarray(size > max(_EDGE_SLOPE, float(np.quantile(size[::2, ::2], 1 - _EDGE_SHARE))), np.bool_)


def _edges(original: tuple[Image, Image], result: tuple[Image, Image], strong: NDArray[np.bool_]) -> tuple[float, float]:
    """Products of slopes at strong edges: result with original, original with itself. A blur or a double image lowers the first."""
    both = list(zip(original, result, strict=True))
    return sum(float((a * b)[strong].sum()) for a, b in both), sum(float((a * a)[strong].sum()) for a, _ in both)


def _texture(luma: Image) -> Image:
    """Small picture without its low band, where exposure and patches flicker, and without its finest grain."""
    small = cv2.GaussianBlur(fit(luma, _MOTION_HEIGHT_PX), (0, 0), 1.0)
    return np.asarray(small - cv2.GaussianBlur(small, (0, 0), _MOTION_HEIGHT_PX / 12), np.float32)


def _explained(vectors: flow.Flow, before: tuple[Image, Image], now: tuple[Image, Image]) -> tuple[float, float, float]:
    """Mean squared change that the source's motion explains, |t - (t-1)|^2 - |t - warped (t-1)|^2, and the rest it leaves: source's
    part, source's rest, candidate's part. Flicker adds the same to both terms and drops out of the parts.
    """
    found: list[tuple[float, float]] = []
    for earlier, later in zip(before, now, strict=True):
        rest = float(np.square(later - flow.warp(earlier, flow.resized(vectors, earlier.shape[1], earlier.shape[0]))).mean())
        found.append((float(np.square(later - earlier).mean()) - rest, rest))
    return found[0][0], found[0][1], found[1][0]


def _persistent_detail(
    vectors: flow.Flow, before: Image, original: Image, result: Image, strong: NDArray[np.bool_]
) -> tuple[float, float, float, int]:
    """Sums over strong edges: Laplacians of the result times those of the warped frame before, of the original times those, of the
    original squared; and how many pixels that is.

    What is drawn anew for every frame has no counterpart in the frame before, so noise takes no part in the first two.
    """
    along = flow.resized(vectors, before.shape[1], before.shape[0])
    witness, mine, theirs = (cv2.Laplacian(image, cv2.CV_32F)[strong] for image in (flow.warp(before, along), original, result))
    return float((theirs * witness).sum()), float((mine * witness).sum()), float((mine * mine).sum()), mine.size


def _alike(original: Image, result: Image) -> bool:
    mean_gap = abs(float(original.mean()) - float(result.mean()))
    gap = float(((original - original.mean()) - (result - result.mean())).std())
    return mean_gap < _GARBAGE_LEVELS and gap < _GARBAGE_DISTANCE * max(float(original.std()), float(result.std()), 12.0)
