"""Where two routes could serve, both are tried on a short stretch, and the one that verifies better comes first.

The loser stays in the plan: what a stretch shows need not hold for the clip.
"""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from . import excerpts, treatment, verification, work_folders
from .jobs import Job
from .measurement import verdicts
from .records import Clip, Diagnosis, Passage, Plan, Progress, Reading, Treatment, Trial, Verdict

if TYPE_CHECKING:
    from ..config.settings import Settings

LEAST_S = 4
"""A shorter clip is treated whole in as little time."""
CLEARLY_LESS = 0.9
"""So much of what the first rival leaves the second may leave, to come before it: two encodes of one repair differ by less."""


def is_due(passage: Passage) -> bool:
    plan, clip = passage.plan, passage.clip
    return plan is not None and clip is not None and plan.rivals > 1 and not plan.trials and clip.duration >= LEAST_S


def wants_gpu(passage: Passage, settings: Settings) -> bool:
    """Whether one of the plan's rivals works on a GPU."""
    return passage.plan is not None and any(treatment.is_on_gpu(rival, settings) for rival in rivals(passage.plan))


def rivals(plan: Plan) -> tuple[Treatment, ...]:
    return plan.treatments[: plan.rivals]


def trial_stage(passage: Passage, settings: Settings, progress: Progress) -> Passage:
    """Try the plan's rivals on the excerpt and put the better first. Raises DeshimmerError."""
    assert passage.clip is not None
    assert passage.diagnosis is not None
    assert passage.plan is not None
    tried = rivals(passage.plan)
    parts = 1 + len(tried)
    clip, found = excerpts.worst(
        passage.clip, passage.diagnosis, passage.work_folder / "trial.npz", settings, lambda done: progress(done / parts)
    )
    made = tuple(
        _tried(
            clip, found, rival, passage.work_folder / f"trial-{place}", settings, lambda done, place=place: progress((place + done) / parts)
        )
        for place, rival in enumerate(tried, 1)
    )
    return replace(passage, plan=decided(passage.plan, made))


def decided(plan: Plan, trials: tuple[Trial, ...]) -> Plan:
    """The plan with its rivals in the order that their trials suggest, and the reason for it."""
    best = trials[0]
    for trial in trials[1:]:
        if trial.better and (not best.better or trial.left < CLEARLY_LESS * best.left):
            best = trial
    others = [one for one in plan.treatments if one != best.treatment]
    return replace(
        plan,
        route=best.treatment.route,
        treatments=(best.treatment, *others),
        reason=f"{plan.reason} {_why(best, trials)}",
        trials=trials,
    )


def _why(best: Trial, trials: tuple[Trial, ...]) -> str:
    found = " and ".join(f"{one.treatment.route} left {one.left:.0%}{'' if one.better else ', rejected'}" for one in trials)
    chosen = f"{best.treatment.route} comes first" if any(one.better for one in trials) else "the order stays"
    return f"On a short stretch {found}: {chosen}."


def _tried(clip: Clip, found: Diagnosis, rival: Treatment, stem: Path, settings: Settings, progress: Progress) -> Trial:
    started = time.monotonic()
    candidate = treatment.make(Job(clip, found, rival, stem, settings, lambda done: progress(done / 2)))
    verdict = verification.verify(clip, found, candidate, None, settings, lambda done: progress((1 + done) / 2))
    with suppress(OSError):
        work_folders.remove(candidate.path)
    assert clip.excerpt is not None
    start = clip.excerpt.first_frame
    return Trial(
        rival,
        start,
        start + clip.frames - 1,
        verdict.better,
        round(_fault(found.verdict, verdict.reading) / max(_fault(found.verdict, found.reading), 1e-3), 3),
        verdict.reason,
        round(time.monotonic() - started, 3),
    )


def _fault(verdict: Verdict, reading: Reading) -> float:
    """What the verdict is about, 1 where it begins to show."""
    if verdict is Verdict.CODEC:
        return max(verdicts.blocking_fault(reading.codec), verdicts.pulse_fault(reading.codec))
    return reading.flicker_score / max(1e-3, 1 - reading.flicker_score)
