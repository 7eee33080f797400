"""Timecode of a result: the source's, its count of frames at the result's rate."""

from __future__ import annotations

import re
from fractions import Fraction
from typing import TYPE_CHECKING

from . import timing
from .records import Route

if TYPE_CHECKING:
    from .records import Clip, Treatment

_SHAPE = re.compile(r"^(\d\d:\d\d:\d\d[:;.])(\d+)$")


def of_result(timecode: str | None, clip: Clip, treatment: Treatment) -> str | None:
    """Where the rate changes, the same moment counted at the new rate; None where the source's stays as it is."""
    if timecode is None or treatment.route is not Route.INTERPOLATE:
        return None
    return at_rate(timecode, clip.frame_rate, timing.frame_rate(clip, treatment))


def at_rate(timecode: str, before: Fraction, after: Fraction) -> str | None:
    """``01:00:00;02`` at 29.97 is ``01:00:00;04`` at 59.94; None where it is no timecode or stays the same."""
    found = _SHAPE.match(timecode)
    if found is None or before == after:
        return None
    head, frames = found.groups()
    counted = round(int(frames) * Fraction(round(after), max(1, round(before))))
    return f"{head}{min(counted, max(0, round(after) - 1)):02}"
