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

from .. import flow, media
from ..records import Clip, Progress
from .jumps import Jumps
from .jumps import Meter as JumpMeter
from .looks import THUMBNAIL_PX, Image, Look, look, thumbnail
from .marks import Marks, Meter

_Persistent = tuple[float, float, float, int]

_MOTION_HEIGHT_PX = 144
_DETAIL_PAIRS, _LARGE_PAIRS = 48, 24  # frame pairs on which detail is measured at full size; of pictures over
_LARGE_PIXELS = 1_500_000  # pixels, half as many pairs tell as much
_EDGE_SHARE = 0.10  # detail is judged on this part of the picture, where structure stands far above noise
_EDGE_SLOPE = 12.0  # Sobel's; the edge of a band of two levels, which debanding takes away, has 4
_GRAIN_FLOOR = 20.0  # levels squared: a Laplacian of grain of one level
_DETAIL_FLOOR = 20.0  # levels squared, a pixel: a soft picture has less, and what persists of it is coding noise (real clips: over 150)
_PERSISTENT_SHARE, _SURE_SHARE = 0.02, 0.1  # of the detail's energy that persists: enough for a gain, enough to compare two
_HELD = 0.05  # of the source's motion, squared: less is a frame that only repeats the one before (moving ones keep over 0.3)
_MOTION_FLOOR = 0.25  # levels squared; less is what encoding changes
_GARBAGE_DISTANCE = 0.8  # of the contrast: 1 is another picture, a repaired frame stays under 0.4
_GARBAGE_LEVELS = 60.0  # mean brightness off by this much is a black or white frame, not a repair


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
    held_frames: tuple[int, ...]  # that only repeat the one before, where the source moves
    even_detail: float | None  # detail kept of every second frame over that of the others, whichever keeps less
    even_grain: float | None  # the same of all that is fine, lasting or not
    grain_kept: float | None  # of all that is fine, in the quieter half of the picture
    marks: Marks
    jumps: Jumps


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
    with flow.one_thread(), closing(media.frames(source)) as originals, closing(counted.frames()) as results:
        pairs = _by_time(source, candidate, originals, results, stretch) if factor is None else _by_index(originals, results, factor)
        for index, original, result in pairs:
            if index not in replaced:
                tally.add(index, look(original), look(result))
            progress(min(1.0, (index + 1) / source.frames))
        for _ in results:
            pass
    return tally.conclude(counted.count)


class Beside:
    """``measure`` of clips with the same frames, for somebody who walks through both anyway: take ``frames``, then ``conclude``."""

    def __init__(self, source: Clip, candidate: Clip, cuts: Iterable[int]) -> None:
        self._source = source
        self._counted = _Counted(candidate)
        self._tally = _Tally(source.frames, tuple(cuts))

    def frames(self) -> Generator[tuple[av.VideoFrame, av.VideoFrame], None, None]:
        """(candidate's, source's), each pair measured before it is handed on."""
        with closing(media.frames(self._source)) as originals, closing(self._counted.frames()) as results:
            for index, original, result in _by_index(originals, results, 1):
                self._tally.add(index, look(original), look(result))
                yield result, original
            for _ in results:
                pass

    def conclude(self) -> Fidelity:
        return self._tally.conclude(self._counted.count)


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
    look: Look
    guide: NDArray[np.uint8]
    texture: tuple[Image, Image]
    small: tuple[Image, Image]


class _Moved(NamedTuple):
    """Mean squared change that the source's motion explains, |t - (t-1)|^2 - |t - warped (t-1)|^2, and the rest it leaves. Flicker adds
    the same to both terms and drops out of the explained parts.
    """

    original: float
    rest: float
    result: float

    @property
    def is_motion(self) -> bool:
        """True where the source moves by more than encoding and flicker change it."""
        return self.original > max(_MOTION_FLOOR, self.rest)


class _Thumbnails(NamedTuple):
    number: int  # of the source frame
    original: Image
    result: Image


