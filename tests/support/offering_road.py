"""A road that offers regeneration, in the place of ``processors.road``: real probe, delivery and report, and a copy for every repair.

The offer is what ``<clip>.deshimmer.json`` says under ``offer``, the stored prompt what it says under ``stored``; there is neither without
such a file. Clips named ``flag...`` end flagged.
"""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from faulty_road import DIAGNOSIS, READING

from deshimmer.config.settings import Settings
from deshimmer.processors import afterwards, delivery, probing
from deshimmer.processors.records import Candidate, Outcome, Passage, Plan, Progress, Receipt, Route, Treatment, Verdict, Verification

FOUND = replace(DIAGNOSIS, verdict=Verdict.GENERATIVE, route=Route.SMOOTH, summary="Patches are drawn anew.")
FLAGGED = replace(DIAGNOSIS, verdict=Verdict.INCOHERENT, summary="Objects change.")
BETTER = Verification(better=True, broken=False, reason="Flicker fell by 71 %.", checks=(), reading=READING, curves=None)


class Stage(NamedTuple):
    name: str
    is_due: Callable[[Passage], bool]
    run: Callable[[Passage, Settings, Progress], Passage]
    wants_gpu: Callable[[Passage, Settings], bool] = lambda passage, settings: False


def sidecar_of(clip: Path) -> Path:
    return clip.with_name(f"{clip.stem}.deshimmer.json")


def said(clip: Path) -> dict[str, Any]:
    """What the sidecar says; nothing where it is not there."""
    try:
        return json.loads(sidecar_of(clip).read_text())
    except FileNotFoundError:
        return {}


def _diagnose(passage: Passage, settings: Settings, progress: Progress) -> Passage:
    if passage.request.path.stem.startswith("slow"):
        time.sleep(1.5)
    return replace(passage, diagnosis=FLAGGED if passage.request.path.stem.startswith("flag") else FOUND)


def _route(passage: Passage, settings: Settings, progress: Progress) -> Passage:
    if passage.diagnosis is FLAGGED or passage.request.path.stem.startswith("flag"):
        return replace(passage, plan=Plan(Route.KEEP, (), False, "Objects change from frame to frame."))
    route = passage.request.route or Route.SMOOTH
    return replace(passage, plan=Plan(route, (Treatment(route),), False, "Because parts are drawn anew."))


def _process(passage: Passage, settings: Settings, progress: Progress) -> Passage:
    assert passage.treatment is not None
    copy = Path(shutil.copyfile(passage.request.path, passage.work_folder / f"candidate{passage.request.path.suffix}"))
    return replace(passage, candidate=Candidate(copy, passage.treatment, "a copy", 4, 0.1))


def _verify(passage: Passage, settings: Settings, progress: Progress) -> Passage:
    return replace(passage, verification=BETTER)


def _deliver(passage: Passage, settings: Settings, progress: Progress) -> Passage:
    passage = delivery.deliver_stage(passage, settings, progress)
    assert passage.receipt is not None
    told = renewed(passage.receipt, settings)
    if told is None:
        return passage
    afterwards.rewrite(told)
    return replace(passage, receipt=told)


STAGES = (
    Stage("probe", lambda passage: passage.clip is None, probing.probe_stage),
    Stage("diagnose", lambda passage: passage.diagnosis is None, _diagnose),
    Stage("route", lambda passage: passage.plan is None, _route),
    Stage("process", lambda passage: passage.treatment is not None and passage.candidate is None, _process),
    Stage("verify", lambda passage: passage.candidate is not None and passage.verification is None, _verify),
    Stage("deliver", lambda passage: passage.receipt is None, _deliver),
)


def next_stage(passage: Passage) -> Stage | None:
    return next((stage for stage in STAGES if stage.is_due(passage)), None) if passage.receipt is None else None


def run_stage(stage: Stage, passage: Passage, settings: Settings, progress: Progress) -> Passage:
    return stage.run(passage, settings, progress)


def renewed(receipt: Receipt, settings: Settings) -> Receipt | None:
    clip = Path(receipt.details["source"])
    if receipt.outcome in (Outcome.FAILED, Outcome.CANCELLED):
        return None
    offer = None if receipt.details["request"]["approved"] else said(clip).get("offer")
    told = replace(receipt, offer=offer, details=receipt.details | {"stored": said(clip).get("stored")})
    return None if told == receipt else told
