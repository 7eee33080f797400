"""Route ``smooth``: each flickering band is averaged along motion, at the same frame rate; the others are left alone.

A shot passes as a stream: frames become moments (one for each run of repeated frames), the low bands are corrected in a window of
moments, then the detail in a second window behind it. Memory depends on the frame's size only.
"""

from __future__ import annotations

import os
from bisect import bisect_right
from collections.abc import Generator, Iterable, Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import groupby

import av
import numpy as np

from . import cadence, detailband, lowband, media
from .flow import guide
from .levels import Plane, levels, put, steps_per_level
from .records import Band, Clip, Diagnosis, Treatment
from .trails import Trails
from .windows import in_parallel, windows

RADIUS, _DETAIL_RADIUS = 6, 5  # moments on either side
_GUIDE_LINES = 360
_THREADS = min(8, os.cpu_count() or 1)
_AHEAD = _THREADS + 1  # low windows under way, or waiting to be taken


@dataclass(frozen=True)
class _Moment:
    place: int  # in the shot
    frames: list[av.VideoFrame]  # the picture, and its repeats
    view: lowband.View


@dataclass(frozen=True)
class _Corrected:
    place: int
    frames: list[av.VideoFrame]
    luma: Plane  # (h, w)
    chroma: Plane  # (h, w, 2)


def smooth(clip: Clip, diagnosis: Diagnosis, treatment: Treatment) -> Generator[av.VideoFrame, None, None]:
    """The clip's frames in ``media.working_format``, same count, pts and time base; bands outside ``treatment.bands`` untouched.

    ``treatment.strength`` 0-1 scales what is taken away; above 1 it also takes neighbours that agree less.
    """
    pixel_format = media.working_format(clip)
    starts = sorted(shot.start for shot in diagnosis.shots)
    numbered = enumerate(media.to_format(frame, pixel_format) for frame in media.frames(clip))
    with ThreadPoolExecutor(_THREADS, thread_name_prefix="smooth") as workers:
        for number, shot in groupby(numbered, key=lambda item: bisect_right(starts, item[0])):
            frames = (frame for _, frame in shot)
            due = _due(diagnosis, number - 1, treatment)
            for frame in _smoothed_shot(frames, clip, due, workers) if due.bands else frames:
                frame.time_base = clip.time_base
                yield frame


def _due(diagnosis: Diagnosis, shot: int, treatment: Treatment) -> Treatment:
    """The treatment without bands that are treated for another shot's sake, and are still in this one."""
    if not 0 <= shot < len(diagnosis.shots):
        return treatment
    spared = set(diagnosis.shots[shot].still) & set(diagnosis.flickering)
    return replace(treatment, bands=tuple(band for band in treatment.bands if band not in spared))


def _smoothed_shot(frames: Iterable[av.VideoFrame], clip: Clip, treatment: Treatment, workers: Executor) -> Iterator[av.VideoFrame]:
    treats_detail = Band.DETAIL in treatment.bands
    trails = Trails(lowband.view_size(clip.width, clip.height), workers, fine=treats_detail)
    corrected = _low_corrected(_moments(frames, trails), trails, treatment, workers)
    if treats_detail:
        corrected = _detail_smoothed(corrected, trails, treatment, workers)
    for moment in corrected:
        yield from _written(moment)


def _moments(frames: Iterable[av.VideoFrame], trails: Trails) -> Iterator[_Moment]:
    keep = RADIUS + _AHEAD + 2 * _DETAIL_RADIUS  # from the moment just read back to the farthest that a detail window asks for
    for place, run in enumerate(cadence.runs(frames)):
        y, u, v, _ = media.planes(run[0])
        codes = [np.asarray(plane, np.uint16) for plane in (y, u, v) if plane is not None]
        trails.add(place, guide(y, _GUIDE_LINES, bit_depth=run[0].format.components[0].bits), keep=keep)
        yield _Moment(place, run, lowband.view(codes, steps_per_level(run[0])))


def _low_corrected(moments: Iterable[_Moment], trails: Trails, treatment: Treatment, workers: Executor) -> Iterator[_Corrected]:
    is_treated = set(treatment.bands) != {Band.DETAIL}
    strength = min(1.0, treatment.strength)

    def corrected(seen: tuple[list[_Moment], int]) -> _Corrected:
        window, centre = seen
        here = window[centre]
        planes = levels(here.frames[0])
        neighbours = [_low_neighbour(here, other, trails) for other in window if other is not here]
        if neighbours:
            planes = lowband.correction(here.view, neighbours).applied(planes, treatment.bands, strength)
        return _Corrected(here.place, here.frames, planes[0], np.dstack(planes[1:]))

    return in_parallel(corrected, windows(moments, RADIUS if is_treated else 0), workers, ahead=_AHEAD)


def _low_neighbour(here: _Moment, other: _Moment, trails: Trails) -> lowband.Neighbour:
    there, back = trails.small_flow(here.place, other.place), trails.small_flow(other.place, here.place)
    return lowband.Neighbour(other.place - here.place, other.view, there, back)


def _detail_smoothed(moments: Iterable[_Corrected], trails: Trails, treatment: Treatment, workers: Executor) -> Iterator[_Corrected]:
    keeps_luma = not {Band.GLOBAL_LUMA, Band.LOW_LUMA} & set(treatment.bands)
    keeps_chroma = Band.LOW_CHROMA not in treatment.bands
    for window, centre in windows(moments, _DETAIL_RADIUS):
        here = window[centre]
        others = [other for other in window if other is not here]
        if not others:
            yield here
            continue
        ways = [trails.flow(here.place, other.place) for other in others]
        trusts = [trails.trust(here.place, other.place) for other in others]
        distances = [other.place - here.place for other in others]
        luma = list(map(detailband.Neighbour, distances, [other.luma for other in others], ways, trusts))
        chroma = list(map(detailband.Neighbour, distances, [other.chroma for other in others], ways, trusts))
        yield replace(
            here,
            luma=_detail_of(here.luma, luma, treatment.strength, workers, keeps_low=keeps_luma),
            chroma=_detail_of(here.chroma, chroma, treatment.strength, workers, keeps_low=keeps_chroma),
        )


def _detail_of(own: Plane, neighbours: list[detailband.Neighbour], strength: float, workers: Executor, *, keeps_low: bool) -> Plane:
    """Planes with their detail smoothed; ``keeps_low`` leaves their low bands where they are."""
    change = detailband.smoothed(own, neighbours, workers, tolerance=3.0 * max(1.0, strength)) - own
    if keeps_low:
        change = lowband.without_low(change)
    return np.asarray(own + min(1.0, strength) * change, np.float32)


def _written(moment: _Corrected) -> Iterator[av.VideoFrame]:
    """The moment's frames. A repeat gets what the first frame got, added to what it shows itself."""
    before = levels(moment.frames[0])
    after = [moment.luma, moment.chroma[..., 0], moment.chroma[..., 1]]
    for place, frame in enumerate(moment.frames):
        if place == 0:
            put(frame, after)
        else:
            put(
                frame,
                [np.add(own, new - old, dtype=np.float32) for own, new, old in zip(levels(frame), after, before, strict=True)],
            )
        yield frame
