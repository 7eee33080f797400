"""The tables by themselves: identities, moves between states, and what a reader without a daemon sees."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st

from deshimmer.config.errors import DaemonError, SettingsError
from deshimmer.config.settings import Settings
from deshimmer.daemon.database import create_tables, open_engine
from deshimmer.daemon.lock import hold_state
from deshimmer.daemon.reading import read_job, read_jobs
from deshimmer.daemon.seen import Seen
from deshimmer.daemon.states import MOVES, State
from deshimmer.daemon.table import Table
from deshimmer.processors.records import Request

NO_TEXT = Path(os.fsdecode(b"/renders/caf\xe9 -\n.mp4"))


@pytest.fixture
def engine(tmp_path: Path):
    engine = open_engine(f"sqlite:///{tmp_path / 'queue.sqlite'}")
    create_tables(engine)
    yield engine
    engine.dispose()


def request_for(path: Path = NO_TEXT) -> Request:
    return Request(path, Path("/renders/out"), str(path))


def summary(job_id: str, outcome: str = "kept") -> dict[str, object]:
    return {"id": job_id, "outcome": outcome, "reason": "nothing flickers", "route": "keep"}


def test_a_row_comes_back_as_it_went_in(engine: sa.Engine) -> None:
    row = Table(engine).insert("abcdef012345", request_for(), "content", 7)
    assert (row.id, row.path, row.state, row.priority, row.crashes) == ("abcdef012345-1", str(NO_TEXT), State.QUEUED, 7, 0)
    assert row.request == request_for()
    assert not {"request_text", "content_digest"} & row.as_dict().keys()


def test_numbers_count_up_and_a_prefix_finds_the_last(engine: sa.Engine) -> None:
    table = Table(engine)
    for digest in ("aaa111", "aaa111", "aab222"):
        table.insert(digest, request_for(), "content", 10)
    assert table.find("aaa").id == "aaa111-2"
    assert table.find("aaa111-1").id == "aaa111-1"
    assert table.find("aab222-1").id == "aab222-1"
    with pytest.raises(DaemonError, match="begins the ids of several jobs: aaa111-2, aaa111-1, aab222-1"):
        table.find("aa")
    for unknown in ("x", "", "%", "aaa_11"):
        with pytest.raises(DaemonError, match="no job"):
            table.find(unknown)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.sampled_from(State), max_size=8))
def test_only_moves_of_the_table_are_made(targets: list[State]) -> None:
    engine = open_engine("sqlite://")
    create_tables(engine)
    table = Table(engine)
    now, job_id = State.QUEUED, table.insert("abc", request_for(), "content", 10).id
    for target in targets:
        assert table.move(job_id, target) is (target in MOVES[now])
        now = target if target in MOVES[now] else now
        assert table.get(job_id).state is now
    engine.dispose()


def test_an_end_is_entered_once_and_in_order(engine: sa.Engine) -> None:
    table = Table(engine)
    ids = [table.insert(digest, request_for(), "content", 10).id for digest in ("aa", "bb", "cc")]
    for job_id in ids:
        table.move(job_id, State.RUNNING)
    assert [table.end(job_id, summary(job_id, outcome)) for job_id, outcome in zip(ids, ("kept", "failed", "cancelled"), strict=True)] == [
        1,
        2,
        3,
    ]
    assert not table.end(ids[0], summary(ids[0], "failed"))
    assert [table.get(job_id).state for job_id in ids] == [State.DONE, State.FAILED, State.CANCELLED]
    assert table.ended_since(0) == (3, [summary(ids[0]), summary(ids[1], "failed"), summary(ids[2], "cancelled")])
    assert table.ended_since(2) == (3, [summary(ids[2], "cancelled")])
    assert table.ended_since(3) == (3, [])
    assert (table.unfinished(), table.last_finish_number()) == ([], 3)


def test_files_are_remembered_while_they_are_as_they_were(engine: sa.Engine) -> None:
    seen = Seen(engine)
    folder = NO_TEXT.parent
    assert seen.first_start(folder)
    seen.mark_existing(folder, {NO_TEXT: (10, 111)})
    assert not seen.first_start(folder)
    assert seen.is_seen(NO_TEXT, 10, 111)
    assert not seen.is_seen(NO_TEXT, 10, 112)
    assert seen.digest(NO_TEXT, 10, 111) is None
    seen.remember(NO_TEXT, 10, 111, "d1")
    assert not seen.is_seen(NO_TEXT, 10, 111)
    assert seen.digest(NO_TEXT, 10, 111) == "d1"
    assert seen.digest(NO_TEXT, 11, 111) is None


def test_reading_without_a_daemon_makes_nothing(tmp_path: Path) -> None:
    file = tmp_path / "queue.sqlite"
    own = Settings.model_validate({"queue": {"database": f"sqlite:///{file}"}})
    assert read_jobs(own) == []
    with pytest.raises(DaemonError, match="nothing has been queued"):
        read_job(own, "abc")
    assert not file.exists()
    engine = open_engine(own.database_url)
    create_tables(engine)
    row = Table(engine).insert("abc", request_for(), "content", 10)
    engine.dispose()
    assert read_jobs(own, "queued") == [row]
    assert read_jobs(own, "done") == []
    assert read_job(own, "ab") == row


def test_a_broken_database_is_said_to_be_broken(tmp_path: Path) -> None:
    file = tmp_path / "queue.sqlite"
    file.write_bytes(b"no database" * 500)
    own = Settings.model_validate({"queue": {"database": f"sqlite:///{file}"}})
    with pytest.raises(DaemonError, match="not a database"):
        read_jobs(own)
    engine = open_engine(own.database_url)
    with pytest.raises(DaemonError, match="moved away"):
        create_tables(engine)
    engine.dispose()


@pytest.mark.parametrize("url", ["garbage", "oracle://host/name", "mysql://host/name", "", "sqlite+aiosqlite:///x"])
def test_what_is_no_database_of_ours_is_a_wrong_setting(url: str) -> None:
    with pytest.raises(SettingsError, match=r"queue\.database"):
        open_engine(url)


def test_a_database_that_does_not_answer_is_named_and_is_no_path() -> None:
    own = Settings.model_validate({"queue": {"database": "postgresql://127.0.0.1:1/name"}})
    with pytest.raises(DaemonError, match="refused") as caught:
        read_jobs(own)
    assert caught.value.path is None


def test_what_a_killed_daemon_left_running_waits(tmp_path: Path) -> None:
    own = Settings.model_validate({"queue": {"database": f"sqlite:///{tmp_path / 'queue.sqlite'}"}})
    engine = open_engine(own.database_url)
    create_tables(engine)
    table = Table(engine)
    row = table.insert("abc", request_for(), "content", 10)
    table.move(row.id, State.RUNNING, stage="diagnose")
    engine.dispose()
    with hold_state():
        assert (read_job(own, "abc").state, [each.id for each in read_jobs(own, "running")]) == (State.RUNNING, [row.id])
    assert (read_job(own, "abc").state, read_jobs(own, "running"), read_jobs(own, "queued", 1)[0].stage) == (State.QUEUED, [], None)
