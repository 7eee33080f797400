"""Why a job is cancelled, and whether a render that could not be read was taken away under the stage that read it."""

from __future__ import annotations

import time
from pathlib import Path

from .intake import Stamp
from .territory import look

CANCELLED_BY_USER = "cancelled by you"
CANCELLED_REPLACED = "the render was replaced by a newer one"
CANCELLED_GONE = "the render was deleted"

_QUIET_S = 0.5
_MOST_S = 10.0
"""A folder of frames goes, or is written anew, one frame after the other: so long at most is waited for its end."""


def stamp(path: Path) -> Stamp | None:
    """None where there is no render."""
    try:
        return look(path)
    except OSError:
        return None


def lost(path: Path, was: Stamp | None) -> str | None:
    """Why its job ends as cancelled; None where the render is as it was when the job began, and the error stands."""
    now = stamp(path)
    if was in (None, now):
        return None
    deadline = time.monotonic() + _MOST_S
    former: Stamp | None = None
    while now not in (None, former) and time.monotonic() < deadline:
        time.sleep(_QUIET_S)
        former, now = now, stamp(path)
    return CANCELLED_GONE if now is None else CANCELLED_REPLACED
