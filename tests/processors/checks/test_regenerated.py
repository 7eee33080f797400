"""Clips that were rendered again are judged by themselves: calm alone is not enough, nor is another scene."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from clipmaker import Picture, detail_flicker, exposure_flicker, pan, patch_flicker, write
from prompts import COGVIDEOX

from deshimmer.config.errors import ToolFailed
from deshimmer.config.settings import Settings
from deshimmer.processors import diagnosis, media, verification
from deshimmer.processors.checks import likeness
from deshimmer.processors.families.family import Kind, Means
from deshimmer.processors.records import Candidate, Clip, Diagnosis, Regeneration, Route, Treatment, Verification

FRAMES = 25  # 8 n + 1
SIZE = (256, 160)
PROMPT = replace(COGVIDEOX, num_frames=FRAMES)
BLOCKY = {"crf": "44", "preset": "veryfast"}


@dataclass(frozen=True)
class Case:
    truth: list[Picture]
    clip: Clip
    found: Diagnosis
    folder: Path

    def judge(self, shots: list[Picture], kind: Kind | None = Kind.VIDEO, **options: object) -> Verification:
        path = write(self.folder / "made.mp4", shots, **options)  # type: ignore[arg-type]
        made = Regeneration(Means.DIFFUSERS if kind else Means.COMFYUI, PROMPT, (), "because", kind)
        candidate = Candidate(path, Treatment(Route.REGENERATE, regeneration=made), "H.264", len(shots), 0.0)
        return verification.verify(self.clip, self.found, candidate, None, Settings(), lambda _: None)


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory) -> Case:
    folder = tmp_path_factory.mktemp("regenerated")
    truth = pan(FRAMES, SIZE, "astronaut", 2.0)
    flickering = detail_flicker(patch_flicker(exposure_flicker(truth, 4)), 6)
    clip = media.probe(write(folder / "source.mp4", flickering))
    return Case(truth, clip, diagnosis.diagnose(clip, None, lambda _: None), folder)


def failures(verdict: Verification) -> set[str]:
    return {check.name for check in verdict.checks if not check.passed}


def blurred(shots: list[Picture]) -> list[Picture]:
    return [np.asarray(cv2.GaussianBlur(shot, (0, 0), 1.0), np.float32) for shot in shots]


@pytest.mark.parametrize("kind", [Kind.VIDEO, Kind.IMAGE, Kind.TEXT, None])
def test_a_steady_rendering_of_the_scene_passes_and_says_how_like_it_is(case: Case, kind: Kind | None) -> None:
    verdict = case.judge(case.truth, kind)
    assert (verdict.better, verdict.broken, failures(verdict)) == (True, False, set())
    assert verdict.reading.flicker_score < 0.5 * case.found.reading.flicker_score
    assert "its flicker score fell from 0.9" in verdict.reason
    assert "colours are the original's to 100%" in verdict.reason


@pytest.mark.parametrize(
    ("change", "name"),
    [
        (lambda shots: patch_flicker(shots, seed=7), "flicker"),
        (lambda shots: patch_flicker(shots, 4.0, seed=7), "flicker"),
        (lambda shots: [shots[5]] * FRAMES, "motion"),
        (lambda shots: pan(FRAMES, SIZE, "astronaut", 8.0), "motion"),
        (blurred, "detail"),
    ],
    ids=["flickering", "half as much", "frozen", "four times as fast", "blurred"],
)
@pytest.mark.parametrize("kind", [Kind.VIDEO, Kind.TEXT])
def test_what_only_looks_calm_or_does_not_is_refused(
    case: Case, kind: Kind, change: Callable[[list[Picture]], list[Picture]], name: str
) -> None:
    verdict = case.judge(change(case.truth), kind)
    assert not verdict.better
    assert not verdict.broken
    assert name in failures(verdict)


def test_blocks_are_refused(case: Case) -> None:
    assert "no new blocking" in failures(case.judge(case.truth, options=BLOCKY))


@pytest.mark.parametrize("name", ["coffee", "chelsea"])
def test_another_scene_is_refused_where_the_shot_was_to_stay(case: Case, name: str) -> None:
    other = pan(FRAMES, SIZE, name, 2.0)
    for kind in (Kind.VIDEO, Kind.IMAGE):
        assert failures(case.judge(other, kind)) == {"likeness: layout"}
    rolled = case.judge(other, Kind.TEXT)
    assert rolled.better
    assert next(check.after for check in rolled.checks if check.name == "likeness: layout") == pytest.approx(0, abs=0.1)


def test_a_wholly_other_palette_is_refused_of_every_kind(case: Case) -> None:
    shots = pan(FRAMES, SIZE, "coffee", 2.0)
    magenta = [np.asarray(0.2 * shot.mean(2, keepdims=True) + np.array((200, 0, 200)), np.float32) for shot in shots]
    assert "likeness: palette" in failures(case.judge(magenta, Kind.TEXT))


@pytest.mark.parametrize(
    ("shots", "kind", "broken"),
    [
        (slice(0, 17), Kind.VIDEO, {"frames"}),
        (slice(0, 17), Kind.TEXT, {"frames"}),
        (slice(0, 17), None, set[str]()),
        (slice(0, 1), None, {"frames"}),
    ],
)
def test_frames_are_as_promised(case: Case, shots: slice, kind: Kind | None, broken: set[str]) -> None:
    verdict = case.judge(case.truth[shots], kind)
    assert verdict.broken == bool(broken)
    assert failures(verdict) & {"frames", "duration", "size", "sound"} == broken


def test_speed_and_proportions_of_the_shot_stay(case: Case) -> None:
    assert failures(case.judge(case.truth, fps=12)) == {"duration"}
    assert failures(case.judge([shot[:, :160] for shot in case.truth])) == {"size"}


def test_a_file_that_cannot_be_read_back_is_an_error(case: Case) -> None:
    path = case.folder / "broken.mp4"
    path.write_bytes(b"no video")
    treatment = Treatment(Route.REGENERATE, regeneration=Regeneration(Means.DIFFUSERS, PROMPT, (), "", Kind.TEXT))
    with pytest.raises(ToolFailed, match="original is untouched"):
        verification.verify(case.clip, case.found, Candidate(path, treatment, "", FRAMES, 0.0), None, Settings(), lambda _: None)


def test_likeness_does_not_mind_flicker_and_minds_another_scene(case: Case, tmp_path: Path) -> None:
    steady, other = (media.probe(write(tmp_path / f"{name}.mp4", pan(FRAMES, SIZE, name, 2.0))) for name in ("astronaut", "coffee"))
    same = likeness.measure(case.clip, steady, lambda _: None, framewise=True)
    unlike = likeness.measure(case.clip, other, lambda _: None, framewise=True)
    assert same.layout is not None
    assert unlike.layout is not None
    assert (same.layout > 0.95, same.palette > 0.95, same.frames) == (True, True, FRAMES)
    assert (unlike.layout < 0.3, unlike.palette < 0.85) == (True, True)
