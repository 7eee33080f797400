"""Which moments of the source an interpolated clip shows, and when: the same answer for making it and for judging it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Generic, NamedTuple, Protocol, TypeVar

from .records import Clip, Treatment

_ROUNDED_FPS = Fraction(1, 200)


class Timed(Protocol):
    """A picture of the source, and the seconds at which its frames are shown: several where it is repeated."""

    @property
    def times(self) -> Sequence[Fraction]: ...


T = TypeVar("T", bound=Timed)


class Moment(NamedTuple):
    time: Fraction  # seconds, of the source
    position: Fraction  # part of the way from a picture to the following one, 0 to below 1


@dataclass(frozen=True)
class Step(Generic[T]):
    """The output's frames from one picture of the source to before the following one, which the last one lacks."""

    picture: T
    following: T | None
    next_frame: int  # of the source: the first one that shows ``following``
    moments: tuple[Moment, ...]
    timetable: Timetable


def steps(pictures: Iterable[T], clip: Clip, treatment: Treatment) -> Iterator[Step[T]]:
    """Walk over the source's pictures, in order. Together the steps' moments are the output's frames, in order."""
    timetable: Timetable | None = None
    shown = 0
    for picture, following in _with_next(pictures):
        timetable = timetable or Timetable.of(clip, treatment, picture.times[0])
        shown += len(picture.times)
        yield Step(picture, following, shown, tuple(timetable.moments(picture.times, following.times[0] if following else None)), timetable)


def frame_count(clip: Clip, treatment: Treatment) -> int:
    """How many frames the result of a sound clip has."""
    return clip.frames * treatment.factor if treatment.fps is None else max(1, round(clip.duration * treatment.fps))


def frame_rate(clip: Clip, treatment: Treatment) -> Fraction:
    """The average frame rate of the result."""
    return clip.frame_rate if treatment.slow_motion else treatment.fps or clip.frame_rate * treatment.factor


def stretch(clip: Clip, treatment: Treatment) -> Fraction:
    """How many times longer the result lasts: 1 unless slow motion was asked for."""
    if not treatment.slow_motion:
        return Fraction(1)
    return Fraction(treatment.factor) if treatment.fps is None else treatment.fps / clip.frame_rate


@dataclass(frozen=True)
class Timetable:
    """When the output's frames are taken from the source, and when they are shown."""

    start: Fraction  # seconds, of the first frame in the source and in the output
    end: Fraction  # seconds, of the source
    factor: int  # frames made of one, where there is no ``fps``
    fps: Fraction | None  # of the samples taken in source time
    count: int  # frames of the output, where there is an ``fps``
    stretch: Fraction
    time_base: Fraction  # of the output; every frame's time is a whole number of ticks

    @classmethod
    def of(cls, clip: Clip, treatment: Treatment, start: Fraction) -> Timetable:
        longer = stretch(clip, treatment)
        step = clip.time_base / treatment.factor if treatment.fps is None else 1 / treatment.fps
        return cls(
            start=start,
            end=start + clip.duration,
            factor=treatment.factor,
            fps=treatment.fps,
            count=frame_count(clip, treatment),
            stretch=longer,
            time_base=common_measure(step * longer, start),
        )

    def moments(self, times: Sequence[Fraction], following: Fraction | None) -> Iterator[Moment]:
        """The output's frames from the picture shown at ``times`` to before the one at ``following``.

        ``following`` is None after the last picture, which stands for all that remains.
        """
        begin, end = times[0], following if following is not None else max(self.end, times[-1])
        for time in self._times(times, following, end):
            yield Moment(time, (time - begin) / (end - begin) if time < end else Fraction(0))

    def pts(self, moment: Fraction) -> int:
        """The tick at which the frame taken at ``moment`` (source seconds) is shown."""
        return round((self.start + (moment - self.start) * self.stretch) / self.time_base)

    def _times(self, times: Sequence[Fraction], following: Fraction | None, end: Fraction) -> Iterator[Fraction]:
        if self.fps is None:
            for begin, until in zip(times, (*times[1:], end), strict=True):
                yield from (begin + (until - begin) * k / self.factor for k in range(self.factor))
            return
        first = max(0, math.ceil((times[0] - self.start) * self.fps))
        stop = self.count if following is None else min(self.count, math.ceil((following - self.start) * self.fps))
        yield from (self.start + k / self.fps for k in range(first, stop))


def exact_rate(fps: Fraction | float) -> Fraction:
    """The frame rate that is meant: 23.976 (or 23.98), 29.97 and 59.94 are short for 24000/1001, 30000/1001 and 60000/1001."""
    said = Fraction(fps).limit_denominator(1001)
    broadcast = Fraction(round(said * 1001 / 1000) * 1000, 1001)
    return broadcast if said.denominator > 1 and abs(said - broadcast) < _ROUNDED_FPS else said


def exact_average(rate: Fraction, frames: int) -> Fraction:
    """The rate that is meant by a measured average: 24000/1001 for 23.976, as long as ``frames`` of them stay within half a frame."""
    whole = max(1, round(rate))
    named = (Fraction(whole), Fraction(whole * 1000, 1001), *(Fraction(each * 1000, 1001) for each in (24, 30, 60)))
    nearest = min(named, key=lambda each: abs(each - rate))
    return nearest if abs(nearest / rate - 1) * max(frames, 1) < Fraction(1, 2) else rate


def common_measure(step: Fraction, start: Fraction) -> Fraction:
    """The longest time that both are a whole number of; a microsecond where that is finer than a time base can be (31 bits)."""
    scale = step.denominator * start.denominator
    exact = Fraction(math.gcd(step.numerator * start.denominator, start.numerator * step.denominator), scale)
    return exact if exact.denominator < 2**31 else Fraction(1, 1_000_000)


def _with_next(pictures: Iterable[T]) -> Iterator[tuple[T, T | None]]:
    previous: T | None = None
    for picture in pictures:
        if previous is not None:
            yield previous, picture
        previous = picture
    if previous is not None:
        yield previous, None
