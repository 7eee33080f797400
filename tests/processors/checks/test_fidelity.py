"""Fidelity against results that lost something, beside a perfect repair of the same clip."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from clipmaker import Picture, detail_flicker, exposure_flicker, pan, patch_flicker, write
from mediamaker import delivered, made

from deshimmer.processors import media
from deshimmer.processors.checks import fidelity
from deshimmer.processors.checks.fidelity import Fidelity

CRF_16 = {"crf": "16", "preset": "veryfast"}


def measured(folder: Path, source: list[Picture], result: list[Picture], **options: object) -> Fidelity:
    before = write(folder / "source.mp4", source)
    after = write(folder / "result.mp4", result, options=CRF_16)
    return fidelity.measure(media.probe(before), media.probe(after), lambda _: None, **options)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def truth() -> list[Picture]:
    return pan(16, (256, 160), "astronaut", 2.0)


@pytest.mark.parametrize("defect", [exposure_flicker, patch_flicker, detail_flicker, lambda shots: patch_flicker(shots, hue=True)])
def test_a_perfect_repair_keeps_everything(tmp_path: Path, truth: list[Picture], defect: Callable[[list[Picture]], list[Picture]]) -> None:
    seen = measured(tmp_path, defect(truth), truth)
    assert seen.frames == 16
    assert seen.garbage_frames == ()
    assert seen.motion_kept is not None
    assert 0.85 < seen.motion_kept < 1.1
    assert seen.lost_motion == 0
    assert seen.detail_kept is not None
    assert 0.82 < seen.detail_kept < 1.05
    assert seen.edges_kept is not None
    assert 0.95 < seen.edges_kept < 1.05
    assert 0.9 < seen.contrast < 1.05


def test_a_frozen_clip_keeps_no_motion(tmp_path: Path, truth: list[Picture]) -> None:
    seen = measured(tmp_path, patch_flicker(truth), [truth[0]] * 16)
    assert seen.motion_kept is not None
    assert seen.motion_kept < 0.1
    assert seen.lost_motion == 1


def test_a_clip_that_freezes_half_way_loses_half_its_moving_frames(tmp_path: Path, truth: list[Picture]) -> None:
    seen = measured(tmp_path, truth, [*truth[:8], *[truth[7]] * 8])
    assert seen.lost_motion == pytest.approx(8 / 15, abs=0.07)


def test_a_blur_of_one_pixel_costs_detail(tmp_path: Path, truth: list[Picture]) -> None:
    seen = measured(tmp_path, detail_flicker(truth), [cv2.GaussianBlur(shot, (0, 0), 1.0) for shot in truth])
    assert seen.detail_kept is not None
    assert seen.detail_kept < 0.5


def test_a_mean_of_three_moving_frames_costs_detail(tmp_path: Path, truth: list[Picture]) -> None:
    padded = [truth[0], *truth, truth[-1]]
    mixed = [(padded[i - 1] + padded[i] + padded[i + 1]) / 3 for i in range(1, 17)]
    seen = measured(tmp_path, truth, mixed)
    assert seen.detail_kept is not None
    assert seen.detail_kept < 0.7


def test_a_double_image_has_weak_edges(tmp_path: Path) -> None:
    shots = pan(16, (256, 160), "coffee", 6.0)
    double = [(shot + later) / 2 for shot, later in zip(shots, [*shots[1:], shots[-1]], strict=True)]
    seen = measured(tmp_path, shots, double)
    assert seen.edges_kept is not None
    assert seen.edges_kept < 0.75


def test_sharpening_exaggerates_detail(tmp_path: Path, truth: list[Picture]) -> None:
    sharper = [np.clip(shot + 0.7 * (shot - cv2.GaussianBlur(shot, (0, 0), 1.2)), 0, 255) for shot in truth]
    seen = measured(tmp_path, truth, sharper)
    assert seen.detail_kept is not None
    assert seen.detail_kept > 1.3


def test_levels_are_compared_on_one_scale(tmp_path: Path, truth: list[Picture]) -> None:
    darker = measured(tmp_path, truth, [np.clip(shot * 0.9, 0, 255) for shot in truth])
    assert darker.luma_shift == pytest.approx(-0.1 * float(np.mean(truth)), abs=1.5)
    assert darker.contrast == pytest.approx(0.9, abs=0.02)


def test_full_and_limited_range_agree(tmp_path: Path, truth: list[Picture]) -> None:
    rgb = write(tmp_path / "source.mkv", truth, codec="ffv1", pixel_format="bgr0", options={})
    limited = write(tmp_path / "result.mp4", truth, options=CRF_16)
    seen = fidelity.measure(media.probe(rgb), media.probe(limited), lambda _: None)
    assert abs(seen.luma_shift) < 3  # BT.601 in the maker, BT.709 in the measure
    assert seen.contrast == pytest.approx(1.0, abs=0.03)


def test_black_and_foreign_frames_are_garbage(tmp_path: Path, truth: list[Picture]) -> None:
    rng = np.random.default_rng(5)
    result = list(truth)
    result[4] = np.zeros_like(truth[0])
    result[9] = rng.uniform(0, 255, (10, 16, 3)).astype(np.float32).repeat(16, 0).repeat(16, 1)
    assert measured(tmp_path, truth, result).garbage_frames == (4, 9)


def test_one_repaired_bad_frame_is_no_garbage(tmp_path: Path, truth: list[Picture]) -> None:
    source = list(truth)
    source[7] = np.zeros_like(truth[0])
    assert measured(tmp_path, source, truth).garbage_frames == ()


def test_a_soft_picture_has_no_detail_to_lose(tmp_path: Path) -> None:
    soft = [cv2.GaussianBlur(shot, (0, 0), 9) for shot in pan(12, (256, 160), "astronaut", 2.0)]
    seen = measured(tmp_path, exposure_flicker(soft), soft)
    assert seen.detail_kept is None
    assert seen.edges_kept == pytest.approx(1, abs=0.05)
    assert (measured(tmp_path, soft, [cv2.GaussianBlur(shot, (0, 0), 6) for shot in soft]).edges_kept or 0) < 0.88


def test_twice_the_rate_is_compared_on_source_frames(tmp_path: Path, truth: list[Picture]) -> None:
    doubled = [shot for shot in truth for _ in range(2)]
    seen = measured(tmp_path, truth, doubled, factor=2)
    assert seen.frames == 32
    assert seen.motion_kept == pytest.approx(1, abs=0.1)


def test_another_rate_is_compared_where_moments_meet(tmp_path: Path) -> None:
    fine = pan(40, (256, 160), "astronaut", 1.0)
    before = write(tmp_path / "source.mp4", fine[::5], fps=Fraction(24))
    after = write(tmp_path / "result.mp4", fine[::2], fps=Fraction(60), options=CRF_16)
    seen = fidelity.measure(media.probe(before), media.probe(after), lambda _: None, factor=None)
    assert seen.frames == 20
    assert seen.garbage_frames == ()
    assert seen.motion_kept == pytest.approx(1, abs=0.15)


def test_nothing_is_compared_across_cuts(tmp_path: Path, truth: list[Picture]) -> None:
    shots = [*truth[:8], *pan(8, (256, 160), "coffee", 2.0)]
    seen = measured(tmp_path, shots, shots, cuts=(0, 8))
    assert seen.motion_kept == pytest.approx(1, abs=0.1)
    assert seen.lost_motion == 0


def test_colour_sampled_once_in_four_stays_where_it_is(tmp_path: Path) -> None:
    """DV of NTSC: FFmpeg's own way to a finer sampling moves it, and leaves the left edge gray."""
    source = made(tmp_path / "a.mov", "-f lavfi -i testsrc2=s=720x480:r=30000/1001 -vf format=yuv411p -frames:v 6 -c:v dvvideo")
    clip = media.probe(source)
    for frame in media.frames(clip):
        working = media.to_format(frame, media.working_format(clip))
        assert working.format.name == "yuv422p10le"
        for before, after in zip(media.planes(frame)[:3], media.planes(working)[:3], strict=True):
            assert before is not None
            assert after is not None
            assert np.array_equal(before * np.uint16(4), after[:, :: after.shape[1] // before.shape[1]])
    _, result, _ = delivered(source)
    seen = fidelity.measure(clip, result, lambda _: None)
    assert seen.marks.local_chroma < 1
    assert seen.chroma_shift < 0.1


@pytest.mark.parametrize("pixel_format", ["yuv410p", "yuvj411p", "yuv440p"])
def test_rare_samplings_of_colour_keep_its_mean(pixel_format: str) -> None:
    frame = av.VideoFrame.from_ndarray(np.random.default_rng(3).integers(0, 255, (64, 96, 3), np.uint8), "rgb24").reformat(
        format=pixel_format
    )
    steps = media.working_steps(frame.format)
    for before, after in zip(media.planes(frame)[1:3], media.chroma(frame, steps), strict=True):
        assert before is not None
        assert after.shape == (64 // steps[1], 96 // steps[0])
        assert abs(float(before.mean()) - float(after.mean())) < 1
