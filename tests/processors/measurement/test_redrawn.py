"""Detail drawn anew is told from motion that was missed, by numbers."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise

import numpy as np
import pytest
from numpy.typing import NDArray

from deshimmer.processors.measurement.redrawn import NOTHING, Redrawn, RedrawnMeter

SHAPE = 60, 106
STILL = np.zeros((*SHAPE, 2), np.float32)
Plane = NDArray[np.float32]


def _noise(levels: float, frames: int = 30, seed: int = 0) -> list[Plane]:
    return [plane.astype(np.float32) for plane in np.random.default_rng(seed).normal(0, levels, (frames, *SHAPE))]


def _found(residuals: Iterable[Plane], *, moved: float = 0.0, gaps: tuple[int, ...] = ()) -> Redrawn:
    meter = RedrawnMeter()
    for index, residual in enumerate(residuals):
        meter.add(residual, STILL, begins=index == 0 or index in gaps)
    return meter.found(moved)


def _residuals(pictures: list[Plane]) -> list[Plane]:
    return [after - before for before, after in pairwise(pictures)]


@pytest.mark.parametrize("levels", [0.25, 1.0, 4.0])
def test_what_is_drawn_anew_is_measured(levels: float) -> None:
    found = _found(_residuals(_noise(levels)))
    assert found.visible == pytest.approx(levels, rel=0.1)
    assert float(np.sqrt(np.square(found.map).mean())) == pytest.approx(levels, rel=0.15)


def test_motion_missed_alike_in_each_frame_neither_accuses_nor_hides() -> None:
    edges = 5 * _noise(1.0, 1, seed=1)[0]
    assert _found([edges] * 30).visible == pytest.approx(0, abs=1e-3)
    assert _found([edges + one for one in _residuals(_noise(1.0))]).visible == pytest.approx(1.0, rel=0.2)


def test_quality_that_rises_and_falls_by_turns_does_not_outweigh_what_is_drawn_anew() -> None:
    """Every other frame softer, as encoders may have it: its sign is that of flicker, and it is flicker."""
    soft = _noise(0.5, 1, seed=2)[0]
    assert _found([soft if index % 2 else -soft for index in range(30)]).visible == pytest.approx(2 * 0.5, rel=0.2)


def test_quiet_places_tell_whatever_happens_elsewhere() -> None:
    busy = np.zeros(SHAPE, np.float32)
    busy[:, 40:] = 1
    residuals = [one + 20 * busy * wild for one, wild in zip(_residuals(_noise(1.0)), _noise(1.0, 29, seed=3), strict=True)]
    assert _found(residuals).visible == pytest.approx(1.0, rel=0.1)


def test_motion_of_two_hundredths_hides_half() -> None:
    residuals = _residuals(_noise(1.0))
    assert _found(residuals, moved=0.02).visible == pytest.approx(_found(residuals).visible / 2)


def test_nothing_is_said_of_few_frames_and_a_gap_begins_anew() -> None:
    residuals = _residuals(_noise(1.0, 12))
    assert _found(residuals[:5]) is NOTHING
    assert _found(residuals[:6]) is not NOTHING
    assert _found(residuals[:6], gaps=(3,)) is NOTHING
