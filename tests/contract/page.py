"""docs/contract.md: written from the full matrix, and read again by the tests."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache
from pathlib import Path

import terms
from cells import INPUTS, WRITING, Cell
from walking import Found

from deshimmer.config.profiles import Profile
from deshimmer.processors.records import Route

PAGE = Path(__file__).resolve().parents[2] / "docs" / "contract.md"
_HARDWARE = ("_nvenc", "_qsv", "_videotoolbox", "_amf", "_vaapi")
PROFILES = tuple(profile for profile in Profile if not profile.endswith(_HARDWARE))
"""Those of hardware are not walked: whether they work is for the machine to say."""

_INTRODUCTION = """# What comes back

Written by `python tests/bench/all.py contract`, which walks every cell below for real and lets a witness of its own (FFmpeg's ffprobe, PyAV)
read source and result. The tests walk so few cells that each pair of input, route and profile is in one, and hold this page to what they find.

**kept**: all terms hold. **refused**: the clip is not treated, and the message says why. Anything else is what the result lacks, named in
its receipt. The numbers lead to the reasons. Where routes differ, each says its own. Route `keep` writes no file and leaves every input as
it is. `regenerate` is not walked here: its pictures are a model's, its delivery is the same. Profiles that encode by hardware are not either.

The terms: {terms}. The original's bytes never change.

{walked}
"""


def render(found: Iterable[Found], walked: str) -> str:
    """``walked``: when, and how many cells hold."""
    by_cell = {each.cell: each for each in found}
    reasons = list(dict.fromkeys(each.reason for each in by_cell.values() if each.reason))
    rows = ["| | " + " | ".join(PROFILES) + " |", "|---" * (len(PROFILES) + 1) + "|"]
    for name in INPUTS:
        cells = [[Cell(name, route, profile) for route in WRITING] for profile in PROFILES]
        words = [_cell([by_cell[cell] for cell in each if cell in by_cell], reasons) or "not walked" for each in cells]
        rows.append(f"| `{name}` | " + " | ".join(words) + " |")
    what = [f"- `{name}`: {each.hard}" for name, each in INPUTS.items()]
    why = [f"{number}. {reason}" for number, reason in enumerate(reasons, 1)]
    introduction = _INTRODUCTION.format(terms=", ".join(term.name for term in terms.ALL), walked=walked)
    return "\n".join([introduction, *rows, "", "## The inputs", *what, "", "## The reasons", *why, ""])


def _cell(found: list[Found], reasons: list[str]) -> str:
    said: dict[str, list[str]] = {}
    for each in found:
        terms_broken = ", ".join(sorted({breach.term for breach in each.breaches}))
        status = f"fails at {terms_broken}" if terms_broken else each.status
        mark = f" [{reasons.index(each.reason) + 1}]" if each.reason else ""
        said.setdefault(f"{status}{mark}", []).append(str(each.cell.route))
    if len(said) == 1 and len(found) == len(WRITING):
        return next(iter(said))
    return "; ".join(f"{', '.join(routes)}: {words}" for words, routes in said.items())


@cache
def told() -> dict[Cell, str]:
    """What the page says of each cell but those of route ``keep``."""
    if not PAGE.exists():
        return {}
    lines = [line.strip("| ").split(" | ") for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("|")]
    if not lines:
        return {}
    profiles = [Profile(each.strip()) for each in lines[0] if each.strip()]
    cells: dict[Cell, str] = {}
    for name, *columns in lines[2:]:
        for profile, words in zip(profiles, columns, strict=True):
            cells |= {Cell(name.strip("`"), route, profile): said for route, said in _routes(words).items()}
    return cells


def status(cell: Cell) -> str | None:
    return told().get(cell)


def _routes(words: str) -> dict[Route, str]:
    plain = re.sub(r" \[\d+\]", "", words)
    if ":" not in plain:
        return dict.fromkeys(WRITING, plain)
    parts = [part.split(": ") for part in plain.split("; ")]
    return {Route(route): said for routes, said in parts for route in routes.split(", ")}
