"""The whole frame's brightness: flicker and pulsing are told from fades, switches and swells."""

from __future__ import annotations

import numpy as np
import pytest

from deshimmer.processors.measurement import exposure

FPS = 24.0


@pytest.mark.parametrize(
    "levels",
    [
        np.linspace(0, 60, 60),
        np.r_[np.zeros(30), np.full(30, 40.0)],
        10 * np.sin(np.arange(60) / 20),
        np.r_[np.zeros(20), 8 * np.sin(np.arange(12) / 12 * np.pi), np.zeros(28)],
        np.r_[np.zeros(30), 40.0, np.zeros(29)],
    ],
    ids=["fade", "light switched on", "slow swell", "a cloud", "a flash"],
)
def test_wanted_changes_of_light_are_no_flicker(levels: np.ndarray) -> None:
    found = exposure.read([list(np.diff(levels))], FPS)
    assert found.amplitude < 0.3
    assert found.pulse == 0


def test_amplitude_of_noise() -> None:
    drawn = np.random.default_rng(0).normal(0, 5, 4000)
    found = exposure.read([list(np.diff(drawn))], FPS)
    assert found.amplitude == pytest.approx(5, rel=0.05)
    assert found.correlation == pytest.approx(-0.5, abs=0.05)


@pytest.mark.parametrize("period", [6, 12, 16])
def test_even_swings_are_a_pulse(period: int) -> None:
    swing = 4 * np.sin(2 * np.pi * np.arange(96) / period)
    found = exposure.read([list(np.diff(swing))], FPS)
    assert found.pulse == pytest.approx(4 / np.sqrt(2), rel=0.25)
    assert found.period == pytest.approx(period, rel=0.1)


def test_a_gap_between_runs_is_no_change() -> None:
    """Long clips are looked at in runs; what happened between two of them is not known."""
    drawn = np.random.default_rng(1).normal(0, 5, 400)
    runs = [list(np.diff(drawn[start : start + 40] + 60 * (start % 80 > 0))) for start in range(0, 400, 40)]
    assert exposure.read(runs, FPS).amplitude == pytest.approx(5, rel=0.15)


def test_nothing_to_read() -> None:
    assert exposure.read([], FPS) == exposure.Exposure(0.0, 0.0, None)
    assert exposure.read([[1.0]], FPS).amplitude == 0


def test_shift_is_not_pulled_by_a_moving_thing() -> None:
    level = np.tile(np.linspace(-60, 60, 53, dtype=np.float32), (30, 1))
    change = 3 + 0.05 * level
    change[4:12, 10:22] = 120
    offset, gain = exposure.shift(change.astype(np.float32), level)
    assert offset == pytest.approx(3, abs=0.3)
    assert gain == pytest.approx(0.05, abs=0.01)
