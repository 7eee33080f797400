"""The queue's own tables: jobs (for lists, counts and identities), files that were taken, and a few notes.

They lie beside DBOS's tables in one database, and hold no queue of their own: DBOS decides what runs, this says what there is.
Reading them needs no daemon (``reading``). Nothing here is particular to SQLite but the journal mode.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import ArgumentError, DBAPIError

from ..config.errors import DaemonError, SettingsError
from ..processors.records import Outcome, Request, from_json, to_json


class State(StrEnum):
    QUEUED = "queued"
    RUNNING = "running"
    CANCELLING = "cancelling"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def is_final(self) -> bool:
        return not MOVES[self]


MOVES: dict[State, frozenset[State]] = {
    State.QUEUED: frozenset({State.RUNNING, State.CANCELLING, State.FAILED}),
    State.RUNNING: frozenset({State.QUEUED, State.CANCELLING, State.DONE, State.FAILED}),  # queued again: the daemon was stopped
    State.CANCELLING: frozenset({State.CANCELLED, State.DONE, State.FAILED}),  # done: it was delivered before the cancel took hold
    State.DONE: frozenset(),
    State.FAILED: frozenset(),
    State.CANCELLED: frozenset(),
}
"""The transition table; ``Table.move`` makes no other move."""

DEFAULT_PRIORITY = 10

_DRIVERS = {
    "sqlite": "sqlite",
    **dict.fromkeys(("postgres", "postgresql", "postgresql+psycopg"), "postgresql+psycopg"),
}

UNFINISHED = tuple(state for state in State if not state.is_final)

END_STATE: dict[Outcome, State] = {
    Outcome.REPAIRED: State.DONE,
    Outcome.KEPT: State.DONE,
    Outcome.FLAGGED: State.DONE,
    Outcome.CANCELLED: State.CANCELLED,
    Outcome.FAILED: State.FAILED,
}


class _Path(sa.types.TypeDecorator[str]):
    """A path as its bytes, so that names which are no UTF-8 come back as they were."""

    impl = sa.LargeBinary
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: sa.Dialect) -> bytes | None:
        return None if value is None else os.fsencode(value)

    def process_result_value(self, value: bytes | None, dialect: sa.Dialect) -> str | None:
        return None if value is None else os.fsdecode(value)


class _Json(sa.types.TypeDecorator[Any]):
    """ASCII JSON: takes what a path may hold, on every database."""

    impl = sa.Text
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: sa.Dialect) -> str | None:
        return None if value is None else json.dumps(value)

    def process_result_value(self, value: str | None, dialect: sa.Dialect) -> Any:
        return None if value is None else json.loads(value)


_METADATA = sa.MetaData()

JOBS = sa.Table(
    "jobs",
    _METADATA,
    sa.Column("id", sa.String(64), primary_key=True),  # <digest>-<number>
    sa.Column("digest", sa.String(32), nullable=False, index=True),
    sa.Column("number", sa.Integer, nullable=False),
    sa.Column("path", _Path, nullable=False, index=True),
    sa.Column("output_dir", _Path, nullable=False),
    sa.Column("content_digest", sa.String(128), nullable=False),
    sa.Column("request_text", sa.Text, nullable=False),
    sa.Column("priority", sa.Integer, nullable=False),
    sa.Column("state", sa.String(16), nullable=False, index=True),
    sa.Column("stage", sa.String(64)),
    sa.Column("crashes", sa.Integer, nullable=False),
    sa.Column("outcome", sa.String(16)),
    sa.Column("reason", sa.Text),
    sa.Column("verdict", sa.String(16)),
    sa.Column("route", sa.String(32)),
    sa.Column("output", _Path),
    sa.Column("receipt", _Path),
    sa.Column("summary", _Json),
    sa.Column("created", sa.Float(53), nullable=False),
    sa.Column("started", sa.Float(53)),
    sa.Column("finished", sa.Float(53)),
    sa.Column("finish_number", sa.Integer, index=True),  # in order of ending, from 1
)

_SEEN = sa.Table(
    "seen",
    _METADATA,
    sa.Column("path", _Path, primary_key=True),
    sa.Column("size_bytes", sa.BigInteger, nullable=False),
    sa.Column("mtime_ns", sa.BigInteger, nullable=False),
    sa.Column("digest", sa.String(128)),  # of the content; NULL: it lay there before the first start and is left alone
)

_FOLDERS = sa.Table("folders", _METADATA, sa.Column("path", _Path, primary_key=True), sa.Column("started", sa.Float(53), nullable=False))

_NOTES = sa.Table("notes", _METADATA, sa.Column("key", sa.String(64), primary_key=True), sa.Column("value", _Json))


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
    content_digest: str
    request_text: str  # read only where it is needed: it would take most of a list's time

    @property
    def request(self) -> Request:
        return from_json(Request, json.loads(self.request_text))

    def as_dict(self) -> dict[str, Any]:
        """The row as the API and ``--json`` give it: without the request and the content's digest."""
        record = asdict(self)
        for key in ("request_text", "content_digest"):
            del record[key]
        return record


