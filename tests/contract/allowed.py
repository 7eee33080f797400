"""What may be otherwise, each with its reason: cells that are refused, and terms that are not kept though the receipt names them.

Whatever is in neither table has to hold. ``*`` and ``?`` stand for parts of names, ``|`` for "or".
"""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cells import Cell


@dataclass(frozen=True)
class _Where:
    inputs: str
    routes: str
    profiles: str

    def holds(self, cell: Cell) -> bool:
        return all(_fits(value, pattern) for value, pattern in zip(cell, (self.inputs, self.routes, self.profiles), strict=True))


@dataclass(frozen=True)
class Refusal(_Where):
    title: str
    message: str  # a regular expression
    reason: str


@dataclass(frozen=True)
class Loss(_Where):
    terms: str
    reason: str
    is_named: bool = True  # in the receipt; else it is nothing that a person would miss


def refusal(cell: Cell) -> Refusal | None:
    return next((each for each in REFUSALS if each.holds(cell)), None)


def loss(cell: Cell, term: str) -> Loss | None:
    return next((each for each in LOSSES if each.holds(cell) and _fits(term, each.terms)), None)


def _fits(value: str, pattern: str) -> bool:
    return any(fnmatchcase(value, each.strip()) for each in pattern.split("|"))


_CANNOT_TREAT = "This route cannot treat this clip"

_WRITING = "smooth|deband|deband+smooth|interpolate"

REFUSALS = (
    Refusal("fields.mp4", _WRITING, "*", _CANNOT_TREAT, "interlaced", "the pictures of its fields would be mixed: deinterlace it first"),
    Refusal(
        "changing.ts",
        "*",
        "*",
        "The clip cannot be read",
        "size",
        "no codec holds pictures of several sizes in one track as editors read them",
    ),
)

LOSSES: tuple[Loss, ...] = ()
