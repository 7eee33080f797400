"""A queue's table full of jobs that have ended, for lists and speed."""

from __future__ import annotations

import os
import time

import sqlalchemy as sa

from deshimmer.daemon.database import JOBS
from deshimmer.daemon.states import State
from deshimmer.processors.records import Outcome

NAMES = ("a cat.mp4", "A Dog.mp4", "ÉTÉ.mov", os.fsdecode(b"caf\xe9.mp4"), "%_.mp4")


def fill(engine: sa.Engine, count: int, first: int = 0, newest: float | None = None) -> None:
    """Jobs in the order of their numbers, one a second up to ``newest`` (now), four of the same moment; every third has failed."""
    newest = time.time() if newest is None else newest
    rows = [_row(index, newest - (count - index) // 4) for index in range(first, count)]
    with engine.begin() as connection:
        connection.execute(sa.insert(JOBS), rows)


def _row(index: int, created: float) -> dict[str, object]:
    return {
        "id": f"{index:06x}-1",
        "digest": f"{index:06x}",
        "number": 1,
        "path": f"/hot/{index}/{NAMES[index % len(NAMES)]}",
        "output_dir": "/hot/out",
        "content_digest": "x",
        "request_text": "{}",
        "priority": 10,
        "state": State.DONE if index % 3 else State.FAILED,
        "outcome": Outcome.KEPT if index % 3 else Outcome.FAILED,
        "crashes": 0,
        "created": created,
        "finished": created + 1,
        "finish_number": index + 1,
    }
