"""Scales of a plot: where they end, and which numbers stand on them."""

from __future__ import annotations

from math import floor, log10

from ..processors.records import Band

LEAST_SCALE = {Band.GLOBAL_LUMA: 4.0, Band.LOW_LUMA: 4.0, Band.LOW_CHROMA: 4.0, Band.DETAIL: 8.0}
"""8-bit levels. No scale ends below: a clip that hardly flickers shall not look as if it did. Detail is seen least."""
_STEPS = (1.0, 1.2, 1.4, 1.6, 2.0, 2.4, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0)
_TICKS = (1.0, 2.0, 5.0, 10.0)


def nice_above(value: float) -> float:
    """The first round number that is not below; half of it is round too."""
    return _round_up(value, _STEPS)


def ticks(length: float, most: int) -> list[float]:
    """Round places from 0 to at most ``length``, no more than ``most`` of them."""
    step = _round_up(length / max(1, most - 1), _TICKS)
    return [index * step for index in range(floor(length / step + 1e-6) + 1)]


def _round_up(value: float, steps: tuple[float, ...]) -> float:
    power = 10.0 ** floor(log10(value))
    return next(power * step for step in steps if power * step >= value - 1e-9 * power)
