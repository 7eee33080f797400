"""The jobs that have ended, newest first, in numbered pages: what the results of the queue page are drawn from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import sqlalchemy as sa

from ...processors.records import Outcome
from ..database import JOBS, OFFERS
from ..offering import Offered
from ..states import State
from ..table import JobRow, Table

NEEDS_YOU = "needs_you"
APPROVAL = "approval"
FILTERS: dict[str, tuple[Outcome, ...]] = {
    "": tuple(Outcome),
    NEEDS_YOU: (Outcome.FLAGGED, Outcome.FAILED),
    APPROVAL: tuple(Outcome),
    **{outcome.value: (outcome,) for outcome in Outcome},
}
"""What the list may be narrowed to; the first is everything. Of some the offer decides too: ``_WAITS``."""
_WAITS = {NEEDS_YOU: False, APPROVAL: True}
"""Whether a clip's offer waits for an approval, which is all that it then needs."""

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
    counts = {name: sum(_fits(name, *each[1:]) for each in found) for name in FILTERS}
    ids = [job_id for job_id, outcome, offer in found if _fits(wanted.outcome, outcome, offer)]
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


def _fits(name: str, outcome: str, offer: str | None) -> bool:
    waits = offer == Offered.WAITING
    return outcome in FILTERS[name] and _WAITS.get(name, waits) == waits


def _found(table: Table, text: str) -> list[tuple[str, str, str | None]]:
    """(id, outcome, state of the offer), newest first. Paths are stored as bytes and databases fold letters differently: words are sought here."""
    words = text.casefold().split()
    path = JOBS.c.path if words else sa.literal("")  # reading 5,000 paths takes longer than all else
    with table.engine.connect() as connection:
        query = sa.select(JOBS.c.id, JOBS.c.outcome, OFFERS.c.state, path).select_from(JOBS.outerjoin(OFFERS, OFFERS.c.job == JOBS.c.id))
        rows = connection.execute(query.where(_ENDED).order_by(*_NEWEST_FIRST)).all()
    return [(job_id, outcome, offer) for job_id, outcome, offer, path in rows if _holds(f"{path}\n{job_id}".casefold(), words)]


def _holds(text: str, words: list[str]) -> bool:
    return all(word in text for word in words)


def _items(table: Table, ids: list[str]) -> list[Ended]:
    rows = {row.id: row for row in table.select(JOBS.c.id.in_(ids))}
    with table.engine.connect() as connection:
        summaries: dict[str, Any] = {
            job_id: summary for job_id, summary in connection.execute(sa.select(JOBS.c.id, JOBS.c.summary).where(JOBS.c.id.in_(ids)))
        }
    return [Ended(rows[job_id], summaries.get(job_id) or {}) for job_id in ids if job_id in rows]
