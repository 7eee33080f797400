"""Which moments a report and a comparison show."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from clipmaker import pan, write

from deshimmer.processors import media
from deshimmer.processors.reports import pictures


def curve(values: dict[int, float], frames: int = 90) -> pictures.Curves:
    strength = np.zeros(frames)
    for index, value in values.items():
        strength[index] = value
    return {"low_luma": strength}


def test_telling_frames_are_the_strongest_of_each_part() -> None:
    assert pictures.telling_frames(curve({12: 5, 40: -7, 71: 3, 80: 1}), 90, 3) == (12, 40, 71)


def test_telling_frames_of_a_clip_without_curves_are_spread() -> None:
    assert pictures.telling_frames({}, 90, 3) == (0, 30, 60)
    assert pictures.telling_frames({}, 1, 3) == (0,)


def test_a_long_clip_is_shown_where_it_flickers_most() -> None:
    start, end = pictures.strongest_stretch(curve({400: 5, 420: 9, 450: 4, 100: 6}, 1000), Fraction(100), 10)
    assert end - start == 10
    assert start <= 40
    assert end >= 45
    assert pictures.strongest_stretch({}, Fraction(100), 10) == (0, 10)
    assert pictures.strongest_stretch({}, Fraction(4), 10) == (0, 4)


def test_curves_are_read_and_absent_ones_are_none(tmp_path: Path) -> None:
    np.savez(tmp_path / "curves.npz", low_luma=np.array([1, np.nan], np.float32))
    assert pictures.read_curves(tmp_path / "curves.npz")["low_luma"].tolist() == [1, 0]
    assert pictures.read_curves(tmp_path / "none.npz") == {}
    assert pictures.read_curves(None) == {}


def test_a_study_has_frames_and_slit(tmp_path: Path) -> None:
    shots = pan(20, (192, 128))
    clip = media.probe(write(tmp_path / "clip.mp4", shots))
    study = pictures.study(clip, (3, 11), 96, slit=range(5, 15))
    assert {index: frame.shape for index, frame in study.frames.items()} == {3: (64, 96, 3), 11: (64, 96, 3)}
    assert study.slit is not None
    assert study.slit.shape == (128, 640, 3)
    column = shots[5][:, 96].mean(axis=1)
    assert float(np.abs(study.slit[:, 10].mean(axis=1) - column).mean()) < 6
    assert pictures.study(clip, (0,), 96).slit is None


def test_a_study_of_twice_the_rate_looks_at_source_frames(tmp_path: Path) -> None:
    shots = pan(6, (192, 128), step_px=8)
    clip = media.probe(write(tmp_path / "clip.mp4", [shot for shot in shots for _ in range(2)], fps=48))
    picture = pictures.study(clip, (4,), 192, step=2).frames[4]
    assert float(np.abs(picture - shots[4]).mean()) == pytest.approx(0, abs=6)