_SHOWN = [column for column in JOBS.columns if column.name not in ("digest", "number", "finish_number", "summary")]


def _row(record: sa.RowMapping) -> JobRow:
    values = dict(record)
    values["state"] = State(values["state"])
    values["outcome"] = Outcome(values["outcome"]) if values["outcome"] else None
    return JobRow(progress=None, **values)


def open_engine(url: str) -> sa.Engine:
    """An engine for the database of the settings; ``postgresql://`` means psycopg 3, as with DBOS. Raises SettingsError."""
    parsed = parse_url(url)
    return sa.create_engine(parsed, connect_args={"timeout": 30} if parsed.drivername == "sqlite" else {})


def create_tables(engine: sa.Engine) -> None:
    """Make the tables that are absent. A SQLite file gets its write-ahead journal here, before anybody else opens it.

    Raises DaemonError when the database cannot be used.
    """
    try:
        if engine.dialect.name == "sqlite":
            with engine.connect() as connection:
                connection.execute(sa.text("PRAGMA journal_mode=WAL"))
        _METADATA.create_all(engine)
    except DBAPIError as error:
        raise unusable(engine, error) from error


class Table:
    """The jobs and notes. Compound changes assume one writing process, which the daemon's lock gives."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def insert(self, digest: str, request: Request, content_digest: str, priority: int) -> JobRow:
        """A new queued job with the next free number of its digest."""
        with self._engine.begin() as connection:
            last = connection.scalar(sa.select(sa.func.max(JOBS.c.number)).where(JOBS.c.digest == digest))
            number = (last or 0) + 1
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
        return self.get(f"{digest}-{number}")

    def insert_ended(self, summary: Mapping[str, Any], request: Request, content_digest: str, finished: float) -> bool:
        """Enter a job known from its receipt only. False when it is there already."""
        digest, _, number = str(summary["id"]).rpartition("-")
        with self._engine.begin() as connection:
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
        return True

    def get(self, job_id: str) -> JobRow:
        """Raises KeyError when there is no such job."""
        row = self.look_up(job_id)
        if row is None:
            raise KeyError(job_id)
        return row

    def look_up(self, job_id: str) -> JobRow | None:
        rows = self._select(JOBS.c.id == job_id)
        return rows[0] if rows else None

    def find(self, prefix: str) -> JobRow:
        """The one job whose id begins so; of several runs of one job, the last. Raises DaemonError for none or several."""
        rows = self._select(JOBS.c.id.startswith(prefix, autoescape=True), order=JOBS.c.number.desc()) if prefix else []
        if not rows:
            raise DaemonError(f"There is no job '{prefix}'. 'deshimmer jobs' lists them.", title="There is no such job")
        exact = [row for row in rows if row.id == prefix]
        if not exact and len({row.id.rpartition("-")[0] for row in rows}) > 1:
            listed = ", ".join(row.id for row in rows[:5])
            raise DaemonError(f"'{prefix}' begins the ids of several jobs: {listed}. Give more of it.", title="The job is not clear")
        return (exact or rows)[0]

    def latest(self, digest: str) -> JobRow | None:
        rows = self._select(JOBS.c.digest == digest, order=JOBS.c.number.desc(), limit=1)
        return rows[0] if rows else None

    def list(self, states: Iterable[State] = (), limit: int | None = None) -> list[JobRow]:
        """Newest first; ``states`` empty means all."""
        wanted = list(states)
        return self._select(JOBS.c.state.in_(wanted) if wanted else sa.true(), order=JOBS.c.created.desc(), limit=limit)

    def unfinished(self, path: str | None = None) -> list[JobRow]:
        """In the order in which they came."""
        of_path = sa.true() if path is None else JOBS.c.path == path
        return self._select(sa.and_(JOBS.c.state.in_(UNFINISHED), of_path), order=JOBS.c.created.asc())

    def counts(self) -> dict[str, int]:
        """Jobs by state; every state is there."""
        query = sa.select(JOBS.c.state, sa.func.count()).group_by(JOBS.c.state)
        with self._engine.connect() as connection:
            found = {state: number for state, number in connection.execute(query)}
        return {state.value: found.get(state.value, 0) for state in State}

    def move(self, job_id: str, to: State, *, only_from: State | None = None, **values: Any) -> bool:
        """Change the state and ``values`` together; False, and no change, when the job's state does not lead there."""
        sources = [state for state, targets in MOVES.items() if to in targets and only_from in (None, state)]
        change = sa.update(JOBS).where(JOBS.c.id == job_id, JOBS.c.state.in_(sources)).values(state=to, **values)
        with self._engine.begin() as connection:
            return connection.execute(change).rowcount == 1

    def end(self, job_id: str, summary: Mapping[str, Any]) -> bool:
        """Enter how a job ended. False when it had ended before."""
        ending = _ending(summary)
        with self._engine.begin() as connection:
            change = (
                sa.update(JOBS)
                .where(JOBS.c.id == job_id, JOBS.c.state.in_(UNFINISHED))
                .values(**ending, finished=time.time(), finish_number=self._next_finish_number(connection))
            )
            return connection.execute(change).rowcount == 1

    def queue_again(self) -> None:
        """What runs no more, because the daemon was stopped, waits again."""
        with self._engine.begin() as connection:
            connection.execute(sa.update(JOBS).where(JOBS.c.state == State.RUNNING).values(state=State.QUEUED, stage=None))

    def output_dirs(self) -> set[Path]:
        """Every folder that a job of this table delivers to."""
        with self._engine.connect() as connection:
            return {Path(folder) for folder in connection.scalars(sa.select(JOBS.c.output_dir).distinct())}

    def note_stage(self, job_id: str, stage: str) -> None:
        with self._engine.begin() as connection:
            connection.execute(sa.update(JOBS).where(JOBS.c.id == job_id).values(stage=stage))

    def count_crash(self, job_id: str) -> int:
        """One more worker died on this job; how many that makes."""
        with self._engine.begin() as connection:
            connection.execute(sa.update(JOBS).where(JOBS.c.id == job_id).values(crashes=JOBS.c.crashes + 1))
            return connection.scalar(sa.select(JOBS.c.crashes).where(JOBS.c.id == job_id)) or 0

    def ended_since(self, number: int) -> tuple[int, list[dict[str, Any]]]:
        """Summaries of the jobs that ended after the given finish number, and the last finish number there is."""
        query = sa.select(JOBS.c.finish_number, JOBS.c.summary).where(JOBS.c.finish_number > number).order_by(JOBS.c.finish_number)
        with self._engine.connect() as connection:
            rows = connection.execute(query).all()
        return (rows[-1][0] if rows else number), [summary for _, summary in rows]

    def last_finish_number(self) -> int:
        with self._engine.connect() as connection:
            return self._next_finish_number(connection) - 1

    def ended_ids(self) -> list[str]:
        with self._engine.connect() as connection:
            return list(connection.scalars(sa.select(JOBS.c.id).where(JOBS.c.state.not_in(UNFINISHED))))

    def delete(self, ids: Iterable[str]) -> None:
        with self._engine.begin() as connection:
            for job_id in ids:
                connection.execute(sa.delete(JOBS).where(JOBS.c.id == job_id))

    def note(self, key: str) -> Any:
        with self._engine.connect() as connection:
            return connection.scalar(sa.select(_NOTES.c.value).where(_NOTES.c.key == key))

    def set_note(self, key: str, value: Any) -> None:
        with self._engine.begin() as connection:
            connection.execute(sa.delete(_NOTES).where(_NOTES.c.key == key))
            connection.execute(sa.insert(_NOTES).values(key=key, value=value))

    def _select(self, where: sa.ColumnElement[bool], order: Any = None, limit: int | None = None) -> list[JobRow]:
        query = sa.select(*_SHOWN).where(where).order_by(order).limit(limit)
        with self._engine.connect() as connection:
            return [_row(record) for record in connection.execute(query).mappings()]

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


