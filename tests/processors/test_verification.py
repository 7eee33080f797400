"""True repairs pass; everything that only looks calm, or lost something, is refused."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from clipmaker import Picture, detail_flicker, exposure_flicker, pan, patch_flicker, ramp, write

from deshimmer.config import spawn
from deshimmer.config.errors import ToolFailed
from deshimmer.config.settings import Settings
from deshimmer.processors import diagnosis, ffmpeg, media, verification
from deshimmer.processors.measurement import verdicts
from deshimmer.processors.records import Band, Candidate, Clip, Diagnosis, Passage, Plan, Request, Route, Treatment, Verification

FRAMES = 20
SIZE = (256, 160)
CRF_16 = {"crf": "16", "preset": "veryfast"}
Change = Callable[[list[Picture]], list[Picture]]


def hue_flicker(shots: list[Picture]) -> list[Picture]:
    return patch_flicker(shots, hue=True)


@dataclass(frozen=True)
class Case:
    """A flickering clip and its truth."""

    truth: list[Picture]
    shots: list[Picture]
    clip: Clip
    found: Diagnosis
    treatment: Treatment

    def judge(self, candidate: Path, treatment: Treatment | None = None) -> Verification:
        made = Candidate(candidate, treatment or self.treatment, "H.264", FRAMES, 0.0)
        return verification.verify(self.clip, self.found, made, None, Settings(), lambda _: None)


def case(folder: Path, defect: Change, bands: Sequence[Band], step_px: float = 2.0) -> Case:
    truth = pan(FRAMES, SIZE, "astronaut", step_px)
    shots = defect(truth)
    clip = media.probe(write(folder / "source.mp4", shots))
    return Case(truth, shots, clip, diagnosis.diagnose(clip, None, lambda _: None), Treatment(Route.SMOOTH, tuple(bands)))


@pytest.fixture(scope="module")
def patchy(tmp_path_factory: pytest.TempPathFactory) -> Case:
    return case(tmp_path_factory.mktemp("patchy"), patch_flicker, (Band.GLOBAL_LUMA, Band.LOW_LUMA, Band.DETAIL))


def failures(verdict: Verification) -> set[str]:
    return {check.name for check in verdict.checks if not check.passed}


@pytest.mark.parametrize(
    ("defect", "bands"),
    [
        (exposure_flicker, (Band.GLOBAL_LUMA,)),
        (patch_flicker, (Band.LOW_LUMA, Band.DETAIL, Band.GLOBAL_LUMA)),
        (hue_flicker, (Band.LOW_CHROMA,)),
        (detail_flicker, (Band.DETAIL,)),
    ],
    ids=["luminance", "patchy", "hue", "detail"],
)
def test_a_true_repair_is_accepted(tmp_path: Path, defect: Change, bands: tuple[Band, ...]) -> None:
    made = case(tmp_path, defect, bands)
    verdict = made.judge(write(tmp_path / "truth.mp4", made.truth, options=CRF_16))
    assert failures(verdict) == set()
    assert verdict.better
    assert not verdict.broken
    assert verdict.reason.startswith("Flicker fell by ")


@pytest.mark.parametrize("step_px", [0.5, 2.0])
@pytest.mark.parametrize("defect", [exposure_flicker, patch_flicker, detail_flicker])
def test_a_frozen_clip_is_refused(tmp_path: Path, defect: Change, step_px: float) -> None:
    made = case(tmp_path, defect, (Band.GLOBAL_LUMA, Band.LOW_LUMA, Band.DETAIL), step_px)
    verdict = made.judge(write(tmp_path / "frozen.mp4", [made.shots[0]] * FRAMES, options=CRF_16))
    assert not verdict.better
    assert {"motion", "detail", "pictures"} & failures(verdict)


def blurred(case: Case) -> list[Picture]:
    return [cv2.GaussianBlur(shot, (0, 0), 1.2) for shot in case.truth]


def mixed(case: Case) -> list[Picture]:
    padded = [case.shots[0], *case.shots, case.shots[-1]]
    return [(padded[index - 1] + padded[index] + padded[index + 1]) / 3 for index in range(1, FRAMES + 1)]


def sharpened(case: Case) -> list[Picture]:
    return [np.clip(shot + 0.7 * (shot - cv2.GaussianBlur(shot, (0, 0), 1.2)), 0, 255) for shot in case.truth]


def darker(case: Case) -> list[Picture]:
    return [np.clip(shot - 8, 0, 255) for shot in case.truth]


def duller(case: Case) -> list[Picture]:
    return [(shot - shot.mean()) * 0.85 + shot.mean() for shot in case.truth]


def recoloured(case: Case) -> list[Picture]:
    return [np.clip(shot + np.array([6, 0, -6], np.float32), 0, 255) for shot in case.truth]


def half_rate(case: Case) -> list[Picture]:
    return [case.truth[index // 2 * 2] for index in range(FRAMES)]


def noisy(case: Case) -> list[Picture]:
    return patch_flicker(case.truth, 4.0, seed=9, hue=True)


@pytest.mark.parametrize(
    ("make", "named"),
    [
        (blurred, "detail"),
        (mixed, "detail"),
        (sharpened, "detail"),
        (darker, "brightness"),
        (duller, "contrast"),
        (recoloured, "colour"),
        (half_rate, "cadence"),
        (noisy, "steady: low_chroma"),
    ],
)
def test_what_only_looks_calm_is_refused(tmp_path: Path, patchy: Case, make: Callable[[Case], list[Picture]], named: str) -> None:
    verdict = patchy.judge(write(tmp_path / "candidate.mp4", make(patchy), options=CRF_16))
    assert not verdict.better
    assert not verdict.broken
    assert named in failures(verdict)
    assert verdict.reason


def test_the_same_clip_is_no_better(tmp_path: Path, patchy: Case) -> None:
    verdict = patchy.judge(write(tmp_path / "same.mp4", patchy.shots, options=CRF_16))
    assert "flicker" in failures(verdict)
    assert not verdict.broken
    assert "did not fall" in verdict.reason or "at least 20%" in verdict.reason


def test_detail_flicker_is_not_repaired_by_blur(tmp_path: Path) -> None:
    made = case(tmp_path, detail_flicker, (Band.DETAIL,))
    verdict = made.judge(write(tmp_path / "blurred.mp4", [cv2.GaussianBlur(shot, (0, 0), 1.2) for shot in made.shots], options=CRF_16))
    assert "detail" in failures(verdict)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (lambda shots: shots[:-1], "frames"),
        (lambda shots: shots[: FRAMES // 2], "duration"),
        (lambda shots: [cv2.resize(shot, (128, 80)) for shot in shots], "size"),
        (lambda shots: [*shots[:6], np.zeros_like(shots[0]), np.zeros_like(shots[0]), *shots[8:]], "pictures"),
    ],
    ids=["a frame short", "half", "smaller", "black frames"],
)
def test_what_is_not_the_clip_is_broken(tmp_path: Path, patchy: Case, change: Change, named: str) -> None:
    verdict = patchy.judge(write(tmp_path / "candidate.mp4", change(patchy.truth), options=CRF_16))
    assert verdict.broken
    assert not verdict.better
    assert named in failures(verdict)


def test_a_file_that_cannot_be_read_back_says_so(tmp_path: Path, patchy: Case) -> None:
    whole = write(tmp_path / "whole.mp4", patchy.truth)
    cut = tmp_path / "cut.mp4"
    cut.write_bytes(whole.read_bytes()[:4000])
    with pytest.raises(ToolFailed, match="original is untouched"):
        patchy.judge(cut)


def test_a_truncated_matroska_is_broken(tmp_path: Path, patchy: Case) -> None:
    whole = write(tmp_path / "whole.mkv", patchy.truth)
    cut = tmp_path / "cut.mkv"
    cut.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    verdict = patchy.judge(cut)
    assert verdict.broken
    assert "frames" in failures(verdict)


def with_sound(source: Path, output: Path, seconds: float = FRAMES / 24, tracks: int = 1) -> Path:
    binary = str(ffmpeg.tool(Settings()))
    tones = [part for hertz in range(440, 440 + tracks) for part in ("-f", "lavfi", "-i", f"sine={hertz}:d={seconds}")]
    maps = [part for index in range(tracks + 1) for part in ("-map", str(index))]
    spawn.run([binary, "-v", "error", "-y", "-i", str(source), *tones, *maps, "-c:v", "copy", "-c:a", "aac", str(output)], timeout_s=60)
    return output


@pytest.mark.parametrize(("tracks", "seconds", "broken"), [(1, FRAMES / 24, False), (0, 1.0, True), (2, FRAMES / 24, True), (1, 0.4, True)])
def test_sound_has_to_be_as_it_was(tmp_path: Path, patchy: Case, tracks: int, seconds: float, broken: bool) -> None:
    source = media.probe(with_sound(patchy.clip.path, tmp_path / "source.mp4"))
    candidate = with_sound(write(tmp_path / "truth.mp4", patchy.truth, options=CRF_16), tmp_path / "candidate.mp4", seconds, tracks)
    verdict = replace(patchy, clip=source).judge(candidate)
    assert verdict.broken is broken
    assert ("sound" in failures(verdict)) is broken


def test_a_lost_transparency_is_broken(tmp_path: Path, patchy: Case) -> None:
    verdict = replace(patchy, clip=replace(patchy.clip, has_alpha=True)).judge(write(tmp_path / "truth.mp4", patchy.truth))
    assert verdict.broken
    assert failures(verdict) == {"transparency"}


def doubled(case: Case, between: Callable[[Picture, Picture], Picture]) -> list[Picture]:
    """Twice the frames, those inserted made of their neighbours."""
    pairs = zip(case.truth, [*case.truth[1:], case.truth[-1]], strict=True)
    return [shot for first, second in pairs for shot in (first, between(first, second))]


def test_interpolation_is_judged_by_its_inserted_frames(tmp_path: Path) -> None:
    fine = pan(2 * FRAMES, SIZE, "astronaut", 3.0)
    source = media.probe(write(tmp_path / "source.mp4", fine[::2]))
    found = diagnosis.diagnose(source, None, lambda _: None)
    made = Case(fine[::2], fine[::2], source, found, Treatment(Route.INTERPOLATE, factor=2))
    true = made.judge(write(tmp_path / "true.mp4", fine, fps=48, options=CRF_16))
    assert failures(true) == set()
    assert true.better
    ghosts = made.judge(write(tmp_path / "ghosts.mp4", doubled(made, lambda a, b: (a + b) / 2), fps=48, options=CRF_16))
    assert "no ghosts" in failures(ghosts)
    assert not ghosts.broken
    pulsing = [shot * (0.97 if index % 2 else 1.0) for index, shot in enumerate(fine)]
    assert "no pulse" in failures(made.judge(write(tmp_path / "pulsing.mp4", pulsing, fps=48, options=CRF_16)))
    short = made.judge(write(tmp_path / "short.mp4", fine[:-3], fps=48, options=CRF_16))
    assert short.broken


def test_debanding_has_to_lower_cambi(tmp_path: Path) -> None:
    deep = {"x265-params": "log-level=error", "crf": "14", "preset": "ultrafast"}
    smooth = ramp(8, (320, 180))
    banded = [np.floor(shot / 2) * 2 for shot in smooth]
    source = media.probe(write(tmp_path / "source.mp4", banded))
    found = diagnosis.diagnose(source, None, lambda _: None)
    assert found.reading.codec.cambi
    made = Case(smooth, banded, source, found, Treatment(Route.DEBAND, deband=True))
    same = made.judge(write(tmp_path / "same.mp4", banded))
    assert "banding" in failures(same)

    def dithered(frame: av.VideoFrame, index: int) -> None:
        plane = media.planes(frame).y
        true = 64 + smooth[index][..., 0] * (219 / 255) * 4
        plane[:] = (true + np.random.default_rng(index).normal(0, 1.0, true.shape)).round()

    better = made.judge(
        write(tmp_path / "better.mp4", smooth, codec="libx265", pixel_format="yuv420p10le", options=deep, on_frame=dithered)
    )
    assert "banding" not in failures(better), better.checks


def test_a_rejected_candidate_makes_room_for_the_next_attempt(tmp_path: Path, patchy: Case) -> None:
    path = write(tmp_path / "candidate-0.mp4", patchy.shots, options=CRF_16)
    plan = Plan(Route.SMOOTH, (patchy.treatment, replace(patchy.treatment, strength=0.6)), False, "")
    passage = Passage(
        "id-1", Request(patchy.clip.path, tmp_path, "clip.mp4"), tmp_path, patchy.clip, diagnosis=patchy.found, plan=plan,
        candidate=Candidate(path, patchy.treatment, "H.264", FRAMES, 0.0),
    )  # fmt: skip
    after = verification.verify_stage(passage, Settings(), lambda _: None)
    assert (after.attempt, after.candidate, after.verification, len(after.rejected)) == (1, None, None, 1)
    assert not path.exists()
    assert after.rejected[0].curves == tmp_path / "curves-after-0.npz"
    assert after.rejected[0].curves.exists()

    last = replace(after, candidate=Candidate(write(path, patchy.shots), patchy.treatment, "H.264", FRAMES, 0.0))
    done = verification.verify_stage(last, Settings(), lambda _: None)
    assert done.verification is not None
    assert not done.verification.better
    assert done.attempt == 1
    assert path.exists()


def test_a_pulse_stays_in_sight_when_the_result_has_other_key_frames(tmp_path: Path) -> None:
    base = pan(24, SIZE, "astronaut")
    grain = [np.random.default_rng(index // 6).normal(0, 8, (SIZE[1], SIZE[0], 1)).astype(np.float32) for index in range(24)]
    shots = [np.clip(shot + each, 0, 255) for shot, each in zip(base, grain, strict=True)]
    options = {"crf": "10", "preset": "veryfast", "x264-params": "scenecut=0"}
    source = media.probe(write(tmp_path / "source.mp4", shots, options={**options, "g": "6"}))
    result = media.probe(write(tmp_path / "result.mp4", shots, options={**options, "g": "250"}))
    found = diagnosis.diagnose(source, None, lambda _: None)
    seen = diagnosis.read(result, None, lambda _: None, guide=source, shots=found.shots)
    assert found.reading.codec.keyframe_pulse is not None
    assert found.reading.codec.keyframe_pulse > verdicts.PULSE_LEVELS
    assert seen.codec.keyframe_pulse == pytest.approx(found.reading.codec.keyframe_pulse, rel=0.2)
