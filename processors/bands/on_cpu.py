"""Smoothing on the CPU: OpenCV and numpy, in threads."""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from .. import media
from ..flow import guide, one_thread, warp
from ..levels import Plane, keep, kept, levels, put, put_below, steps_per_level
from ..records import Clip
from . import detailband, lowband
from .engine import GUIDE_LINES, LIGHT, MOST_APART, Around, Run, Work
from .trails import Trails
from .windows import in_parallel

_THREADS = min(8, os.cpu_count() or 1)
_LARGE_PIXELS, _LARGE_THREADS = 2560 * 1440, 4  # each thread takes about 100 MB at 4K
_TRIM_THRESHOLD, _MMAP_THRESHOLD, _ARENA_MAX = -1, -3, -8  # malloc.h
_ONE_BY_ONE = {_ARENA_MAX: 1, _MMAP_THRESHOLD: 1 << 20, _TRIM_THRESHOLD: 1 << 17}
"""Every large plane is given back when it is freed: kept in heaps of many threads, what was freed took a third of the memory at 4K."""
_IN_HEAPS = {_ARENA_MAX: 1, _MMAP_THRESHOLD: 1 << 25, _TRIM_THRESHOLD: 1 << 28}
"""What was freed is kept for the next planes: to be given memory by the system costs more than most of the arithmetic on it."""
_DRIVERS = 2  # moments whose detail is under way at once; one alone of large ones


@contextmanager
def engine(clip: Clip) -> Generator[Callable[[Work], CpuShot], None, None]:
    """``engine.Engine``."""
    is_large = clip.width * clip.height > _LARGE_PIXELS
    threads, drivers = (min(_THREADS, _LARGE_THREADS), 1) if is_large else (_THREADS, _DRIVERS)
    _hold_planes(_ONE_BY_ONE if is_large else _IN_HEAPS)
    with one_thread(), ThreadPoolExecutor(threads, thread_name_prefix="smooth") as workers:
        yield partial(CpuShot, clip, workers, threads + 1, drivers)


