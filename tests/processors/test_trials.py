"""Trials: two routes that could serve, on a short stretch, and what the plan makes of it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from clipmaker import Picture, exposure_flicker, pan, write

from deshimmer.config.settings import Settings
from deshimmer.processors import api, road, trials
from deshimmer.processors.records import Band, Outcome, Passage, Plan, Request, Route, Treatment, Trial, from_json, to_json

SMOOTH = Treatment(Route.SMOOTH, bands=(Band.GLOBAL_LUMA,))
DEFLICKER = Treatment(Route.DEBAND, deflicker_size=5)
GENTLE = replace(SMOOTH, strength=0.6)
PLAN = Plan(Route.SMOOTH, (SMOOTH, DEFLICKER, GENTLE), False, "Because it flickers.", rivals=2)


def tried(treatment: Treatment, better: bool, left: float) -> Trial:
    return Trial(treatment, 10, 57, better, left, "", 1.0)


@pytest.mark.parametrize(
    ("smooth", "deflicker", "first", "why"),
    [
        ((True, 0.2), (True, 0.1), DEFLICKER, "smooth left 20% and deband left 10%: deband comes first."),
        ((True, 0.2), (True, 0.19), SMOOTH, "smooth left 20% and deband left 19%: smooth comes first."),
        ((True, 0.5), (False, 0.1), SMOOTH, "smooth left 50% and deband left 10%, rejected: smooth comes first."),
        ((False, 0.1), (True, 0.5), DEFLICKER, "smooth left 10%, rejected and deband left 50%: deband comes first."),
        ((False, 0.9), (False, 0.1), SMOOTH, "smooth left 90%, rejected and deband left 10%, rejected: the order stays."),
    ],
)
def test_the_better_comes_first(smooth: tuple[bool, float], deflicker: tuple[bool, float], first: Treatment, why: str) -> None:
    made = (tried(SMOOTH, *smooth), tried(DEFLICKER, *deflicker))
    found = trials.decided(PLAN, made)
    assert found.treatments[0] == first
    assert found.route is first.route
    assert set(found.treatments) == set(PLAN.treatments)
    assert found.treatments[-1] == GENTLE
    assert found.reason == f"Because it flickers. On a short stretch {why}"
    assert found.trials == made


def blinking(shots: list[Picture]) -> list[Picture]:
    """Brighter and darker by turns."""
    return [np.clip(shot + (6 if index % 2 else -6), 0, 255) for index, shot in enumerate(shots)]


def walked(source: Path, folder: Path) -> Passage:
    """As far as the candidate is due, every stage's passage by way of JSON, as the queue has it."""
    passage = Passage("id-1", Request(source, folder, "clip.mp4"), folder)
    while (stage := road.next_stage(passage)) is not None and stage.name != "process":
        passage = from_json(Passage, json.loads(json.dumps(to_json(road.run_stage(stage, passage, Settings(), lambda part: None)))))
    return passage


@pytest.mark.parametrize("defect", [exposure_flicker, blinking])
def test_luminance_tries_smoothing_and_deflicker_on_the_worst_two_seconds(
    tmp_path: Path, defect: Callable[[list[Picture]], list[Picture]]
) -> None:
    truth = pan(60, (128, 80), "astronaut", 0.5)
    source = write(tmp_path / "clip.mp4", [*truth[:30], *defect(truth[30:])], fps=12)
    passage = walked(source, tmp_path)
    assert passage.plan is not None
    assert passage.clip is not None
    assert passage.clip.frames == 60
    assert [trial.treatment.route for trial in passage.plan.trials] == [Route.SMOOTH, Route.DEBAND]
    assert {(trial.end_frame - trial.start_frame + 1, trial.start_frame >= 28) for trial in passage.plan.trials} == {(24, True)}
    assert any(trial.better for trial in passage.plan.trials)
    best = min((trial for trial in passage.plan.trials if trial.better), key=lambda trial: trial.left)
    assert best.left < 0.5
    assert passage.plan.treatments[0].route in passage.plan.reason.rpartition(":")[2]
    assert set(passage.timings) == {"probe", "prompt", "diagnose", "route", "try"}
    assert not list(tmp_path.glob("trial-*"))


def test_a_clip_under_four_seconds_is_treated_whole(tmp_path: Path) -> None:
    source = write(tmp_path / "clip.mp4", exposure_flicker(pan(40, (128, 80), "astronaut", 0.5)), fps=12)
    passage = walked(source, tmp_path)
    assert passage.plan is not None
    assert (passage.plan.rivals, passage.plan.trials) == (2, ())


def test_the_receipt_says_what_was_tried_and_why(tmp_path: Path) -> None:
    source = write(tmp_path / "clip.mp4", exposure_flicker(pan(50, (128, 80), "astronaut", 0.5)), fps=12)
    receipt = api.fix(source, tmp_path / "out", comparison=False)
    assert receipt.outcome is Outcome.REPAIRED
    plan = receipt.details["plan"]
    assert [trial["treatment"]["route"] for trial in plan["trials"]] == ["smooth", "deband"]
    assert "On a short stretch smooth left " in plan["reason"]
    assert plan["reason"].endswith(f"{receipt.route} comes first.")
