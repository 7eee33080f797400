"""Where the arithmetic of smoothing runs: the seam between the stream of frames (``smoothing``) and what computes (``on_cpu``, ``bands_on_gpu``)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

import av

from ..records import Band, Clip

NEAR, FAR = 1, 3  # moments apart: detail is averaged with those near, and what came of it with the same farther off
TOLERANCE = 5.0  # times as much as flicker lets two frames differ: where a neighbour's detail counts 1/e
LIGHT = ({Band.GLOBAL_LUMA, Band.LOW_LUMA}, {Band.LOW_CHROMA}, {Band.LOW_CHROMA})  # bands under the detail of Y, U and V
MOST_APART = 6.0  # levels between the light of two frames, corrected: their detail is hardly averaged
GUIDE_LINES = 360
LARGE_SIDE_PX = 900  # smaller frames have detail of a pixel or two, which is not averaged so far at half the size

Planar = Callable[[av.VideoFrame], av.VideoFrame]  # brings a frame to the working format, which for most takes twice the memory
Run = tuple[av.VideoFrame, list[av.VideoFrame]]  # a picture in the working format, and the frames, as they were decoded, that show it
M = TypeVar("M")
Around = tuple[M, list[M]]  # a moment, and those that its detail is averaged with


@dataclass(frozen=True)
class Work:
    """What a shot is to get."""

    planar: Planar
    bands: tuple[Band, ...]  # at least one
    strength: float
    radius: int  # moments on either side that the low bands are compared with
    follows_light: bool  # slow changes of the whole frame's light are wanted
    at_half: bool  # detail is averaged with frames farther off at half the size

    @property
    def smooths_detail(self) -> bool:
        return Band.DETAIL in self.bands

    @property
    def tolerance(self) -> float:
        return TOLERANCE * max(1.0, self.strength)

    @property
    def reach_moments(self) -> int:
        """From the newest moment of a window of the low bands back to the last one that detail is carried from."""
        return 2 * self.radius + 2 * (NEAR + FAR)


def halves_far_detail(clip: Clip) -> bool:
    """True where the shorter side has ``LARGE_SIDE_PX`` or more: detail is averaged with frames farther off at half the size."""
    return min(clip.width, clip.height) >= LARGE_SIDE_PX


class Shot(Protocol[M]):
    """One shot's arithmetic. A moment is a picture of the shot and its repeats, as the engine keeps them."""

    def seen(self, pictures: Iterable[Run]) -> Iterator[M]:
        """The shot's moments, in order: looked at, and the motion between them measured."""
        ...

    def corrected(self, windows: Iterable[tuple[list[M], int]]) -> Iterator[M]:
        """For each window of moments the one whose place is given, its low bands corrected."""
        ...

    def shown(self, moments: Iterable[M]) -> Iterator[av.VideoFrame]:
        """The frames of corrected moments whose detail stays as it is."""
        ...

    def averaged(self, moments: Iterable[Around[M]]) -> Iterator[M]:
        """Corrected moments, the detail of each averaged with that of two others, of one, or of none."""
        ...

    def smoothed(self, moments: Iterable[Around[M]]) -> Iterator[av.VideoFrame]:
        """The frames of averaged moments, the detail of each averaged once more, with others that were averaged."""
        ...


Engine = Callable[[Clip], AbstractContextManager[Callable[[Work], Shot[Any]]]]
"""For the length of the block, what begins a shot of the clip."""


def around(windows: Iterable[tuple[list[M], int]], step: int) -> Iterator[Around[M]]:
    """The moment at each window's centre, and two others."""
    for window, centre in windows:
        yield window[centre], two(window, centre, step)


def two(window: list[M], centre: int, step: int) -> list[M]:
    """Those a step before and after; near an end of the shot, one and two steps to the side where there are more."""
    before, after = centre, len(window) - 1 - centre
    if min(before, after) >= step or max(before, after) < 2:
        offsets = {-min(step, before), min(step, after)}
    else:
        far = min(2 * step, max(before, after)) * (1 if after > before else -1)
        offsets = {far, int(far / 2)}
    return [window[centre + offset] for offset in sorted(offsets - {0})]
