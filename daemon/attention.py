"""Which jobs of the last day wait for a person, are not done again since, and not looked at yet."""

from __future__ import annotations

import time

import sqlalchemy as sa

from ..processors.records import Outcome
from .database import JOBS, OFFERS
from .offering import Offered
from .table import Table

_DAY_S = 86400.0
_LOOKED_AT = "looked_at"
_LATE = "offered_late"
_WAITS = OFFERS.c.state == Offered.WAITING
_NEEDS = JOBS.c.outcome.in_([Outcome.FLAGGED, Outcome.FAILED])


def needing(table: Table) -> list[str]:
    """Flagged or failed, a file once; those that wait for an approval are not among them."""
    return _unseen(table, sa.and_(_NEEDS, sa.func.coalesce(OFFERS.c.state, "") != Offered.WAITING))


def waiting(table: Table) -> list[str]:
    """They offer to be rendered again, and only an approval is missing. Newest first."""
    return _unseen(table, _WAITS)


def offered_late(table: Table, job_id: str) -> None:
    """What rendering it again costs is known since now: news, also of a job that ended long ago or was looked at."""
    looked_at: list[str] = table.note(_LOOKED_AT) or []
    table.set_note(_LOOKED_AT, [each for each in looked_at if each != job_id])
    table.set_note(_LATE, {**_late(table), job_id: time.time()})


def look_at(table: Table, job_id: str | None) -> None:
    """A person has seen this job, or all of them."""
    today = _of_last_day(table, sa.or_(_NEEDS, _WAITS))
    seen: set[str] = {*(table.note(_LOOKED_AT) or []), *(today if job_id is None else [job_id])}
    table.set_note(_LOOKED_AT, [each for each in today if each in seen])


def _unseen(table: Table, where: sa.ColumnElement[bool]) -> list[str]:
    looked_at = set(table.note(_LOOKED_AT) or [])
    return [job_id for job_id in _of_last_day(table, where) if job_id not in looked_at]


def _of_last_day(table: Table, where: sa.ColumnElement[bool]) -> list[str]:
    later = JOBS.alias()
    done_again = sa.exists().where(later.c.path == JOBS.c.path, later.c.created > JOBS.c.created)
    query = sa.select(JOBS.c.id).select_from(JOBS.outerjoin(OFFERS, OFFERS.c.job == JOBS.c.id))
    is_news = sa.or_(JOBS.c.finished > time.time() - _DAY_S, JOBS.c.id.in_(_late(table)))
    query = query.where(is_news, where, ~done_again).order_by(JOBS.c.finished.desc())
    with table.engine.connect() as connection:
        return list(connection.scalars(query))


def _late(table: Table) -> dict[str, float]:
    noted: dict[str, float] = table.note(_LATE) or {}
    return {job_id: at for job_id, at in noted.items() if at > time.time() - _DAY_S}
