"""More frames of the same shot: 2x, 4x, a frame rate, or slow motion, with RIFE.

Source frames are delivered as they were decoded, in the working format, and inserted ones are made of the very same planes:
an RGB conversion on one of the two kinds alone would make the output pulse. Nothing is invented across a cut: there the nearer
frame is held, as the last one is, so that a clip of n frames has n times the factor and lasts as long as it did.
"""

from __future__ import annotations

import math
from collections.abc import Generator, Iterable, Iterator
from contextlib import closing, nullcontext
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

from . import media, rife
from .interpolators import Interpolator
from .records import Clip, Diagnosis, Treatment


def interpolate(
    clip: Clip, diagnosis: Diagnosis, treatment: Treatment, interpolator: Interpolator | None = None
) -> Generator[av.VideoFrame, None, None]:
    """Yield the clip at ``treatment``'s cadence: frames in ``media.working_format``, with their own pts and time base.

    ``interpolator``: RIFE with the weights that come along where it is None. Raises NotSetUp without the extra ``[ai]``, and what
    the interpolator raises.
    """
    wanted = media.working_format(clip)
    cuts = {shot.start for shot in diagnosis.shots}
    cadence: Cadence | None = None
    with nullcontext(interpolator) if interpolator else rife.loaned() as lent, closing(media.frames(clip)) as decoded:
        sources = (_Source(media.to_format(frame, wanted), (frame.pts or 0) * clip.time_base, lent) for frame in decoded)
        for index, (source, following) in enumerate(_with_next(sources)):
            cadence = cadence or Cadence.of(clip, treatment, source.time)
            moving = following is not None and index + 1 not in cuts and not source.looks_like(following)
            for moment, position in cadence.moments(source.time, following.time if following else None):
                frame = _frame_at(source, following, position, moving)
                frame.pts = cadence.pts(moment)
                frame.time_base = cadence.time_base
                yield frame


def frame_count(clip: Clip, treatment: Treatment) -> int:
    """How many frames ``interpolate`` makes of a sound clip."""
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
class Cadence:
    """When the output's frames are taken from the source, and when they are shown."""

    start: Fraction  # seconds, of the first frame in the source and in the output
    end: Fraction  # seconds, of the source
    factor: int  # frames made of one, where there is no ``fps``
    fps: Fraction | None  # of the samples taken in source time
    count: int  # frames of the output, where there is an ``fps``
    stretch: Fraction
    time_base: Fraction  # of the output; every frame's time is a whole number of ticks

    @classmethod
    def of(cls, clip: Clip, treatment: Treatment, start: Fraction) -> Cadence:
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

    def moments(self, begin: Fraction, following: Fraction | None) -> list[tuple[Fraction, Fraction]]:
        """The output's frames from one source frame to before the next: source seconds, and part of the way there (0 to below 1).

        ``following`` is None after the last frame, which stands for all that remains.
        """
        end = following if following is not None else max(self.end, begin)
        length = end - begin
        if self.fps is None:
            return [(begin + length * k / self.factor, Fraction(k, self.factor)) for k in range(self.factor)]
        first = max(0, math.ceil((begin - self.start) * self.fps))
        stop = self.count if following is None else min(self.count, math.ceil((following - self.start) * self.fps))
        times = [self.start + k / self.fps for k in range(first, stop)]
        return [(time, (time - begin) / length if time < end else Fraction(0)) for time in times]

    def pts(self, moment: Fraction) -> int:
        """The tick at which the frame taken at ``moment`` (source seconds) is shown."""
        return round((self.start + (moment - self.start) * self.stretch) / self.time_base)


class _Source:
    """A decoded frame in the working format, and, once it is needed, on the device."""

    def __init__(self, frame: av.VideoFrame, time: Fraction, interpolator: Interpolator) -> None:
        self.frame = frame
        self.time = time
        self._interpolator = interpolator

    @property
    def planes(self) -> list[NDArray[np.uint8] | NDArray[np.uint16]]:
        return [plane for plane in media.planes(self.frame) if plane is not None]

    @cached_property
    def picture(self) -> Any:
        rgb = self.frame.to_ndarray(format="rgb24").astype(np.float32)
        return self._interpolator.picture(rgb / np.float32(255), self.planes)

    def looks_like(self, other: _Source) -> bool:
        return all(np.array_equal(mine, theirs) for mine, theirs in zip(self.planes, other.planes, strict=True))

    def copy(self) -> av.VideoFrame:
        return self._filled(self.planes)

    def towards(self, other: _Source, position: Fraction) -> av.VideoFrame:
        return self._filled(np.rint(plane) for plane in self._interpolator.between(self.picture, other.picture, float(position)))

    def _filled(self, planes: Iterable[NDArray[np.generic]]) -> av.VideoFrame:
        made = av.VideoFrame(self.frame.width, self.frame.height, self.frame.format.name)
        for name in ("colorspace", "color_range", "color_trc", "color_primaries"):
            setattr(made, name, getattr(self.frame, name))
        targets = [plane for plane in media.planes(made) if plane is not None]
        for target, plane in zip(targets, planes, strict=True):
            target[:] = plane.astype(target.dtype)
        return made


def _frame_at(source: _Source, following: _Source | None, position: Fraction, moving: bool) -> av.VideoFrame:
    if following is None or not moving:
        nearest = following if following is not None and position > Fraction(1, 2) else source
        return nearest.copy()
    return source.towards(following, position) if position else source.copy()


def _with_next(sources: Iterable[_Source]) -> Iterator[tuple[_Source, _Source | None]]:
    previous: _Source | None = None
    for source in sources:
        if previous is not None:
            yield previous, source
        previous = source
    if previous is not None:
        yield previous, None


def common_measure(step: Fraction, start: Fraction) -> Fraction:
    """The longest time that both are a whole number of; a microsecond where that is finer than a time base can be (31 bits)."""
    scale = step.denominator * start.denominator
    exact = Fraction(math.gcd(step.numerator * start.denominator, start.numerator * step.denominator), scale)
    return exact if exact.denominator < 2**31 else Fraction(1, 1_000_000)
