"""The list of jobs in pages, newest first, filtered.

A page begins after a cursor, which names the last job of the page before; so jobs that arrive meanwhile neither repeat nor hide any.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, NamedTuple

import sqlalchemy as sa

from ..config.errors import DaemonError
from ..processors.records import Outcome
from .database import JOBS
from .states import State
from .table import JobRow, Table

_NEWEST_FIRST = (JOBS.c.created.desc(), JOBS.c.id.desc())


@dataclass(frozen=True)
class Wanted:
    """Which jobs: all that fit everything named. ``text``: words that the path or the id holds, in any case of letters."""

    states: tuple[State, ...] = ()
    outcomes: tuple[Outcome, ...] = ()
    text: str = ""


class Page(NamedTuple):
    rows: list[JobRow]
    next: str | None  # the cursor of the page after this one
    total: int  # jobs on all pages


def page(table: Table, wanted: Wanted, limit: int, after: str | None = None) -> Page:
    """Raises DaemonError for a cursor that is none."""
    place = None if after is None else _place(after)
    with table.engine.connect() as connection:
        total, ids = _by_words(connection, wanted, place, limit) if wanted.text.split() else _by_columns(connection, wanted, place, limit)
    rows = sorted(table.select(JOBS.c.id.in_(ids[:limit])), key=_key, reverse=True)
    return Page(rows, _cursor(rows[-1]) if len(ids) > limit and rows else None, total)


def _by_columns(connection: sa.Connection, wanted: Wanted, place: tuple[float, str] | None, limit: int) -> tuple[int, list[str]]:
    where = _where(wanted)
    total = connection.scalar(sa.select(sa.func.count()).select_from(JOBS).where(where)) or 0
    beyond = sa.true() if place is None else sa.tuple_(JOBS.c.created, JOBS.c.id) < sa.tuple_(*map(sa.literal, place))
    query = sa.select(JOBS.c.id).where(where, beyond).order_by(*_NEWEST_FIRST).limit(limit + 1)
    return total, list(connection.scalars(query))


def _by_words(connection: sa.Connection, wanted: Wanted, place: tuple[float, str] | None, limit: int) -> tuple[int, list[str]]:
    """Paths are stored as bytes, and no database folds the case of all letters alike: so it is done here."""
    words = wanted.text.casefold().split()
    query = sa.select(JOBS.c.id, JOBS.c.path, JOBS.c.created).where(_where(wanted)).order_by(*_NEWEST_FIRST)
    found = [
        (created, job_id)
        for job_id, path, created in connection.execute(query)
        if all(word in folded for folded in [f"{path}\n{job_id}".casefold()] for word in words)
    ]
    return len(found), [job_id for created, job_id in found if place is None or (created, job_id) < place][: limit + 1]


def _where(wanted: Wanted) -> sa.ColumnElement[bool]:
    conditions: list[Any] = [sa.true()]
    if wanted.states:
        conditions.append(JOBS.c.state.in_(wanted.states))
    if wanted.outcomes:
        conditions.append(JOBS.c.outcome.in_(wanted.outcomes))
    return sa.and_(*conditions)


def _key(row: JobRow) -> tuple[float, str]:
    return row.created, row.id


def _cursor(row: JobRow) -> str:
    return f"{row.created!r}~{row.id}"


def _place(cursor: str) -> tuple[float, str]:
    created, _, job_id = cursor.partition("~")
    try:
        place = float(created), job_id
    except ValueError:
        place = math.nan, ""
    if not math.isfinite(place[0]) or not job_id:
        raise DaemonError(f"'{cursor}' is no place in the list. Give 'next' of the page before.", title="The request is wrong")
    return place
