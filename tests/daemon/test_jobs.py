"""The queue with real processes, real DBOS and a real SQLite file; the clips' names say what goes wrong."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest
from queuedesk import Desk

from deshimmer.config.errors import DaemonError
from deshimmer.config.settings import Repair, Settings
from deshimmer.daemon import jobs, workflows
from deshimmer.daemon.database import open_engine
from deshimmer.daemon.jobs import CANCELLED_BY_USER, CANCELLED_GONE, CANCELLED_REPLACED, Jobs
from deshimmer.daemon.lock import is_state_held
from deshimmer.daemon.reading import read_job, read_jobs
from deshimmer.daemon.states import State
from deshimmer.daemon.table import Table
from deshimmer.processors import api, delivery, media
from deshimmer.processors.records import Receipt, Request


def test_every_fault_ends_as_one_receipt(desk) -> None:
    names = {"ok-1": "kept", "crashonce-2": "kept", "error-3": "failed", "noise-4": "kept"}
    rows = {name: desk.enqueue(desk.clip(name)) for name in names}
    desk.wait_for_end()
    assert {name: desk.outcome(row) for name, row in rows.items()} == names
    assert desk.jobs.get(rows["crashonce-2"].id).crashes == 1
    assert sorted(receipt.id for receipt in desk.ended) == sorted(row.id for row in rows.values())
    for name, row in rows.items():
        assert json.loads((desk.output / f"{name}.receipt.json").read_bytes())["id"] == row.id
    assert desk.leftovers() == []
    assert desk.jobs.counts() == {"queued": 0, "running": 0, "cancelling": 0, "done": 3, "failed": 1, "cancelled": 0}


def test_a_job_is_done_once_while_its_outputs_exist(desk) -> None:
    clip = desk.clip("ok-1")
    first = desk.enqueue(clip)
    assert desk.enqueue(clip).id == first.id
    desk.wait_for_end()
    assert desk.enqueue(clip).id == first.id
    assert first.id.endswith("-1")
    (desk.output / "ok-1.receipt.json").unlink()
    second = desk.enqueue(clip)
    assert second.id == first.id.removesuffix("1") + "2"
    desk.wait_for_end()
    third = desk.jobs.retry(second.id)
    assert third.id == first.id.removesuffix("1") + "3"
    desk.wait_for_end()
    assert desk.jobs.get(first.id.rpartition("-")[0]).id == third.id
    by_route = desk.jobs.retry(third.id, "deband")
    assert by_route.request.route == "deband"
    assert by_route.id.rpartition("-")[0] != third.id.rpartition("-")[0]
    with pytest.raises(DaemonError, match="no route 'blur'"):
        desk.jobs.retry(third.id, "blur")


def test_history_is_cleared_and_rebuilt_from_receipts(desk) -> None:
    kept, failed = desk.enqueue(desk.clip("ok-1")), desk.enqueue(desk.clip("error-2"))
    desk.wait_for_end()
    before = {row.id: (row.path, row.state, row.outcome, row.reason, row.receipt, row.request) for row in desk.jobs.list()}
    assert desk.jobs.history_clear() == 2
    assert desk.jobs.list() == []
    assert desk.jobs.history_rebuild([desk.output]) == 2
    assert desk.jobs.history_rebuild([desk.output]) == 0
    assert {row.id: (row.path, row.state, row.outcome, row.reason, row.receipt, row.request) for row in desk.jobs.list()} == before
    assert desk.enqueue(Path(kept.path)).id == kept.id
    assert desk.jobs.retry(failed.id).id.endswith("-2")
    desk.wait_for_end()


@pytest.fixture
def being_told(desk) -> Iterator[threading.Event]:
    """One job of this desk has ended in the table, and its workflow ends once the event is set."""

    class Slow(list[Receipt]):
        def append(self, receipt: Receipt) -> None:
            told.set()
            assert go_on.wait(20)
            super().append(receipt)

    told, go_on = threading.Event(), threading.Event()
    desk.jobs.close()
    desk.ended = Slow()
    desk.open()
    desk.enqueue(desk.clip("ok-1"))
    assert told.wait(20)
    yield go_on
    go_on.set()


def test_a_stop_waits_for_an_end_that_is_being_recorded(desk, being_told: threading.Event) -> None:
    with ThreadPoolExecutor(1) as pool:
        closed = pool.submit(desk.jobs.close)
        with pytest.raises(TimeoutError):
            closed.result(0.3)
        being_told.set()
        closed.result(20)
    desk.open()
    assert [row.outcome for row in desk.jobs.list()] == ["kept"]


def test_the_history_waits_for_an_end_that_is_being_recorded(desk, being_told: threading.Event) -> None:
    (row,) = desk.jobs.list()
    with ThreadPoolExecutor(1) as pool:
        cleared = pool.submit(desk.jobs.history_clear)
        with pytest.raises(TimeoutError):
            cleared.result(0.3)
        being_told.set()
        assert cleared.result(20) == 1
    (desk.output / "ok-1.receipt.json").unlink()
    assert desk.enqueue(Path(row.path)).id == row.id
    desk.wait_for_end()
    assert len(desk.ended) == 2


def test_a_job_is_cancelled_whether_it_waits_or_runs(desk) -> None:
    running = desk.enqueue(desk.clip("tool-1"))
    waiting = desk.enqueue(desk.clip("ok-2"))
    pid_file = desk.folder / "tool-1.pid"
    desk.wait(lambda: pid_file.exists() and pid_file.read_text())
    assert desk.jobs.get(running.id).stage == "diagnose"
    assert desk.jobs.get(running.id).progress is not None
    assert desk.jobs.cancel(waiting.id).state is State.CANCELLED
    desk.jobs.cancel(running.id)
    desk.wait_for_end()
    assert [desk.outcome(row) for row in (running, waiting)] == ["cancelled", "cancelled"]
    assert desk.jobs.get(running.id).reason == CANCELLED_BY_USER
    assert desk.jobs.get(running.id).crashes == 0
    assert not psutil.pid_exists(int(pid_file.read_text()))
    with pytest.raises(DaemonError, match="ended already"):
        desk.jobs.cancel(running.id)
    again = desk.enqueue(desk.clip("ok-3"))
    desk.wait_for_end()
    assert desk.outcome(again) == "kept"
    assert len(desk.ended) == 3


def test_a_replaced_or_deleted_render_is_dropped(desk) -> None:
    clip = desk.clip("hang-1")
    old = desk.enqueue(clip)
    desk.wait(lambda: desk.jobs.get(old.id).stage == "diagnose")
    waiting = desk.enqueue(desk.clip("ok-2"))
    desk.jobs.gone(Path(waiting.path))
    new = desk.enqueue(desk.clip("hang-1", frames=5))
    desk.wait(lambda: desk.jobs.get(new.id).stage == "diagnose")
    assert desk.jobs.get(old.id).reason == CANCELLED_REPLACED
    assert desk.jobs.get(waiting.id).reason == CANCELLED_GONE
    desk.jobs.gone(clip)
    desk.wait_for_end()
    assert desk.jobs.get(new.id).outcome == "cancelled"
    assert desk.enqueue(Path(waiting.path)).id.endswith("-2")
    desk.wait_for_end()


def test_the_lower_priority_number_goes_first_and_a_pause_survives_a_restart(desk) -> None:
    desk.jobs.pause()
    rows = [desk.enqueue(desk.clip(f"ok-{priority}"), priority) for priority in (30, 10, 20)]
    desk.jobs.close()
    desk.open()
    assert desk.jobs.pause_state() == (True, None)
    time.sleep(1.0)
    assert desk.jobs.counts()["queued"] == 3
    desk.jobs.resume()
    desk.wait_for_end()
    assert [receipt.id for receipt in desk.ended] == [rows[1].id, rows[2].id, rows[0].id]
    desk.jobs.pause(0.5)
    assert desk.jobs.pause_state().paused
    last = desk.enqueue(desk.clip("ok-4"))
    desk.wait_for_end()
    assert desk.outcome(last) == "kept"
    desk.jobs.pause()
    desk.jobs.close()
    desk.open(ignore_pause=True)
    unpaused = desk.enqueue(desk.clip("ok-5"))
    desk.wait_for_end()
    assert desk.outcome(unpaused) == "kept"


def test_a_stop_cuts_a_stage_short_and_the_next_start_goes_on(desk) -> None:
    row = desk.enqueue(desk.clip("slow-1"))
    desk.wait(lambda: desk.jobs.get(row.id).stage == "diagnose")
    workers = desk.jobs.worker_pids()
    started = time.monotonic()
    desk.jobs.close()
    assert time.monotonic() - started < 3
    assert not any(psutil.pid_exists(pid) for pid in workers)
    assert not is_state_held()
    assert [(job.id, job.state) for job in read_jobs(desk.settings)] == [(row.id, State.QUEUED)]
    desk.open()
    desk.wait_for_end()
    ended = read_job(desk.settings, row.id[:4])
    assert (ended.outcome, ended.crashes) == ("kept", 0)
    assert len(desk.ended) == 1
    assert desk.leftovers() == []


def test_the_third_crash_ends_a_clip_also_over_restarts(desk) -> None:
    row = desk.enqueue(desk.clip("crash-1"))
    desk.wait(lambda: desk.jobs.get(row.id).crashes >= 1)
    desk.jobs.close()
    desk.open()
    desk.wait_for_end()
    ended = desk.jobs.get(row.id)
    assert (ended.outcome, ended.crashes) == ("failed", 3)
    assert "died 3 times, last with exit code 11" in (ended.reason or "")
    receipt = json.loads(Path(ended.receipt or "").read_bytes())
    assert receipt["error"]["title"] == "The worker crashed on this clip"
    assert desk.leftovers() == []


def test_what_a_kill_left_between_table_and_queue_is_mended(desk) -> None:
    desk.jobs.pause()
    cancelling = desk.enqueue(desk.clip("ok-1"))
    desk.jobs.close()
    clip = desk.clip("ok-2")
    engine = open_engine(desk.settings.database_url)
    table = Table(engine)
    table.move(cancelling.id, State.CANCELLING, reason=CANCELLED_BY_USER)
    never_queued = table.insert("0123456789ab", Request(clip, desk.output, str(clip)), media.digest(clip), 10)
    engine.dispose()
    folder = delivery.make_work_folder(desk.output, "of-no-job")
    (folder / "owner.json").unlink()
    desk.open(ignore_pause=True)
    assert not folder.exists()
    assert desk.outcome(cancelling) == "cancelled"
    desk.wait_for_end()
    assert desk.outcome(never_queued) == "kept"
    assert len(desk.ended) == 2
    assert desk.leftovers() == []


def test_as_many_clips_run_at_once_as_the_settings_say(tmp_path: Path, faulty_road: str) -> None:
    desk = Desk(tmp_path, Settings.model_validate({"queue": {"cpu_jobs": 2}}))
    rows = [desk.enqueue(desk.clip(f"slow-{number}", frames=3 + number)) for number in range(3)]
    desk.wait(lambda: desk.jobs.counts()["running"] == 2)
    desk.wait(lambda: sum(desk.jobs.get(row.id).stage == "diagnose" for row in rows) == 2)
    assert desk.jobs.counts()["queued"] == 1
    desk.jobs.close()


def test_one_state_folder_has_one_queue(desk) -> None:
    with pytest.raises(DaemonError, match="runs already"):
        Jobs(desk.settings).launch()
    assert is_state_held()


def test_a_result_whose_route_the_user_chose_is_not_done_over(desk) -> None:
    clip = desk.clip("ok-1")
    first = desk.enqueue(clip)
    desk.wait_for_end()
    chosen = desk.jobs.retry(first.id, "deband")
    desk.wait_for_end()
    assert json.loads((desk.output / "ok-1.receipt.json").read_bytes())["id"] == chosen.id
    assert desk.enqueue(clip).id == chosen.id
    desk.jobs.history_clear()
    assert desk.enqueue(clip) is None
    api.fix(clip, desk.output, desk.settings, route="keep")
    assert desk.enqueue(clip) is None
    desk.settings = desk.settings.model_copy(update={"repair": Repair(strength=0.5)})
    desk.jobs.close()
    desk.open()
    assert desk.enqueue(clip).id.endswith("-1")
    desk.wait_for_end()


def test_a_retry_is_of_the_render_as_it_is_now(desk) -> None:
    first = desk.enqueue(desk.clip("ok-1"))
    desk.wait_for_end()
    desk.clip("ok-1", frames=5)
    again = desk.jobs.retry(first.id)
    assert again.id.rpartition("-")[0] != first.id.rpartition("-")[0]
    assert again.id == desk.jobs.enqueue(again.request, media.digest(Path(again.path))).id
    desk.wait_for_end()
    Path(again.path).unlink()
    assert desk.jobs.retry(again.id).id == f"{again.id[:-1]}2"
    desk.wait_for_end()
    assert desk.jobs.get(again.id[:-2]).outcome == "failed"


def test_a_render_that_cannot_be_read_ends_as_failed(desk) -> None:
    unreadable = desk.folder / "folder.mp4"
    unreadable.mkdir()
    row = desk.jobs.enqueue(Request(unreadable, desk.output, str(unreadable)), desk.jobs.content_digest(unreadable))
    desk.wait_for_end()
    assert desk.outcome(row) == "failed"
    with pytest.raises(FileNotFoundError):
        desk.jobs.content_digest(desk.folder / "absent.mp4")


@pytest.mark.logs_errors
def test_the_keeper_outlives_a_database_that_is_locked(desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "_AFTER_FAILURE_S", 0.1)
    asked: list[object] = []

    def fail(**_: object) -> None:
        asked.append(_)
        raise RuntimeError("database is locked")

    with monkeypatch.context() as broken:
        broken.setattr(workflows.DBOS, "list_workflows", fail)
        desk.jobs.resume()
        desk.wait(lambda: len(asked) > 1)
    desk.jobs.pause(0.3)
    desk.wait(lambda: not desk.jobs._gate._paused["all"])
    assert desk.jobs._keeper.is_alive()
