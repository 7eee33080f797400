"""Worker processes: their answers, their deaths, and that nothing of theirs outlives the daemon."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from clipmaker import pan, write

from deshimmer.config.settings import Settings
from deshimmer.daemon.workers import Pool, PoolClosed, Worker, WorkerDied
from deshimmer.processors.records import Passage, Request, to_json


@pytest.fixture
def pool(faulty_road: str) -> Iterator[Pool]:
    pool = Pool(Settings.model_validate({"queue": {"jobs_per_worker": 2, "idle_unload_s": 1.0}}), faulty_road)
    yield pool
    pool.close()


@pytest.fixture
def question(tmp_path: Path) -> Callable[..., dict[str, Any]]:
    """A request for the first stage of a clip of this name, or the one after an answer."""

    def ask(name: str, after: dict[str, Any] | None = None) -> dict[str, Any]:
        path = tmp_path / f"{name}.mp4"
        if not path.exists():
            write(path, pan(3, (64, 48)))
        passage = Passage(f"{name}-1", Request(path, tmp_path / "out", str(path)), tmp_path / "out" / ".deshimmer-work" / f"{name}-1")
        return {"passage": after["passage"] if after else to_json(passage), "settings": Settings().model_dump(mode="json")}

    return ask


def wait_until(condition: Callable[[], object], seconds: float = 5.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def ignore(stage: str, part: float) -> None:
    """Progress that nobody looks at."""


def test_a_worker_answers_whatever_libraries_print(pool: Pool, question) -> None:
    told: list[tuple[str, float]] = []
    with pool.hire("job") as worker:
        first = worker.ask(question("noise"), lambda stage, part: told.append((stage, part)))
        assert (first["next"], first["passage"]["clip"]["frames"]) == ("diagnose", 3)
        second = worker.ask(question("noise", first), lambda stage, part: told.append((stage, part)))
        assert (second["next"], second["summary"]) == ("route", None)
        assert psutil.Process(worker.pid).nice() == min(19, psutil.Process().nice() + 10)
    assert told[0] == ("probe", 0.0)
    assert ("diagnose", 0.0) in told


def test_an_error_is_an_answer_and_a_crash_is_a_death(pool: Pool, question) -> None:
    with pool.hire("one") as worker:
        answer = worker.ask(question("error", worker.ask(question("error"), ignore)), ignore)
        assert answer["error"]["title"] == "The clip cannot be read"
        first_pid = worker.pid
    with pool.hire("two") as worker:
        assert worker.pid == first_pid
        with pytest.raises(WorkerDied, match="exit code 11"):
            worker.ask(question("crash", worker.ask(question("crash"), ignore)), ignore)
    with pool.hire("three") as worker:
        assert worker.pid != first_pid
        assert "next" in worker.ask(question("ok"), ignore)


def test_a_worker_is_replaced_after_its_jobs_and_when_idle(pool: Pool) -> None:
    pids: list[int] = []
    for job in ("one", "two", "three"):
        with pool.hire(job) as worker:
            pids.append(worker.pid)
    assert pids[0] == pids[1] != pids[2]
    with pool.hire("three") as worker:
        assert worker.pid == pids[2]
    wait_until(lambda: not pool.pids() and not psutil.pid_exists(pids[2]))


def test_killing_a_job_takes_its_tools_along(pool: Pool, question, tmp_path: Path) -> None:
    tool_pid = tmp_path / "tool.pid"
    deaths: list[BaseException] = []

    def work() -> None:
        try:
            with pool.hire("job") as worker:
                worker.ask(question("tool", worker.ask(question("tool"), ignore)), ignore)
        except (WorkerDied, PoolClosed) as death:
            deaths.append(death)

    thread = threading.Thread(target=work)
    thread.start()
    wait_until(lambda: tool_pid.exists() and tool_pid.read_text())
    assert not pool.kill("another")
    assert pool.kill("job")
    thread.join(5)
    assert isinstance(deaths[0], WorkerDied)
    assert not psutil.pid_exists(int(tool_pid.read_text()))
    tool_pid.unlink()
    thread = threading.Thread(target=work)
    thread.start()
    wait_until(lambda: tool_pid.exists() and tool_pid.read_text())
    pool.close()
    thread.join(5)
    assert isinstance(deaths[1], PoolClosed)
    assert not psutil.pid_exists(int(tool_pid.read_text()))


def test_a_worker_dies_with_the_daemon_in_the_middle_of_a_stage(faulty_road: str, question, tmp_path: Path) -> None:
    worker = Worker(faulty_road)
    second = question("tool", worker.ask(question("tool"), ignore))
    process, tool_pid = worker._process, tmp_path / "tool.pid"

    def work() -> None:
        with pytest.raises(WorkerDied):
            worker.ask(second, ignore)

    thread = threading.Thread(target=work)
    thread.start()
    wait_until(lambda: tool_pid.exists() and tool_pid.read_text())
    process.stdin.close()
    wait_until(lambda: not psutil.pid_exists(int(tool_pid.read_text())), 2.0)
    thread.join(5)
    assert not worker.is_alive
    worker.close()
