"""Smoothing on the CPU: OpenCV and numpy, in threads."""

from __future__ import annotations

import os
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
from ..flow import guide, warp
from ..levels import Plane, keep, kept, levels, put, steps_per_level, unpacked
from ..records import Clip
from . import detailband, lowband
from .engine import GUIDE_LINES, LIGHT, MOST_APART, TOLERANCE, Run, Work
from .trails import Trails
from .windows import in_parallel

_THREADS = min(8, os.cpu_count() or 1)
_LARGE_PIXELS, _LARGE_THREADS = 2560 * 1440, 4  # each thread takes about 100 MB at 4K


@contextmanager
def engine(clip: Clip) -> Generator[Callable[[Work], CpuShot], None, None]:
    """``engine.Engine``."""
    threads = min(_THREADS, _LARGE_THREADS) if clip.width * clip.height > _LARGE_PIXELS else _THREADS
    with ThreadPoolExecutor(threads, thread_name_prefix="smooth") as workers:
        yield partial(CpuShot, clip, workers, threads + 1)


@dataclass(frozen=True)
class Moment:
    place: int  # in the shot
    frames: list[av.VideoFrame]  # the picture, and its repeats; as they were decoded until they are corrected
    view: lowband.View
    light: NDArray[np.float32] | None = None  # (h, w, 3) levels of Y, U, V at the view's size, once corrected
    planes: tuple[NDArray[np.uint16], ...] = ()  # Y, U and V, put by, once corrected: averaged never yet, once or twice
    sharpness: tuple[float, ...] = ()  # of each plane of the picture without its flicker, once it was averaged


class CpuShot:
    """``engine.Shot``. ``ahead``: moments under way at once."""

    def __init__(self, clip: Clip, workers: Executor, ahead: int, work: Work) -> None:
        self._work = work
        self._workers = workers
        self._ahead = ahead
        self._trails = Trails(lowband.view_size(clip.width, clip.height), workers, fine=work.smooths_detail)

    def seen(self, pictures: Iterable[Run]) -> Iterator[Moment]:
        for place, (picture, run) in enumerate(pictures):
            y, u, v, _ = media.planes(picture)
            codes = [np.asarray(plane, np.uint16) for plane in (y, u, v) if plane is not None]
            found = guide(y, GUIDE_LINES, bit_depth=picture.format.components[0].bits)
            self._trails.add(place, found, keep=self._work.reach_moments + self._ahead - 1)
            yield Moment(place, run, lowband.view(codes, steps_per_level(picture)))

    def corrected(self, windows: Iterable[tuple[list[Moment], int]]) -> Iterator[Moment]:
        return in_parallel(lambda seen: self._low_corrected(*seen), windows, self._workers, self._ahead)

    def averaged(self, here: Moment, others: list[Moment]) -> Moment:
        """The planes of ``here`` as the mean of theirs and those of the others, where they have the same to show."""
        if not others:
            return replace(here, sharpness=(0.0,) * 3)
        ways = [self._trails.flow(here.place, other.place) for other in others]
        seen = [self._seen(here, other) for other in others]
        is_even = others[0].place < here.place < others[-1].place
        means: list[detailband.Mean] = []
        for index, own in enumerate(here.planes):
            is_treated = bool(LIGHT[index] & set(self._work.bands))
            neighbours = [
                detailband.Neighbour(
                    other.planes[index], way, trust * (near if is_treated else far), None if is_treated and is_even else apart[..., index]
                )
                for other, way, (trust, near, far, apart) in zip(others, ways, seen, strict=True)
            ]
            means.append(detailband.averaged(own, neighbours, self._workers, tolerance=TOLERANCE * max(1.0, self._work.strength)))
        return replace(here, planes=tuple(mean.plane for mean in means), sharpness=tuple(mean.sharpness for mean in means))

    def shown(self, here: Moment, mean: Moment | None) -> Iterator[av.VideoFrame]:
        if mean is None:
            yield from here.frames
            return
        changes = [
            self._change(own, plane, sharpness)
            for own, plane, sharpness in zip(kept(here.frames[0]), mean.planes, here.sharpness, strict=True)
        ]
        for frame in here.frames:
            yield _changed(frame, changes)
        here.frames.clear()  # later moments look at its mean alone

    def _low_corrected(self, window: list[Moment], centre: int) -> Moment:
        """The moment at ``centre``. Its frames hold corrected planes: to be shown, or put by where their detail is treated too."""
        work = self._work
        here = replace(window[centre], frames=list(map(work.planar, window[centre].frames)))
        write = keep if work.smooths_detail else put
        before = levels(here.frames[0])
        neighbours = [self._low_neighbour(here, other) for other in window if other.place != here.place]
        found = lowband.correction(here.view, neighbours, follows_light=work.follows_light) if neighbours else None
        after = found.applied(before, work.bands, min(1.0, work.strength)) if found else before
        for frame in here.frames[1:]:  # a repeat gets what the first frame got, added to what it shows itself
            write(frame, [np.add(own, new - old, dtype=np.float32) for own, new, old in zip(levels(frame), after, before, strict=True)])
        write(here.frames[0], after)
        return replace(here, light=lowband.light(after), planes=tuple(kept(here.frames[0]))) if work.smooths_detail else here

    def _low_neighbour(self, here: Moment, other: Moment) -> lowband.Neighbour:
        there, back = self._trails.small_flow(here.place, other.place), self._trails.small_flow(other.place, here.place)
        return lowband.Neighbour(other.place - here.place, other.view, there, back)

    def _seen(self, here: Moment, other: Moment) -> tuple[Plane, Plane, Plane, NDArray[np.float32]]:
        """At the views' size: 0-1, does the way there lead back? Is the light there what it is here? Is it where the frame's own light is
        left out? Then what the light there has more, (h, w, 3) levels. Where the low bands could not be brought together, the mean of what
        lies over them would draw the borders of its own trust.
        """
        assert here.light is not None
        assert other.light is not None
        apart = warp(other.light, self._trails.small_flow(here.place, other.place)) - here.light
        lines = apart.shape[0]
        apart = np.asarray(cv2.GaussianBlur(apart, (0, 0), lines / 32, borderType=cv2.BORDER_REPLICATE), np.float32)
        patchy = apart - cv2.GaussianBlur(apart, (0, 0), lines / 6, borderType=cv2.BORDER_REPLICATE)
        near, far = (np.exp(np.square(levels).sum(-1, dtype=np.float32) / np.float32(-(MOST_APART**2))) for levels in (apart, patchy))
        return self._trails.trust(here.place, other.place), near, far, apart

    def _change(self, own: NDArray[np.uint16], mean: NDArray[np.uint16], sharpness: float) -> Plane:
        """What smoothing the detail of a plane adds to it."""
        change = detailband.finished(own, mean, sharpness, self._workers)
        change -= unpacked(own)
        change *= np.float32(min(1.0, self._work.strength))
        return change


def _changed(frame: av.VideoFrame, changes: list[Plane]) -> av.VideoFrame:
    """What was put by in the frame, changed, in a frame of its own: other moments still look at what was put by."""
    made = media.blank_like(frame)
    put(made, [np.add(unpacked(plane), change, dtype=np.float32) for plane, change in zip(kept(frame), changes, strict=True)])
    alpha, target = media.planes(frame).a, media.planes(made).a
    if alpha is not None and target is not None:
        target[:] = alpha
    return made
