"""How long a job still takes, by what the stages of earlier jobs took for each megapixel of their clips. Knows no clock.

Nothing is guessed: until a job by the same route has ended, there is no estimate.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

STAGES = ("probe", "prompt", "diagnose", "route", "try", "excerpt", "process", "verify", "deliver")
"""In the order of processors/road, which is not imported here: it brings all that treats clips."""
ANY = "any"
_NEWEST_COUNTS = 0.3
_TRUSTED_PART = 0.05
"""From this part of a stage on, its own speed counts too."""

Rates = dict[str, dict[str, float]]
"""Seconds for a megapixel, by route (``ANY``: over all routes) and stage."""


class Estimate(NamedTuple):
    part: float  # of the whole job, 0 to 1
    eta_s: float


def learn(rates: Rates, route: str, megapixels: float, timings: Mapping[str, float]) -> Rates:
    """The rates with one more job that ended well. ``timings``: seconds by stage; a stage that was not needed took none."""
    if megapixels <= 0:
        return rates
    seen = {stage: timings.get(stage, 0.0) / megapixels for stage in STAGES}
    return {**rates, **{key: _mixed(rates.get(key), seen) for key in (route, ANY)}}


def expect(rates: Rates, route: str | None, megapixels: float | None) -> dict[str, float] | None:
    """Seconds by stage, for a route that is not known yet what clips take on average. None: nothing like it has ended so far."""
    known = rates.get(route or ANY)
    if known is None or megapixels is None:
        return None
    return {stage: rate * megapixels for stage, rate in known.items()}


def estimate(expected: Mapping[str, float] | None, stage: str, progress: float, elapsed_s: float, before_s: float) -> Estimate | None:
    """``progress`` and ``elapsed_s`` of the stage that runs; ``before_s``: what the stages before it took. None where unknown."""
    if expected is None or stage not in expected:
        return None
    later = STAGES[STAGES.index(stage) + 1 :] if stage in STAGES else ()
    eta_s = _left_s(expected[stage], progress, elapsed_s) + sum(expected.get(name, 0.0) for name in later)
    spent_s = before_s + elapsed_s
    return Estimate(spent_s / (spent_s + eta_s) if spent_s + eta_s > 0 else 0.0, eta_s)


def _left_s(expected_s: float, progress: float, elapsed_s: float) -> float:
    if progress < _TRUSTED_PART:
        return max(0.0, expected_s - elapsed_s)
    total_s = (1 - progress) * expected_s + elapsed_s  # its own speed, elapsed_s / progress, counts as much as is done
    return total_s * (1 - progress)


def _mixed(former: Mapping[str, float] | None, seen: Mapping[str, float]) -> dict[str, float]:
    if former is None:
        return dict(seen)
    return {stage: (1 - _NEWEST_COUNTS) * former.get(stage, rate) + _NEWEST_COUNTS * rate for stage, rate in seen.items()}
