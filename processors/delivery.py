"""The last station: what became of the clip, and its files moved to where the user looks for them.

Everything is made in the work folder, which lies in the output's file system. Then an intent is written (``delivery.json``), the
files are moved by rename, and the receipt comes last: where it lies, the job is done. A delivery that is killed anywhere and run
again ends the same.
"""

from __future__ import annotations

import json
import logging
import shutil
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..config.errors import CannotWrite, DeshimmerError
from . import comparison, ffmpeg, naming, report, work_folders
from .records import Outcome, Passage, Progress, Reading, Receipt, Route, Verdict, from_json, to_json
from .work_folders import make_work_folder as make_work_folder
from .work_folders import sweep_work_folders as sweep_work_folders

if TYPE_CHECKING:
    from ..config.settings import Settings

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Ending:
    """How a job ends, before anything is written."""

    outcome: Outcome
    reason: str
    verified: bool | None = None
    delivers: bool = False  # the candidate becomes the result
    compares: bool = False


def deliver_stage(passage: Passage, settings: Settings, progress: Progress) -> Passage:
    """Decide the outcome, write comparison and report, move everything, write the receipt. Raises DeshimmerError.

    Safe to run again after a kill at any point.
    """
    done = _committed(passage)
    if done is None:
        intent = work_folders.read_intent(passage.work_folder) or _prepare(passage, settings, progress)
        done = _carry_out(passage, intent)
    _leave(passage)
    return replace(passage, receipt=done)


def conclude_failed(passage: Passage, settings: Settings, error: DeshimmerError) -> Receipt:
    """The receipt of a job that ended with an error. Never raises; ``receipt`` is None where it could not be written."""
    return _conclude(passage, settings, Ending(Outcome.FAILED, error.message), error)


def conclude_cancelled(passage: Passage, settings: Settings, reason: str) -> Receipt:
    """The receipt of a job that was cancelled. Never raises; ``receipt`` is None where it could not be written."""
    return _conclude(passage, settings, Ending(Outcome.CANCELLED, reason), None)


def summary(receipt: Receipt) -> dict[str, Any]:
    """The object that ``fix --json`` prints."""
    values = to_json(receipt)
    if receipt.outcome is Outcome.FAILED:
        return {key: values[key] for key in ("path", "outcome", "error", "id", "receipt")}
    return {key: values[key] for key in _SUMMARY_KEYS}


_SUMMARY_KEYS = (
    *("id", "path", "outcome", "reason", "verdict", "route", "output", "comparison", "report", "receipt"),
    *("before", "after", "verified", "offer", "seconds"),
)


def decide(passage: Passage) -> Ending:
    """The outcome that a passage has earned."""
    plan, verification, diagnosis = passage.plan, passage.verification, passage.diagnosis
    assert plan is not None and diagnosis is not None
    nothing_better = Outcome.FLAGGED if diagnosis.verdict is Verdict.INCOHERENT else Outcome.KEPT
    if verification is None:
        return Ending(nothing_better, plan.reason)
    if passage.request.preview:
        return Ending(Outcome.KEPT, "preview", verification.better, compares=not verification.broken)
    compares = passage.request.comparison
    if verification.better and not verification.broken:
        return Ending(Outcome.REPAIRED, verification.reason, True, delivers=True, compares=compares)
    if plan.named_by_user and not verification.broken:
        return Ending(Outcome.REPAIRED, verification.reason, False, delivers=True, compares=compares)
    return Ending(nothing_better, verification.reason, False)


def _prepare(passage: Passage, settings: Settings, progress: Progress) -> work_folders.Intent:
    ending = decide(passage)
    candidate = passage.candidate
    suffix = candidate.path.suffix if candidate else passage.request.path.suffix
    names = naming.outputs(passage.request, suffix)
    moves: list[tuple[Path, Path]] = []
    staged = _staged(passage)
    if ending.delivers:
        assert candidate is not None
        moves.append((candidate.path, names.result))
    if ending.compares:
        assert candidate is not None and passage.clip is not None
        comparison.make(passage.clip, candidate.path, staged.comparison, settings, progress)
        moves.append((staged.comparison, names.comparison))
    moves.append((staged.report, names.report))
    receipt = _receipt(passage, settings, ending, names, [target for _, target in moves])
    report.write(passage, receipt, staged.report, names.comparison.name if ending.compares else None)
    return work_folders.write_intent(passage.work_folder, moves, naming.owned_files(names.receipt, passage.request), receipt)


def _staged(passage: Passage) -> naming.Outputs:
    folder = passage.work_folder
    return naming.Outputs(folder / "result", folder / "comparison.mp4", folder / "report.html", folder / "receipt.json")


