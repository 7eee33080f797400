"""What the page says of one job: the report's words where there is a receipt with details, the row alone where there is none."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from pydantic import ValidationError

from ...processors.naming import MARKERS
from ...processors.records import Band, Outcome, Receipt, Route, Verdict, from_json
from .. import diagnosis_words as words
from .. import history
from ..show import STAGE_WORDS
from .offer_view import OfferView, PromptView, may_keep_original, offer_view, prompt_view
from .words import RETRY_ROUTES, visible

if TYPE_CHECKING:
    from ...processors.records import BandReading, Passage, Verification
    from ..table import JobRow

SHOWS = 0.5
"""The flicker score from which flicker is seen (processors/checks/tolerances.py)."""
_MUCH = 0.75
_SMALL_FALL = 0.3
"""Of the score: with a fall of less than this part, much flicker is left too."""

_STATES = {
    "queued": "It waits for its turn.",
    "running": "It is being looked at.",
    "cancelling": "It is being cancelled.",
    "cancelled": "It was cancelled.",
    "failed": "It could not be treated.",
    "done": "It is done, but its receipt is not there (any more).",
}


class BandLine(NamedTuple):
    name: str
    hint: str
    treated: bool
    before: BandReading
    after: BandReading | None
    means: str


class CheckLine(NamedTuple):
    passed: bool
    name: str
    before: str
    after: str
    detail: str


class CauseLine(NamedTuple):
    name: str
    frame: int  # the first
    end_frame: int
    when: str
    size: str
    advice: str


@dataclass(frozen=True)
class JobView:
    """For the template. ``told`` is the report's content, None where the receipt has none to give."""

    row: JobRow
    record: dict[str, Any] | None  # the receipt, raw
    told: dict[str, Any] | None
    passage: Passage | None
    media: Mapping[str, Path]
    newer: str | None  # the job of the same render whose files took the place of this one's

    @property
    def state(self) -> str:
        """How it ended, or how far it is: a key of words.LOOKS."""
        return self.row.outcome.value if self.row.outcome else self.row.state.value

    @property
    def sentence(self) -> str:
        """The verdict, or how far it is."""
        if self.told and self.told["diagnosis"]:
            return visible(" ".join(filter(None, (self.told["diagnosis"].summary, self.what_is_left))))
        if self.row.stage:
            return f"It is at the stage {STAGE_WORDS.get(self.row.stage, self.row.stage)}."
        return _STATES[self.row.state]

    @property
    def what_is_left(self) -> str:
        """Of a clip that is called repaired, where its result still flickers visibly; else nothing."""
        judged = self.told["judged"] if self.told else None
        if self.row.outcome is not Outcome.REPAIRED or judged is None:
            return ""
        assert self.told is not None
        return left_words(self.told["diagnosis"].reading.flicker_score, judged.reading.flicker_score)

    @property
    def prompt(self) -> PromptView | None:
        return prompt_view(self.passage.stored) if self.passage else None

    @property
    def offer(self) -> OfferView | None:
        return offer_view((self.record or {}).get("offer"), self.row.offer)

    @property
    def may_keep_original(self) -> bool:
        return may_keep_original(self.row, has_result="result" in self.media or self.leaves_result)

    @property
    def leaves_result(self) -> bool:
        """An earlier job's, because this one delivers nothing."""
        return history.left_result(self.record) is not None

    @property
    def error(self) -> dict[str, Any] | None:
        if self.record and self.record.get("error"):
            return self.record["error"]
        if self.row.outcome is Outcome.FAILED:
            return {"title": "The job failed", "message": self.row.reason or "No reason was kept. Retry it.", "path": self.row.path}
        return None

    @property
    def has_ended(self) -> bool:
        return self.row.state.is_final

    @property
    def routes(self) -> dict[Route, str]:
        """Other ones than that which was taken."""
        return {route: label for route, label in RETRY_ROUTES.items() if route.value != self.row.route}

    @property
    def bands(self) -> tuple[BandLine, ...]:
        return tuple(_bands(self.passage)) if self.passage else ()

    @property
    def causes(self) -> tuple[CauseLine, ...]:
        return tuple(_causes(self.passage)) if self.passage else ()

    @property
    def checks(self) -> tuple[CheckLine, ...]:
        return tuple(_checks(self.told["judged"])) if self.told and self.told["judged"] else ()

    @property
    def is_steady(self) -> bool:
        return bool(self.passage and self.passage.diagnosis and self.passage.diagnosis.verdict is Verdict.CLEAN)

    @property
    def when(self) -> str:
        moment = self.row.finished or self.row.started or self.row.created
        return time.strftime("%d %b %Y, %H:%M", time.localtime(moment))

    @property
    def raw(self) -> str:
        text = json.dumps(_shortened(self.record), indent=1, ensure_ascii=False) if self.record else ""
        return visible(text)  # a file name need not be text


def left_words(before: float, after: float) -> str:
    """What a result's flicker score says against the original's; nothing where its flicker shows no more."""
    if after < SHOWS:
        return ""
    if after >= before:
        return f"The result flickers no less: the score was {before:.2f} and is {after:.2f}."
    much = after >= _MUCH or after > before * (1 - _SMALL_FALL)
    return f"{'Much' if much else 'Some'} flicker is left: the score went from {before:.2f} to {after:.2f}, and flicker shows from {SHOWS:g} on."


