"""Borders of tiles are told from things that move and from patches."""

from __future__ import annotations

import cv2
import numpy as np

from deshimmer.processors.measurement.tiling import TileMeter

CELLS = (30, 53)


def _patches(rng: np.random.Generator) -> np.ndarray:
    return cv2.resize(rng.normal(0, 4, (6, 10)), CELLS[::-1], interpolation=cv2.INTER_CUBIC)


def test_tiles_that_blink_apart_are_found_at_their_border() -> None:
    rng, meter = np.random.default_rng(0), TileMeter()
    for _ in range(20):
        cells = rng.normal(0, 0.3, CELLS)
        cells[:, 26:] += rng.normal(0, 3)
        meter.add_residual(cells.astype(np.float32))
    found = meter.blink(1.0)
    assert found is not None
    assert found.axis == "x"
    assert abs(found.place - 26 / 53) < 0.02
    assert 2 < found.levels < 4


def test_patches_and_a_moving_thing_are_no_tiles() -> None:
    rng, meter = np.random.default_rng(0), TileMeter()
    for index in range(20):
        cells = _patches(rng)
        cells[8:16, 2 * index : 2 * index + 6] += 20
        meter.add_residual(cells.astype(np.float32))
    assert meter.blink(1.0) is None


def test_a_seam_stays_while_things_move() -> None:
    rng, meter = np.random.default_rng(0), TileMeter()
    scene = cv2.GaussianBlur(rng.normal(120, 60, (180, 900)), (0, 0), 3)
    for index in range(40):
        picture = scene[:, 12 * index : 12 * index + 320].copy()
        picture[120:] += 4
        meter.add_picture(np.clip(picture, 0, 255).round().astype(np.float32))
    found = meter.seam(1.0, 2.0)
    assert found is not None
    assert found.axis == "y"
    assert abs(found.place - 120 / 180) < 0.02
    assert meter.seam(1.0, 0.0) is None, "in a still picture it may be anything"
