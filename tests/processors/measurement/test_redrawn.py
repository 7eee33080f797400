"""Detail drawn anew is told from motion that was missed, by numbers."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise

import numpy as np
import pytest
from numpy.typing import NDArray

from deshimmer.processors.measurement.redrawn import RedrawnMeter
from deshimmer.processors.measurement.samples import area, scaled

SHAPE = 60, 106
STILL = np.zeros((*SHAPE, 2), np.float32)
TILES = scaled(SHAPE[::-1], 20)
LEVEL = np.zeros(TILES[::-1], np.float32)
Plane = NDArray[np.float32]


def _noise(levels: float, frames: int = 30, seed: int = 0) -> list[Plane]:
    return [plane.astype(np.float32) for plane in np.random.default_rng(seed).normal(0, levels, (frames, *SHAPE))]


def _found(residuals: Iterable[Plane], *, slope: Plane = LEVEL, moved: float = 0.0, gaps: tuple[int, ...] = ()) -> float:
    meter = RedrawnMeter()
    for index, residual in enumerate(residuals):
        meter.add(residual, STILL, begins=index == 0 or index in gaps)
    return meter.levels(slope, moved)


def _residuals(pictures: list[Plane]) -> list[Plane]:
    return [after - before for before, after in pairwise(pictures)]


@pytest.mark.parametrize("levels", [0.25, 1.0, 4.0])
def test_what_is_drawn_anew_is_measured(levels: float) -> None:
    assert _found(_residuals(_noise(levels))) == pytest.approx(levels, rel=0.1)


def test_motion_missed_alike_in_each_frame_neither_accuses_nor_hides() -> None:
    edges = 5 * _noise(1.0, 1, seed=1)[0]
    assert _found([edges] * 30) == pytest.approx(0, abs=1e-2)
    assert _found([edges + one for one in _residuals(_noise(1.0))]) == pytest.approx(1.0, rel=0.2)


def test_detail_that_comes_and_goes_by_turns_is_redrawn_too() -> None:
    """Every other frame softer: the residual changes its sign each time, and its products all point the same way."""
    soft = _noise(0.5, 1, seed=2)[0]
    assert _found([soft if index % 2 else -soft for index in range(30)]) == pytest.approx(2 * 0.5, rel=0.2)


def test_quiet_places_tell_whatever_happens_elsewhere() -> None:
    busy = np.zeros(SHAPE, np.float32)
    busy[:, 40:] = 1
    residuals = [one + 20 * busy * wild for one, wild in zip(_residuals(_noise(1.0)), _noise(1.0, 29, seed=3), strict=True)]
    assert _found(residuals) == pytest.approx(1.0, rel=0.1)


def test_black_bars_tell_nothing() -> None:
    bars = np.ones(SHAPE, np.float32)
    bars[:9] = bars[-9:] = 0
    assert _found([bars * one for one in _residuals(_noise(1.0))]) == pytest.approx(1.0, rel=0.1)


def test_a_still_picture_shows_nothing() -> None:
    assert _found([np.zeros(SHAPE, np.float32)] * 10) == 0


def test_what_steep_places_hide_is_given_back_by_the_others() -> None:
    """Motion missed by a share of a pixel that halves from frame to frame: all its products lie above zero, the steeper the place the more."""
    rng = np.random.default_rng(5)
    steepness = np.linspace(0, 1.5, SHAPE[1], dtype=np.float32)
    steep = steepness * rng.choice(np.float32([-1, 1]), SHAPE)
    missed = [np.float32(0)]
    for _ in range(119):
        missed.append(np.float32(0.4 * missed[-1] + rng.normal(0, 0.5)))
    residuals = [one + share * steep for one, share in zip(_residuals(_noise(0.3, 121)), missed, strict=True)]
    slope = area(np.square(np.broadcast_to(steepness, SHAPE)).astype(np.float32), *TILES)
    assert _found(residuals, slope=slope) == pytest.approx(0.3, rel=0.1)
    assert _found(residuals) < 0.8 * _found(residuals, slope=slope)


def test_what_differs_from_time_to_time_is_not_sure() -> None:
    residuals = _residuals(_noise(1.0, 49))
    by_turns = [one * np.float32(index // 12 % 2) for index, one in enumerate(residuals)]
    assert _found(by_turns) < 0.6 < 0.95 < _found(residuals)


def test_motion_of_two_hundredths_hides_half() -> None:
    residuals = _residuals(_noise(1.0))
    assert _found(residuals, moved=0.02) == pytest.approx(_found(residuals) / 2)


def test_nothing_is_said_of_few_frames_and_a_gap_begins_anew() -> None:
    residuals = _residuals(_noise(1.0, 12))
    assert _found(residuals[:5]) == 0
    assert _found(residuals[:6]) > 0.5
    assert _found(residuals[:6], gaps=(3,)) == 0
