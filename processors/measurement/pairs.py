"""What happens from one frame to the next: the runs of frames in a row, abrupt restyles, and frames that the next one takes back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

_LEAST_PAIRS = 5
_NEAR = 6  # pairs on either side
_LEAST_JUMP = 4.0  # levels
_JUMP_RATIO = 5.0  # over the jumps near it
_STRUCTURE_LOST = 0.1  # of the guides' correlation


class Pair(NamedTuple):
    """What happened from one frame that was looked at closely to the next. Display levels."""

    frame: int  # the later one
    exposure: float
    tint: tuple[float, float]  # U, V
    jump: float  # median absolute change
    likeness: float  # correlation of structure, along motion
    begins: bool  # nothing was measured just before it


class Step(NamedTuple):
    """An abrupt restyle of a scene that goes on: at the border of two batches, most often."""

    frame: int
    jump: float  # levels


def exposure_runs(pairs: Sequence[Pair]) -> list[list[float]]:
    """Shifts of exposure, a list for each stretch of frames without a gap."""
    runs: list[list[float]] = []
    for pair in pairs:
        if pair.begins or not runs:
            runs.append([])
        runs[-1].append(pair.exposure)
    return runs


def restyles(pairs: Sequence[Pair]) -> tuple[Step, ...]:
    """Frames that jump far more than those near them, over most of the picture, lose structure in it, and stay so."""
    places = _jumps(pairs)
    return tuple(Step(pairs[place].frame, pairs[place].jump) for place in places if not {place - 1, place + 1} & set(places))


def odd_frames(pairs: Sequence[Pair]) -> tuple[int, ...]:
    """Single frames with a jump to them and a jump away from them."""
    places = _jumps(pairs)
    return tuple(pairs[place].frame for place in places if place + 1 in places and place - 1 not in places and not pairs[place + 1].begins)


def _jumps(pairs: Sequence[Pair]) -> list[int]:
    if len(pairs) < _LEAST_PAIRS:
        return []
    jumps, likes = np.array([pair.jump for pair in pairs]), np.array([pair.likeness for pair in pairs])
    found: list[int] = []
    for place, pair in enumerate(pairs):
        near = np.r_[max(0, place - _NEAR) : place, place + 1 : min(len(pairs), place + _NEAR + 1)]
        is_jump = pair.jump > max(_LEAST_JUMP, _JUMP_RATIO * float(np.median(jumps[near])))
        if is_jump and float(np.median(likes[near])) - pair.likeness > _STRUCTURE_LOST:
            found.append(place)
    return found
