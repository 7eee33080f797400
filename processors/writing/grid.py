"""The grid of a constant rate that a source's clock is too coarse for: Matroska's 1 ms cannot hold 24000/1001 frames a second.

Where the result's clock can, its frames are shown exactly when the rate says, so that editors see a constant rate. No frame moves by more
than the source's own clock rounds.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

from .. import media

if TYPE_CHECKING:
    from ..records import Clip

_FINEST = 1 << 31
"""No clock ticks more often in a second."""


@dataclass(frozen=True)
class Grid:
    rate: Fraction  # frames per second
    clock: Fraction  # seconds per tick of the source's times
    time_base: Fraction  # seconds per tick of the result's

    def tick(self, pts: int, first_pts: int) -> int:
        """The result's tick for a source's."""
        return round((first_pts * self.clock + self._frame(pts, first_pts) / self.rate) / self.time_base)

    def duration(self, seconds: Fraction) -> Fraction:
        """The same for how long a frame is shown."""
        return 1 / self.rate if abs(seconds - 1 / self.rate) <= self.clock else seconds

    def fits(self, times: tuple[int, ...]) -> bool:
        """Whether the source's ticks are the rate's, but for what its clock rounds: a frame each, none twice."""
        is_near = all(abs((pts - times[0]) * self.clock - self._frame(pts, times[0]) / self.rate) <= self.clock for pts in times)
        return is_near and len({self._frame(pts, times[0]) for pts in times}) == len(times)

    def _frame(self, pts: int, first_pts: int) -> int:
        return round((pts - first_pts) * self.clock * self.rate)


def of(clip: Clip) -> Grid | None:
    """None where the source's clock holds its rate, or its frames do not keep to it. MP4's and MOV's clocks are their own."""
    step = 1 / clip.frame_rate / clip.time_base
    if (
        clip.variable_frame_rate
        or step.denominator == 1
        or clip.frames < 2
        or clip.excerpt is not None
        or clip.container.startswith("mov,")
    ):
        return None
    fine = math.lcm(clip.frame_rate.numerator, clip.time_base.denominator)
    found = Grid(clip.frame_rate, clip.time_base, Fraction(1, fine))
    times = media.stamps(clip) if fine < _FINEST else ()
    return found if times and found.fits(times) else None
