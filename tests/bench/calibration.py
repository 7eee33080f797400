"""How far ``confidence`` can be taken as the probability that a verdict is right."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from labelled import Judged
from scoring import calibration_error, reliability
from synthetic import Made

Pair = tuple[float, bool]  # confidence, is right


def section(judged: Sequence[Judged], made: Sequence[Made]) -> str:
    real = [(one.found.confidence, not one.is_wrong) for one in judged if one.label != "unsure"]
    known = [(one.confidence, one.is_right) for one in made]
    sets = {"labelled": real, "synthetic": known, "both": real + known}
    return "\n".join(
        [
            "Confidence as the probability of being right: on labelled clips that the clip is accused of flicker when it flickers and not "
            "when it does not; on synthetic ones that the verdict is the true class. Five bins of equal count.",
            "",
            *_errors(sets),
            "",
            *_bins(sets),
        ]
    )


def _errors(sets: dict[str, list[Pair]]) -> Iterator[str]:
    yield "| clips | n | mean confidence | share right | expected calibration error |"
    yield "|---|---|---|---|---|"
    for name, pairs in sets.items():
        if pairs:
            confidence, right = (sum(column) / len(pairs) for column in zip(*pairs, strict=True))
            yield f"| {name} | {len(pairs)} | {confidence:.3f} | {right:.3f} | {calibration_error(reliability(pairs)):.3f} |"


def _bins(sets: dict[str, list[Pair]]) -> Iterator[str]:
    yield "| clips | confidence from | to | mean | share right | n |"
    yield "|---|---|---|---|---|---|"
    for name, pairs in sets.items():
        for one in reliability(pairs):
            yield f"| {name} | {one.low:.2f} | {one.high:.2f} | {one.confidence:.3f} | {one.right:.3f} | {one.count} |"