class Seen:
    """What is known of the files in the hot folders: those that lay there before the first start, and the digests of those taken."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def first_start(self, hot_folder: Path) -> bool:
        """True until ``mark_existing`` was called for this hot folder, in this or an earlier run."""
        with self._engine.connect() as connection:
            return connection.scalar(sa.select(_FOLDERS.c.path).where(_FOLDERS.c.path == str(hot_folder))) is None

    def mark_existing(self, hot_folder: Path, files: Mapping[Path, tuple[int, int]]) -> None:
        """Remember that these files, with their (size in bytes, modification time in ns), are not to be taken."""
        with self._engine.begin() as connection:
            for path, (size, mtime_ns) in files.items():
                _replace(connection, path, size, mtime_ns, None)
            connection.execute(sa.insert(_FOLDERS).values(path=str(hot_folder), started=time.time()))

    def is_seen(self, path: Path, size: int, mtime_ns: int) -> bool:
        """True while a file marked by ``mark_existing`` is as it was."""
        return self._find(path, size, mtime_ns, sa.literal(1), _SEEN.c.digest.is_(None)) is not None

    def digest(self, path: Path, size: int, mtime_ns: int) -> str | None:
        """The content's digest as ``remember`` was told for this very size and time."""
        return self._find(path, size, mtime_ns, _SEEN.c.digest, _SEEN.c.digest.is_not(None))

    def remember(self, path: Path, size: int, mtime_ns: int, digest: str) -> None:
        with self._engine.begin() as connection:
            _replace(connection, path, size, mtime_ns, digest)

    def _find(self, path: Path, size: int, mtime_ns: int, what: sa.ColumnElement[Any], where: sa.ColumnElement[bool]) -> Any:
        query = sa.select(what).where(_SEEN.c.path == str(path), _SEEN.c.size_bytes == size, _SEEN.c.mtime_ns == mtime_ns, where)
        with self._engine.connect() as connection:
            return connection.scalar(query)


