"""Which frames of a clip are looked at closely. All of a short one; of a long one runs of frames in a row, so that what changes from
frame to frame stays measurable, and wherever something sudden happens.
"""

from __future__ import annotations

import statistics
from collections import deque

from ..records import Clip

LONG_S = 20.0
"""Clips up to this length are looked at whole."""

_RUN_S, _PERIOD_S = 2.0, 6.0
_LEAST_RUN = 24  # frames
_SUDDEN_LEVELS, _SUDDEN_RATIO = 5.0, 2.5
_AFTERMATH = 8  # frames
_NEAR = 15  # frames whose changes say what is usual


class Sampling:
    """Ask for each frame in order that does not repeat the one before it."""

    def __init__(self, clip: Clip) -> None:
        self._is_long = clip.duration > LONG_S
        self._run = max(_LEAST_RUN, round(_RUN_S * clip.frame_rate))
        self._period = round(self._run * _PERIOD_S / _RUN_S)
        self._last_run = clip.frames - self._run
        self._changes: deque[float] = deque(maxlen=_NEAR)
        self._close_until = 0

    def is_close(self, index: int, change: float) -> bool:
        """``change``: mean absolute difference to the frame before, in display levels."""
        if not self._is_long:
            return True
        usual = statistics.median(self._changes) if self._changes else change
        self._changes.append(change)
        if change > max(_SUDDEN_LEVELS, _SUDDEN_RATIO * usual):
            self._close_until = index + _AFTERMATH
        return index % self._period < self._run or index >= self._last_run or index <= self._close_until