def _hold_planes(options: dict[int, int]) -> None:
    """Tells glibc how planes are held from now on; elsewhere nothing is done."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform == "linux" else None
    if mallopt is not None:
        for option, value in options.items():
            mallopt(option, value)


@dataclass(frozen=True)
class Moment:
    place: int  # in the shot
    frames: list[av.VideoFrame]  # the picture, and its repeats; as they were decoded until they are corrected
    view: lowband.View
    light: NDArray[np.float32] | None = None  # (h, w, 3) levels of Y, U, V at the view's size, once corrected
    means: tuple[detailband.Mean, ...] = ()  # of Y, U and V, once averaged

    @property
    def planes(self) -> list[NDArray[np.uint16]]:
        """Y, U and V put by: averaged, where they were."""
        return [mean.plane for mean in self.means] or kept(self.frames[0])


class CpuShot:
    """``engine.Shot``. ``ahead``: moments under way at once; ``drivers``: of those whose detail is."""

    def __init__(self, clip: Clip, workers: Executor, ahead: int, drivers: int, work: Work) -> None:
        self._work = work
        self._workers = workers
        self._ahead = ahead
        self._drivers = drivers
        self._trails = Trails(lowband.view_size(clip.width, clip.height), workers, fine=work.smooths_detail)

    def seen(self, pictures: Iterable[Run]) -> Iterator[Moment]:
        for place, (picture, run) in enumerate(pictures):
            y, u, v, _ = media.planes(picture)
            codes = [np.asarray(plane, np.uint16) for plane in (y, u, v) if plane is not None]
            found = guide(y, GUIDE_LINES, bit_depth=picture.format.components[0].bits)
            self._trails.add(place, found, keep=self._work.reach_moments + self._ahead - 1 + 2 * self._drivers)
            yield Moment(place, run, lowband.view(codes, steps_per_level(picture)))

    def corrected(self, windows: Iterable[tuple[list[Moment], int]]) -> Iterator[Moment]:
        return in_parallel(lambda seen: self._low_corrected(*seen), windows, self._workers, self._ahead)

    def shown(self, moments: Iterable[Moment]) -> Iterator[av.VideoFrame]:
        for moment in moments:
            yield from moment.frames

    def averaged(self, moments: Iterable[Around[Moment]]) -> Iterator[Moment]:
        with self._pool() as pool:
            yield from in_parallel(lambda each: self._averaged(*each), moments, pool, self._drivers)

    def smoothed(self, moments: Iterable[Around[Moment]]) -> Iterator[av.VideoFrame]:
        with self._pool() as pool:
            for frames in in_parallel(lambda each: self._smoothed(*each), moments, pool, self._drivers):
                yield from frames

    def _pool(self) -> ThreadPoolExecutor:
        """Its threads wait for the workers, who wait for nobody."""
        return ThreadPoolExecutor(self._drivers, thread_name_prefix="detail")

    def _averaged(self, here: Moment, others: list[Moment]) -> Moment:
        tasks = zip(here.planes, self._neighbours(here, others), strict=True)
        means = (detailband.averaged(own, around, self._workers, tolerance=self._work.tolerance) for own, around in tasks)
        return replace(here, means=tuple(means))

    def _smoothed(self, here: Moment, others: list[Moment]) -> list[av.VideoFrame]:
        tasks = zip(here.means, self._neighbours(here, others), strict=True)
        work = self._work
        means = [
            detailband.averaged_again(mean, around, self._workers, tolerance=work.tolerance, at_half=work.at_half) for mean, around in tasks
        ]
        frames = self._finished(here, means)
        here.frames.clear()  # later moments look at its mean alone
        return frames

    def _low_corrected(self, window: list[Moment], centre: int) -> Moment:
        """The moment at ``centre``. Its frames hold corrected planes: to be shown, or put by where their detail is treated too."""
        work = self._work
        here = replace(window[centre], frames=list(map(work.planar, window[centre].frames)))
        window[centre].frames.clear()  # later moments look at its view alone
        write = keep if work.smooths_detail else put
        before = levels(here.frames[0])
        neighbours = [self._low_neighbour(here, other) for other in window if other.place != here.place]
        found = lowband.correction(here.view, neighbours, follows_light=work.follows_light) if neighbours else None
        after = found.applied(before, work.bands, min(1.0, work.strength)) if found else before
        for frame in here.frames[1:]:  # a repeat gets what the first frame got, added to what it shows itself
            write(frame, [np.add(own, new - old, dtype=np.float32) for own, new, old in zip(levels(frame), after, before, strict=True)])
        write(here.frames[0], after)
        return replace(here, light=lowband.light(after)) if work.smooths_detail else here

    def _low_neighbour(self, here: Moment, other: Moment) -> lowband.Neighbour:
        there, back = self._trails.small_flow(here.place, other.place), self._trails.small_flow(other.place, here.place)
        return lowband.Neighbour(other.place - here.place, other.view, there, back)

    def _neighbours(self, here: Moment, others: list[Moment]) -> list[list[detailband.Neighbour]]:
        """For each of Y, U and V those of the others as seen from here."""
        is_even = len(others) > 1 and others[0].place < here.place < others[-1].place
        found: list[list[detailband.Neighbour]] = [[], [], []]
        treated = [bool(bands & set(self._work.bands)) for bands in LIGHT]
        for other in others:
            way, apart = self._trails.way(here.place, other.place), self._apart(here, other)
            trusts = {is_treated: self._trust(here, other, apart, is_treated) for is_treated in set(treated)}
            for index, (plane, is_treated) in enumerate(zip(other.planes, treated, strict=True)):
                lighter = None if is_treated and is_even else apart[..., index]
                found[index].append(detailband.Neighbour(plane, way, trusts[is_treated], lighter))
        return found

    def _apart(self, here: Moment, other: Moment) -> NDArray[np.float32]:
        """What the light there has more than here, at the views' size: (h, w, 3) levels."""
        assert here.light is not None
        assert other.light is not None
        apart = warp(other.light, self._trails.small_flow(here.place, other.place)) - here.light
        return np.asarray(cv2.GaussianBlur(apart, (0, 0), len(apart) / 32, borderType=cv2.BORDER_REPLICATE), np.float32)

    def _trust(self, here: Moment, other: Moment, apart: NDArray[np.float32], is_treated: bool) -> Plane:
        """0-1, at the views' size: does the way there lead back, and is the light there what it is here, the frame's own light left out where
        it is not treated? Where the low bands could not be brought together, the mean of what lies over them would draw the borders of its
        own trust.
        """
        if not is_treated:
            apart = np.asarray(apart - cv2.GaussianBlur(apart, (0, 0), len(apart) / 6, borderType=cv2.BORDER_REPLICATE), np.float32)
        alike = np.exp(np.square(apart).sum(-1, dtype=np.float32) / np.float32(-(MOST_APART**2)))
        return self._trails.trust(here.place, other.place) * alike

    def _finished(self, here: Moment, means: list[detailband.Mean]) -> list[av.VideoFrame]:
        """The moment's frames with their detail smoothed; repeats get what smoothing adds to the picture."""
        own, share = kept(here.frames[0]), min(1.0, self._work.strength)
        changes = [
            np.zeros(plane.shape, np.float32) if mean.is_own else detailband.excess(plane, mean, self._workers)
            for plane, mean in zip(own, means, strict=True)
        ]
        return [_shown(frame, changes, share) for frame in here.frames]


def _shown(frame: av.VideoFrame, changes: list[Plane], share: float) -> av.VideoFrame:
    """What was put by in the frame, changed, in a frame of its own: other moments still look at it."""
    made = media.blank_like(frame)
    put_below(made, kept(frame), changes, share)
    alpha, target = media.planes(frame).a, media.planes(made).a
    if alpha is not None and target is not None:
        target[:] = alpha
    return made