def _replace(connection: sa.Connection, path: Path, size: int, mtime_ns: int, digest: str | None) -> None:
    connection.execute(sa.delete(_SEEN).where(_SEEN.c.path == str(path)))
    connection.execute(sa.insert(_SEEN).values(path=str(path), size_bytes=size, mtime_ns=mtime_ns, digest=digest))


def parse_url(url: str) -> sa.URL:
    """Raises SettingsError for what is no database that the queue can use."""
    try:
        parsed = sa.make_url(url)
    except (ArgumentError, ValueError):
        parsed = sa.URL.create("unknown")
    driver = _DRIVERS.get(parsed.drivername)
    if driver is None:
        raise SettingsError(
            "'queue.database' is no database that the queue can use. Write sqlite:////folder/file.sqlite or postgresql://user@host/name, "
            "or leave it out."
        )
    return parsed.set(drivername=driver)


def unusable(engine: sa.Engine, error: DBAPIError) -> DaemonError:
    """What to tell when the database refuses."""
    return DaemonError(
        f"The queue's database cannot be used ({error.orig}). Check 'queue.database' in the settings; a broken SQLite file can be moved "
        "away, 'deshimmer history rebuild' then reads the history from the receipts.",
        path=engine.url.database if engine.dialect.name == "sqlite" else None,
    )
