"""Cuts are found under flicker; flashes, fades and fast pans are none."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from clipmaker import Picture, exposure_flicker, pan, patch_flicker, write

from deshimmer.processors import media
from deshimmer.processors.measurement import measuring
from deshimmer.processors.records import Shot, Verdict

SIZE = (192, 128)


def _measure(path: Path, shots: list[Picture]) -> measuring.Measurement:
    return measuring.measure(media.probe(write(path, shots)), lambda part: None)


def _two_scenes() -> list[Picture]:
    return [*pan(14, SIZE, "chelsea"), *pan(14, SIZE, "astronaut")]


@pytest.mark.parametrize("levels", [0, 8, 20])
def test_a_cut_is_found_under_flicker(levels: int, tmp_path: Path) -> None:
    shots = patch_flicker(exposure_flicker(_two_scenes(), levels), levels) if levels else _two_scenes()
    found = _measure(tmp_path / "clip.mp4", shots)
    assert [(shot.start, shot.end) for shot in found.shots] == [(0, 14), (14, 28)]


def test_a_cut_leaves_clean_shots_clean(tmp_path: Path) -> None:
    found = _measure(tmp_path / "clip.mp4", _two_scenes())
    assert all(shot.flicker.low.visible < 0.1 and shot.flicker.exposure.amplitude < 0.4 for shot in found.shots)


def test_flicker_of_one_shot_stays_in_it(tmp_path: Path) -> None:
    shots = _two_scenes()
    found = _measure(tmp_path / "clip.mp4", [*patch_flicker(shots[:14], 8), *shots[14:]])
    assert [shot.flicker.low.visible > 2 for shot in found.shots] == [True, False]


def test_an_odd_frame_is_a_bad_frame_and_no_cut(tmp_path: Path) -> None:
    shots = pan(24, SIZE)
    shots[11] = pan(1, SIZE, "astronaut")[0]
    found = _measure(tmp_path / "clip.mp4", shots)
    assert len(found.shots) == 1
    assert found.bad_frames == (11,)


@pytest.mark.parametrize("kind", ["white_flash", "fade", "fast_pan", "lights_out"])
def test_no_cut(kind: str, tmp_path: Path) -> None:
    shots = pan(24, SIZE, "coffee", 12 if kind == "fast_pan" else 1)
    if kind == "white_flash":
        shots[11] = np.clip(shots[11] * 0.2 + 200, 0, 255)
    if kind == "fade":
        shots = [shot * min(1, index / 10) for index, shot in enumerate(shots)]
    if kind == "lights_out":
        shots = [shot * (0.3 if index >= 12 else 1) for index, shot in enumerate(shots)]
    assert len(_measure(tmp_path / "clip.mp4", shots).shots) == 1


def test_known_shots_are_taken_as_they_are(tmp_path: Path) -> None:
    clip = media.probe(write(tmp_path / "clip.mp4", pan(20, SIZE)))
    found = measuring.measure(clip, lambda part: None)
    assert len(found.shots) == 1
    cut = measuring.measure(clip, lambda part: None, known=(Shot(0, 8, Verdict.CLEAN, {}), Shot(8, 20, Verdict.CLEAN, {})))
    assert [(shot.start, shot.end) for shot in cut.shots] == [(0, 8), (8, 20)]


def test_steps_in_a_scene_that_goes_on(tmp_path: Path) -> None:
    """Every eighth frame the scene is restyled: other levels and another texture on the same composition."""
    rng = np.random.default_rng(3)
    styles = [(rng.normal(0, 30, (*SIZE[::-1], 1)), rng.uniform(0.5, 0.9), rng.uniform(0, 90)) for _ in range(4)]
    shots = [
        np.clip(shot * styles[i // 8][1] + styles[i // 8][2] + styles[i // 8][0], 0, 255) for i, shot in enumerate(pan(32, SIZE, step_px=0))
    ]
    found = _measure(tmp_path / "clip.mp4", [shot.astype(np.float32) for shot in shots])
    assert [step.frame for shot in found.shots for step in shot.steps] == [8, 16, 24]
