"""Route ``smooth``: each flickering band is averaged along motion, at the same frame rate; the others are left alone.

A shot passes as a stream: frames become moments (one for each run of repeated frames), the low bands are corrected in a window of
moments, then the detail in a second window behind it. Memory depends on the frame's size only.
"""

from __future__ import annotations

import math
import os
from bisect import bisect_right
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from itertools import groupby

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from . import cadence, media
from .bands import detailband, lowband
from .bands.trails import Trails, enlarged
from .bands.windows import T, in_parallel, windows
from .flow import guide, warp
from .levels import Plane, keep, kept, levels, put, steps_per_level, unpacked
from .records import Band, Clip, Diagnosis, Treatment

RADIUS = 6  # moments on either side
_NEAR, _FAR = 1, 3  # moments apart: detail is averaged with those near, and what came of it with the same farther off
_TOLERANCE = 5.0  # times as much as flicker lets two frames differ: where a neighbour's detail counts 1/e
_LIGHT = ({Band.GLOBAL_LUMA, Band.LOW_LUMA}, {Band.LOW_CHROMA}, {Band.LOW_CHROMA})  # bands under the detail of Y, U and V
_MOST_APART = 6.0  # levels between the light of two frames, corrected: their detail is hardly averaged
_LONGEST_PULSE = 24  # frames: a window holds one, on which the flow is followed half as far to either side
_GUIDE_LINES = 360
_THREADS = min(8, os.cpu_count() or 1)
_LARGE_PIXELS, _LARGE_THREADS = 2560 * 1440, 4  # each thread takes about 100 MB at 4K
_DRIVERS = 2  # moments whose detail is under way at once; one alone of large ones

_Planar = Callable[[av.VideoFrame], av.VideoFrame]  # brings a frame to the working format, which for most takes twice the memory


@dataclass(frozen=True)
class _Moment:
    place: int  # in the shot
    frames: list[av.VideoFrame]  # the picture, and its repeats; as they were decoded until they are corrected
    view: lowband.View
    light: NDArray[np.float32] | None = None  # (h, w, 3) levels of Y, U, V at the view's size, once corrected


@dataclass(frozen=True)
class _Averaged:
    """A moment whose detail was averaged, once or twice."""

    moment: _Moment
    means: list[detailband.Mean]  # of Y, U and V


def smooth(clip: Clip, diagnosis: Diagnosis, treatment: Treatment) -> Generator[av.VideoFrame, None, None]:
    """The clip's frames in ``media.working_format``, same count, pts and time base; bands outside ``treatment.bands`` untouched.

    ``treatment.strength`` 0-1 scales what is taken away; above 1 it also takes neighbours that agree less.
    """
    planar = partial(media.to_format, pixel_format=media.working_format(clip))
    starts = sorted(shot.start for shot in diagnosis.shots)
    numbered = enumerate(media.frames(clip))
    is_large = clip.width * clip.height > _LARGE_PIXELS
    threads, drivers = (min(_THREADS, _LARGE_THREADS), 1) if is_large else (_THREADS, _DRIVERS)
    with ThreadPoolExecutor(threads, thread_name_prefix="smooth") as workers:
        for number, shot in groupby(numbered, key=lambda item: bisect_right(starts, item[0])):
            frames = (frame for _, frame in shot)
            due = _due(diagnosis, number - 1, treatment)
            trails = Trails(lowband.view_size(clip.width, clip.height), workers, fine=Band.DETAIL in due.bands)
            pulse = _pulse(diagnosis, number - 1)
            smoothed = _smoothed_shot(frames, planar, trails, due, pulse, workers, ahead=threads + 1, drivers=drivers)
            for frame in smoothed if due.bands else map(planar, frames):
                frame.time_base = clip.time_base
                yield frame


def _due(diagnosis: Diagnosis, shot: int, treatment: Treatment) -> Treatment:
    """The treatment without bands that are treated for another shot's sake, and are still in this one."""
    if not 0 <= shot < len(diagnosis.shots):
        return treatment
    spared = set(diagnosis.shots[shot].still) & set(diagnosis.flickering)
    return replace(treatment, bands=tuple(band for band in treatment.bands if band not in spared))


def _pulse(diagnosis: Diagnosis, shot: int) -> float | None:
    return diagnosis.shots[shot].pulse_frames if 0 <= shot < len(diagnosis.shots) else None


