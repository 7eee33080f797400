"""The diagnosis against the labelled clips: balanced accuracy and AUC beside the article's rule, and every verdict."""

from __future__ import annotations

import csv
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from scoring import auc, balanced, bootstrap, border, by_source

from deshimmer.config.errors import ClipError
from deshimmer.processors import diagnosis, media
from deshimmer.processors.records import Diagnosis, Verdict

MANIFEST = "MANIFEST.tsv"
LABELS = ("yes", "no", "unsure")
ACCUSED = {Verdict.LUMINANCE, Verdict.GENERATIVE, Verdict.INCOHERENT}
ARTICLE_LEVELS = diagnosis.ARTICLE_MEAN_DIFF

ONE_SOURCE = {
    "cmp_bear_": "DAVIS bear",
    "cmp_carturn_": "DAVIS car-turn",
    "rave_fig2_source_car_turn": "DAVIS car-turn",
    "rave_abl_": "RAVE train",
    "t2vzero_": "Text2Video-Zero",
    "animatediff_": "AnimateDiff",
}
"""What a file's name starts with, and the footage or the generator behind it, where several clips share one."""


@dataclass(frozen=True)
class Judged:
    file: str
    label: str
    found: Diagnosis

    @property
    def source(self) -> str:
        return source_of(self.file)

    @property
    def is_accused(self) -> bool:
        return self.found.verdict in ACCUSED

    @property
    def is_wrong(self) -> bool:
        return self.label in ("yes", "no") and self.is_accused != (self.label == "yes")

    @property
    def score(self) -> float:
        return self.found.reading.flicker_score

    @property
    def mean_diff(self) -> float:
        return self.found.reading.article_mean_diff or 0.0


Score = Callable[[Judged], float]


def source_of(file: str) -> str:
    name = Path(file).name
    return next((source for prefix, source in ONE_SOURCE.items() if name.startswith(prefix)), name)


def labels(root: Path) -> dict[str, str]:
    """File to label, of the clips that have one; empty where there is no manifest."""
    manifest = root / MANIFEST
    if not manifest.exists():
        return {}
    with manifest.open(encoding="utf-8", newline="") as lines:
        rows = list(csv.DictReader(lines, delimiter="\t"))
    return {row["file"]: row["flicker"] for row in rows if row["flicker"] in LABELS}


def judge(root: Path) -> Iterator[Judged]:
    """Diagnose every labelled clip; those that cannot be read are named on standard error."""
    for file, label in labels(root).items():
        try:
            yield Judged(file, label, diagnosis.diagnose(media.probe(root / file), None, lambda part: None))
        except ClipError as error:
            print(f"{file}: {error}", file=sys.stderr)


def section(judged: Sequence[Judged]) -> str:
    return "\n".join([*_figures([one for one in judged if one.label != "unsure"]), "", *_unsure(judged), "", *_table(judged)])


def _figures(judged: Sequence[Judged]) -> list[str]:
    yes, no = _split(judged)
    kept = sum(one.found.verdict is Verdict.CLEAN for one in no)
    return [
        f"{len(yes)} clips labelled as flickering and {len(no)} as clean ({kept} of them found clean), from {len(by_source(judged))} "
        "sources. In brackets the 95 % interval when sources are drawn anew.",
        "",
        "| | balanced accuracy | AUC |",
        "|---|---|---|",
        f"| deshimmer | {bootstrap(judged, _accuracy(lambda one: one.is_accused))} | {bootstrap(judged, _auc(_score))} |",
        f"| the article's rule | {bootstrap(judged, _accuracy(_is_over))} | {bootstrap(judged, _auc(_mean_diff))} |",
        f"| deshimmer, border on the score set without the source judged | {_left_out(judged, _score)} | |",
        f"| the article's measure, border set likewise | {_left_out(judged, _mean_diff)} | |",
    ]


def _unsure(judged: Sequence[Judged]) -> list[str]:
    unsure = [one for one in judged if one.label == "unsure"]
    return [
        f"Of {len(unsure)} clips whose label is unsure, which count nowhere above, {sum(one.is_accused for one in unsure)} are accused."
    ]


def _table(judged: Sequence[Judged]) -> Iterator[str]:
    yield "| clip | label | verdict | score | confidence | worst band | article |"
    yield "|---|---|---|---|---|---|---|"
    for one in sorted(judged, key=lambda one: (LABELS.index(one.label), -one.score)):
        mark = " **wrong**" if one.is_wrong else ""
        worst = one.found.flickering[0] if one.found.flickering else ""
        yield (
            f"| {one.file} | {one.label} | {one.found.verdict}{mark} | {one.score:.2f} | {one.found.confidence:.2f} | {worst} "
            f"| {one.mean_diff:.1f} {one.found.article_verdict} |"
        )


def _left_out(judged: Sequence[Judged], score: Score) -> str:
    """Balanced accuracy when the border is set on all other sources."""
    is_over: dict[str, bool] = {}
    for source, clips in by_source(judged).items():
        yes, no = _split([one for one in judged if one.source != source])
        limit = border([score(one) for one in yes], [score(one) for one in no])
        is_over |= {one.file: score(one) > limit for one in clips}
    return str(bootstrap(judged, _accuracy(lambda one: is_over[one.file])))


def _accuracy(is_accused: Callable[[Judged], bool]) -> Callable[[Sequence[Judged]], float]:
    def figure(judged: Sequence[Judged]) -> float:
        yes, no = _split(judged)
        return balanced([is_accused(one) for one in yes], [is_accused(one) for one in no])

    return figure


def _auc(score: Score) -> Callable[[Sequence[Judged]], float]:
    def figure(judged: Sequence[Judged]) -> float:
        yes, no = _split(judged)
        return auc([score(one) for one in yes], [score(one) for one in no])

    return figure


def _split(judged: Sequence[Judged]) -> tuple[list[Judged], list[Judged]]:
    return [one for one in judged if one.label == "yes"], [one for one in judged if one.label == "no"]


def _score(one: Judged) -> float:
    return one.score


def _mean_diff(one: Judged) -> float:
    return one.mean_diff


def _is_over(one: Judged) -> bool:
    return one.mean_diff > ARTICLE_LEVELS
