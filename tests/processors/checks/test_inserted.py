"""Inserted frames that are right, blended, dimmed or blurred."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest
from clipmaker import Picture, pan, write

from deshimmer.processors import media
from deshimmer.processors.checks import inserted
from deshimmer.processors.checks.inserted import Inserted
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


def test_tinted_frames_pulse_in_colour(tmp_path: Path) -> None:
    seen = measured(tmp_path / "clip.mp4", lambda before, true, after: np.clip(true + np.array([4, 0, -4], np.float32), 0, 255))
    assert seen.colour_pulse > 1.5
    assert measured(tmp_path / "clip.mp4", lambda before, true, after: true).colour_pulse < 0.25


def test_frames_that_repeat_a_neighbour_are_counted_and_are_no_ghosts(tmp_path: Path) -> None:
    taken = iter(range(8))
    seen = measured(tmp_path / "clip.mp4", lambda before, true, after: before if next(taken) % 2 else true)
    assert seen.repeats == pytest.approx(0.5)
    assert seen.follows_motion == pytest.approx(1, abs=0.15)
    assert seen.pulse < 0.25


FINE = 60  # frames a second: 24 of them a second are the source's, every fifth of which the result shows


def at_60(path: Path, change: Callable[[Picture, Picture, Picture, float], Picture]) -> Inserted:
    """60 frames a second from 24; those in between are made of (picture before, true picture, picture after, place between them)."""
    fine = pan(5 * 16 + 1, (256, 160), "astronaut", 0.6)  # 120 a second
    shots: list[Picture] = []
    for index in range(0, 5 * 16, 2):
        before, place = index // 5 * 5, index % 5 / 5
        shots.append(fine[index] if not place else change(fine[before], fine[index], fine[before + 5], place))
    source = write(path.with_name("source.mp4"), fine[:-1:5], fps=24)
    return judged(source, write(path, shots, fps=FINE), Treatment(Route.INTERPOLATE, fps=Fraction(FINE)))


def test_another_frame_rate_is_judged_as_well(tmp_path: Path) -> None:
    true = at_60(tmp_path / "true.mp4", lambda before, true, after, place: true)
    assert true.follows_motion == pytest.approx(1, abs=0.15)
    assert true.repeats == 0
    assert (true.pulse < 0.3, true.colour_pulse < 0.3) == (True, True)
    blend = at_60(tmp_path / "blend.mp4", lambda before, true, after, place: before * (1 - place) + after * place)
    assert blend.follows_motion is not None
    assert blend.follows_motion < 0.2


def test_a_pulse_of_any_period_is_seen(tmp_path: Path) -> None:
    seen = at_60(tmp_path / "dim.mp4", lambda before, true, after, place: true * (0.98 if place == 0.4 else 1.0))
    assert seen.pulse == pytest.approx(2.3, abs=0.5)
