"""What the page of a job says of the prompt that was stored with its clip, and of the offer to render it again.

Prompts, model names and paths in them come from files that nobody vouches for: they pass ``words.visible``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from ..offering import UNDECIDED, Offered
from ..states import State
from .words import Look, about, visible

if TYPE_CHECKING:
    from ...processors.prompts.stored import Lint, Stored
    from ..table import JobRow

_KINDS = {
    "text": "From the prompt alone",
    "image": "From a first frame",
    "video": "From the clip itself",
    None: "By the graph that the clip carries",
}
_MEANS = {"comfyui": "ComfyUI", "diffusers": "diffusers"}
_SEVERITIES = {
    "error": Look("cross", "Error", "bad"),
    "warning": Look("warning", "Warning", "warn"),
    "info": Look("dot", "Hint", "info"),
}
_DECIDED = {
    Offered.APPROVED: "It was approved: another job renders it again.",
    Offered.DECLINED: "You kept the original.",
    Offered.REPLACED: "The render was taken up again since: what counts is that job.",
}


class ParameterLine(NamedTuple):
    name: str
    value: str
    where: str


class LintLine(NamedTuple):
    look: Look
    message: str
    setting: str  # what we would use: "num_inference_steps = 40"; "" where only a person can say
    source: str


class ChangeLine(NamedTuple):
    field: str
    before: str
    after: str
    rule: str


@dataclass(frozen=True)
class PromptView:
    """``why_not``: why it cannot be rendered again by itself."""

    parameters: tuple[ParameterLine, ...]
    missing: str
    why_not: str
    lint: tuple[LintLine, ...]


@dataclass(frozen=True)
class OfferView:
    """``button`` is "" where it cannot be approved; then ``remedy`` says what is missing, or ``decided`` what became of it."""

    headline: str
    kind: str
    model: str
    reason: str
    changes: tuple[ChangeLine, ...]
    button: str
    fetches: bool  # the model, first of all
    remedy: str
    decided: str


def prompt_view(stored: Stored | None) -> PromptView | None:
    """None where nothing was stored, or nobody looked."""
    from ...processors.prompts import shown  # here: it brings the table of models

    if stored is None or (stored.prompt is None and not stored.lint):
        return None
    prompt, lint = stored.prompt, tuple(map(_lint_line, stored.lint))
    if prompt is None:
        return PromptView((), "", "", lint)
    lines = (ParameterLine(visible(each.name), visible(each.value), visible(each.where)) for each in shown.parameters(prompt))
    return PromptView(tuple(lines), shown.missing_words(prompt), visible(prompt.reason or ""), lint)


def offer_view(offer: Mapping[str, Any] | None, state: Offered | None) -> OfferView | None:
    """``offer`` as on the receipt; ``state``: what became of it. None where there is none."""
    if offer is None:
        return None
    minutes = offer.get("minutes")
    can = state is Offered.WAITING or (state is Offered.UNREADY and bool(offer.get("ready")))
    return OfferView(
        headline=_headline(offer),
        kind=f"{_KINDS.get(offer.get('kind'), 'Otherwise')}, by {_MEANS.get(str(offer.get('means')), 'another program')}",
        model=visible(" · ".join(str(offer[key]) for key in ("model", "pipeline") if offer.get(key))),
        reason=visible(str(offer.get("reason") or "")),
        changes=tuple(_changes(offer.get("changes") or ())),
        button=f"Approve ({about(minutes)})" if can and minutes is not None else "Approve" if can else "",
        fetches=can and offer.get("here") is False,
        remedy="" if can or state not in UNDECIDED else visible(str(offer.get("remedy") or "'deshimmer doctor' says what is missing.")),
        decided=_DECIDED.get(state, "") if state else "",
    )


def may_keep_original(row: JobRow, *, has_result: bool) -> bool:
    """Whether there is anything to give up: a result, or an offer that nobody decided."""
    return row.state is State.DONE and (has_result or row.offer in UNDECIDED)


def _headline(offer: Mapping[str, Any]) -> str:
    """What it costs, first of all: ``Render again: about 12 minutes, 18 GB on NVIDIA RTX 4090``."""
    minutes, memory_gb, device = offer.get("minutes"), offer.get("memory_gb"), visible(str(offer.get("device") or "this machine"))
    if memory_gb is None:
        time = "as long as it took the first time" if minutes is None else about(minutes)
        return f"Render again: {time}, on {device}"
    return f"Render again: {'nobody knows how long' if minutes is None else about(minutes)}, {memory_gb:.3g} GB on {device}"


def _changes(changes: Any) -> Iterator[ChangeLine]:
    for each in changes:
        before = "not set" if each.get("before") is None else str(each["before"])
        yield ChangeLine(*map(visible, (str(each.get("field")), before, str(each.get("after")), str(each.get("rule") or ""))))


def _lint_line(lint: Lint) -> LintLine:
    setting = "" if lint.suggested is None else f"{lint.field} = {lint.suggested}"
    return LintLine(_SEVERITIES[lint.severity.value], visible(lint.message), visible(setting), visible(lint.source))
