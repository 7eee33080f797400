"""The jobs, for lists, counts and identities, and a few notes. DBOS decides what runs; this says what there is.

Reading needs no daemon (``reading``).
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from ..config.errors import DaemonError, NoSuchJob
from ..processors.records import Outcome, Request, from_json, to_json
from . import offering
from .database import JOBS, NOTES, OFFERS
from .offering import Offered
from .states import END_STATE, MOVES, UNFINISHED, State

DEFAULT_PRIORITY = 10
HIDDEN = ("request_text", "content_digest")
"""Columns of a row that nobody outside needs."""


@dataclass(frozen=True)
class JobRow:
    """One job as lists show it. Times are seconds since the epoch; ``progress`` is the running stage's part done, 0 to 1."""

    id: str
    path: str
    output_dir: str
    state: State
    stage: str | None
    progress: float | None
    outcome: Outcome | None
    reason: str | None
    verdict: str | None
    route: str | None
    output: str | None
    receipt: str | None
    priority: int
    crashes: int
    created: float
    started: float | None
    finished: float | None
    offer: Offered | None  # to render it again, where its receipt makes one
    content_digest: str
    request_text: str  # read only where it is needed: it would take most of a list's time

    @property
    def request(self) -> Request:
        return from_json(Request, json.loads(self.request_text))

    def as_dict(self) -> dict[str, Any]:
        """The row as the API and ``--json`` give it: without the request and the content's digest."""
        record = asdict(self)
        for key in HIDDEN:
            del record[key]
        return record


_SHOWN = [
    *(column for column in JOBS.columns if column.name not in ("digest", "number", "finish_number", "summary")),
    OFFERS.c.state.label("offer"),
]
_WITH_OFFERS = JOBS.outerjoin(OFFERS, OFFERS.c.job == JOBS.c.id)


def _row(record: sa.RowMapping) -> JobRow:
    values = dict(record)
    values["state"] = State(values["state"])
    values["outcome"] = Outcome(values["outcome"]) if values["outcome"] else None
    values["offer"] = Offered(values["offer"]) if values["offer"] else None
    return JobRow(progress=None, **values)


