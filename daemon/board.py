"""What the queue tells of its jobs: lists with what runs at the moment in them, who needs a person, and every change to the hub."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from ..config.errors import DaemonError
from ..processors.records import Route
from . import attention
from .courtesy.gate import Gate, Waiting
from .decisions import approvable
from .events import RESET, Hub
from .listing import Page, Wanted, page
from .live import Doing
from .states import State
from .steps import Steps
from .table import JobRow, Table

WAITS = "wait"
"""In the place of a stage: the job waits, for the reason that its row tells."""

_APPROVALS_TOLD = 10
_DAY_MOVES_S = 60.0


class Needing(NamedTuple):
    """What of the last day waits for a person who has not looked at it yet."""

    jobs: list[str]  # ids: flagged or failed
    approving: int  # jobs that would be rendered again, once approved
    approvals: list[dict[str, Any]]  # the newest of them: {"id", "path", "minutes", "memory_gb", "device"}


class Running(NamedTuple):
    row: JobRow
    doing: Doing | None  # None before its first stage

    def as_dict(self) -> dict[str, Any]:
        live = self.doing._asdict() if self.doing else {"stage": self.row.stage, **dict.fromkeys(("progress", "part", "eta_s"))}
        return {"id": self.row.id, "path": self.row.path, **live}


class Board:
    """``Jobs`` sets table, gate and steps at its launch."""

    _table: Table
    _gate: Gate
    _steps: Steps

    def __init__(self, hub: Hub, on_change: Callable[[], None]) -> None:
        self.hub = hub
        self._on_change = on_change
        self._lock = threading.RLock()  # compound changes of the table
        self._telling = threading.Lock()  # round reading a row and telling it: never taken while the gate's is held
        self._counter = itertools.count(1)
        self._changes = 0
        self._needing = Needing([], 0, []), -1, 0.0

    def list(self, state: str | None = None, limit: int | None = None) -> list[JobRow]:
        """Newest first. Raises DaemonError for an unknown state."""
        return [self._live(row) for row in self._table.list(_states(state), limit)]

    @property
    def table(self) -> Table:
        """For lists; what changes jobs goes through the queue."""
        return self._table

    def page(self, wanted: Wanted, limit: int, after: str | None = None) -> Page:
        """A page of the list, newest first. Raises DaemonError for a cursor that is none."""
        found = page(self._table, wanted, limit, after)
        return found._replace(rows=[self._live(row) for row in found.rows])

    def running(self) -> list[Running]:
        return [Running(row, self._doing(row.id)) for row in self._table.list([State.RUNNING])]

    def get(self, prefix: str) -> JobRow:
        """Raises DaemonError when the prefix fits no job, or several."""
        return self._live(self._table.find(prefix))

    def was_taken(self, path: Path) -> bool:
        """Whether there is a job of this render, at whatever state."""
        return self._table.latest_of(str(path)) is not None

    def waiting(self) -> tuple[Waiting, ...]:
        """What waits for something other than its turn, and why."""
        return self._gate.waiting()

    def why_waits(self, job_id: str) -> str | None:
        """Why this job, by its whole id, waits; None when it does not."""
        return self._gate.why(job_id)

    def counts(self) -> dict[str, int]:
        """Jobs by state; every state is there."""
        return self._table.counts()

    def unfinished(self) -> list[JobRow]:
        return [self._live(row) for row in self._table.unfinished()]

    def is_telling(self) -> bool:
        """True while ``on_finished`` is being told of a job that ``unfinished`` no longer lists. Ask after ``unfinished``."""
        return self._steps.is_telling()

    def finished_since(self, number: int | None) -> tuple[int, list[dict[str, Any]]]:
        """A number to ask with the next time, and the ``fix --json`` objects of the jobs that ended since. None: only the number."""
        return (self._table.last_finish_number(), []) if number is None else self._table.ended_since(number)

    def note(self, key: str) -> Any:
        """What ``set_note`` was told last under this key, in this or an earlier run; None at first."""
        return self._table.note(key)

    def set_note(self, key: str, value: Any) -> None:
        self._table.set_note(key, value)
        self._on_change()

    def needing(self) -> Needing:
        """The jobs that need a person (``attention``); found anew after a change, and as the day moves on."""
        known, change, at = self._needing
        if change != self._changes or time.monotonic() - at > _DAY_MOVES_S:
            change = self._changes
            waiting = attention.waiting(self._table)
            known = Needing(attention.needing(self._table), len(waiting), approvable(self._table, waiting[:_APPROVALS_TOLD]))
            self._needing = known, change, time.monotonic()
        return known

    def look_at(self, prefix: str | None) -> None:
        """A person has seen this job, or all. Raises DaemonError when the prefix fits no job, or several."""
        with self._lock:
            attention.look_at(self._table, None if prefix is None else self._table.find(prefix).id)
        self._jobs_changed()

    def _live(self, row: JobRow) -> JobRow:
        doing = self._doing(row.id) if row.state is State.RUNNING else None
        return row if doing is None else replace(row, stage=doing.stage, progress=doing.progress, reason=self.why_waits(row.id))

    def _doing(self, job_id: str) -> Doing | None:
        doing = self._steps.doing(job_id)
        if self.why_waits(job_id) is None:
            return doing
        return Doing(WAITS, None, doing.part if doing else None, None)

    def _tell_job(self, job_id: str) -> None:
        with self._telling:
            row = self._table.look_up(job_id)
            if row is not None:
                self._jobs_changed()
                self.hub.tell("job", self._live(row).as_dict())

    def _begin_anew(self) -> None:
        """So much has changed at once that whoever listens had better ask again."""
        self._jobs_changed()
        self.hub.tell(RESET, {})

    def _jobs_changed(self) -> None:
        self._changes = next(self._counter)
        self._on_change()


def _states(name: str | None) -> list[State]:
    if name is None:
        return []
    try:
        return [State(name)]
    except ValueError:
        raise DaemonError(f"There is no state '{name}'. The states are {', '.join(State)}.") from None


def route_named(name: str) -> Route:
    """Raises DaemonError for what is no route."""
    try:
        return Route(name)
    except ValueError:
        raise DaemonError(f"There is no route '{name}'. The routes are {', '.join(Route)}.", title="The request is wrong") from None
