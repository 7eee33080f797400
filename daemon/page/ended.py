"""The jobs that have ended, newest first, in numbered pages: what the results of the queue page are drawn from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import sqlalchemy as sa

from ...processors.records import Outcome
from ..database import JOBS
from ..states import State
from ..table import JobRow, Table

NEEDS_YOU = "needs_you"
FILTERS: dict[str, tuple[Outcome, ...]] = {
    "": tuple(Outcome),
    NEEDS_YOU: (Outcome.FLAGGED, Outcome.FAILED),
    **{outcome.value: (outcome,) for outcome in Outcome},
}
"""What the list may be narrowed to; the first is everything."""

_ENDED = JOBS.c.state.in_([state for state in State if state.is_final])
_NEWEST_FIRST = (JOBS.c.finished.desc(), JOBS.c.finish_number.desc())


@dataclass(frozen=True)
class Filter:
    """``outcome``: a key of FILTERS. ``text``: words that the path or the id holds, in any case of letters."""

    outcome: str = ""
    text: str = ""


class Ended(NamedTuple):
    row: JobRow
    summary: dict[str, Any]  # the ``fix --json`` object


class EndedPage(NamedTuple):
    rows: list[Ended]
    number: int  # of this page, from 1; the last one where a later one was asked for
    pages: int
    counts: dict[str, int]  # jobs that the text fits, by filter


def ended_page(table: Table, wanted: Filter, number: int, size: int) -> EndedPage:
    """Page ``number`` of the ended jobs that fit."""
    found = _found(table, wanted.text)
    counts = {name: sum(outcome in outcomes for _, outcome in found) for name, outcomes in FILTERS.items()}
    ids = [job_id for job_id, outcome in found if outcome in FILTERS[wanted.outcome]]
    pages = max(1, -(-len(ids) // size))
    number = min(max(1, number), pages)
    return EndedPage(_items(table, ids[(number - 1) * size : number * size]), number, pages, counts)


def waiting_page(table: Table, number: int, size: int) -> list[JobRow]:
    """The jobs that wait, in the order in which they will run."""
    query = sa.select(JOBS.c.id).where(JOBS.c.state == State.QUEUED).order_by(JOBS.c.priority, JOBS.c.created)
    with table.engine.connect() as connection:
        ids = list(connection.scalars(query.offset((number - 1) * size).limit(size)))
    rows = {row.id: row for row in table.select(JOBS.c.id.in_(ids))}
    return [rows[job_id] for job_id in ids if job_id in rows]


def _found(table: Table, text: str) -> list[tuple[str, str]]:
    """(id, outcome), newest first. Paths are stored as bytes and databases fold letters differently: words are sought here."""
    words = text.casefold().split()
    path = JOBS.c.path if words else sa.literal("")  # reading 5,000 paths takes longer than all else
    with table.engine.connect() as connection:
        rows = connection.execute(sa.select(JOBS.c.id, JOBS.c.outcome, path).where(_ENDED).order_by(*_NEWEST_FIRST)).all()
    return [(job_id, outcome) for job_id, outcome, path in rows if _holds(f"{path}\n{job_id}".casefold(), words)]


def _holds(text: str, words: list[str]) -> bool:
    return all(word in text for word in words)


def _items(table: Table, ids: list[str]) -> list[Ended]:
    rows = {row.id: row for row in table.select(JOBS.c.id.in_(ids))}
    with table.engine.connect() as connection:
        summaries: dict[str, Any] = {
            job_id: summary for job_id, summary in connection.execute(sa.select(JOBS.c.id, JOBS.c.summary).where(JOBS.c.id.in_(ids)))
        }
    return [Ended(rows[job_id], summaries.get(job_id) or {}) for job_id in ids if job_id in rows]
