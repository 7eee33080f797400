"""The offer to render a clip again: on the receipt of a clip that flickers and whose prompt is known. It never holds back a repair."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from ..config.errors import DeshimmerError
from . import regenerating
from .families import cost as cost_of
from .families import model_folder
from .families.family import Kind, Means
from .families.table import family_of
from .identity import is_of_queue
from .prompts.stored import Lint
from .records import Change, Clip, Passage, Regeneration, Route, Verdict, to_json

if TYPE_CHECKING:
    from ..config.settings import Settings

_FLICKERS = (Verdict.GENERATIVE, Verdict.LUMINANCE, Verdict.INCOHERENT)


@dataclass(frozen=True)
class Offer:
    means: Means
    kind: Kind | None  # None: ComfyUI's graph says
    model: str | None  # as it was stored
    pipeline: str | None
    minutes: float | None  # None where nobody knows
    memory_gb: float | None  # None where ComfyUI renders
    device: str  # for a person
    on_gpu: bool  # of this machine
    here: bool  # nothing is fetched first: the weights lie on this disk, or ComfyUI has its own
    reason: str
    changes: tuple[Change, ...]
    lint: tuple[Lint, ...]
    ready: bool
    remedy: str | None  # of what is missing

    def as_dict(self) -> dict[str, Any]:
        return to_json(self)


def offer(passage: Passage, settings: Settings) -> Offer | None:
    """None where the clip does not flicker, has no prompt that can be rendered, or nobody wants to be asked. Raises nothing that a clip
    can cause.
    """
    clip, found, stored = passage.clip, passage.diagnosis, passage.stored
    if clip is None or found is None or stored is None or not _is_wanted(passage):
        return None
    try:
        made = regenerating.choose(clip, found, stored, settings)
        located, lacking = _located(made, settings)
        cost = _cost(located, clip, settings)
    except DeshimmerError:  # it cannot be rendered again: there is nothing to offer
        return None
    remedy = lacking or cost.remedy
    return Offer(
        made.means, made.kind, made.prompt.model, _pipeline(made), cost.minutes, cost.memory_gb, cost.device, cost.on_gpu,
        _located(made, regenerating.offline(settings))[1] is None, made.reason, made.changes, stored.lint, remedy is None, remedy,
    )  # fmt: skip


def _is_wanted(passage: Passage) -> bool:
    request, found, judged = passage.request, passage.diagnosis, passage.verification
    assert found is not None
    if request.regenerate == "never" or request.preview or request.route in (Route.REGENERATE, Route.KEEP):
        return False
    refused = judged is not None and not judged.better
    return found.verdict in _FLICKERS or (refused and bool(found.flickering))


def _located(made: Regeneration, settings: Settings) -> tuple[Regeneration, str | None]:
    """With the folder of its weights, and what is missing."""
    try:
        return regenerating.ready(made, settings, fetch=False), None
    except DeshimmerError as error:
        return made, error.message


def _pipeline(made: Regeneration) -> str | None:
    family = family_of(made.prompt.model, made.prompt.pipeline)
    return family.pipelines[made.kind] if family and made.kind else made.prompt.pipeline


@dataclass(frozen=True)
class _Cost:
    minutes: float | None
    memory_gb: float | None
    device: str
    on_gpu: bool = False
    remedy: str | None = None  # where it does not fit


def _cost(made: Regeneration, clip: Clip, settings: Settings) -> _Cost:
    family = family_of(made.prompt.model, made.prompt.pipeline)
    if family is None or made.kind is None:
        return _Cost(None, None, "ComfyUI")
    prompt = replace(made.prompt, num_frames=family.nearest_frames(clip.frames)) if made.kind is Kind.VIDEO else made.prompt
    if made.model is not None:
        with suppress(OSError, ValueError):  # it is fetched first, or cannot be read: the family's figures stand
            family = model_folder.counted(made.model, family)
    cost = cost_of.estimate(family, made.kind, prompt, settings)
    minutes = None if cost.minutes is None else round(cost.minutes, 2)
    return _Cost(minutes, round(cost.memory_gb, 1), cost.device, cost.on_gpu, cost.remedy)


def in_words(offer: Mapping[str, Any], job_id: str, shown_path: str) -> str:
    """For a report: what it would cost, and how to have it."""
    if offer["memory_gb"] is None:
        cost = "in ComfyUI takes as long as it took the first time"
    else:
        time = "a time that nobody can tell" if offer["minutes"] is None else f"about {_duration(offer['minutes'])}"
        cost = f"would take {time} and {offer['memory_gb']:g} GB on {offer['device']}"
    first = " The model is fetched first." if _fetches_first(offer) else ""
    begins = f"approve {job_id}" if is_of_queue(job_id) else f"fix --route regenerate -- {shlex.quote(shown_path)}"
    how = f"Approve it with: deshimmer {begins}" if offer["ready"] else f"Before that: {offer['remedy']}"
    return f"Rendering it again {cost}.{first} {how}"


def _fetches_first(offer: Mapping[str, Any]) -> bool:
    """Whether an approval begins with a download."""
    return offer["ready"] and offer.get("here") is False


def _duration(minutes: float) -> str:
    return (
        f"{max(1, round(minutes * 60))} seconds"
        if minutes < 1.5
        else f"{round(minutes)} minutes"
        if minutes < 90
        else f"{minutes / 60:.1f} hours"
    )
