"""More frames of the same shot: 2x, 4x, a frame rate, or slow motion.

Source frames are delivered as they were decoded, in the working format, and inserted ones are made of the very same planes:
an RGB conversion on one of the two kinds alone would make the output pulse. Nothing is invented across a cut: there the nearer
frame is held, as the last one is, so that a clip of n frames has n times the factor and lasts as long as it did. The nearer frame
is held as well where motion is too large to follow: a frame shown twice stutters for once, a double image is seen.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator
from contextlib import closing, nullcontext
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cached_property, partial
from typing import Any, NamedTuple

import av
import numpy as np
from numpy.typing import NDArray

from . import cadence, media, timing
from .interpolators import backends
from .interpolators.backends import Interpolator
from .records import Clip, Diagnosis, Treatment
from .writing import grid

_HALF = Fraction(1, 2)
_GHOST = 0.12
"""Share of a picture that may be double."""


@dataclass
class Account:
    """What became of the frames, for the receipt."""

    inserted: int = 0  # where things move
    repeated: int = 0  # of those: a neighbour, because the motion could not be followed
    memory: tuple[str, ...] = ()

    def notes(self) -> tuple[str, ...]:
        """For a person."""
        verb = "repeats its" if self.repeated == 1 else "repeat their"
        told = f"{self.repeated} of {self.inserted} inserted frames {verb} neighbour: motion too large to follow"
        return (*(told,) * bool(self.repeated), *self.memory)


def interpolate(
    clip: Clip, diagnosis: Diagnosis, treatment: Treatment, account: Account, interpolator: Interpolator | None = None
) -> Generator[av.VideoFrame, None, None]:
    """Yield the clip at the times that ``treatment`` asks for: frames in ``media.working_format``, with their own pts and time base.

    ``account`` is filled in as they are made. ``interpolator``: RIFE with the weights that come along where it is None. Raises NotSetUp
    without the extra ``[ai]``, DeshimmerError where memory suffices for nothing, and what the interpolator raises.
    """
    cuts = {shot.start for shot in diagnosis.shots}
    with nullcontext(interpolator) if interpolator else backends.by_rife(clip) as lent, closing(pictures(clip, treatment)) as runs:
        sources = (_Source(run.frame, run.times, lent) for run in runs)
        for step in timing.steps(sources, timed(clip), treatment):
            for moment, frame in zip(step.moments, _frames(step, step.next_frame in cuts, account), strict=True):
                frame.pts = step.timetable.pts(moment.time)
                frame.time_base = step.timetable.time_base
                yield frame
            account.memory = lent.notes()


def timed(clip: Clip) -> Clip:
    """The clip with the clock that the times of ``pictures`` are ticks of: finer, where its own is too coarse for its rate."""
    found = grid.of(clip)
    if found is None:
        return clip
    return replace(clip, time_base=found.time_base, duration=round(clip.duration * found.rate) / found.rate)


@dataclass(frozen=True)
class Run:
    """A picture of the source in the working format, and the seconds at which its frames are shown."""

    frame: av.VideoFrame
    times: tuple[Fraction, ...]


def pictures(clip: Clip, treatment: Treatment) -> Generator[Run, None, None]:
    """The source's pictures: its frames, or where ``treatment.drops_duplicates`` the first frame of every run of repeats. Of a constant
    rate their times are exact.
    """
    exact, first_pts = grid.of(clip), None
    with closing(media.frames(clip)) as decoded:
        planar = partial(media.to_format, pixel_format=media.working_format(clip))
        runs = cadence.runs(decoded, planar) if treatment.drops_duplicates else ((planar(frame), [frame]) for frame in decoded)
        for picture, frames in runs:
            stamps = [frame.pts or 0 for frame in frames]
            first_pts = stamps[0] if first_pts is None else first_pts
            times = [exact.tick(pts, first_pts) * exact.time_base if exact else pts * clip.time_base for pts in stamps]
            yield Run(picture, tuple(times))


def replaced_frames(clip: Clip, treatment: Treatment) -> frozenset[int]:
    """The source's frames that the result need not show: repeats, where those are dropped."""
    if not treatment.drops_duplicates:
        return frozenset()
    replaced: list[int] = []
    shown = 0
    for run in pictures(clip, treatment):
        replaced += range(shown + 1, shown + len(run.times))
        shown += len(run.times)
    return frozenset(replaced)


class _Made(NamedTuple):
    frame: av.VideoFrame
    is_ghost: bool


class _Source:
    """A picture in the working format, and, once it is needed, on the device."""

    def __init__(self, frame: av.VideoFrame, times: tuple[Fraction, ...], interpolator: Interpolator) -> None:
        self.frame = frame
        self.times = times
        self._interpolator = interpolator

    @property
    def planes(self) -> list[NDArray[np.uint8] | NDArray[np.uint16]]:
        return [plane for plane in media.planes(self.frame) if plane is not None]

    @cached_property
    def picture(self) -> Any:
        rgb = np.asarray(self.frame.to_ndarray(format="rgb24"), np.uint8)
        return self._interpolator.picture(rgb, self.planes)

    def looks_like(self, other: _Source) -> bool:
        return all(np.array_equal(mine, theirs) for mine, theirs in zip(self.planes, other.planes, strict=True))

    def copy(self) -> av.VideoFrame:
        return self._filled(self.planes)

    def towards(self, other: _Source, position: Fraction) -> _Made:
        made = self._interpolator.between(self.picture, other.picture, float(position))
        return _Made(self._filled(np.rint(plane) for plane in made.planes), made.doubled > _GHOST)

    def _filled(self, planes: Iterable[NDArray[np.generic]]) -> av.VideoFrame:
        made = media.blank_like(self.frame)
        targets = [plane for plane in media.planes(made) if plane is not None]
        for target, plane in zip(targets, planes, strict=True):
            target[:] = plane.astype(target.dtype)
        return made


def _frames(step: timing.Step[_Source], is_cut: bool, account: Account) -> Iterator[av.VideoFrame]:
    """The frames of one step. One ghost among them and all repeat their neighbours: motion that goes and stops goes backwards."""
    source, following = step.picture, step.following
    between = [moment.position for moment in step.moments if moment.position]
    moves = bool(between) and following is not None and not is_cut and not source.looks_like(following)
    if following is None or not moves:
        yield from (_nearest(source, following, moment.time) for moment in step.moments)
        return
    account.inserted += len(between)
    hardest = min(between, key=lambda position: abs(position - _HALF))
    made = source.towards(following, hardest)
    if made.is_ghost:
        account.repeated += len(between)
        yield from (_nearest(source, following, moment.time) for moment in step.moments)
        return
    for moment in step.moments:
        position = moment.position
        yield source.copy() if not position else (made if position == hardest else source.towards(following, position)).frame


def _nearest(source: _Source, following: _Source | None, time: Fraction) -> av.VideoFrame:
    """The source's frame that is shown nearest to ``time``; where it was repeated, so it is here."""
    is_later = following is not None and time > (source.times[-1] + following.times[0]) / 2
    return (following if following is not None and is_later else source).copy()