def _radius(pulse: float | None) -> int:
    """Moments on either side: the usual ones, or as many more as it takes to hold whole pulses, whose mean is the light without them."""
    if pulse is None:
        return RADIUS
    held = min(pulse, _LONGEST_PULSE)
    return round((held * math.ceil((2 * RADIUS + 1) / held - 0.25) - 1) / 2)


def _smoothed_shot(
    frames: Iterable[av.VideoFrame],
    planar: _Planar,
    trails: Trails,
    treatment: Treatment,
    pulse: float | None,
    workers: Executor,
    *,
    ahead: int,
    drivers: int,
) -> Iterator[av.VideoFrame]:
    """``ahead``: moments under way at once; ``drivers``: of those whose detail is. ``pulse``: frames of one up and down of the whole frame's
    light, if it pulses.
    """
    radius = _radius(pulse)
    oldest = 2 * (radius + _NEAR + _FAR + drivers) + ahead - 1  # moments back to the last that detail is carried from
    reach = radius if set(treatment.bands) != {Band.DETAIL} else 0
    windowed = windows(_moments(frames, planar, trails, oldest), reach, full=True)
    low = partial(_low_corrected, planar=planar, trails=trails, treatment=treatment, follows_light=pulse is None)
    corrected = in_parallel(lambda seen: low(*seen), windowed, workers, ahead)
    if Band.DETAIL in treatment.bands:
        yield from _detail_smoothed(corrected, trails, treatment, workers, drivers)
    else:
        for moment in corrected:
            yield from moment.frames


def _moments(frames: Iterable[av.VideoFrame], planar: _Planar, trails: Trails, reach: int) -> Iterator[_Moment]:
    for place, (picture, run) in enumerate(cadence.runs(frames, planar)):
        y, u, v, _ = media.planes(picture)
        codes = [np.asarray(plane, np.uint16) for plane in (y, u, v) if plane is not None]
        trails.add(place, guide(y, _GUIDE_LINES, bit_depth=picture.format.components[0].bits), keep=reach)
        yield _Moment(place, run, lowband.view(codes, steps_per_level(picture)))


def _low_corrected(
    window: list[_Moment], centre: int, planar: _Planar, trails: Trails, treatment: Treatment, *, follows_light: bool
) -> _Moment:
    """The moment at ``centre``. Its frames hold corrected planes: to be shown, or put by where their detail is treated too."""
    here = replace(window[centre], frames=list(map(planar, window[centre].frames)))
    write = keep if Band.DETAIL in treatment.bands else put
    before = levels(here.frames[0])
    neighbours = [_low_neighbour(here, other, trails) for other in window if other.place != here.place]
    found = lowband.correction(here.view, neighbours, follows_light=follows_light) if neighbours else None
    after = found.applied(before, treatment.bands, min(1.0, treatment.strength)) if found else before
    for frame in here.frames[1:]:  # a repeat gets what the first frame got, added to what it shows itself
        write(frame, [np.add(own, new - old, dtype=np.float32) for own, new, old in zip(levels(frame), after, before, strict=True)])
    write(here.frames[0], after)
    return replace(here, light=lowband.light(after)) if write is keep else here


def _low_neighbour(here: _Moment, other: _Moment, trails: Trails) -> lowband.Neighbour:
    there, back = trails.small_flow(here.place, other.place), trails.small_flow(other.place, here.place)
    return lowband.Neighbour(other.place - here.place, other.view, there, back)


def _detail_smoothed(
    moments: Iterable[_Moment], trails: Trails, treatment: Treatment, workers: Executor, drivers: int
) -> Iterator[av.VideoFrame]:
    """The frames of moments whose planes were put by. ``drivers``: moments under way at once."""

    def once(seen: tuple[list[_Moment], int]) -> _Averaged:
        here, others = seen[0][seen[1]], _two(*seen, _NEAR)
        own, theirs = kept(here.frames[0]), [kept(other.frames[0]) for other in others]
        around = _neighbours(here, others, theirs, trails, treatment)
        return _Averaged(here, [detailband.averaged(*task, workers, tolerance=tolerance) for task in zip(own, around, strict=True)])

    def twice(seen: tuple[list[_Averaged], int]) -> list[av.VideoFrame]:
        here, others = seen[0][seen[1]], _two(*seen, _FAR)
        theirs = [[mean.plane for mean in other.means] for other in others]
        around = _neighbours(here.moment, [other.moment for other in others], theirs, trails, treatment)
        means = [detailband.averaged_again(*task, workers, tolerance=tolerance) for task in zip(here.means, around, strict=True)]
        shown = _finished(here.moment, means, treatment.strength, workers)
        here.moment.frames.clear()  # later moments look at its mean alone
        return shown

    tolerance = _TOLERANCE * max(1.0, treatment.strength)
    with ThreadPoolExecutor(drivers, thread_name_prefix="detail") as pool:  # its threads wait for the workers, who wait for nobody
        near = in_parallel(once, windows(moments, _NEAR, full=True), pool, drivers)
        for frames in in_parallel(twice, windows(near, _FAR, full=True), pool, drivers):
            yield from frames