@dataclass
class _Tally:
    expected: int
    cuts: tuple[int, ...]
    thumbnails: deque[_Thumbnails] = field(default_factory=lambda: deque(maxlen=3))
    summed: NDArray[np.float64] = field(default_factory=lambda: np.zeros((2, *reversed(THUMBNAIL_PX))))
    garbage: list[int] = field(default_factory=lambda: [])
    moved: list[_Moved] = field(default_factory=lambda: [])
    held: list[int] = field(default_factory=lambda: [])
    persistent: tuple[list[_Persistent], list[_Persistent]] = field(default_factory=lambda: ([], []))  # of even and of odd frames
    fine: NDArray[np.float64] = field(default_factory=lambda: np.zeros((2, 2, 2)))  # (parity, all and quiet half, source and result)
    edges: list[tuple[float, float]] = field(default_factory=lambda: [])
    marks: Meter = field(default_factory=Meter)
    jumps: JumpMeter = field(default_factory=JumpMeter)
    before: _Before | None = None

    def add(self, index: int, original: Look, result: Look) -> None:
        if result.plane.shape != original.plane.shape:  # an odd edge cut off for the encoder
            height, width = (min(sides) for sides in zip(result.plane.shape, original.plane.shape, strict=True))
            original, result = (side.cropped(height, width) for side in (original, result))
        begins = self.before is None or any(self.before.number < cut <= index for cut in self.cuts)
        small = (original.small(_MOTION_HEIGHT_PX), result.small(_MOTION_HEIGHT_PX))
        self._levels(index, (original, result), small, begins=begins)
        guide = flow.guide(np.clip(small[0], 0, 255).astype(np.uint8), _MOTION_HEIGHT_PX)
        texture = (_texture(small[0]), _texture(small[1]))
        if self.before is not None and not begins:
            vectors = flow.flow(self.before.guide, guide)
            self.jumps.add(index, vectors, self.before.small, small)
            moved = _explained(vectors, self.before.texture, texture)
            self.moved.append(moved)
            if moved.is_motion and float(np.square(texture[1] - self.before.texture[1]).mean()) < _HELD * moved.original:
                self.held.append(index)
            pairs = _LARGE_PAIRS if original.plane.size > _LARGE_PIXELS else _DETAIL_PAIRS
            if len(self.moved) // 2 % max(1, self.expected // pairs) == 0:
                slopes = _slopes(original.luma)
                steepness = np.asarray(cv2.magnitude(*slopes), np.float32)
                strong = _strong_edges(steepness)
                fine = _laplacian(original.luma), _laplacian(result.luma)
                self.persistent[index % 2].append(_persistent_detail(vectors, self.before.look.luma, fine, strong))
                self.edges.append(_edges(slopes, _slopes(result.luma), strong))
                self.fine[index % 2] += _energies(fine, steepness)
                self.marks.look(original.luma, result.luma, strong)
        self.before = _Before(index, original, guide, texture, small)

    def _levels(self, index: int, looks: tuple[Look, Look], small: tuple[Image, Image], *, begins: bool) -> None:
        mine, theirs = (thumbnail(side) for side in small)
        both = zip((mine, theirs), looks, strict=True)
        self.marks.add(*(np.dstack((luma, side.chroma)) for luma, side in both), begins=begins)
        self.summed += (mine, theirs)
        self.thumbnails.append(_Thumbnails(index, mine, theirs))
        if len(self.thumbnails) > 1:
            self._look_for_garbage(-2)

    def conclude(self, decoded: int) -> Fidelity:
        shifts = np.mean(self.marks.means, axis=0) if self.marks.means else np.zeros(3)
        kept, lost = self._motion()
        if self.thumbnails:
            self._look_for_garbage(-1)
        return Fidelity(
            frames=decoded,
            garbage_frames=tuple(self.garbage),
            luma_shift=float(shifts[0]),
            chroma_shift=float(np.abs(shifts[1:]).max()),
            contrast=self._contrast(),
            motion_kept=kept,
            lost_motion=lost,
            detail_kept=self._detail(),
            edges_kept=self._edges(),
            held_frames=tuple(self.held),
            even_detail=self._even_detail(),
            even_grain=self._even_grain(),
            grain_kept=self._grain(),
            marks=self.marks.conclude(),
            jumps=self.jumps.conclude(),
        )

    def _contrast(self) -> float:
        """Slope of the result's mean picture on the source's: flicker averages out of it, a change of grade does not."""
        before, after = (mean - mean.mean() for mean in self.summed / max(1, self.marks.count))
        return float((before * after).sum() / (before * before).sum()) if before.std() > 2 else 1.0

    def _look_for_garbage(self, place: int) -> None:
        """Judge one of the last thumbnails beside its neighbours, which a repaired bad frame looks like."""
        judged = self.thumbnails[place]
        near = list(self.thumbnails)[-3:] if place == -2 else list(self.thumbnails)[-2:]
        if not any(_alike(each.original, judged.result) for each in near):
            self.garbage.append(judged.number)

    def _motion(self) -> tuple[float | None, float | None]:
        """None where fewer than three frames move by more than encoding and flicker change them."""
        moving = [each for each in self.moved if each.is_motion]
        if len(moving) < 3:
            return None, None
        kept = sum(each.result for each in moving) / sum(each.original for each in moving)
        return kept, sum(each.result < 0.25 * each.original for each in moving) / len(moving)

    def _edges(self) -> float | None:
        result, original = np.sum(self.edges, axis=0) if self.edges else (0.0, 0.0)
        return float(result / original) if original > 0 else None

    def _detail(self) -> float | None:
        """None where there is little detail, or the flow finds so little of it again that the measure would be noise."""
        return _gain(self.persistent[0] + self.persistent[1], _PERSISTENT_SHARE)

    def _even_detail(self) -> float | None:
        gains = [_gain(half, _SURE_SHARE) for half in self.persistent]
        if gains[0] is None or gains[1] is None or max(gains[0], gains[1]) <= 0:
            return None
        return min(gains[0], gains[1]) / max(gains[0], gains[1])

    def _even_grain(self) -> float | None:
        if self.fine[:, 0, 0].min() <= _GRAIN_FLOOR:
            return None
        kept = self.fine[:, 0, 1] / self.fine[:, 0, 0]
        return float(kept.min() / kept.max()) if kept.max() > 0 else None

    def _grain(self) -> float | None:
        """None where the picture is soft even of grain."""
        original, result = self.fine[:, 1].sum(0)
        return float(result / original) if original > _GRAIN_FLOOR * len(self.edges) else None


