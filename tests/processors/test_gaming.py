"""The verification cannot be gamed: calm bought with blur, standstill, blending, medians or interpolation is refused, on made and on real
clips; and so is a true repair that something was added to or taken from.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import cv2
import gaming
import numpy as np
import pytest
from clipmaker import Picture, detail_flicker, exposure_flicker, pan, patch_flicker, write

from deshimmer.config.settings import Settings
from deshimmer.processors import diagnosis, media, routing, smoothing, verification
from deshimmer.processors.records import Band, Candidate, Clip, Diagnosis, Request, Route, Treatment, Verification

SHARED = Path(__file__).resolve().parents[3] / "shared" / "clips" / "ai"
CRF_16 = {"crf": "16", "preset": "veryfast"}
FRAMES, SIZE = 20, (256, 160)

CALM: dict[str, gaming.Change] = {
    "mild blur": gaming.blurred(0.8),
    "blur": gaming.blurred(1.2),
    "strong blur": gaming.blurred(3.0),
    "freeze": gaming.frozen,
    "freeze half-way": gaming.frozen_half_way,
    "mean of two": gaming.mean_of_two,
    "mean of three": gaming.mean_of_three,
    "median of three": gaming.median_of(3),
    "median of five": gaming.median_of(5),
    "every second blended": gaming.every_second(lambda a, b: (a + b) / 2),
    "every second interpolated": gaming.every_second(gaming.along_motion),
}
SPOILT: dict[str, tuple[gaming.Change, str]] = {
    "sharpening": (gaming.sharpened(1.2, 0.7), "detail"),
    "wide halos": (gaming.sharpened(4, 0.4), "halos"),
    "glow": (gaming.sharpened(10, 0.3), "halos"),
    "double edges": (gaming.doubled(5), "ghosts"),
    "double image": (gaming.doubled(12), "ghosts"),
    "ghost of an earlier frame": (gaming.trailing, "ghosts"),
    "colour drift": (gaming.tinted(6), "colour"),
    "local tint": (gaming.tinted_in_one_place(12, 0.18), "local colour"),
    "small local tint": (gaming.tinted_in_one_place(20, 0.08), "local colour"),
    "local light": (gaming.lit_in_one_place(8), "local brightness"),
    "light in one frame": (gaming.lit_in_one_frame(40), "no new jumps"),
    "blur": (gaming.blurred(0.8), "detail"),
    "frame blending": (gaming.mean_of_two, "detail"),
    "every fourth repeated": (gaming.repeating_every(4), "cadence"),
    "one frame held": (gaming.holding_one, "cadence"),
    "one frame dropped": (gaming.dropping_one, "detail"),
    "every second interpolated": (gaming.every_second(gaming.along_motion), "even detail"),
}


@dataclass(frozen=True)
class Case:
    shots: list[Picture]
    repaired: list[Picture]
    clip: Clip
    found: Diagnosis
    treatment: Treatment
    folder: Path

    def judge(self, shots: list[Picture]) -> Verification:
        path = write(self.folder / "candidate.mp4", shots, fps=self.clip.frame_rate, options=CRF_16)
        made = Candidate(path, self.treatment, "H.264", len(shots), 0.0)
        return verification.verify(self.clip, self.found, made, None, Settings(), lambda _: None)


def failures(verdict: Verification) -> set[str]:
    return {check.name for check in verdict.checks if not check.passed}


def hue_flicker(shots: list[Picture]) -> list[Picture]:
    return patch_flicker(shots, hue=True)


DEFECTS: dict[str, tuple[Callable[[list[Picture]], list[Picture]], tuple[Band, ...]]] = {
    "exposure": (exposure_flicker, (Band.GLOBAL_LUMA,)),
    "patches": (patch_flicker, (Band.GLOBAL_LUMA, Band.LOW_LUMA, Band.DETAIL)),
    "hue": (hue_flicker, (Band.LOW_CHROMA,)),
    "detail": (detail_flicker, (Band.DETAIL,)),
}


@pytest.fixture(scope="module", params=DEFECTS)
def made(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Case:
    defect, bands = DEFECTS[request.param]
    folder = tmp_path_factory.mktemp(request.param)
    truth = pan(FRAMES, SIZE, "astronaut", 2.0)
    shots = defect(truth)
    clip = media.probe(write(folder / "source.mp4", shots))
    return Case(shots, truth, clip, diagnosis.diagnose(clip, None, lambda _: None), Treatment(Route.SMOOTH, bands), folder)


def test_the_truth_is_accepted(made: Case) -> None:
    assert failures(made.judge(made.repaired)) == set()


@pytest.mark.parametrize("name", CALM)
def test_calm_is_not_enough(made: Case, name: str) -> None:
    verdict = made.judge(CALM[name](made.shots))
    assert not verdict.better
    assert failures(verdict)


def test_minterpolate_is_refused(made: Case) -> None:
    verdict = made.judge(gaming.minterpolated(made.folder)(made.shots))
    assert not verdict.better
    assert failures(verdict) & {"even repair", "even detail", "even grain"}


@pytest.mark.parametrize("name", SPOILT)
def test_a_true_repair_that_was_spoilt_is_refused(made: Case, name: str) -> None:
    change, named = SPOILT[name]
    verdict = made.judge(change(made.repaired))
    assert not verdict.better
    assert named in failures(verdict)


def test_a_gain_that_takes_content_for_light_is_refused(tmp_path: Path) -> None:
    """A bright thing comes and goes; the mean of the picture is held still, and all else pulses for it."""
    shots = pan(FRAMES, SIZE, "astronaut", 1.0)
    for index, shot in enumerate(shots):
        shot[:, : 8 * (index % 10)] = 240
    clip = media.probe(write(tmp_path / "source.mp4", shots))
    case = Case(shots, shots, clip, diagnosis.diagnose(clip, None, lambda _: None), Treatment(Route.SMOOTH, (Band.GLOBAL_LUMA,)), tmp_path)
    assert "flicker: places" in failures(case.judge(gaming.steady_mean(shots)))


def test_a_repair_of_every_second_frame_is_right_where_only_those_flicker(tmp_path: Path) -> None:
    truth = pan(FRAMES, SIZE, "astronaut", 3.0)
    shots = [np.clip(shot + 12 * (index % 2) * (index // 3 % 2), 0, 255) for index, shot in enumerate(truth)]
    clip = media.probe(write(tmp_path / "source.mp4", shots))
    case = Case(shots, truth, clip, diagnosis.diagnose(clip, None, lambda _: None), Treatment(Route.SMOOTH, (Band.GLOBAL_LUMA,)), tmp_path)
    assert failures(case.judge(truth)) == set()


def test_lost_grain_is_refused(tmp_path: Path) -> None:
    """Exposure is repaired, and the film's grain taken with it."""
    truth = pan(FRAMES, SIZE, "astronaut", 2.0)
    grainy = detail_flicker(truth, 3.0)
    clip = media.probe(write(tmp_path / "source.mp4", exposure_flicker(grainy), options={"crf": "8", "preset": "veryfast"}))
    found = diagnosis.diagnose(clip, None, lambda _: None)
    case = Case([], grainy, clip, found, Treatment(Route.SMOOTH, (Band.GLOBAL_LUMA,)), tmp_path)
    assert failures(case.judge(grainy)) == set()
    denoised = [cv2.bilateralFilter(shot, 5, 18, 2) for shot in grainy]
    assert "grain" in failures(case.judge(denoised))