class Table:
    """The jobs and notes. Compound changes assume one writing process, which the daemon's lock gives.

    ``on_change`` is called with a job's id after it was entered or its state or stage was changed, in the thread that did it.
    """

    def __init__(self, engine: sa.Engine, on_change: Callable[[str], None] = lambda job_id: None) -> None:
        self.engine = engine
        self._on_change = on_change

    def insert(self, digest: str, request: Request, content_digest: str, priority: int) -> JobRow:
        """A new queued job with the next free number of its digest."""
        with self.engine.begin() as connection:
            last = connection.scalar(sa.select(sa.func.max(JOBS.c.number)).where(JOBS.c.digest == digest))
            number = (last or 0) + 1
            offering.replace(connection, str(request.path))
            connection.execute(
                sa.insert(JOBS).values(
                    id=f"{digest}-{number}",
                    digest=digest,
                    number=number,
                    path=str(request.path),
                    output_dir=str(request.output_dir),
                    content_digest=content_digest,
                    request_text=json.dumps(to_json(request)),
                    priority=priority,
                    state=State.QUEUED,
                    crashes=0,
                    created=time.time(),
                )
            )
        self._on_change(f"{digest}-{number}")
        return self.get(f"{digest}-{number}")

    def insert_ended(self, summary: Mapping[str, Any], request: Request, content_digest: str, finished: float) -> bool:
        """Enter a job known from its receipt only. False when it is there already."""
        digest, _, number = str(summary["id"]).rpartition("-")
        with self.engine.begin() as connection:
            if connection.scalar(sa.select(JOBS.c.id).where(JOBS.c.id == summary["id"])):
                return False
            connection.execute(
                sa.insert(JOBS).values(
                    id=summary["id"],
                    digest=digest,
                    number=int(number),
                    path=str(request.path),
                    output_dir=str(request.output_dir),
                    content_digest=content_digest,
                    request_text=json.dumps(to_json(request)),
                    priority=DEFAULT_PRIORITY,
                    crashes=0,
                    created=finished,
                    finished=finished,
                    finish_number=self._next_finish_number(connection),
                    **_ending(summary),
                )
            )
            offering.enter(connection, str(summary["id"]), to_json(request), summary.get("offer"))
        return True

    def get(self, job_id: str) -> JobRow:
        """Raises KeyError when there is no such job."""
        row = self.look_up(job_id)
        if row is None:
            raise KeyError(job_id)
        return row

    def look_up(self, job_id: str) -> JobRow | None:
        rows = self.select(JOBS.c.id == job_id)
        return rows[0] if rows else None

    def find(self, prefix: str) -> JobRow:
        """The one job whose id begins so; of several runs of one job, the last. Raises DaemonError for none or several."""
        rows = self.select(JOBS.c.id.startswith(prefix, autoescape=True), order=JOBS.c.number.desc()) if prefix else []
        if not rows:
            raise NoSuchJob(f"There is no job '{prefix}'. 'deshimmer jobs' lists them.")
        exact = [row for row in rows if row.id == prefix]
        if not exact and len({row.id.rpartition("-")[0] for row in rows}) > 1:
            listed = ", ".join(row.id for row in rows[:5])
            raise DaemonError(f"'{prefix}' begins the ids of several jobs: {listed}. Give more of it.", title="The job is not clear")
        return (exact or rows)[0]

    def latest(self, digest: str) -> JobRow | None:
        rows = self.select(JOBS.c.digest == digest, order=JOBS.c.number.desc(), limit=1)
        return rows[0] if rows else None

    def latest_of(self, path: str) -> JobRow | None:
        """The last job of this render, whatever it asked for."""
        rows = self.select(JOBS.c.path == path, order=JOBS.c.created.desc(), limit=1)
        return rows[0] if rows else None

    def offered(self, state: Offered) -> Iterable[str]:
        """The jobs whose offer is in this state, newest first."""
        query = sa.select(JOBS.c.id).join(OFFERS, OFFERS.c.job == JOBS.c.id).where(OFFERS.c.state == state)
        with self.engine.connect() as connection:
            return tuple(connection.scalars(query.order_by(JOBS.c.finished.desc())))

    def list(self, states: Iterable[State] = (), limit: int | None = None) -> list[JobRow]:
        """Newest first; ``states`` empty means all."""
        wanted = list(states)
        return self.select(JOBS.c.state.in_(wanted) if wanted else sa.true(), order=JOBS.c.created.desc(), limit=limit)

    def unfinished(self, path: str | None = None) -> list[JobRow]:
        """In the order in which they came."""
        of_path = sa.true() if path is None else JOBS.c.path == path
        return self.select(sa.and_(JOBS.c.state.in_(UNFINISHED), of_path), order=JOBS.c.created.asc())

    def counts(self) -> dict[str, int]:
        """Jobs by state; every state is there."""
        query = sa.select(JOBS.c.state, sa.func.count()).group_by(JOBS.c.state)
        with self.engine.connect() as connection:
            found = {state: number for state, number in connection.execute(query)}
        return {state.value: found.get(state.value, 0) for state in State}

    def move(self, job_id: str, to: State, *, only_from: State | None = None, **values: Any) -> bool:
        """Change the state and ``values`` together; False, and no change, when the job's state does not lead there."""
        sources = [state for state, targets in MOVES.items() if to in targets and only_from in (None, state)]
        change = sa.update(JOBS).where(JOBS.c.id == job_id, JOBS.c.state.in_(sources)).values(state=to, **values)
        with self.engine.begin() as connection:
            moved = connection.execute(change).rowcount == 1
        if moved:
            self._on_change(job_id)
        return moved

    def end(self, job_id: str, summary: Mapping[str, Any]) -> int | None:
        """Enter how a job ended. Its number in the order of ending; None when it had ended before."""
        ending = _ending(summary)
        with self.engine.begin() as connection:
            number = self._next_finish_number(connection)
            change = (
                sa.update(JOBS)
                .where(JOBS.c.id == job_id, JOBS.c.state.in_(UNFINISHED))
                .values(**ending, finished=time.time(), finish_number=number)
            )
            ended = connection.execute(change).rowcount == 1
            if ended:
                self._enter_offer(connection, job_id, summary)
        if ended:
            self._on_change(job_id)
        return number if ended else None

    def amend(self, job_id: str, summary: Mapping[str, Any]) -> None:
        """Its receipt was changed after its end: how it ended, and what it offers, is now this."""
        with self.engine.begin() as connection:
            connection.execute(sa.update(JOBS).where(JOBS.c.id == job_id).values(**_ending(summary)))
            self._enter_offer(connection, job_id, summary)
        self._on_change(job_id)

    def summary(self, job_id: str) -> dict[str, Any] | None:
        """The ``fix --json`` object of a job that has ended."""
        with self.engine.connect() as connection:
            return connection.scalar(sa.select(JOBS.c.summary).where(JOBS.c.id == job_id))

    def offer(self, job_id: str) -> offering.Known | None:
        """What became of the offer that this job's receipt makes; None where it makes none."""
        with self.engine.connect() as connection:
            return offering.known(connection, job_id)

    def approve_offer(self, job_id: str, successor: str) -> None:
        """``successor`` is the job that renders its clip again."""
        with self.engine.begin() as connection:
            offering.approve(connection, job_id, successor)
        self._on_change(job_id)

    def decline_offer(self, job_id: str) -> None:
        """Nothing where the job makes no offer, or it was decided."""
        with self.engine.begin() as connection:
            offering.decline(connection, job_id)

    def queue_again(self) -> None:
        """What runs no more, because the daemon was stopped, waits again."""
        with self.engine.begin() as connection:
            connection.execute(sa.update(JOBS).where(JOBS.c.state == State.RUNNING).values(state=State.QUEUED, stage=None))

    def output_dirs(self) -> set[Path]:
        """Every folder that a job of this table delivers to."""
        with self.engine.connect() as connection:
            return {Path(folder) for folder in connection.scalars(sa.select(JOBS.c.output_dir).distinct())}

    def note_stage(self, job_id: str, stage: str) -> None:
        with self.engine.begin() as connection:
            connection.execute(sa.update(JOBS).where(JOBS.c.id == job_id).values(stage=stage))
        self._on_change(job_id)

    def count_crash(self, job_id: str) -> int:
        """One more worker died on this job; how many that makes."""
        with self.engine.begin() as connection:
            connection.execute(sa.update(JOBS).where(JOBS.c.id == job_id).values(crashes=JOBS.c.crashes + 1))
            return connection.scalar(sa.select(JOBS.c.crashes).where(JOBS.c.id == job_id)) or 0

    def ended_since(self, number: int) -> tuple[int, list[dict[str, Any]]]:
        """Summaries of the jobs that ended after the given finish number, and the last finish number there is."""
        query = sa.select(JOBS.c.finish_number, JOBS.c.summary).where(JOBS.c.finish_number > number).order_by(JOBS.c.finish_number)
        with self.engine.connect() as connection:
            rows = connection.execute(query).all()
        return (rows[-1][0] if rows else number), [summary for _, summary in rows]

    def last_finish_number(self) -> int:
        with self.engine.connect() as connection:
            return self._next_finish_number(connection) - 1

    def ended_ids(self) -> list[str]:
        with self.engine.connect() as connection:
            return list(connection.scalars(sa.select(JOBS.c.id).where(JOBS.c.state.not_in(UNFINISHED))))

    def delete(self, ids: Iterable[str]) -> None:
        with self.engine.begin() as connection:
            for job_id in ids:
                connection.execute(sa.delete(JOBS).where(JOBS.c.id == job_id))
                connection.execute(sa.delete(OFFERS).where(OFFERS.c.job == job_id))

    def note(self, key: str) -> Any:
        with self.engine.connect() as connection:
            return connection.scalar(sa.select(NOTES.c.value).where(NOTES.c.key == key))

    def set_note(self, key: str, value: Any) -> None:
        with self.engine.begin() as connection:
            connection.execute(sa.delete(NOTES).where(NOTES.c.key == key))
            connection.execute(sa.insert(NOTES).values(key=key, value=value))

    def select(self, where: sa.ColumnElement[bool], order: Any = None, limit: int | None = None) -> list[JobRow]:
        """The jobs of which ``where``, a condition on ``JOBS``, holds."""
        query = sa.select(*_SHOWN).select_from(_WITH_OFFERS).where(where).order_by(order).limit(limit)
        with self.engine.connect() as connection:
            return [_row(record) for record in connection.execute(query).mappings()]

    @staticmethod
    def _enter_offer(connection: sa.Connection, job_id: str, summary: Mapping[str, Any]) -> None:
        text = connection.scalar(sa.select(JOBS.c.request_text).where(JOBS.c.id == job_id)) or "{}"
        offering.enter(connection, job_id, json.loads(text), summary.get("offer"))

    @staticmethod
    def _next_finish_number(connection: sa.Connection) -> int:
        return (connection.scalar(sa.select(sa.func.max(JOBS.c.finish_number))) or 0) + 1


def _ending(summary: Mapping[str, Any]) -> dict[str, Any]:
    """The columns that a summary (the ``fix --json`` object) fills; an error has little more than its outcome."""
    error: Mapping[str, Any] = summary.get("error") or {}
    return {
        "state": END_STATE[Outcome(summary["outcome"])],
        "outcome": summary["outcome"],
        "reason": summary.get("reason") or error.get("message"),
        **{key: summary.get(key) for key in ("verdict", "route", "output", "receipt")},
        "summary": dict(summary),
        "stage": None,
    }