def _gain(found: list[_Persistent], least_share: float) -> float | None:
    result, original, energy, pixels = np.sum(found, axis=0) if found else (0.0, 0.0, 0.0, 0)
    return float(result / original) if original > least_share * energy and energy > _DETAIL_FLOOR * pixels else None


def _slopes(luma: Image) -> tuple[Image, Image]:
    """Horizontal and vertical slope of the picture without its finest noise."""
    blurred = cv2.GaussianBlur(luma, (0, 0), 1.5)
    return np.asarray(cv2.Sobel(blurred, cv2.CV_32F, 1, 0), np.float32), np.asarray(cv2.Sobel(blurred, cv2.CV_32F, 0, 1), np.float32)


def _laplacian(luma: Image) -> Image:
    return np.asarray(cv2.Laplacian(luma, cv2.CV_32F), np.float32)


def _energies(fine: tuple[Image, Image], steepness: Image) -> NDArray[np.float64]:
    """Mean squares of the Laplacians of source and result: of the picture, and of its quieter half."""
    quiet = (steepness <= np.median(steepness[::4, ::4])).astype(np.uint8)
    whole = [cv2.norm(side, cv2.NORM_L2SQR) / side.size for side in fine]
    return np.array([whole, [cv2.norm(side, cv2.NORM_L2SQR, quiet) / cv2.countNonZero(quiet) for side in fine]])


def _strong_edges(steepness: Image) -> NDArray[np.bool_]:
    return np.asarray(steepness > max(_EDGE_SLOPE, float(np.quantile(steepness[::2, ::2], 1 - _EDGE_SHARE))), np.bool_)


def _edges(original: tuple[Image, Image], result: tuple[Image, Image], strong: NDArray[np.bool_]) -> tuple[float, float]:
    """Products of slopes at strong edges: result with original, original with itself. A blur or a double image lowers the first."""
    both = [(mine[strong], theirs[strong]) for mine, theirs in zip(original, result, strict=True)]
    return sum(float((a * b).sum()) for a, b in both), sum(float((a * a).sum()) for a, _ in both)


def _texture(small: Image) -> Image:
    """A small picture without its low band, where exposure and patches flicker, and without its finest grain."""
    small = np.asarray(cv2.GaussianBlur(small, (0, 0), 1.0), np.float32)
    return np.asarray(small - cv2.GaussianBlur(small, (0, 0), _MOTION_HEIGHT_PX / 12), np.float32)


def _explained(vectors: flow.Flow, before: tuple[Image, Image], now: tuple[Image, Image]) -> _Moved:
    found: list[tuple[float, float]] = []
    for earlier, later in zip(before, now, strict=True):
        rest = float(np.square(later - flow.warp(earlier, flow.resized(vectors, earlier.shape[1], earlier.shape[0]))).mean())
        found.append((float(np.square(later - earlier).mean()) - rest, rest))
    return _Moved(found[0][0], found[0][1], found[1][0])


def _persistent_detail(vectors: flow.Flow, before: Image, fine: tuple[Image, Image], strong: NDArray[np.bool_]) -> _Persistent:
    """Sums over strong edges: Laplacians of the result times those of the warped frame before, of the original times those, of the
    original squared; and how many pixels that is.

    What is drawn anew for every frame has no counterpart in the frame before, so noise takes no part in the first two.
    """
    along = flow.resized(vectors, before.shape[1], before.shape[0])
    witness, mine, theirs = (side[strong] for side in (_laplacian(flow.warp(before, along)), *fine))
    return float((theirs * witness).sum()), float((mine * witness).sum()), float((mine * mine).sum()), mine.size


def _alike(original: Image, result: Image) -> bool:
    mean_gap = abs(float(original.mean()) - float(result.mean()))
    gap = float(((original - original.mean()) - (result - result.mean())).std())
    return mean_gap < _GARBAGE_LEVELS and gap < _GARBAGE_DISTANCE * max(float(original.std()), float(result.std()), 12.0)
