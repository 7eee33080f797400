"""Traces of codecs, on pictures made with them."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from clipmaker import pan, photograph, ramp, write

from deshimmer.config.settings import Settings
from deshimmer.processors import media
from deshimmer.processors.measurement import banding, cambi


def _gray(name: str) -> np.ndarray:
    return photograph(name).mean(2).astype(np.uint8)


def _blocky(picture: np.ndarray, step: int) -> np.ndarray:
    rng = np.random.default_rng(0)
    blocks = rng.integers(-step, step + 1, (picture.shape[0] // 8 + 1, picture.shape[1] // 8 + 1))
    return np.clip(picture + np.kron(blocks, np.ones((8, 8), int))[: picture.shape[0], : picture.shape[1]], 0, 255).astype(np.uint8)


def test_steps_at_the_grid_show_blocks() -> None:
    soft = np.tile(np.linspace(60, 120, 400), (200, 1)).astype(np.uint8)
    for picture in (soft, _gray("coffee")):
        on, beside = banding.grid_gradients(picture)
        assert on == pytest.approx(beside, abs=0.12)
    on, beside = banding.grid_gradients(_blocky(soft, 3))
    assert on > 1.5
    assert beside < 0.3


def test_drawn_edges_on_the_grid_are_no_blocks() -> None:
    board = np.kron(np.indices((20, 40)).sum(0) % 2 * 200, np.ones((8, 8), int)).astype(np.uint8)
    assert banding.grid_gradients(board)[0] < 0.1


def test_stairs_are_ramps_without_noise() -> None:
    clean = np.tile(np.linspace(40, 80, 640), (90, 1))
    noisy = clean + np.random.default_rng(0).normal(0, 1, clean.shape)
    assert banding.stairs(clean.astype(np.uint8)) > 0.8
    assert banding.stairs(noisy.round().astype(np.uint8)) < banding.LEAST_STAIRS
    assert banding.stairs(_gray("chelsea")) < banding.LEAST_STAIRS
    assert banding.stairs(np.zeros((16, 16), np.uint8)) == 0


def test_pulse_is_the_jump_at_key_frames() -> None:
    keys = [index % 12 == 0 for index in range(60)]
    change = [math.nan, *(4.0 if key else 1.0 for key in keys[1:])]
    assert banding.keyframe_pulse(change, keys) == pytest.approx(3.0, abs=0.2)
    assert banding.keyframe_pulse([1.0] * 60, keys) == 0
    assert banding.keyframe_pulse(change, [True] * 60) is None
    assert banding.keyframe_pulse(change, [True] + [False] * 59) is None


def test_a_pulse_that_motion_and_uneven_change_hide_is_none() -> None:
    keys = [index % 12 == 0 for index in range(60)]
    uneven = [math.nan, *(6 + 1.2 * (index % 2) + (1.0 if key else 0.0) for index, key in enumerate(keys[1:]))]
    assert banding.keyframe_pulse(uneven, keys) == 0


@pytest.mark.parametrize("step", [4, 6, 12])
def test_coarse_steps_are_a_staircase(step: int) -> None:
    ramp_ = np.tile(np.linspace(40, 140, 640), (90, 1))
    posterised = (np.floor(ramp_ / step) * step).astype(np.uint8)
    assert banding.staircases(posterised) > 0.5
    assert banding.staircases(ramp_.astype(np.uint8)) < 0.01
    assert banding.staircases(_gray("chelsea")) < 0.02
    assert banding.staircases(np.zeros((16, 16), np.uint8)) == 0


def test_cambi_sees_bands(tmp_path: Path) -> None:
    banded = media.probe(write(tmp_path / "ramp.mp4", ramp(6, (640, 360), 40, 60), options={"crf": "20", "preset": "veryfast"}))
    plain = media.probe(write(tmp_path / "pan.mp4", pan(6, (256, 192))))
    assert (cambi.of(banded, Settings()) or 0) > 8
    assert (cambi.of(plain, Settings()) or 0) < 1


def test_cambi_is_not_asked_of_what_ffmpeg_cannot_take(tmp_path: Path) -> None:
    tiny = media.probe(write(tmp_path / "tiny.mp4", pan(4, (32, 32))))
    assert cambi.of(tiny, Settings()) is None