def view(row: JobRow) -> JobView:
    """Everything of one job that its page shows. Reads the receipt."""
    record, newer = _record(row)
    passage, told = _told(record) if record else (None, None)
    return JobView(row, record, told, passage, media(row), newer)


def traces(row: JobRow) -> dict[str, Any]:
    """Curves, maps, cuts and causes for the script; all empty where the receipt has none."""
    from ...processors.reports import traces as kept  # here: it brings OpenCV

    seen = view(row)
    details: Mapping[str, Any] = (seen.record or {}).get("details") or {}
    found = details.get("traces")
    known = kept.unpack(found) if found and found["version"] == kept.VERSION and seen.passage else {}
    diagnosis = seen.passage.diagnosis if seen.passage else None
    if seen.is_steady:
        known = known | {"worst": None}
    return {
        "frames": None,
        "points": 0,
        "seconds": float(seen.passage.clip.duration) if seen.passage and seen.passage.clip else 0.0,
        "worst": None,
        "curves": {},
        "maps": {},
        **known,
        "cuts": [shot.start for shot in diagnosis.shots[1:]] if diagnosis else [],
        "causes": [{"name": each.name, "start": each.frame, "end": each.end_frame} for each in seen.causes],
    }


def media(row: JobRow) -> dict[str, Path]:
    """The job's files and folders of frames that are there: ``original``, ``result``, ``comparison``, ``report``, ``edl``, ``otio``."""
    record = _record(row)[0] or {}
    named = {"original": row.path, "result": record.get("output"), "comparison": record.get("comparison"), "report": record.get("report")}
    named |= markers_of(record)
    return {what: Path(path) for what, path in named.items() if path and Path(path).exists()}


def markers_of(record: Mapping[str, Any]) -> dict[str, Path]:
    """The files for editing programs that a receipt claims: ``edl``, ``otio``."""
    folder = Path(record.get("receipt") or "").parent
    nothing: dict[str, Any] = {}
    names: list[str] = (record.get("details") or nothing).get("files") or []
    own = [name for name in names if Path(name).name == name]
    return {suffix.rpartition(".")[2]: folder / name for name in own for suffix in MARKERS if name.endswith(suffix)}


def worst_frame(row: JobRow, side: str) -> int:
    """The middle of the second that flickers most, of the original or the result; 0 where no receipt says it."""
    record = _record(row)[0] or {}
    nothing: dict[str, Any] = {}
    details = record.get("details") or nothing
    worst = (details.get("traces") or nothing).get("worst")
    if not worst:
        return 0
    made, found = (details.get("candidate") or nothing).get("frames"), (details.get("clip") or nothing).get("frames")
    factor = made / found if side == "result" and made and found else 1
    return round(sum(worst) // 2 * factor)


def _record(row: JobRow) -> tuple[dict[str, Any] | None, str | None]:
    """The job's own receipt; or the id of the job that wrote its receipt in that place since."""
    record = history.read_receipt(Path(row.receipt)) if row.receipt else None
    if record is None or record["id"] == row.id:
        return record, None
    return None, str(record["id"])


def _told(record: Mapping[str, Any]) -> tuple[Passage, dict[str, Any]] | tuple[None, None]:
    from ...processors import receipts  # here: they bring OpenCV
    from ...processors.reports import account

    try:
        receipt = from_json(Receipt, record)
        passage = receipts.passage_of(receipt)
    except (ValidationError, ValueError, TypeError, KeyError):
        return None, None
    return passage, account.told(passage, receipt)


def _bands(passage: Passage) -> Iterator[BandLine]:
    from ...processors.reports import charts

    found, judged, treatment = passage.diagnosis, passage.verification, passage.treatment
    treated = treatment.bands if treatment else ()
    for band in Band:
        if found is None or band not in found.reading.bands:
            continue
        before = found.reading.bands[band]
        means = words.correlation_words(band.value, before.amplitude, before.correlation)
        yield BandLine(
            charts.title(band), charts.hint(band), band in treated, before, judged.reading.bands.get(band) if judged else None, means
        )


def _causes(passage: Passage) -> Iterator[CauseLine]:
    found, clip = passage.diagnosis, passage.clip
    if found is None or clip is None:
        return
    fps = float(clip.frame_rate)
    for cause in found.causes:
        record = {"kind": cause.kind, "start_frame": cause.start_frame, "end_frame": cause.end_frame, "amount": cause.amount}
        group = words.grouped([record | {"advice": cause.advice}])[0]
        when = f"{group.seconds(fps)}, {group.frames()}"
        yield CauseLine(group.name.capitalize(), cause.start_frame, cause.end_frame, when, group.size(), cause.advice)


def _checks(judged: Verification) -> Iterator[CheckLine]:
    for check in judged.checks:
        yield CheckLine(check.passed, check.name.replace("_", " "), _figure(check.before), _figure(check.after), check.detail)


def _figure(value: float | None) -> str:
    return "" if value is None else f"{value:.3g}"


def _shortened(record: Mapping[str, Any]) -> dict[str, Any]:
    """The receipt without the packed curves, which nobody reads."""
    details = dict(record.get("details") or {})
    if details.get("traces"):
        details["traces"] = "(curves and maps, packed)"
    return {**record, "details": details}
