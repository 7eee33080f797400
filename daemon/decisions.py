"""What a person, or a hot folder's policy, decides of a job that has ended: to render its clip again, or to keep the original."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from ..config.errors import DaemonError, DeshimmerError, MissingClip, NotSetUp
from ..config.settings import Settings
from ..processors.identity import prompt_digest
from ..processors.records import Outcome, Request, Route
from . import history, offering
from .events import Hub
from .offering import Offered
from .renewals import Renewals
from .states import State
from .table import JobRow, Table
from .workers import Pool

log = logging.getLogger(__name__)

Begin = Callable[[Request, str, int, str | None], JobRow]
"""Enters a job: what is asked, the content's digest, the priority, the stored prompt's digest."""

_NOTHING = "There is nothing to approve"
_NOTHING_MORE = {
    State.DONE: "It has nothing but the original already.",
    State.FAILED: "Job {0.id} failed and made nothing that could be taken away; the original is as it was. Nothing is left to do.",
    State.CANCELLED: "Job {0.id} was cancelled and made nothing that could be taken away; the original is as it was. Nothing is left to do.",
}
_KEEPING = "keeping"
"""The note of the job whose original is about to be kept: a kill in between is made good at the next start."""


class Decisions:
    """``lock`` guards compound changes of the table; ``digest`` gives a file's content digest, and raises FileNotFoundError."""

    def __init__(self, table: Table, pool: Pool, hub: Hub, lock: threading.RLock, begin: Begin, digest: Callable[[Path], str]) -> None:
        self._table = table
        self._lock = lock
        self._begin = begin
        self._digest = digest
        self.renewals = Renewals(table, pool, hub, lock, self.begin_by_itself)

    def approve(self, prefix: str, settings: Settings, *, unasked: bool = False) -> JobRow:
        """The job that renders this one's clip again. ``unasked``: nobody but the hot folder's policy says so.

        Raises DeshimmerError where nothing is offered, it was decided, or the clip is another.
        """
        row = self._table.find(prefix)
        known = self._table.offer(row.id)
        if known is not None and known.state is Offered.UNREADY:
            self.renewals.renew(row.id, settings)  # what was missing may be there by now
        with self._lock:
            row = self._table.get(row.id)
            known = self._table.offer(row.id)
            if known is None or known.state is not Offered.WAITING:
                raise self._refusal(row, known)
            content_digest = self._unchanged(row)
            prompt = prompt_digest(self.renewals.receipt(row).details.get("stored"))
            request = replace(row.request, route=Route.REGENERATE, approved=True, unasked=unasked)
            made = self._begin(request, content_digest, row.priority, prompt)
            self._table.approve_offer(row.id, made.id)
        self.renewals.tell(row.id)
        return self._table.get(made.id)

    def keep(self, prefix: str) -> JobRow:
        """The original is all that stays of this job. Raises DaemonError where it has not ended, has nothing to give up, or its clip is
        being treated again; CannotWrite.
        """
        with self._lock:
            row = self._table.find(prefix)
            if not row.state.is_final:
                raise DaemonError(f"{row.id} is {row.state}. Cancel it, or wait for its end.", path=row.path)
            if at_work := self._table.unfinished(row.path):
                raise DaemonError(f"Job {at_work[0].id} treats this clip again. Cancel it, or wait for its end.", path=row.path)
            if not self._has_more(row):
                raise DaemonError(_NOTHING_MORE[row.state].format(row), path=row.path, title="The original is kept")
            self._table.set_note(_KEEPING, row.id)
            self._keep(row)
        self.renewals.tell(row.id)
        return self._table.get(row.id)

    def ended(self, job_id: str, settings: Settings) -> None:
        """A job has ended: what follows of itself."""
        row = self._table.look_up(job_id)
        if row is not None and not self.renewals.take_up(row.path, settings):
            self.begin_by_itself(job_id, settings)

    def begin_by_itself(self, job_id: str, settings: Settings) -> None:
        """Where the hot folder says ``regenerate = "auto"``: approve an offer that may start unasked."""
        row = self._table.look_up(job_id)
        if row is None or row.offer is not Offered.WAITING or row.request.regenerate != "auto":
            return
        known = self._table.offer(job_id)
        if known is None or not offering.starts_by_itself(known.offer):
            return
        try:
            made = self.approve(job_id, settings, unasked=True)
        except DeshimmerError as error:
            log.warning("%s is not rendered again by itself: %s", row.path, error.message)
        else:
            log.info("%s is rendered again as %s: its hot folder says so", row.path, made.id)

    def go_on(self, settings: Settings) -> None:
        """What a kill left: an original that was being kept, and offers between a job's end and the job that was to follow."""
        self._keep_on()
        for job_id in self._table.offered(Offered.WAITING):
            self.begin_by_itself(job_id, settings)

    def _keep(self, row: JobRow) -> None:
        from ..processors import afterwards, receipts  # here: they bring numpy

        kept = afterwards.keep_original(self.renewals.receipt(row))
        self._table.decline_offer(row.id)
        self._table.amend(row.id, receipts.summary(kept))
        self._table.set_note(_KEEPING, None)

    def _keep_on(self) -> None:
        job_id = self._table.note(_KEEPING)
        row = self._table.look_up(job_id) if job_id else None
        if row is None:
            return
        try:
            self._keep(row)
        except DeshimmerError as error:
            log.warning("the original of %s is not kept yet: %s", row.path, error.message)
            self._table.set_note(_KEEPING, None)

    def _has_more(self, row: JobRow) -> bool:
        """Than the original."""
        if row.state is not State.DONE:
            return False
        if row.outcome is not Outcome.KEPT or row.offer in offering.UNDECIDED:
            return True
        return history.left_result(history.own_receipt(row.receipt, row.id)) is not None

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
            Offered.APPROVED: f"It was approved already: {self._fate(known)}",
            Offered.DECLINED: "You chose to keep the original. Retry the job for a new offer.",
            Offered.REPLACED: f"It was taken up again since{self._later(row)}.",
        }
        return DaemonError(sentences[known and known.state], path=row.path, title=_NOTHING)

    def _fate(self, known: offering.Known | None) -> str:
        """Of the job that an approval began."""
        successor = known.successor if known else None
        row = self._table.look_up(successor) if successor else None
        if row is None:
            return "the job that rendered it again is no longer listed."
        if row.state in (State.FAILED, State.CANCELLED):
            return f"job {row.id} is {row.state}. Begin it again with: deshimmer retry {row.id}"
        return f"job {row.id} {'rendered' if row.state.is_final else 'renders'} it again."

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
