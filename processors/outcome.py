"""What a passage has earned: the table of outcomes."""

from __future__ import annotations

from dataclasses import dataclass

from .records import Outcome, Passage, Plan, Verdict, Verification


@dataclass(frozen=True)
class Ending:
    """How a job ends, before anything is written."""

    outcome: Outcome
    reason: str
    verified: bool | None = None
    delivers: bool = False  # the candidate becomes the result
    compares: bool = False


def decide(passage: Passage, *, is_offered: bool = False) -> Ending:
    """The ending of a passage that is diagnosed, planned, and verified where something was tried. ``is_offered``: to render it again, which
    a person decides where nothing else helped.
    """
    plan, verification, diagnosis = passage.plan, passage.verification, passage.diagnosis
    assert plan is not None
    assert diagnosis is not None
    if passage.request.preview:
        return _preview(plan, verification)
    not_repaired = Outcome.FLAGGED if is_offered or diagnosis.verdict is Verdict.INCOHERENT else Outcome.KEPT
    if verification is None:
        return Ending(not_repaired, plan.reason)
    sound = not verification.broken
    better = verification.better and sound
    if better or (plan.named_by_user and sound):
        return Ending(Outcome.REPAIRED, verification.reason, better, delivers=True, compares=passage.request.comparison)
    if passage.request.approved:
        return Ending(not_repaired, f"Rendered again it was not better, so what was there before stays. {verification.reason}", False)
    tried = len(passage.rejected) + 1
    return Ending(not_repaired, f"No result was better than the original ({tried} tried). {verification.reason}", False)


def _preview(plan: Plan, verification: Verification | None) -> Ending:
    """A preview keeps the clip whatever it shows; where it has nothing to show, the reason goes on."""
    if verification is None:
        return Ending(Outcome.KEPT, f"preview: {plan.reason}")
    if verification.broken:
        return Ending(Outcome.KEPT, f"preview: {verification.reason}", False)
    return Ending(Outcome.KEPT, "preview", verification.better, compares=True)
