"""Who is needed for what: files, not runs; and an approval is not a trouble."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from deshimmer.daemon import attention
from deshimmer.daemon.database import create_tables, open_engine
from deshimmer.daemon.table import Table
from deshimmer.processors.records import Request


@pytest.fixture
def table(tmp_path: Path) -> Iterator[Table]:
    engine = open_engine(f"sqlite:///{tmp_path / 'queue.sqlite'}")
    create_tables(engine)
    yield Table(engine)
    engine.dispose()


def ended(table: Table, job_id: str, name: str, outcome: str, *, hours_ago: float = 0.0, ready: bool | None = None) -> None:
    offer = None if ready is None else {"means": "diffusers", "ready": ready, "remedy": None if ready else "Add the model."}
    path = Path("/renders") / name
    request = Request(path, path.parent / "out", str(path))
    table.insert_ended({"id": job_id, "outcome": outcome, "reason": "", "offer": offer}, request, "", time.time() - 3600 * hours_ago)


def test_a_file_that_failed_with_each_content_needs_somebody_once(table: Table) -> None:
    ended(table, "aaaaaaaaaaaa-1", "a.mp4", "failed", hours_ago=3)
    ended(table, "bbbbbbbbbbbb-1", "a.mp4", "failed", hours_ago=2)
    ended(table, "bbbbbbbbbbbb-2", "a.mp4", "flagged", hours_ago=1)
    ended(table, "cccccccccccc-1", "b.mp4", "failed", hours_ago=4)
    ended(table, "dddddddddddd-1", "b.mp4", "repaired", hours_ago=2)
    ended(table, "eeeeeeeeeeee-1", "c.mp4", "failed", hours_ago=25)
    assert attention.needing(table) == ["bbbbbbbbbbbb-2"]


def test_what_waits_for_an_approval_is_told_apart_until_it_is_looked_at(table: Table) -> None:
    ended(table, "aaaaaaaaaaaa-1", "a.mp4", "flagged", hours_ago=2, ready=True)
    ended(table, "bbbbbbbbbbbb-1", "b.mp4", "repaired", hours_ago=1, ready=True)
    ended(table, "cccccccccccc-1", "c.mp4", "flagged", ready=False)
    ended(table, "dddddddddddd-1", "d.mp4", "kept", ready=False)
    assert attention.waiting(table) == ["bbbbbbbbbbbb-1", "aaaaaaaaaaaa-1"]
    assert attention.needing(table) == ["cccccccccccc-1"]
    attention.look_at(table, "bbbbbbbbbbbb-1")
    assert attention.waiting(table) == ["aaaaaaaaaaaa-1"]
    attention.look_at(table, None)
    assert (attention.waiting(table), attention.needing(table)) == ([], [])
