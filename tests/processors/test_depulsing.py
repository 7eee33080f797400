"""Keyframe pulsing: what jumps at key frames becomes a ramp, and nothing else changes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from clipmaker import pan, write

from deshimmer.processors import api, depulsing, diagnosis, media
from deshimmer.processors.measurement.verdicts import PULSE_LEVELS
from deshimmer.processors.records import Clip, Diagnosis, Outcome, Receipt, Route


def pulsing(path: Path, gop: int, frames: int, options: str = "qp=36:ipratio=2") -> Path:
    """A slow pan, with key frames better than what follows them."""
    keys = f"keyint={gop}:min-keyint={gop}:scenecut=0:bframes=0:{options}"
    return write(path, pan(frames, (384, 256), "coffee", 0.25), options={"preset": "medium", "x264-params": keys})


def _pulse(receipt: Receipt) -> tuple[float, float]:
    assert receipt.before is not None
    assert receipt.after is not None
    return receipt.before["codec"]["keyframe_pulse"], receipt.after["codec"]["keyframe_pulse"]


@pytest.mark.parametrize(
    ("gop", "frames", "options"), [(12, 60, "qp=36:ipratio=2"), (24, 73, "qp=30:ipratio=4"), (48, 97, "qp=36:ipratio=2")]
)
def test_pulses_fall_by_more_than_half(tmp_path: Path, gop: int, frames: int, options: str) -> None:
    receipt = api.fix(pulsing(tmp_path / "a.mp4", gop, frames, options), comparison=False)
    before, after = _pulse(receipt)
    assert (receipt.outcome, receipt.route, receipt.verified) == (Outcome.REPAIRED, Route.DEBAND, True)
    assert before > 0.4
    assert after < before / 2


@pytest.mark.parametrize("name", ["syn_keyframe_pulse_g12.mp4", "syn_keyframe_pulse_ipratio.mp4"])
def test_labelled_pulses_fall(tmp_path: Path, shared_clips: Path, name: str) -> None:
    receipt = api.fix(shared_clips / "codec" / name, output=tmp_path, comparison=False)
    before, after = _pulse(receipt)
    assert (receipt.outcome, receipt.verified) == (Outcome.REPAIRED, True)
    assert before > 3 * PULSE_LEVELS
    assert after < 0.7 * before


def test_frames_far_from_key_frames_and_times_stay(tmp_path: Path) -> None:
    clip, found = _diagnosed(pulsing(tmp_path / "a.mp4", 48, 60))
    before = [media.to_format(frame, media.working_format(clip)) for frame in media.frames(clip)]
    after = list(depulsing.depulse(clip, found))
    assert [frame.pts for frame in after] == [frame.pts for frame in before]
    changes = [_change(old, new) for old, new in zip(before, after, strict=True)]
    ramp = range(48 - depulsing.RAMP_FRAMES, 48 + depulsing.RAMP_FRAMES)
    assert all(change == 0 for index, change in enumerate(changes) if index not in ramp)
    assert changes[47] > changes[44] > changes[41] > 0
    assert changes[48] > changes[51] > changes[54] > 0


def test_good_key_frames_leave_the_picture_alone(tmp_path: Path) -> None:
    keys = {"crf": "10", "preset": "medium", "x264-params": "keyint=8:min-keyint=8:scenecut=0"}
    clip, found = _diagnosed(write(tmp_path / "a.mp4", pan(24, (384, 256), "coffee"), options=keys))
    before = [media.to_format(frame, media.working_format(clip)) for frame in media.frames(clip)]
    assert max(_change(old, new) for old, new in zip(before, depulsing.depulse(clip, found), strict=True)) < 0.5


def _diagnosed(path: Path) -> tuple[Clip, Diagnosis]:
    clip = media.probe(path)
    return clip, diagnosis.diagnose(clip, None, lambda part: None)


def _change(old: object, new: object) -> float:
    """Mean absolute difference of luma, in 8-bit levels."""
    before, after = (media.planes(frame).y.astype(np.float32) for frame in (old, new))  # type: ignore[arg-type]
    return float(np.abs(after - before).mean()) / 4
