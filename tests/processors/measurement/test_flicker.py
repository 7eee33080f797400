"""The mathematics of the residuals: what is drawn anew is told from motion, gain from patches, fades from flicker."""

from __future__ import annotations

from itertools import pairwise

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deshimmer.processors import flow as fl
from deshimmer.processors.measurement import flicker, samples
from deshimmer.processors.measurement.samples import Layout, Sample

HEIGHT, WIDTH = 180, 320
LAYOUT = Layout((WIDTH, HEIGHT), (240, 135), (160, 90), (53, 30))
STILL = flicker.Motion.of(np.zeros((135, 240, 2), np.float32), LAYOUT)


def _sample(luma: np.ndarray, chroma: np.ndarray | None = None) -> Sample:
    levels = np.clip(luma, 0, 255).round().astype(np.float32)
    cells = samples.area(samples.area(levels, *LAYOUT.mid), *LAYOUT.cells)
    return Sample(
        levels, fl.normalised(levels.astype(np.uint8)), cells, np.zeros((30, 53, 2), np.float32) if chroma is None else chroma, 1.0
    )


def _scene() -> np.ndarray:
    return np.tile(np.linspace(60, 180, WIDTH), (HEIGHT, 1)) + 10 * np.sin(np.arange(HEIGHT) / 6)[:, None]


def _meter(frames: list[Sample]) -> flicker.Flicker:
    meter, last = flicker.Meter(), None
    exposures: list[float] = []
    for previous, current in pairwise(frames):
        now = flicker.residual(previous.luma, previous, current, STILL)
        meter.add_pair(now, current, STILL, begins=last is None)
        exposures.append(now.exposure)
        if last is not None:
            meter.add_products(flicker.products(last, now, STILL))
        last = now
    return meter.flicker([exposures], 24)


@settings(max_examples=12, deadline=None)
@given(st.floats(-12, 12), st.floats(-0.1, 0.1))
def test_exposure_takes_offset_and_gain(offset: float, gain: float) -> None:
    scene = _scene()
    before, after = _sample(scene), _sample(scene + offset + gain * (scene - scene.mean()))
    found = flicker.residual(before.luma, before, after, STILL)
    assert found.exposure == pytest.approx(offset, abs=0.4)
    assert np.abs(found.low).max() < 0.6


def test_a_moving_thing_does_not_pull_at_exposure() -> None:
    scene = _scene()
    changed = scene.copy()
    changed[30:80, 40:130] = 250
    found = flicker.residual(scene.round().astype(np.float32), _sample(scene), _sample(changed), STILL)
    assert abs(found.exposure) < 1


def test_gain_alone_is_no_flicker_of_hue() -> None:
    scene, hue = _scene(), np.dstack([np.tile(np.linspace(-30, 30, 53), (30, 1)), np.full((30, 53), 12.0)]).astype(np.float32)
    found = flicker.residual(scene.round().astype(np.float32), _sample(scene, hue), _sample(scene, hue * np.float32(1.1)), STILL)
    assert np.abs(found.chroma).max() < 0.5


@pytest.mark.parametrize("sigma", [2.0, 6.0])
def test_low_amplitude_is_that_of_the_patches(sigma: float) -> None:
    rng = np.random.default_rng(0)
    fields = [cv2.resize(rng.normal(0, sigma, (6, 10)), (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC) for _ in range(40)]
    truth = float(np.mean([field.std() for field in fields]))
    found = _meter([_sample(_scene() + field) for field in fields])
    assert found.low.amplitude == pytest.approx(truth, rel=0.3)
    assert found.low.correlation == pytest.approx(-0.5, abs=0.08)
    assert found.fine.visible < 0.35


def test_detail_amplitude_is_that_of_the_noise() -> None:
    rng = np.random.default_rng(0)
    found = _meter([_sample(_scene() + rng.normal(0, 4, (HEIGHT, WIDTH))) for _ in range(20)])
    assert found.fine.amplitude == pytest.approx(4, rel=0.05)
    assert found.fine.correlation == pytest.approx(-0.5, abs=0.03)
    assert found.low.visible < 0.3


def test_texture_hides_detail_flicker() -> None:
    rng = np.random.default_rng(0)
    texture = rng.normal(0, 30, (HEIGHT, WIDTH))
    noise = [rng.normal(0, 4, (HEIGHT, WIDTH)) for _ in range(12)]
    plain, hidden = (_meter([_sample(base + one) for one in noise]).fine for base in (_scene(), np.full((HEIGHT, WIDTH), 120) + texture))
    assert hidden.amplitude == pytest.approx(plain.amplitude, rel=0.1)
    assert hidden.visible < 0.3 * plain.visible
