"""Short clips are looked at whole; long ones in runs, at both ends, and wherever something sudden happens."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from clipmaker import exposure_flicker, pan, write

from deshimmer.processors import diagnosis, media
from deshimmer.processors.measurement import measuring
from deshimmer.processors.measurement.sampling import Sampling
from deshimmer.processors.records import Clip, Verdict


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Clip:
    return media.probe(write(tmp_path_factory.mktemp("clips") / "clip.mp4", pan(4)))


def _close(clip: Clip, frames: int, changes: dict[int, float] | None = None) -> list[int]:
    sampling = Sampling(replace(clip, frames=frames, duration=Fraction(frames, 24), frame_rate=Fraction(24)))
    return [index for index in range(frames) if sampling.is_close(index, (changes or {}).get(index, 2.0))]


def test_a_short_clip_is_looked_at_whole(clip: Clip) -> None:
    assert _close(clip, 480) == list(range(480))


def test_a_long_clip_is_looked_at_in_runs_and_at_both_ends(clip: Clip) -> None:
    close = _close(clip, 1200)
    assert 0.32 < len(close) / 1200 < 0.4
    assert {*range(48), *range(1152, 1200)} <= set(close)
    runs = np.split(close, np.flatnonzero(np.diff(close) > 1) + 1)
    assert min(map(len, runs)) >= 24


def test_something_sudden_is_looked_at(clip: Clip) -> None:
    assert 100 not in _close(clip, 1200)
    assert {100, 101, 108} <= set(_close(clip, 1200, {100: 30.0}))


def test_a_long_clip_is_judged_as_its_parts_are(tmp_path: Path) -> None:
    """25 seconds: the flicker, the cut between two runs and the flash there are all found."""
    size = (128, 96)
    first = exposure_flicker(pan(72, size), 5)
    shots = [*first, *first[::-1], *first, *first[::-1][:25], *pan(47, size, "astronaut"), *pan(48, size, "astronaut")[::-1]]
    shots[200] = np.clip(shots[200] * 0.2 + 200, 0, 255)
    found = diagnosis.diagnose(media.probe(write(tmp_path / "long.mp4", shots, fps=15)), None, lambda part: None)
    assert len(shots) / 15 > 20
    assert found.verdict is Verdict.LUMINANCE
    assert [(shot.start, shot.verdict) for shot in found.shots] == [(0, Verdict.LUMINANCE), (241, Verdict.CLEAN)]
    assert 200 in [cause.start_frame for cause in found.causes if cause.kind == "bad_frame"]


def test_curves_have_a_value_for_each_frame_of_a_long_clip(tmp_path: Path) -> None:
    shots = pan(60, (96, 64))
    clip = media.probe(write(tmp_path / "long.mp4", [*shots, *shots[::-1]] * 3, fps=12))
    found = measuring.measure(clip, lambda part: None)
    assert all(len(curve) == 360 and np.isfinite(curve).all() for curve in found.curves.values())
