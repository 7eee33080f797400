"""What a person, or a hot folder's policy, decides of a job that has ended: to render its clip again, or to keep the original.

And offers that change after their job's end: a prompt that came late, a model that is there by now.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

from ..config.errors import DaemonError, DeshimmerError, MissingClip, NotSetUp
from ..config.settings import Settings
from ..processors.records import Outcome, Receipt, Request, Route, from_json, to_json
from . import history, offering
from .events import Hub
from .offering import Offered
from .states import State
from .table import JobRow, Table
from .workers import Pool, WorkerDied

log = logging.getLogger(__name__)

Begin = Callable[[Request, str, int], JobRow]
"""Enters a job: what is asked, the content's digest, the priority."""

_NOTHING = "There is nothing to approve"


class Decisions:
    """``lock`` guards compound changes of the table; ``digest`` gives a file's content digest, and raises FileNotFoundError."""

    def __init__(self, table: Table, pool: Pool, hub: Hub, lock: threading.RLock, begin: Begin, digest: Callable[[Path], str]) -> None:
        self._table = table
        self._pool = pool
        self._hub = hub
        self._lock = lock
        self._begin = begin
        self._digest = digest
        self._came: set[str] = set()  # clips whose prompt came while their job was at work, perhaps too late for it
        self._late = ThreadPoolExecutor(1, "late-prompts")

    def close(self) -> None:
        self._late.shutdown(wait=False, cancel_futures=True)

    def approve(self, prefix: str, settings: Settings) -> JobRow:
        """The job that renders this one's clip again. Raises DeshimmerError where nothing is offered, it was decided, or the clip is another."""
        row = self._table.find(prefix)
        known = self._table.offer(row.id)
        if known is not None and known.state is Offered.UNREADY:
            self.renew(row.id, settings)  # what was missing may be there by now
        with self._lock:
            row = self._table.get(row.id)
            known = self._table.offer(row.id)
            if known is None or known.state is not Offered.WAITING:
                raise self._refusal(row, known)
            content_digest = self._unchanged(row)
            made = self._begin(replace(row.request, route=Route.REGENERATE, approved=True), content_digest, row.priority)
            self._table.approve_offer(row.id, made.id)
        self._tell_amended(row.id)
        return self._table.get(made.id)

    def keep(self, prefix: str) -> JobRow:
        """The original is all that stays of this job. Raises DaemonError where it has not ended or has nothing to give up, CannotWrite."""
        from ..processors import afterwards, receipts  # here: they bring numpy

        with self._lock:
            row = self._table.find(prefix)
            if not row.state.is_final:
                raise DaemonError(f"{row.id} is {row.state}. Cancel it, or wait for its end.", path=row.path)
            if row.state is not State.DONE or (row.outcome is Outcome.KEPT and row.offer not in offering.UNDECIDED):
                raise DaemonError("It has nothing but the original already.", path=row.path, title="The original is kept")
            kept = afterwards.keep_original(self._receipt(row))
            self._table.decline_offer(row.id)
            self._table.amend(row.id, receipts.summary(kept))
        self._tell_amended(row.id)
        return self._table.get(row.id)

    def renew(self, job_id: str, settings: Settings) -> None:
        """Have a worker read the prompt again and reckon what rendering costs now; the receipt and the list then say so.

        Raises DaemonError where the job's receipt is gone.
        """
        receipt = self._receipt(self._table.get(job_id))
        request = {"renew": to_json(receipt), "settings": settings.model_dump(mode="json")}
        try:
            with self._pool.hire(f"{job_id}-renew") as worker:
                answer = worker.ask(request, lambda stage, part: None)
        except (WorkerDied, OSError) as death:
            raise DaemonError(f"Its prompt could not be read again ({death}). See the log, then retry the job.") from death
        if "error" in answer:
            raise DeshimmerError.from_dict(answer["error"])
        if answer["receipt"] is not None:
            self._put(from_json(Receipt, answer["receipt"]), answer["summary"])

    def prompt_came(self, clip: Path, arrived: float | None, settings: Settings) -> None:
        """A file that may hold the prompt of this clip came or changed; ``arrived``: seconds since the epoch where nobody saw it come.

        Returns at once.
        """
        self._late.submit(self._renew_late, clip, arrived, settings)

    def ended(self, job_id: str, settings: Settings) -> None:
        """A job has ended: what follows of itself."""
        path = self._table.get(job_id).path
        if path in self._came:
            self._came.discard(path)
            self.prompt_came(Path(path), None, settings)
        else:
            self.begin_by_itself(job_id, settings)

    def begin_by_itself(self, job_id: str, settings: Settings) -> None:
        """Where the hot folder says ``regenerate = "auto"``: approve an offer that may start unasked."""
        row = self._table.get(job_id)
        if row.offer is not Offered.WAITING or row.request.regenerate != "auto":
            return
        known = self._table.offer(job_id)
        if known is None or not offering.starts_by_itself(known.offer):
            return
        try:
            made = self.approve(job_id, settings)
        except DeshimmerError as error:
            log.warning("%s is not rendered again by itself: %s", row.path, error.message)
        else:
            log.info("%s is rendered again as %s: its hot folder says so", row.path, made.id)

    def begin_all_by_itself(self, settings: Settings) -> None:
        """What a kill left between a job's end and the job that was to follow."""
        for job_id in self._table.offered(Offered.WAITING):
            self.begin_by_itself(job_id, settings)

    def _renew_late(self, clip: Path, arrived: float | None, settings: Settings) -> None:
        try:
            row = self._table.latest_of(str(clip))
            if row is not None and row.state is State.RUNNING:
                self._came.add(row.path)
            if row is None or row.state is not State.DONE or row.offer in (Offered.APPROVED, Offered.DECLINED):
                return
            if arrived is not None and arrived <= (row.finished or 0.0):
                return
            self.renew(row.id, settings)
            self.begin_by_itself(row.id, settings)
        except DeshimmerError as error:
            log.info("the prompt beside %s changes nothing: %s", clip, error.message)
        except Exception:  # a thread of its own: nobody else would hear of it
            log.exception("reading the prompt beside %s", clip)

    def _put(self, receipt: Receipt, summary: Mapping[str, Any]) -> None:
        from ..processors import afterwards  # here: it brings numpy

        with self._lock:
            if self._table.get(receipt.id).state is not State.DONE:
                return
            afterwards.rewrite(receipt)
            self._table.amend(receipt.id, summary)
        self._tell_amended(receipt.id)

    def _tell_amended(self, job_id: str) -> None:
        self._hub.tell("amended", {"job": self._table.get(job_id).as_dict()})

    def _receipt(self, row: JobRow) -> Receipt:
        """Its own, from the disk. Raises DaemonError where it is not there."""
        record = history.read_receipt(Path(row.receipt)) if row.receipt else None
        if record is None or record["id"] != row.id:
            raise DaemonError(f"The receipt of {row.id} is no longer there{self._later(row)}.", path=row.path)
        return from_json(Receipt, record)

    def _unchanged(self, row: JobRow) -> str:
        """The digest of the clip that the offer was made for."""
        try:
            digest = self._digest(Path(row.path))
        except OSError:
            raise MissingClip("The render is no longer there. Put it back, then approve again.", path=row.path) from None
        if digest != row.content_digest:
            raise DaemonError("The render was changed since. Retry the job: the offer is made anew.", path=row.path)
        return digest

    def _refusal(self, row: JobRow, known: offering.Known | None) -> DeshimmerError:
        if known is not None and known.state is Offered.UNREADY:
            return NotSetUp(str(known.offer.get("remedy") or "'deshimmer doctor' says what is missing."), path=row.path)
        if known is None and not row.state.is_final:
            return DaemonError(f"{row.id} is {row.state}. What is offered is known at its end.", path=row.path, title=_NOTHING)
        sentences = {
            None: "Rendering it again is not offered. Its page says what was found of its prompt, and what is missing.",
            Offered.APPROVED: f"It was approved already: job {known.successor if known else None} renders it again.",
            Offered.DECLINED: "You chose to keep the original. Retry the job for a new offer.",
            Offered.REPLACED: f"It was taken up again since{self._later(row)}.",
        }
        return DaemonError(sentences[known and known.state], path=row.path, title=_NOTHING)

    def _later(self, row: JobRow) -> str:
        latest = self._table.latest_of(row.path)
        return f": job {latest.id} has taken its place" if latest and latest.id != row.id else ""


def approvable(table: Table, job_ids: list[str]) -> list[dict[str, Any]]:
    """These jobs with what approving them costs, as the status tells it."""
    known = ((table.look_up(job_id), table.offer(job_id)) for job_id in job_ids)
    return [
        {"id": row.id, "path": row.path, **{key: found.offer.get(key) for key in ("minutes", "memory_gb", "device")}}
        for row, found in known
        if row is not None and found is not None
    ]
