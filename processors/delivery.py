"""The last station: what became of the clip, and its files moved to where the user looks for them.

Everything is made in the work folder, which lies in the output's file system. Then the intent is written there, the files are
moved by rename, and the receipt comes last: where it lies, the job is done. A delivery that is killed anywhere and run again ends
the same.
"""

from __future__ import annotations

import logging
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from ..config import locks, paths
from ..config.errors import CannotWrite, DeshimmerError
from . import comparison, formers, naming, offers, receipts, work_folders
from .editors import handoff, ranges
from .outcome import Ending, decide
from .receipts import summary as summary
from .records import Outcome, Passage, Progress, Receipt, from_json
from .reports import report
from .work_folders import make_work_folder as make_work_folder
from .work_folders import sweep_work_folders as sweep_work_folders

if TYPE_CHECKING:
    from ..config.settings import Settings

log = logging.getLogger(__name__)


def deliver_stage(passage: Passage, settings: Settings, progress: Progress) -> Passage:
    """Decide the outcome, write comparison and report, move everything, write the receipt. Raises DeshimmerError.

    Safe to run again after a kill at any point.
    """
    receipt = _committed(passage)
    if receipt is None:
        try:
            receipt = _deliver(passage, settings, progress)
        except OSError as error:
            raise _cannot_write(error, passage.request.output_dir) from error
    work_folders.abandon(passage.work_folder)
    return replace(passage, receipt=receipt)


def conclude_failed(passage: Passage, settings: Settings, error: DeshimmerError) -> Receipt:
    """The receipt of a job that ended with an error. Never raises; its ``receipt`` is None where it could not be written."""
    return _conclude(passage, settings, Ending(Outcome.FAILED, error.message), error)


def conclude_cancelled(passage: Passage, settings: Settings, reason: str) -> Receipt:
    """The receipt of a job that was cancelled. Never raises; its ``receipt`` is None where it could not be written."""
    return _conclude(passage, settings, Ending(Outcome.CANCELLED, reason), None)


def _deliver(passage: Passage, settings: Settings, progress: Progress) -> Receipt:
    started = time.monotonic()
    intent = work_folders.read_intent(passage.work_folder)
    offer = offers.offer(passage, settings)
    ending = decide(passage, is_offered=offer is not None)
    compared = passage.work_folder / "comparison.mp4"
    if intent is None and ending.compares:
        assert passage.candidate is not None
        assert passage.clip is not None
        curves, treatment = passage.diagnosis.curves if passage.diagnosis else None, passage.candidate.treatment
        debanded, in_step = treatment.deband, treatment.regeneration is None
        comparison.make(
            passage.clip, passage.candidate.path, compared, settings, progress, curves=curves, debanded=debanded, in_step=in_step
        )
    with locks.holding(_lock()):
        if intent is None:
            spent = round(time.monotonic() - started, 3)
            passage = replace(passage, timings={**passage.timings, "deliver": spent})
            intent = _decided(passage, settings, ending, compared, offer)
        return _carry_out(intent, passage.work_folder)


def _decided(passage: Passage, settings: Settings, ending: Ending, compared: Path, offer: offers.Offer | None) -> work_folders.Intent:
    candidate = passage.candidate
    names = naming.outputs(passage.request, candidate.path.suffix if candidate else passage.request.path.suffix)
    reported = passage.work_folder / "report.html"
    moves = [(reported, names.report)]
    if ending.compares:
        moves.insert(0, (compared, names.comparison))
    if ending.delivers:
        assert candidate is not None
        moves.insert(0, (candidate.path, names.result))
    found = ranges.find(passage, delivered=ending.delivers)
    moves += handoff.write(passage, ending, names, found)
    receipt = receipts.build(passage, settings, ending, names, [target for _, target in moves], offer=offer, ranges=found)
    receipt = formers.with_former(receipt, formers.former(passage.request))
    former = naming.former(passage.request)
    if passage.request.approved and not ending.delivers:
        receipt, former = formers.with_files(receipt, former), ()
    report.write(passage, receipt, reported, names.comparison.name if ending.compares else None)
    return work_folders.write_intent(passage.work_folder, moves, former, receipt)


def _carry_out(intent: work_folders.Intent, folder: Path) -> Receipt:
    receipt = from_json(Receipt, intent.receipt)
    assert receipt.receipt is not None
    receipt.receipt.parent.mkdir(parents=True, exist_ok=True)
    for staged, target in intent.moves:
        if staged.exists():
            work_folders.move(staged, target)
    for former in {*intent.former} - {target for _, target in intent.moves} - {receipt.receipt}:
        work_folders.remove(former)
    work_folders.put(receipts.as_bytes(receipt), receipt.receipt, folder)
    return receipt


def _conclude(passage: Passage, settings: Settings, ending: Ending, error: DeshimmerError | None) -> Receipt:
    try:
        with locks.holding(_lock()):
            receipt = _committed(passage) or _write_ending(passage, settings, ending, error)
    except (OSError, DeshimmerError) as failure:
        log.warning("no receipt for %s: %s", passage.request.shown_path, failure)
        receipt = receipts.build(passage, settings, ending, None, [], error)
    with suppress(OSError):
        work_folders.abandon(passage.work_folder)
    return receipt


def _write_ending(passage: Passage, settings: Settings, ending: Ending, error: DeshimmerError | None) -> Receipt:
    """A receipt without new files; an earlier result of this source stays, and stays its own."""
    work_folders.take_back(passage.work_folder)
    names = naming.outputs(passage.request, passage.request.path.suffix)
    names.receipt.parent.mkdir(parents=True, exist_ok=True)
    receipt = receipts.build(passage, settings, ending, names, [], error)
    receipt = formers.with_former(formers.with_files(receipt, naming.former(passage.request)), formers.former(passage.request))
    work_folders.put(receipts.as_bytes(receipt), names.receipt, passage.work_folder)
    return receipt


def _committed(passage: Passage) -> Receipt | None:
    """This very job's receipt, where it lies already."""
    found = (receipts.read(each.receipt) for each in naming.likely(passage.request))
    return next((receipt for receipt in found if receipt is not None and receipt.id == passage.job_id), None)


def _lock() -> Path:
    return paths.runtime_dir() / "delivery.lock"


def _cannot_write(error: OSError, folder: Path) -> CannotWrite:
    return CannotWrite(f"The output folder does not take the result ({error.strerror}). Free or unlock it, then retry.", path=folder)
