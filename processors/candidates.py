"""Several seeds of one prompt: each is rendered, the best is kept."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")

_SEEDS = 2**32
"""Some nodes and pipelines take no larger ones."""


@dataclass(frozen=True)
class Best(Generic[T]):
    made: T
    seed: int
    scores: dict[int, float]  # by seed, the lower the better; empty where there was nothing to choose

    def note(self) -> str | None:
        """For a person; None where there was nothing to choose."""
        if not self.scores:
            return None
        told = ", ".join(f"{seed}: {score:.2f}" for seed, score in self.scores.items())
        return f"seed {self.seed} was kept of {len(self.scores)} (flicker by seed: {told})"


def seeds(first: int, count: int) -> tuple[int, ...]:
    """So many, ``first`` and those that follow it."""
    return (first, *((first + index) % _SEEDS for index in range(1, count)))


def best_of(
    seeds: Sequence[int], make: Callable[[int], T], measure: Callable[[T], float], discard: Callable[[T], None] = lambda made: None
) -> Best[T]:
    """Make one of each seed and keep the one that measures lowest, of equals the first; the others go to ``discard`` as soon as they lose.

    A single one is not measured.
    """
    first = make(seeds[0])
    if len(seeds) == 1:
        return Best(first, seeds[0], {})
    best, kept = first, seeds[0]
    scores = {kept: measure(first)}
    for seed in seeds[1:]:
        made = make(seed)
        scores[seed] = measure(made)
        if scores[seed] < scores[kept]:
            best, loser, kept = made, best, seed
        else:
            loser = made
        discard(loser)
    return Best(best, kept, scores)
