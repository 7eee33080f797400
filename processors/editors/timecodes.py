"""Timecode: frame counts as HH:MM:SS:FF, with drop-frame counting; the timecode that a file starts at, and that of a result.

Drop-frame (SMPTE ST 12-1) leaves out the first two numbers of each minute but every tenth, four at 59.94, so that the count follows the clock.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

from .. import media, timing
from ..records import Route

if TYPE_CHECKING:
    from ..records import Clip, Treatment

_WRITTEN = re.compile(r"(\d{1,2})[:.;](\d{2})[:.;](\d{2})([:.;])(\d{2,3})")
_DROPPING = {Fraction(30000, 1001): 2, Fraction(60000, 1001): 4}
"""Numbers that a minute leaves out, by frames per second."""

_DAY_S = 86400


@dataclass(frozen=True)
class Counting:
    """How frames are numbered: ``rate`` frames per second, and whether numbers are dropped."""

    rate: Fraction
    drops: bool

    @property
    def whole_rate(self) -> int:
        """Numbers in a second that lacks none: 30 at 29.97."""
        return max(1, round(self.rate))

    def written(self, frame: int) -> str:
        """``frame`` counted from midnight; ``;`` before the frames says that numbers are dropped."""
        number = frame % self._numbers_a_day
        if self.drops:
            number += self._left_out_before(number)
        seconds, frames = divmod(number, self.whole_rate)
        minutes, seconds = divmod(seconds, 60)
        hours, minutes = divmod(minutes, 60)
        width = len(str(self.whole_rate - 1))
        return f"{hours:02}:{minutes:02}:{seconds:02}{';' if self.drops else ':'}{frames:0{max(2, width)}}"

    def frame(self, written: str) -> int | None:
        """The inverse of ``written``; None for what is no timecode. A number that is left out counts as the next one."""
        found = _WRITTEN.fullmatch(written.strip())
        if found is None:
            return None
        hours, minutes, seconds, frames = (int(found[index]) for index in (1, 2, 3, 5))
        number = ((hours * 60 + minutes) * 60 + seconds) * self.whole_rate + frames
        if not self.drops:
            return number
        left_out = self._a_minute
        if minutes % 10 and not seconds:
            number += max(0, left_out - frames)
        whole_minutes = hours * 60 + minutes
        return number - left_out * (whole_minutes - whole_minutes // 10)

    @property
    def _a_minute(self) -> int:
        return _DROPPING.get(self.rate, 0)

    @property
    def _numbers_a_day(self) -> int:
        return _DAY_S * self.whole_rate - (self._a_minute * 9 * 144 if self.drops else 0)

    def _left_out_before(self, frame: int) -> int:
        left_out = self._a_minute
        ten_minutes, rest = divmod(frame, 600 * self.whole_rate - 9 * left_out)
        first_minute = 60 * self.whole_rate
        minutes = 0 if rest < first_minute else 1 + (rest - first_minute) // (first_minute - left_out)
        return left_out * (9 * ten_minutes + minutes)


@dataclass(frozen=True)
class Start:
    """The frame number that a file starts at, and how it counts."""

    frame: int
    counting: Counting


def start(path: Path, rate: Fraction) -> Start:
    """Where a file's own timecode starts; at zero, dropping where its rate can, for a file without. Raises ClipError."""
    written = _stored(path)
    can_drop = rate in _DROPPING
    counting = Counting(rate, can_drop and (written is None or any(mark in written for mark in ";.")))
    frame = None if written is None else counting.frame(written)
    return Start(frame or 0, counting)


def _stored(path: Path) -> str | None:
    if path.is_dir():  # a folder of frames
        return None
    with media.open_container(path) as container:
        tagged = (container.metadata, *(stream.metadata for stream in container.streams))
        return next((value for tags in tagged for key, value in tags.items() if key.lower() == "timecode"), None)


def of_result(timecode: str | None, clip: Clip, treatment: Treatment) -> str | None:
    """Where the rate changes, the same moment counted at the new rate; None where the source's stays as it is."""
    if timecode is None or treatment.route is not Route.INTERPOLATE:
        return None
    after = timing.exact_average(timing.frame_rate(clip, treatment), timing.frame_count(clip, treatment))
    return at_rate(timecode, clip.frame_rate, after)


def at_rate(timecode: str, before: Fraction, after: Fraction) -> str | None:
    """``01:00:00;02`` at 29.97 is ``01:00:00;04`` at 59.94, and ``01:00:00:04`` at 60, which drops no numbers; None where it is no timecode
    or stays the same.
    """
    found = _WRITTEN.fullmatch(timecode)
    if found is None or before == after:
        return None
    hours, minutes, seconds, mark, frames = found.groups()
    counted = round(int(frames) * Fraction(round(after), max(1, round(before))))
    return f"{hours}:{minutes}:{seconds}{mark if after in _DROPPING else ':'}{min(counted, max(0, round(after) - 1)):02}"
