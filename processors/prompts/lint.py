"""What is wrong with a stored prompt's parameters, and the prompt with them corrected. Pure, in milliseconds, without torch or a GPU."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any

from ..records import Change, Clip, Verdict
from . import case, rules
from .case import Case
from .stored import Lint, Severity, StoredPrompt

if TYPE_CHECKING:
    from ..records import Diagnosis

UNREADABLE = "sidecar-unreadable"
"""Rule of the lint that carries what is wrong with a sidecar of ours."""

_FIELDS = frozenset(field.name for field in fields(StoredPrompt))
_KEYS = ("rule", "severity", "message", "value", "suggested", "source")
_FLICKERS = (Verdict.LUMINANCE, Verdict.GENERATIVE, Verdict.INCOHERENT)


def lint(prompt: StoredPrompt, diagnosis: Diagnosis | None, clip: Clip | None) -> tuple[Lint, ...]:
    """What the rules find, in the order of their table. Without a diagnosis, the rules that need one are silent."""
    seen = case.of(prompt, diagnosis, clip)
    return tuple(_found(rule, seen) for rule in rules.RULES if rule.applies(seen.family) and rule.is_wrong(seen))


def corrected(prompt: StoredPrompt, lints: Iterable[Lint]) -> tuple[StoredPrompt, tuple[Change, ...]]:
    """The prompt with every suggestion taken that there is, and what that changed. Of several for one field the last counts."""
    taken = {each.field: each for each in lints if each.suggested is not None}
    changes = tuple(
        Change(name, before, each.suggested, each.rule)
        for name, each in taken.items()
        if (before := _value(prompt, name)) != each.suggested
    )
    own = {change.field: change.after for change in changes if change.field in _FIELDS}
    extra = {change.field: change.after for change in changes if change.field not in _FIELDS}
    return replace(prompt, **own, extra=prompt.extra | extra), changes


def as_dict(one: Lint) -> dict[str, Any]:
    """The object that ``--json`` prints."""
    return {key: getattr(one, key) for key in _KEYS}


def cause(verdict: Verdict, lints: Sequence[Lint]) -> str | None:
    """A sentence on what in the parameters makes a clip of this verdict flicker; None where nothing does."""
    found = next((each for each in lints if each.severity is Severity.ERROR and each.rule != UNREADABLE), None)
    return f"Cause found in your parameters: {found.message}" if found is not None and verdict in _FLICKERS else None


def _found(rule: rules.Rule, case: Case) -> Lint:
    value = case.value(rule.field) if rule.value is None else rule.value(case)
    words = {"value": value, "suggested": rule.suggested(case), "family": _Named(case), "sizes": _sizes(case)}
    return Lint(rule.name, rule.severity, rule.message.format(**words), rule.field, value, words["suggested"], rule.source.format(**words))


class _Named:
    """A family in a sentence: its name, and its ``source`` and ``multiple``."""

    def __init__(self, case: Case) -> None:
        self.name, self.source, self.multiple = (
            ("the model", "the model card", 1) if case.family is None else (case.family.name, case.family.source, case.family.multiple)
        )

    def __str__(self) -> str:
        return self.name


def _sizes(case: Case) -> str:
    return " or ".join(f"{width}x{height}" for width, height in case.family.sizes) if case.family else ""


def _value(prompt: StoredPrompt, name: str) -> Any:
    return getattr(prompt, name) if name in _FIELDS else prompt.extra.get(name)
