"""The ordered table of stages that every clip passes, and the walk along it.

``fix`` walks the table in this process; the daemon's queue makes each stage a durable step in a worker. Both ask
``next_stage``, which depends on nothing but the passage.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from ..config.errors import DeshimmerError
from ..config.settings import Settings
from . import delivery, diagnosis, excerpts, probing, routing, treatment, trials, verification
from .late_prompts import renewed as renewed
from .prompts import station
from .records import Passage, Progress, Receipt

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Stage:
    name: str
    is_due: Callable[[Passage], bool]
    run: Callable[[Passage, Settings, Progress], Passage]
    wants_gpu: Callable[[Passage, Settings], bool] = lambda passage, settings: False
    """Of a passage that is due for it: the daemon lets such a stage wait while others need the GPU."""


STAGES: tuple[Stage, ...] = (
    Stage("probe", lambda passage: passage.clip is None, probing.probe_stage),
    Stage("prompt", lambda passage: passage.stored is None, station.prompt_stage),
    Stage("diagnose", lambda passage: passage.diagnosis is None, diagnosis.diagnose_stage),
    Stage("route", lambda passage: passage.plan is None, routing.route_stage),
    Stage("try", trials.is_due, trials.trial_stage, trials.wants_gpu),
    Stage("excerpt", excerpts.is_due, excerpts.excerpt_stage),
    Stage(
        "process", lambda passage: passage.treatment is not None and passage.candidate is None, treatment.process_stage, treatment.wants_gpu
    ),
    Stage("verify", lambda passage: passage.candidate is not None and passage.verification is None, verification.verify_stage),
    Stage("deliver", lambda passage: passage.receipt is None, delivery.deliver_stage),
)


def next_stage(passage: Passage) -> Stage | None:
    """The stage that this passage needs next; None when its receipt is written."""
    return next((stage for stage in STAGES if stage.is_due(passage)), None) if passage.receipt is None else None


def run_stage(stage: Stage, passage: Passage, settings: Settings, progress: Progress) -> Passage:
    """Run one stage and add its seconds to the passage. Raises DeshimmerError, and nothing else that a clip can cause."""
    started = time.monotonic()
    try:
        passage = stage.run(passage, settings, progress)
    except DeshimmerError:
        raise
    except Exception as error:  # the job boundary: whatever a clip does to us ends as one error on its receipt
        log.exception("stage %s on %s", stage.name, passage.request.path)
        raise DeshimmerError(
            f"{type(error).__name__} in stage '{stage.name}': {error}. Run 'deshimmer doctor', then retry; report it if it stays.",
            path=passage.request.shown_path,
            title="Something unexpected happened",
        ) from error
    spent = passage.timings.get(stage.name, 0.0) + time.monotonic() - started
    return replace(passage, timings={**passage.timings, stage.name: round(spent, 3)})


def walk(passage: Passage, settings: Settings, progress: Callable[[str, float], None]) -> Receipt:
    """Take a passage to its receipt in this process. ``progress`` gets the stage's name and its part done, 0 to 1."""
    try:
        while stage := next_stage(passage):
            name = stage.name
            progress(name, 0.0)
            passage = run_stage(stage, passage, settings, lambda part, name=name: progress(name, part))
    except DeshimmerError as error:
        return delivery.conclude_failed(passage, settings, error)
    assert passage.receipt is not None
    return passage.receipt
