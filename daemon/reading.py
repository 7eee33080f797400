"""The queue's jobs, read without a daemon. Changes nothing, makes nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from ..config.errors import NoSuchJob
from ..config.settings import Settings
from .database import JOBS, OFFERS, open_engine, parse_url, unusable
from .lock import is_state_held
from .states import State
from .table import JobRow, Table

T = TypeVar("T")


def read_jobs(settings: Settings, state: str | None = None, limit: int | None = None) -> list[JobRow]:
    """The jobs, newest first, without a daemon. Changes nothing; no database yet means no jobs."""
    rows = _read(settings, lambda table: [_at_rest(row) for row in table.list()], [])
    return [row for row in rows if state in (None, row.state)][:limit]


def read_job(settings: Settings, prefix: str) -> JobRow:
    """One job without a daemon. Raises DaemonError when the prefix fits none or several."""
    row = _read(settings, lambda table: _at_rest(table.find(prefix)), None)
    if row is None:
        raise NoSuchJob(f"There is no job '{prefix}': nothing has been queued yet.")
    return row


def _at_rest(row: JobRow) -> JobRow:
    """What ran when its daemon was killed waits for the next one."""
    killed = row.state is State.RUNNING and not is_state_held()
    return replace(row, state=State.QUEUED, stage=None) if killed else row


def _read(settings: Settings, query: Callable[[Table], T], absent: T) -> T:
    url = parse_url(settings.database_url)
    if url.drivername == "sqlite" and not (url.database and Path(url.database).exists()):
        return absent  # connecting would make the file
    engine = open_engine(settings.database_url)
    try:
        return query(Table(engine)) if all(map(sa.inspect(engine).has_table, (JOBS.name, OFFERS.name))) else absent
    except DBAPIError as error:
        raise unusable(engine, error) from error
    finally:
        engine.dispose()
