"""Figures over judged clips: balanced accuracy, AUC, F1, calibration, and how sure they are when whole sources are drawn anew."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Sequence
from itertools import pairwise
from typing import NamedTuple, Protocol, TypeVar

import numpy as np


class FromSource(Protocol):
    """Anything measured on one clip. Clips of one source resemble each other, so they are drawn and left out together."""

    @property
    def source(self) -> str: ...


C = TypeVar("C", bound=FromSource)


class Estimate(NamedTuple):
    value: float
    low: float  # 2.5 % of the draws lie below
    high: float  # 2.5 % lie above

    def __str__(self) -> str:
        return f"{self.value:.3f} ({self.low:.3f} to {self.high:.3f})"


class Bin(NamedTuple):
    """Clips of much the same confidence."""

    low: float
    high: float
    confidence: float  # mean
    right: float  # share
    count: int


def balanced(hits: Sequence[bool], alarms: Sequence[bool]) -> float:
    """Mean of the shares judged right among those that should be accused and those that should not; nan where one kind is missing."""
    return (float(np.mean(hits)) + 1 - float(np.mean(alarms))) / 2 if len(hits) and len(alarms) else float("nan")


def auc(higher: Sequence[float], lower: Sequence[float]) -> float:
    """How often one of ``higher`` scores above one of ``lower``, ties by half; nan where one is empty."""
    if not len(higher) or not len(lower):
        return float("nan")
    difference = np.subtract.outer(np.asarray(higher), np.asarray(lower))
    return float(((difference > 0) + 0.5 * (difference == 0)).mean())


def macro_f1(pairs: Iterable[tuple[str, str]], kinds: Collection[str]) -> float:
    """Mean F1 over the classes ``kinds``; each pair is (truth, found). nan where one of them never occurs as truth."""
    counted = Counter(pairs)
    truths, founds = ([sum(n for pair, n in counted.items() if pair[side] == kind) for kind in kinds] for side in (0, 1))
    scores = [2 * counted[kind, kind] / (truth + found) for kind, truth, found in zip(kinds, truths, founds, strict=True) if truth]
    return float(np.mean(scores)) if len(scores) == len(kinds) else float("nan")


def bootstrap(clips: Sequence[C], figure: Callable[[Sequence[C]], float], draws: int = 1000, seed: int = 0) -> Estimate:
    """A figure and its 95 % interval over sources drawn with replacement. Draws on which the figure is nan are passed over."""
    groups = list(by_source(clips).values())
    rng = np.random.default_rng(seed)
    drawn = (figure([clip for group in rng.integers(len(groups), size=len(groups)) for clip in groups[group]]) for _ in range(draws))
    values = [value for value in drawn if value == value]
    low, high = np.quantile(values, (0.025, 0.975)) if values else (float("nan"), float("nan"))
    return Estimate(figure(clips), float(low), float(high))


def by_source(clips: Iterable[C]) -> dict[str, list[C]]:
    groups: dict[str, list[C]] = defaultdict(list)
    for clip in clips:
        groups[clip.source].append(clip)
    return groups


def border(higher: Sequence[float], lower: Sequence[float]) -> float:
    """The border between two sets of scores: half-way in the gap with the best balanced accuracy, in the widest of equal ones; nan where
    there is no gap.
    """
    scores = sorted({*higher, *lower})

    def worth(gap: tuple[float, float]) -> tuple[float, float]:
        return balanced([score > gap[0] for score in higher], [score > gap[0] for score in lower]), gap[1] - gap[0]

    return sum(max(pairwise(scores), key=worth, default=(float("nan"), float("nan")))) / 2


def reliability(judged: Iterable[tuple[float, bool]], bins: int = 5) -> list[Bin]:
    """Bins of equal count, by confidence; each item is (confidence, is right)."""
    ordered = sorted(judged)
    parts = [part for part in np.array_split(np.array(ordered, np.float64).reshape(-1, 2), bins) if len(part)]
    return [Bin(part[0, 0], part[-1, 0], part[:, 0].mean(), part[:, 1].mean(), len(part)) for part in parts]


def calibration_error(bins: Sequence[Bin]) -> float:
    """Expected calibration error: the distance between confidence and share right, averaged over the clips."""
    return float(np.average([abs(one.confidence - one.right) for one in bins], weights=[one.count for one in bins]))
