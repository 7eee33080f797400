"""The offer to render a clip again: on the receipt of a clip that flickers and whose prompt is known. It never holds back a repair."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any

from ..config.errors import DeshimmerError
from . import regenerating
from .families.family import Kind, Means
from .families.table import family_of
from .prompts.stored import Lint
from .records import Change, Passage, Regeneration, Route, Verdict, to_json

if TYPE_CHECKING:
    from ..config.settings import Settings

_FLICKERS = (Verdict.GENERATIVE, Verdict.LUMINANCE, Verdict.INCOHERENT)


@dataclass(frozen=True)
class Offer:
    means: Means
    kind: Kind | None  # None: ComfyUI's graph says
    model: str | None  # as it was stored
    pipeline: str | None
    minutes: float | None  # None where nobody knows: ComfyUI renders
    memory_gb: float | None
    device: str | None
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
        minutes, memory_gb, device = _cost(made, settings)
    except DeshimmerError:  # it cannot be rendered again: there is nothing to offer
        return None
    remedy = _remedy(made, settings)
    return Offer(
        made.means, made.kind, made.prompt.model, _pipeline(made), minutes, memory_gb, device, made.reason,
        made.changes, stored.lint, remedy is None, remedy,
    )  # fmt: skip


def _is_wanted(passage: Passage) -> bool:
    request, found, judged = passage.request, passage.diagnosis, passage.verification
    assert found is not None
    if request.regenerate == "never" or request.preview or request.route in (Route.REGENERATE, Route.KEEP):
        return False
    refused = judged is not None and not judged.better
    return found.verdict in _FLICKERS or (refused and bool(found.flickering))


def _remedy(made: Regeneration, settings: Settings) -> str | None:
    try:
        regenerating.ready(made, settings)
    except DeshimmerError as error:
        return error.message
    return None


def _pipeline(made: Regeneration) -> str | None:
    family = family_of(made.prompt.model, made.prompt.pipeline)
    return family.pipelines[made.kind] if family and made.kind else made.prompt.pipeline


def _cost(made: Regeneration, settings: Settings) -> tuple[float | None, float | None, str | None]:
    """(minutes, GB, device)."""
    family = family_of(made.prompt.model, made.prompt.pipeline)
    if family is None or made.kind is None:
        return None, None, "ComfyUI"
    cost = import_module(".families.cost", __package__).estimate(family, made.kind, made.prompt, settings)
    return round(cost.minutes, 2), round(cost.memory_gb, 1), cost.device


def in_words(offer: dict[str, Any], job_id: str) -> str:
    """For a report: what it would cost, and how to have it."""
    if offer["minutes"] is None:
        cost = "in ComfyUI takes as long as it took the first time"
    else:
        cost = f"would take about {_duration(offer['minutes'])} and {offer['memory_gb']:g} GB on {offer['device']}"
    how = f"Approve it with: deshimmer approve {job_id}" if offer["ready"] else f"Before that: {offer['remedy']}"
    return f"Rendering it again {cost}. {how}"


def _duration(minutes: float) -> str:
    return (
        f"{max(1, round(minutes * 60))} seconds"
        if minutes < 1.5
        else f"{round(minutes)} minutes"
        if minutes < 90
        else f"{minutes / 60:.1f} hours"
    )
