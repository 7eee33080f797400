"""Inserted frames that are right, blended, dimmed or blurred."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import pytest
from clipmaker import Picture, pan, write

from deshimmer.processors import inserted, media
from deshimmer.processors.inserted import Inserted
from deshimmer.processors.records import Route, Treatment


def measured(path: Path, change: Callable[[Picture, Picture, Picture], Picture], *, cuts: tuple[int, ...] = ()) -> Inserted:
    """A clip of twice the rate, whose inserted frames are made of (frame before, true frame, frame after)."""
    shots = pan(18, (256, 160), "astronaut", 3.0)
    source = write(path.with_name("source.mp4"), shots[::2], fps=24)
    for index in range(1, 16, 2):
        shots[index] = change(shots[index - 1], shots[index], shots[index + 1])
    return judged(source, write(path, shots, fps=48), Treatment(Route.INTERPOLATE, factor=2), cuts)


def judged(source: Path, result: Path, treatment: Treatment, cuts: tuple[int, ...] = ()) -> Inserted:
    return inserted.measure(media.probe(source), media.probe(result), treatment, lambda _: None, cuts=cuts)


def test_true_frames_follow_the_motion(tmp_path: Path) -> None:
    seen = measured(tmp_path / "clip.mp4", lambda before, true, after: true)
    assert seen.follows_motion == pytest.approx(1, abs=0.15)
    assert seen.pulse < 0.25
    assert seen.sharpness == pytest.approx(1, abs=0.2)  # B-frames are softer


def test_a_blend_shows_double_edges(tmp_path: Path) -> None:
    seen = measured(tmp_path / "clip.mp4", lambda before, true, after: (before + after) / 2)
    assert seen.follows_motion is not None
    assert seen.follows_motion < 0.15


def test_dimmed_frames_pulse(tmp_path: Path) -> None:
    seen = measured(tmp_path / "clip.mp4", lambda before, true, after: true * 0.98)
    assert seen.pulse == pytest.approx(2.3, abs=0.5)


def test_blurred_frames_pulse_in_sharpness(tmp_path: Path) -> None:
    seen = measured(tmp_path / "clip.mp4", lambda before, true, after: cv2.GaussianBlur(true, (0, 0), 1.0))
    assert seen.sharpness is not None
    assert seen.sharpness < 0.3
