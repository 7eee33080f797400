"""The list of jobs in pages: nothing twice, nothing left out, and quick with thousands of jobs."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from clipmaker import pan, write
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from manyjobs import NAMES, fill

from deshimmer.config.errors import DaemonError
from deshimmer.daemon.app import Daemon
from deshimmer.daemon.database import create_tables, open_engine
from deshimmer.daemon.listing import Wanted, page
from deshimmer.daemon.states import State
from deshimmer.daemon.table import Table
from deshimmer.processors.records import Outcome


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Table]:
    engine = open_engine(f"sqlite:///{tmp_path_factory.mktemp('listing') / 'queue.sqlite'}")
    create_tables(engine)
    fill(engine, 60, newest=2000.0)
    yield Table(engine)
    engine.dispose()


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(
    limit=st.integers(1, 70),
    states=st.sampled_from([(), (State.DONE,), (State.FAILED, State.DONE), (State.QUEUED,)]),
    outcomes=st.sampled_from([(), (Outcome.KEPT,), (Outcome.FAILED, Outcome.FLAGGED)]),
    text=st.sampled_from(["", "CAT", "dog hot", "été", "%", "caf", "/hot/1", "00002", "nowhere"]),
)
def test_pages_together_are_the_list(table: Table, limit: int, states: tuple[State, ...], outcomes: tuple[Outcome, ...], text: str) -> None:
    expected = [
        row.id
        for row in sorted(table.list(), key=lambda row: (row.created, row.id), reverse=True)
        if (not states or row.state in states)
        and (not outcomes or row.outcome in outcomes)
        and all(word in f"{row.path} {row.id}".casefold() for word in text.casefold().split())
    ]
    found: list[str] = []
    after: str | None = None
    for _ in range(len(expected) // limit + 1):
        rows, after, total = page(table, Wanted(states, outcomes, text), limit, after)
        assert len(rows) <= limit
        assert total == len(expected)
        found += [row.id for row in rows]
        if after is None:
            break
    assert after is None
    assert found == expected


@pytest.mark.parametrize("cursor", ["", "x", "1.0", "1.0~", "nan~abc", "inf~abc", "~abc"])
def test_a_cursor_that_is_none_is_told(table: Table, cursor: str) -> None:
    with pytest.raises(DaemonError, match="no place"):
        page(table, Wanted(), 10, cursor)


def test_jobs_that_arrive_meanwhile_neither_repeat_nor_hide_any(daemon: Daemon, client: httpx.Client) -> None:
    engine = open_engine(daemon.settings.database_url)
    fill(engine, 8, newest=2000.0)
    first = client.get("/api/v1/jobs", params={"limit": 4}).json()
    fill(engine, 12, first=8, newest=3000.0)
    rest = client.get("/api/v1/jobs", params={"limit": 4, "after": first["next"]}).json()
    assert [job["id"] for job in first["jobs"] + rest["jobs"]] == [f"{index:06x}-1" for index in reversed(range(8))]
    assert (first["total"], rest["total"], rest["next"]) == (8, 12, None)
    both = client.get("/api/v1/jobs", params={"state": "done,failed", "outcome": "failed", "text": "CAT"}).json()
    assert [job["path"] for job in both["jobs"]] == ["/hot/0/a cat.mp4"]
    assert json.dumps("/hot/3/" + NAMES[3]) in json.dumps(client.get("/api/v1/jobs").json()["jobs"])
    for wrong in ("limit=0", "limit=1001", "state=done,happy", "outcome=happy", "after=x"):
        assert client.get(f"/api/v1/jobs?{wrong}").json()["error"]["title"] == "The request is wrong"
    engine.dispose()


def test_the_status_is_quick_with_thousands_of_jobs_and_one_that_runs(daemon: Daemon, client: httpx.Client, tmp_path: Path) -> None:
    """The best of many: this machine may be busy. tests/bench/api_speed.py says what is usual."""
    engine = open_engine(daemon.settings.database_url)
    fill(engine, 5000)
    engine.dispose()
    write(tmp_path / "hot" / "hang.mp4", pan(3, (64, 48)))
    deadline = time.monotonic() + 20
    while not client.get("/api/v1/status").json()["running"]:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    waits: list[float] = []
    for _ in range(50):
        at = time.monotonic()
        status = client.get("/api/v1/status").json()
        waits.append(time.monotonic() - at)
    assert (sum(status["counts"].values()), len(status["running"])) == (5001, 1)
    assert status["needs_you"] == 1667
    assert min(waits) < 0.01, waits
