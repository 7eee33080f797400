"""Which jobs of the last day need a person: flagged or failed, not done again since, and not looked at yet."""

from __future__ import annotations

import time

import sqlalchemy as sa

from ..processors.records import Outcome
from .database import JOBS
from .table import Table

_DAY_S = 86400.0
_LOOKED_AT = "looked_at"


def needing(table: Table) -> list[str]:
    """Their ids."""
    looked_at = set(table.note(_LOOKED_AT) or [])
    return [job_id for job_id in _of_last_day(table) if job_id not in looked_at]


def look_at(table: Table, job_id: str | None) -> None:
    """A person has seen this job, or all of them."""
    today = _of_last_day(table)
    seen: set[str] = {*(table.note(_LOOKED_AT) or []), *(today if job_id is None else [job_id])}
    table.set_note(_LOOKED_AT, [each for each in today if each in seen])


def _of_last_day(table: Table) -> list[str]:
    later = JOBS.alias()
    done_again = sa.exists().where(later.c.digest == JOBS.c.digest, later.c.number > JOBS.c.number)
    query = sa.select(JOBS.c.id).where(
        JOBS.c.finished > time.time() - _DAY_S, JOBS.c.outcome.in_([Outcome.FLAGGED, Outcome.FAILED]), ~done_again
    )
    with table.engine.connect() as connection:
        return list(connection.scalars(query))
