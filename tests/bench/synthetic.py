"""The diagnosis against clips made with a known defect: macro-F1 over four classes, and how many of each kind and strength are found."""

from __future__ import annotations

import multiprocessing
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import corpus
import cv2
from corpus import KINDS, STRENGTHS
from degraded import FRAMES, SIZE
from scoring import Estimate, bootstrap, by_source, macro_f1

from deshimmer.processors import diagnosis, media
from deshimmer.processors.records import Verdict

QUICK_STRENGTHS = (3.0, 6.0)
CLASSES = tuple(dict.fromkeys(kind.truth for kind in KINDS.values()))
_WORKERS = 2
_CHUNK = 8  # jobs of one source in a row, mostly


class Job(NamedTuple):
    source: str
    kind: str
    strength: float | None


class Made(NamedTuple):
    source: str
    kind: str
    strength: float | None
    found: Verdict
    confidence: float

    @property
    def truth(self) -> Verdict:
        return KINDS[self.kind].truth

    @property
    def is_right(self) -> bool:
        return self.found is self.truth


def judge(clips: Path, *, quick: bool = False) -> list[Made]:
    """Make every clip, diagnose it and delete it; with ``quick`` a few of them, in this process."""
    jobs = list(_jobs(clips, quick=quick))
    if quick:
        return [_judged(job) for job in jobs]
    with ProcessPoolExecutor(_WORKERS, multiprocessing.get_context("spawn"), _one_thread) as pool:
        return list(pool.map(_judged, jobs, chunksize=_CHUNK))


def _jobs(clips: Path, *, quick: bool) -> Iterator[Job]:
    wanted = QUICK_STRENGTHS if quick else STRENGTHS
    for source in corpus.sources(clips, quick=quick):
        for name, kind in KINDS.items():
            if corpus.suits(kind, source):
                yield from (Job(source, name, strength) for strength in kind.strengths or (None,) if strength in (None, *wanted))


def _judged(job: Job) -> Made:
    with TemporaryDirectory() as folder:
        found = diagnosis.diagnose(media.probe(corpus.make(Path(folder), *job)), None, lambda part: None)
    return Made(Path(job.source).stem, job.kind, job.strength, found.verdict, found.confidence)


def _one_thread() -> None:
    cv2.setNumThreads(1)


def section(made: Sequence[Made]) -> str:
    strengths = sorted({one.strength for one in made if one.strength is not None})
    return "\n".join(
        [
            f"{len(made)} clips of {FRAMES} frames, {SIZE[0]}x{SIZE[1]}, from {len(by_source(made))} sources. Macro-F1 over clean, "
            "luminance, generative and codec; clean and codec clips stand beside those of each strength. In brackets the 95 % interval "
            "when sources are drawn anew. A strength is the standard deviation of what is added to a frame, in levels.",
            "",
            "| | " + " | ".join(_levels(strengths)) + " | all |",
            "|---" * (len(strengths) + 2) + "|",
            "| macro-F1 | " + " | ".join(str(_f1(made, strength)) for strength in (*strengths, None)) + " |",
            "",
            *_graded_table(made, strengths),
            "",
            *_plain_table(made),
        ]
    )


def _f1(made: Sequence[Made], strength: float | None) -> Estimate:
    """Over clips of one strength and those that have none; over all where ``strength`` is None."""
    counted = [one for one in made if strength is None or one.strength in (None, strength)]
    return bootstrap(counted, lambda clips: macro_f1(((one.truth, one.found) for one in clips), CLASSES))


def _graded_table(made: Sequence[Made], strengths: Sequence[float]) -> Iterator[str]:
    yield "| class | defect | " + " | ".join(_levels(strengths)) + " | taken for |"
    yield "|---" * (len(strengths) + 3) + "|"
    for name, kind in KINDS.items():
        if kind.strengths:
            ours = [one for one in made if one.kind == name]
            counts = (_counted([one for one in ours if one.strength == strength]) for strength in strengths)
            yield f"| {kind.truth} | {name} | {' | '.join(counts)} | {_mistakes(ours)} |"


def _plain_table(made: Sequence[Made]) -> Iterator[str]:
    yield "| class | clips | found | taken for |"
    yield "|---|---|---|---|"
    for name, kind in KINDS.items():
        if not kind.strengths:
            ours = [one for one in made if one.kind == name]
            yield f"| {kind.truth} | {name} | {_counted(ours)} | {_mistakes(ours)} |"


def _levels(strengths: Sequence[float]) -> list[str]:
    return [f"{strength:g} levels" for strength in strengths]


def _counted(made: Sequence[Made]) -> str:
    return f"{sum(one.is_right for one in made)} of {len(made)}"


def _mistakes(made: Sequence[Made]) -> str:
    """Which wrong verdicts, how often, and on which sources where these are few."""
    wrong = [one for one in made if not one.is_right]
    parts: list[str] = []
    for verdict, count in Counter(one.found for one in wrong).most_common():
        names = list(dict.fromkeys(one.source for one in wrong if one.found is verdict))
        parts.append(f"{count} {verdict} ({', '.join(names[:4])}{', ...' if len(names) > 4 else ''})")
    return "; ".join(parts)