def _two(window: list[T], centre: int, step: int) -> list[T]:
    """Those a step before and after; near an end of the shot, one and two steps to the side where there are more."""
    before, after = centre, len(window) - 1 - centre
    if min(before, after) >= step or max(before, after) < 2:
        offsets = {-min(step, before), min(step, after)}
    else:
        far = min(2 * step, max(before, after)) * (1 if after > before else -1)
        offsets = {far, int(far / 2)}
    return [window[centre + offset] for offset in sorted(offsets - {0})]


def _neighbours(
    here: _Moment, others: list[_Moment], planes: list[list[NDArray[np.uint16]]], trails: Trails, treatment: Treatment
) -> list[list[detailband.Neighbour]]:
    """For each of Y, U and V the others' ``planes`` as seen from here."""
    places = [other.place for other in others]
    is_even = len(places) > 1 and places[0] < here.place < places[-1]
    found: list[list[detailband.Neighbour]] = [[], [], []]
    for other, theirs in zip(others, planes, strict=True):
        way = trails.way(here.place, other.place)
        sized = {(height, width): enlarged(way, width, height) for height, width in {plane.shape for plane in theirs}}
        trust, near, far, apart = _seen(here, other, trails)
        for index, plane in enumerate(theirs):
            is_treated = bool(_LIGHT[index] & set(treatment.bands))
            lighter = None if is_treated and is_even else apart[..., index]
            found[index].append(detailband.Neighbour(plane, sized[plane.shape], trust * (near if is_treated else far), lighter))
    return found


def _seen(here: _Moment, other: _Moment, trails: Trails) -> tuple[Plane, Plane, Plane, NDArray[np.float32]]:
    """At the views' size: 0-1, does the way there lead back? Is the light there what it is here? Is it where the frame's own light is
    left out? Then what the light there has more, (h, w, 3) levels. Where the low bands could not be brought together, the mean of what
    lies over them would draw the borders of its own trust.
    """
    assert here.light is not None
    assert other.light is not None
    apart = warp(other.light, trails.small_flow(here.place, other.place)) - here.light
    lines = apart.shape[0]
    apart = np.asarray(cv2.GaussianBlur(apart, (0, 0), lines / 32, borderType=cv2.BORDER_REPLICATE), np.float32)
    patchy = apart - cv2.GaussianBlur(apart, (0, 0), lines / 6, borderType=cv2.BORDER_REPLICATE)
    near, far = (np.exp(np.square(levels).sum(-1, dtype=np.float32) / np.float32(-(_MOST_APART**2))) for levels in (apart, patchy))
    return trails.trust(here.place, other.place), near, far, apart


def _finished(here: _Moment, means: list[detailband.Mean], strength: float, workers: Executor) -> list[av.VideoFrame]:
    """The moment's frames with their detail smoothed; repeats get what smoothing adds to the picture."""
    own = kept(here.frames[0])
    smoothed = [detailband.finished(plane, mean, workers) for plane, mean in zip(own, means, strict=True)]
    if strength >= 1 and len(here.frames) == 1:
        return [_shown(here.frames[0], smoothed)]
    changes = [np.float32(min(1.0, strength)) * (new - unpacked(old)) for new, old in zip(smoothed, own, strict=True)]
    return [
        _shown(frame, [np.add(unpacked(plane), change, dtype=np.float32) for plane, change in zip(kept(frame), changes, strict=True)])
        for frame in here.frames
    ]


def _shown(frame: av.VideoFrame, planes: list[Plane]) -> av.VideoFrame:
    """The planes in a frame of its own: other moments still look at what was put by in this one."""
    made = media.blank_like(frame)
    put(made, planes)
    alpha, target = media.planes(frame).a, media.planes(made).a
    if alpha is not None and target is not None:
        target[:] = alpha
    return made
