"""Offers that change after their job's end: a prompt that came late, a model that is there by now."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from ..config.errors import DaemonError, DeshimmerError
from ..config.settings import Settings
from ..processors.records import Receipt, from_json, to_json
from . import attention, history, offering
from .events import Hub
from .offering import Offered
from .states import State
from .table import JobRow, Table
from .workers import Pool, WorkerDied

log = logging.getLogger(__name__)


class Renewals:
    """``lock`` guards compound changes of the table. ``on_renewed`` is called with the id of a job after a late prompt was read."""

    def __init__(self, table: Table, pool: Pool, hub: Hub, lock: threading.RLock, on_renewed: Callable[[str, Settings], None]) -> None:
        self._table = table
        self._pool = pool
        self._hub = hub
        self._lock = lock
        self._on_renewed = on_renewed
        self._came: set[str] = set()  # clips whose prompt came while their job was at work, perhaps too late for it
        self._coming = threading.Lock()  # round reading a job's state and entering its clip; ``lock`` may be held by who waits for us
        self._late = ThreadPoolExecutor(1, "late-prompts")

    def close(self) -> None:
        """After the pool's end, which cuts short what is asked of a worker."""
        self._late.shutdown(cancel_futures=True)

    def renew(self, job_id: str, settings: Settings, *, late: bool = False) -> None:
        """Have a worker read the prompt again and reckon what rendering costs now; receipt, report and list then say so.

        ``late``: nobody asked for it. Raises DeshimmerError, for one where the job's receipt is gone.
        """
        receipt = self.receipt(self._table.get(job_id))
        request = {"renew": to_json(receipt), "settings": settings.model_dump(mode="json")}
        try:
            with self._pool.hire(f"{job_id}-renew") as worker:
                answer = worker.ask(request, lambda stage, part: None)
        except (WorkerDied, OSError) as death:
            raise DaemonError(f"Its prompt could not be read again ({death}). See the log, then retry the job.") from death
        if "error" in answer:
            raise DeshimmerError.from_dict(answer["error"])
        self._put(receipt, from_json(Receipt, answer["receipt"] or to_json(receipt)), late=late)

    def came(self, clip: Path, arrived: float | None, settings: Settings) -> None:
        """A file that may hold the prompt of this clip came or changed; ``arrived``: seconds since the epoch where nobody saw it come.

        Returns at once.
        """
        self._late.submit(self._renew_late, clip, arrived, settings)

    def take_up(self, path: str, settings: Settings) -> bool:
        """The job of this render has ended: whether its prompt came meanwhile, and is now read."""
        with self._coming:
            if path not in self._came:
                return False
            self._came.discard(path)
        self.came(Path(path), None, settings)
        return True

    def receipt(self, row: JobRow) -> Receipt:
        """Its own, from the disk. Raises DaemonError where it is not there."""
        if not row.state.is_final:
            raise DaemonError(f"{row.id} is {row.state}: its receipt is written at its end.", path=row.path)
        record = history.own_receipt(row.receipt, row.id)
        if record is None:
            latest = self._table.latest_of(row.path)
            later = f": job {latest.id} has taken its place" if latest and latest.id != row.id else ". Retry the job for a new one"
            raise DaemonError(f"The receipt of {row.id} is no longer there{later}.", path=row.path)
        try:
            return from_json(Receipt, record)
        except ValidationError:
            raise DaemonError(f"The receipt of {row.id} is of another version. Retry the job.", path=row.receipt) from None

    def _renew_late(self, clip: Path, arrived: float | None, settings: Settings) -> None:
        try:
            row = self._waits_for_it(clip, arrived)
            if row is not None:
                self.renew(row.id, settings, late=True)
                self._on_renewed(row.id, settings)
        except DeshimmerError as error:
            log.info("the prompt beside %s changes nothing: %s", clip, error.message)
        except Exception:  # a thread of its own: nobody else would hear of it
            log.exception("reading the prompt beside %s", clip)

    def _waits_for_it(self, clip: Path, arrived: float | None) -> JobRow | None:
        """The job whose receipt a prompt changes now; one that is at work, or was when the daemon stopped, takes it up at its end."""
        with self._coming:
            row = self._table.latest_of(str(clip))
            if row is None:
                return None
            if row.state is State.RUNNING or (row.state is State.QUEUED and row.started is not None):
                self._came.add(row.path)
        decided = row.state is not State.DONE or row.offer in (Offered.APPROVED, Offered.DECLINED)
        return None if decided or (arrived is not None and arrived <= (row.finished or 0.0)) else row

    def _put(self, former: Receipt, receipt: Receipt, *, late: bool) -> None:
        """Also where the receipt is as it was: a kill may have come between it and the list."""
        from ..processors import afterwards, receipts  # here: they bring numpy

        with self._lock:
            before = self._table.get(receipt.id)
            summary = receipts.summary(receipt)
            if before.state is not State.DONE:
                return
            if receipt == former and (self._table.summary(receipt.id) == summary or self.receipt(before) != former):
                return
            offer = _begun(before, receipt)
            if receipt != former:
                afterwards.rewrite(receipt, former)
            if offer is not None:
                attention.offered_late(self._table, receipt.id)
            self._table.amend(receipt.id, summary)
        by_itself = offer is not None and before.request.regenerate == "auto" and offering.starts_by_itself(offer)
        self.tell(receipt.id, offered=late and offer is not None and not by_itself)

    def tell(self, job_id: str, *, offered: bool = False) -> None:
        """``offered``: since now its offer waits for a person, who has not heard of it."""
        self._hub.tell("amended", {"job": self._table.get(job_id).as_dict(), "offered": offered})


def _begun(before: JobRow, receipt: Receipt) -> Mapping[str, Any] | None:
    """An offer that waits for somebody since now."""
    if receipt.offer is None or before.offer not in (None, Offered.UNREADY):
        return None
    return receipt.offer if offering.state_of(receipt.offer) is Offered.WAITING else None
