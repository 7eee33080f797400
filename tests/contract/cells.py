"""Cells: an input, a route and a profile; all of them, and a few of them that cover every pair."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import combinations, product
from typing import Any, NamedTuple

import inputs

from deshimmer.config.profiles import Profile
from deshimmer.processors.records import Route

INPUTS = {each.name: each for each in inputs.ALL}
WRITING = (Route.DEBAND, Route.SMOOTH, Route.DEBAND_SMOOTH, Route.INTERPOLATE)
"""The cheap ones first: they are taken where any would do. ``regenerate`` is left out: its pictures are a model's, so that few of the
source's terms hold, and it goes through the same delivery; tests/processors/test_regenerat*.py look at it.
"""


class Cell(NamedTuple):
    input: str
    route: Route
    profile: Profile

    def __str__(self) -> str:
        return f"{self.input}-{self.route}-{self.profile}"


def matrix(profiles: Iterable[Profile]) -> list[Cell]:
    """All cells. ``keep`` writes no result: one profile, the first, stands for all."""
    profiles = tuple(profiles)
    writing = [Cell(*each) for each in product(INPUTS, WRITING, profiles)]
    return writing + [Cell(name, Route.KEEP, profiles[0]) for name in INPUTS]


def covering(cells: Iterable[Cell]) -> list[Cell]:
    """So few of the cells that each pair of input, route and profile that is in any is in one of these: in each step the cell with the most
    pairs that are not covered yet, of equals the first.
    """
    left = list(cells)
    missing = {pair for cell in left for pair in pairs(cell)}
    chosen: list[Cell] = []
    while missing:
        best = max(left, key=lambda cell: sum(pair in missing for pair in pairs(cell)))
        chosen.append(best)
        left.remove(best)
        missing -= set(pairs(best))
    return sorted(chosen)


def pairs(cell: Cell) -> Iterator[tuple[Any, ...]]:
    return combinations(enumerate(cell), 2)