def _carry_out(passage: Passage, intent: work_folders.Intent) -> Receipt:
    receipt = from_json(Receipt, intent.receipt)
    assert receipt.receipt is not None
    try:
        receipt.receipt.parent.mkdir(parents=True, exist_ok=True)
        for staged, target in intent.moves:
            if staged.exists():
                work_folders.move(staged, target)
        for former in intent.former:
            if former not in {target for _, target in intent.moves}:
                former.unlink(missing_ok=True)
        work_folders.write_receipt(receipt, passage.work_folder)
    except OSError as error:
        raise _cannot_write(error, receipt.receipt.parent) from error
    return receipt


def _committed(passage: Passage) -> Receipt | None:
    """This very job's receipt, where it lies already."""
    for names in naming.candidates(passage.request, passage.request.path.suffix):
        if not names.receipt.exists():
            return None
        with suppress(OSError, ValueError):
            receipt = from_json(Receipt, json.loads(names.receipt.read_bytes()))
            if receipt.id == passage.job_id:
                return receipt
    return None


def _receipt(passage: Passage, settings: Settings, ending: Ending, names: naming.Outputs, targets: Sequence[Path]) -> Receipt:
    diagnosis, verification, candidate = passage.diagnosis, passage.verification, passage.candidate
    planned = passage.plan.route if passage.plan else None
    return Receipt(
        id=passage.job_id,
        path=passage.request.shown_path,
        outcome=ending.outcome,
        reason=ending.reason,
        verdict=diagnosis.verdict if diagnosis else None,
        route=candidate.treatment.route if ending.delivers and candidate else (Route.KEEP if diagnosis else planned),
        output=names.result if names.result in targets else None,
        comparison=names.comparison if names.comparison in targets else None,
        report=names.report if names.report in targets else None,
        receipt=names.receipt,
        before=_figures(diagnosis.reading) if diagnosis else None,
        after=_figures(verification.reading) if verification else None,
        verified=ending.verified,
        offer=None,
        seconds=round(sum(passage.timings.values()), 3),
        details=_details(passage, settings, [path.name for path in targets]),
    )


def _figures(reading: Reading) -> dict[str, Any]:
    values = to_json(reading)
    return {key: values[key] for key in ("flicker_score", "bands", "codec", "article_mean_diff")}


def _details(passage: Passage, settings: Settings, files: list[str]) -> dict[str, Any]:
    parts = {
        "request": passage.request,
        "clip": passage.clip,
        "diagnosis": passage.diagnosis,
        "plan": passage.plan,
        "candidate": passage.candidate,
        "verification": passage.verification,
    }
    return {
        "source": str(passage.request.path),
        "files": files,
        **{key: None if part is None else to_json(part) for key, part in parts.items()},
        "rejected": [to_json(each) for each in passage.rejected],
        "timings": dict(passage.timings),
        "versions": versions(settings),
        "settings": settings.model_dump(mode="json", include={"repair", "tools", "disk"}),
    }


def versions(settings: Settings) -> dict[str, str | None]:
    """Versions of what took part; torch's only where it is loaded."""
    known: dict[str, str | None] = {name: metadata.version(name) for name in ("deshimmer", "av", "opencv-python-headless", "numpy")}
    known["ffmpeg"] = ffmpeg.probe(settings).version
    torch: Any = sys.modules.get("torch")
    if torch is not None:
        known["torch"] = str(torch.__version__)
    return known


def _conclude(passage: Passage, settings: Settings, ending: Ending, error: DeshimmerError | None) -> Receipt:
    record = None if error is None else error.as_dict() | {"path": passage.request.shown_path}
    receipt = Receipt(id=passage.job_id, path=passage.request.shown_path, outcome=ending.outcome, reason=ending.reason, error=record)
    try:
        receipt = _committed(passage) or _write_ending(passage, settings, ending, receipt)
    except (OSError, DeshimmerError) as failure:
        log.warning("no receipt for %s: %s", passage.request.shown_path, failure)
    with suppress(OSError):
        _leave(passage)
    return receipt


def _write_ending(passage: Passage, settings: Settings, ending: Ending, plain: Receipt) -> Receipt:
    names = naming.outputs(passage.request, passage.request.path.suffix)
    names.receipt.parent.mkdir(parents=True, exist_ok=True)
    receipt = replace(_receipt(passage, settings, ending, names, []), error=plain.error)
    kept = [path.name for path in naming.owned_files(names.receipt, passage.request) if path.exists()]
    receipt = replace(receipt, details=receipt.details | {"files": kept})
    work_folders.write_receipt(receipt, passage.work_folder)
    return receipt


def _cannot_write(error: OSError, folder: Path) -> CannotWrite:
    return CannotWrite(f"The output folder does not take the result ({error.strerror}). Free or unlock it, then retry.", path=folder)


def _leave(passage: Passage) -> None:
    shutil.rmtree(passage.work_folder, ignore_errors=True)
    with suppress(OSError):
        passage.work_folder.parent.rmdir()  # succeeds for the last one only