def test_lost_motion_is_refused(made: Case) -> None:
    assert failures(made.judge(gaming.frozen_in_one_half(made.repaired))) & {"motion", "pictures", "local brightness"}


def test_a_mean_over_a_picture_that_hardly_moves_loses_nothing(tmp_path: Path) -> None:
    """Half a pixel a frame: what is judged there is the flicker alone."""
    truth = pan(FRAMES, SIZE, "astronaut", 0.5)
    clip = media.probe(write(tmp_path / "source.mp4", exposure_flicker(truth)))
    found = diagnosis.diagnose(clip, None, lambda _: None)
    case = Case([], truth, clip, found, Treatment(Route.SMOOTH, (Band.GLOBAL_LUMA,)), tmp_path)
    assert failures(case.judge(gaming.mean_of_three(truth))) == set()
    assert "even repair" in failures(case.judge(CALM["every second interpolated"](exposure_flicker(truth))))


def pictures(clip: Clip) -> list[Picture]:
    return [np.asarray(frame.to_ndarray(format="rgb24"), np.float32) for frame in media.frames(clip)]


REAL = ("cmp_carturn_pix2video.mp4", "rave_abl_wo_ddim_train.mp4", "cmp_bear_pix2video.mp4")
needs_clips = pytest.mark.skipif(not SHARED.is_dir(), reason="the shared clips are absent")


def real_case(name: str, folder: Path, *, repair: bool) -> Case:
    """A clip that two people saw flickering, with what the plan would try last: the gentlest, most easily met."""
    clip = media.probe(SHARED / name)
    found = diagnosis.diagnose(clip, None, lambda _: None)
    treatment = routing.plan(Request(clip.path, folder, name), clip, found, Settings()).treatments[0 if repair else -1]
    smoothed = smoothing.smooth(clip, found, treatment) if repair else ()
    repaired = [np.asarray(frame.to_ndarray(format="rgb24"), np.float32) for frame in smoothed]
    return Case(pictures(clip), repaired, clip, found, treatment, folder)


@pytest.fixture(scope="module", params=REAL)
def real(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Case:
    return real_case(request.param, tmp_path_factory.mktemp("real"), repair=False)


@needs_clips
@pytest.mark.parametrize("name", CALM)
def test_calm_is_not_enough_on_a_real_clip(real: Case, name: str) -> None:
    assert real.clip.frame_rate <= Fraction(24)
    verdict = real.judge(CALM[name](real.shots))
    assert not verdict.better
    assert failures(verdict)


@pytest.fixture(scope="module")
def repaired(tmp_path_factory: pytest.TempPathFactory) -> Case:
    return real_case(REAL[0], tmp_path_factory.mktemp("repaired"), repair=True)


@needs_clips
def test_a_repair_of_a_real_clip_is_accepted(repaired: Case) -> None:
    assert failures(repaired.judge(repaired.repaired)) == set()


STRONG = {
    "halos": gaming.sharpened(1.2, 0.7),
    "glow": gaming.sharpened(10, 0.3),
    "double edges": gaming.doubled(5),
    "ghost of an earlier frame": gaming.trailing,
    "colour drift": gaming.tinted(8),
    "local tint": gaming.tinted_in_one_place(16, 0.18),
    "one frame held": gaming.holding_one,
    "one frame dropped": gaming.dropping_one,
    "every second interpolated": gaming.every_second(gaming.along_motion),
    "mean of two": gaming.mean_of_two,
    "blur": gaming.blurred(0.8),
}


@needs_clips
@pytest.mark.parametrize("name", STRONG)
def test_a_repair_of_a_real_clip_that_was_spoilt_is_refused(repaired: Case, name: str) -> None:
    assert not repaired.judge(STRONG[name](repaired.repaired)).better
