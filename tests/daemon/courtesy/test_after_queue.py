"""What happens after the queue: with a real daemon and a real command; sleep by a stand-in of the system's command."""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from clipmaker import pan, write
from standin import StandIn

from deshimmer.config.settings import Courtesy, Settings
from deshimmer.daemon import client as clients
from deshimmer.daemon.app import Daemon
from deshimmer.daemon.courtesy import after_queue
from deshimmer.processors.records import Outcome


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(after_queue, "SETTLE_S", 0.3)


def wait(condition: Callable[[], object], seconds: float = 30.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.fixture
def make(tmp_path: Path, faulty_road: str) -> Iterator[Callable[..., Daemon]]:
    daemons: list[Daemon] = []
    hot = tmp_path / "hot"
    hot.mkdir()

    def call(senses: StandIn | None = None, **wishes: Any) -> Daemon:
        settings = Settings.model_validate(
            {"hot_folders": [{"path": str(hot), "existing": "process"}], "intake": {"quiet_s": 0.1}, "courtesy": wishes}
        )
        daemons.append(Daemon(settings, settings.hot_folders, road=faulty_road, senses=senses or StandIn(())))
        daemons[-1].start()
        return daemons[-1]

    yield call
    for daemon in daemons:
        daemon.stop()


def recording(file: Path) -> list[str]:
    """A command that writes down the counts which it gets."""
    code = "import json, os, sys; open(sys.argv[1], 'a').write(json.dumps({k: v for k, v in os.environ.items() if k.startswith('AFTER_')}) + '\\n')"
    return [sys.executable, "-c", code, str(file)]


def test_a_command_runs_once_after_work_with_the_counts_and_never_at_the_start(make, tmp_path: Path) -> None:
    told = tmp_path / "told"
    daemon = make(after_queue="command", after_queue_command=recording(told))
    time.sleep(1.0)
    assert not told.exists()
    for name in ("ok-1", "ok-2", "error-3"):
        write(tmp_path / "hot" / f"{name}.mp4", pan(3 + int(name[-1]), (64, 48)))
    wait(lambda: told.exists() and told.read_text().endswith("\n"))
    time.sleep(1.0)
    runs = [json.loads(line) for line in told.read_text().splitlines()]
    kept, failed = (sum(int(run[f"AFTER_QUEUE_{word}"]) for run in runs) for word in ("KEPT", "FAILED"))
    assert (kept, failed) == (2, 1)
    assert set(runs[0]) == {f"AFTER_QUEUE_{outcome.upper()}" for outcome in Outcome}
    before = len(runs)
    assert daemon.jobs.unfinished() == []
    write(tmp_path / "hot" / "ok-4.mp4", pan(8, (64, 48)))
    wait(lambda: len(told.read_text().splitlines()) == before + 1)
    assert json.loads(told.read_text().splitlines()[-1])["AFTER_QUEUE_KEPT"] == "1"


def test_notify_is_an_event(make, tmp_path: Path) -> None:
    make(after_queue="notify")
    client = clients.connect()
    events = client.events(client.get("/status")["event"], patience_s=5)
    write(tmp_path / "hot" / "ok-1.mp4", pan(3, (64, 48)))
    assert next(event.data for event in events if event.kind == "queue_empty") == {"counts": {"kept": 1}}


def quiet(**wishes: Any) -> tuple[after_queue.AfterQueue, list[dict[str, int]], list[bool]]:
    told: list[dict[str, int]] = []
    empty = [True]
    action = after_queue.AfterQueue(Courtesy.model_validate(wishes), StandIn(), lambda: empty[0], lambda counts: told.append(dict(counts)))
    return action, told, empty


def test_cancelled_work_sets_nothing_off_and_a_queue_that_fills_again_is_waited_for() -> None:
    action, told, empty = quiet(after_queue="notify")
    action.ended(Outcome.CANCELLED)
    time.sleep(0.8)
    assert told == []
    empty[0] = False
    action.ended(Outcome.KEPT)
    time.sleep(0.8)
    assert told == []
    empty[0] = True
    action.ended(Outcome.REPAIRED)
    wait(lambda: told)
    assert told == [{"cancelled": 1, "kept": 1, "repaired": 1}]
    action.close()
    idle, told, _ = quiet(after_queue="nothing")
    idle.ended(Outcome.KEPT)
    time.sleep(0.5)
    assert told == []
    idle.close()


def test_a_command_that_runs_ends_with_the_daemon_and_one_that_fails_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    action, _, _ = quiet(after_queue="command", after_queue_command=[sys.executable, "-c", "import time; time.sleep(600)"])
    action.ended(Outcome.KEPT)
    time.sleep(1.0)
    started = time.monotonic()
    action.close()
    assert time.monotonic() - started < 5
    for command, words in (
        ([sys.executable, "-c", "import sys; sys.exit('no disk')"], "no disk"),
        (["/no/such/program"], "cannot be started"),
    ):
        caplog.clear()
        failing, _, _ = quiet(after_queue="command", after_queue_command=command)
        failing.ended(Outcome.KEPT)
        wait(lambda words=words: words in caplog.text)
        failing.close()


@pytest.mark.skipif(sys.platform != "linux", reason="the stand-in is a script in the place of systemctl")
def test_the_machine_sleeps_when_nobody_is_at_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script = tmp_path / "systemctl"
    script.write_text(f'#!/bin/sh\necho "$@" >> {tmp_path}/called\n')
    script.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    senses = StandIn(idle=5.0)
    action = after_queue.AfterQueue(Courtesy(after_queue="sleep"), senses, lambda: True, lambda counts: None)
    action.ended(Outcome.KEPT)
    time.sleep(1.0)
    assert not (tmp_path / "called").exists()
    senses.idle = after_queue.AWAY_S
    wait(lambda: (tmp_path / "called").exists() and (tmp_path / "called").read_text() == "suspend\n")
    action.close()


def test_the_api_pauses_the_gpu_and_says_what_waits(make, tmp_path: Path) -> None:
    make()
    client = clients.connect()
    assert client.post("/pause", gpu=True) == {"paused": False, "paused_until": None, "gpu_paused": True, "gpu_paused_until": None}
    events = client.events(client.get("/status")["event"], patience_s=5)
    write(tmp_path / "hot" / "gpu-1.mp4", pan(3, (64, 48)))
    reason = {"what": "gpu", "reason": "work on the GPU is paused"}
    waiting = next(event.data for event in events if event.kind == "status" and event.data["waiting"])
    assert (waiting["gpu_paused"], waiting["waiting"]) == (True, [reason])
    (running,) = client.get("/status")["running"]
    assert (running["stage"], running["progress"]) == ("wait", None)
    assert client.get("/jobs", state="running")["jobs"][0]["reason"] == reason["reason"]
    (tmp_path / "hot" / "gpu-1.go").touch()
    assert client.post("/resume", gpu=True)["gpu_paused"] is False
    finished = next(event.data for event in events if event.kind == "finished")
    assert finished["summary"]["outcome"] == "kept"
    assert client.post("/pause", seconds=600.0, now=True)["paused"] is True
    assert client.post("/resume")["paused"] is False
    assert isinstance(client.post("/gpu/free")["freed"], int)


def test_switched_off_while_it_settles_it_does_nothing_and_switched_on_again_it_acts() -> None:
    action, told, _ = quiet(after_queue="notify")
    action.ended(Outcome.KEPT)
    action.apply(Courtesy(after_queue="nothing"))
    wait(lambda: action._thread is None)
    action.apply(Courtesy(after_queue="notify"))
    action.ended(Outcome.REPAIRED)
    wait(lambda: told)
    assert told == [{"repaired": 1}]
    action.close()


@pytest.mark.logs_errors
def test_a_queue_that_cannot_be_asked_is_asked_again() -> None:
    told: list[dict[str, int]] = []
    answers = iter([RuntimeError("database is locked"), True])

    def is_empty() -> bool:
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    action = after_queue.AfterQueue(Courtesy(after_queue="notify"), StandIn(), is_empty, lambda counts: told.append(dict(counts)))
    action.ended(Outcome.KEPT)
    wait(lambda: told)
    assert told == [{"kept": 1}]
    action.close()


def test_jobs_that_end_during_the_action_get_their_own_and_the_end_waits_for_it() -> None:
    begun, go = threading.Event(), threading.Event()
    told: list[dict[str, int]] = []

    def tell(counts: Mapping[str, int]) -> None:
        begun.set()
        assert go.wait(10)
        told.append(dict(counts))

    action = after_queue.AfterQueue(Courtesy(after_queue="notify"), StandIn(), lambda: True, tell)
    action.ended(Outcome.KEPT)
    assert begun.wait(10)
    action.ended(Outcome.REPAIRED)
    go.set()
    wait(lambda: len(told) == 2)
    assert told == [{"kept": 1}, {"repaired": 1}]
    go.clear()
    begun.clear()
    action.ended(Outcome.FAILED)
    assert begun.wait(10)
    threading.Timer(0.3, go.set).start()
    action.close()
    assert told[2:] == [{"failed": 1}]
