"""Route ``smooth``: each flickering band is averaged along motion, at the same frame rate; the others are left alone.

A shot passes as a stream: frames become moments (one for each run of repeated frames), the low bands are corrected in a window of
moments, then the detail in two more behind it. Memory depends on the frame's size only. What computes is an engine of ``bands``.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Generator, Iterable, Iterator
from functools import partial
from itertools import groupby
from typing import Any

import av

from . import cadence, media
from .bands import on_cpu
from .bands.engine import FAR, NEAR, Engine, Planar, Shot, Work, around, halves_far_detail
from .bands.windows import windows
from .records import Band, Clip, Diagnosis, Treatment

RADIUS = 6  # moments on either side
_LONGEST_PULSE = 24  # frames: a window holds one, on which the flow is followed half as far to either side


def smooth(
    clip: Clip, diagnosis: Diagnosis, treatment: Treatment, engine: Engine = on_cpu.engine, *, first: int = 0
) -> Generator[av.VideoFrame, None, None]:
    """The clip's frames in ``media.working_format``, same count, pts and time base; bands outside ``treatment.bands`` untouched.

    ``treatment.strength`` 0-1 scales what is taken away; above 1 it also takes neighbours that agree less. Frames before ``first`` are
    not yielded, and shots that end before it are not treated.
    """
    planar = partial(media.to_format, pixel_format=media.working_format(clip))
    starts = sorted(shot.start for shot in diagnosis.shots)
    numbered = enumerate(media.frames(clip))
    place = 0
    with engine(clip) as begin:
        for number, shot in groupby(numbered, key=lambda item: bisect_right(starts, item[0])):
            frames = (frame for _, frame in shot)
            if number < len(starts) and starts[number] <= first:
                place += sum(1 for _ in frames)
                continue
            work = _work(clip, diagnosis, number - 1, treatment, planar)
            for frame in smoothed(frames, begin(work), work) if work.bands else map(planar, frames):
                if place >= first:
                    frame.time_base = clip.time_base
                    yield frame
                place += 1


def _work(clip: Clip, diagnosis: Diagnosis, shot: int, treatment: Treatment, planar: Planar) -> Work:
    """What a shot gets: nothing in bands that are treated for another shot's sake, and are still in this one."""
    spared, pulse = set[Band](), None
    if 0 <= shot < len(diagnosis.shots):
        spared = set(diagnosis.shots[shot].still) & set(diagnosis.flickering)
        pulse = diagnosis.shots[shot].pulse_frames
    bands = tuple(band for band in treatment.bands if band not in spared)
    return Work(planar, bands, treatment.strength, _radius(pulse), follows_light=pulse is None, at_half=halves_far_detail(clip))


def _radius(pulse: float | None) -> int:
    """Moments on either side: the usual ones, or as many more as it takes to hold whole pulses, whose mean is the light without them."""
    if pulse is None:
        return RADIUS
    held = min(pulse, _LONGEST_PULSE)
    return round((held * math.ceil((2 * RADIUS + 1) / held - 0.25) - 1) / 2)


def smoothed(frames: Iterable[av.VideoFrame], shot: Shot[Any], work: Work) -> Iterator[av.VideoFrame]:
    seen = shot.seen(cadence.runs(frames, work.planar))
    corrected = shot.corrected(windows(seen, work.radius if set(work.bands) != {Band.DETAIL} else 0, full=True))
    if not work.smooths_detail:
        yield from shot.shown(corrected)
        return
    averaged = shot.averaged(around(windows(corrected, NEAR, full=True), NEAR))
    yield from shot.smoothed(around(windows(averaged, FAR, full=True), FAR))
