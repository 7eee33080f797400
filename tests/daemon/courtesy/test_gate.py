"""Work waits and goes on in a real queue with real workers; only what the machine senses is set by the test."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from queuedesk import Desk
from standin import StandIn, card, process

from deshimmer.config import locks, paths
from deshimmer.config.settings import Settings
from deshimmer.daemon.courtesy import gate
from deshimmer.daemon.courtesy.rules import What
from deshimmer.daemon.states import State

RESOLVE = (card(process("resolve", 0.5), busy=0.5),)


@pytest.fixture
def open_desk(tmp_path: Path, faulty_road: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., tuple[Desk, StandIn]]]:
    monkeypatch.setattr(gate, "LOOK_S", 0.1)
    desks: list[Desk] = []

    def call(cpu_jobs: int = 1, **wishes: Any) -> tuple[Desk, StandIn]:
        machine = StandIn(())
        settings = Settings.model_validate({"queue": {"cpu_jobs": cpu_jobs}, "courtesy": {"resume_after_s": 0.0, **wishes}})
        desks.append(Desk(tmp_path, settings, senses=machine))
        return desks[-1], machine

    yield call
    for desk in desks:
        desk.jobs.close()


def log_of(desk: Desk, name: str) -> list[str]:
    file = desk.folder / f"{name}.log"
    return [line.split()[0] for line in file.read_text().splitlines()] if file.exists() else []


def go(desk: Desk, *names: str) -> None:
    for name in names:
        (desk.folder / f"{name}.go").touch()


def waits(desk: Desk) -> list[tuple[str, str]]:
    return [(each.what, each.reason) for each in desk.jobs.waiting()]


def test_gpu_work_waits_for_resolve_while_other_work_goes_on(open_desk) -> None:
    desk, machine = open_desk()
    machine.cards = RESOLVE
    held = desk.enqueue(desk.clip("gpu-1"))
    desk.wait(lambda: waits(desk) == [("gpu", "DaVinci Resolve uses the GPU")])
    row = desk.jobs.get(held.id)
    assert (row.state, row.stage, row.progress, row.reason) == (State.RUNNING, "wait", None, "DaVinci Resolve uses the GPU")
    other = desk.enqueue(desk.clip("ok-2"))
    desk.wait(lambda: desk.outcome(other) == "kept")
    assert log_of(desk, "gpu-1") == []
    machine.cards = ()
    desk.wait(lambda: log_of(desk, "gpu-1") == ["begins"])
    assert waits(desk) == []
    go(desk, "gpu-1")
    desk.wait_for_end()
    assert desk.outcome(held) == "kept"
    assert desk.jobs.get(held.id).reason != "DaVinci Resolve uses the GPU"


def test_running_gpu_work_is_given_up_and_done_again(open_desk) -> None:
    desk, machine = open_desk()
    row = desk.enqueue(desk.clip("gpu-1"))
    desk.wait(lambda: log_of(desk, "gpu-1") == ["begins"])
    with locks.trying(paths.gpu_lock()) as free:
        assert not free
    machine.prompts = 2
    desk.wait(lambda: waits(desk) == [("gpu", "ComfyUI has 2 prompts in its queue")])
    pids = [int(line.split()[1]) for line in (desk.folder / "gpu-1.log").read_text().splitlines()]
    desk.wait(lambda: not psutil.pid_exists(pids[0]))
    with locks.trying(paths.gpu_lock()) as free:
        assert free
    machine.prompts = 0
    desk.wait(lambda: log_of(desk, "gpu-1") == ["begins", "begins"])
    go(desk, "gpu-1")
    desk.wait_for_end()
    assert (desk.outcome(row), desk.jobs.get(row.id).crashes) == ("kept", 0)


def test_running_gpu_work_may_end_where_the_settings_say_so(open_desk) -> None:
    desk, machine = open_desk(cpu_jobs=2, running="finish")
    names = ["gpu-1", "gpu-2"]
    rows = [desk.enqueue(desk.clip(name)) for name in names]
    desk.wait(lambda: ["begins"] in [log_of(desk, name) for name in names])
    first = next(name for name in names if log_of(desk, name))
    machine.battery = True
    desk.wait(lambda: waits(desk) == [("gpu", "the machine runs on battery")])
    looks = machine.looks
    desk.wait(lambda: machine.looks > looks + 2 * gate.LOOKS_TO_STOP)
    go(desk, *names)
    desk.wait(lambda: log_of(desk, first) == ["begins", "ends"])
    machine.battery = False
    desk.wait_for_end()
    assert [desk.outcome(row) for row in rows] == ["kept", "kept"]
    assert [log_of(desk, name) for name in names] == [["begins", "ends"]] * 2


def test_one_clip_at_a_time_is_on_the_gpu(open_desk) -> None:
    desk, _ = open_desk(cpu_jobs=3)
    rows = [desk.enqueue(desk.clip(f"gpu-{number}", frames=3 + number)) for number in (1, 2, 3)]
    desk.wait(lambda: sorted(desk.jobs.why_waits(row.id) or "" for row in rows) == ["", gate.TURN, gate.TURN])
    assert waits(desk) == []
    go(desk, "gpu-1", "gpu-2", "gpu-3")
    desk.wait_for_end()
    lines = [line.split() for number in (1, 2, 3) for line in (desk.folder / f"gpu-{number}.log").read_text().splitlines()]
    assert [word for word, *_ in sorted(lines, key=lambda line: float(line[2]))] == ["begins", "ends"] * 3


def test_a_reason_lasts_a_while(open_desk) -> None:
    desk, machine = open_desk(resume_after_s=1.0)
    machine.cards = RESOLVE
    row = desk.enqueue(desk.clip("gpu-1"))
    go(desk, "gpu-1")
    desk.wait(lambda: waits(desk))
    machine.cards = ()
    ended = time.monotonic()
    desk.wait_for_end()
    assert time.monotonic() - ended >= 0.9
    assert desk.outcome(row) == "kept"


def test_pause_and_resume_of_the_gpu_alone(open_desk) -> None:
    desk, _ = open_desk()
    assert desk.jobs.pause(what=What.GPU) == (True, None)
    assert not desk.jobs.pause_state().paused
    held, other = desk.enqueue(desk.clip("gpu-1")), desk.enqueue(desk.clip("ok-2"))
    desk.wait(lambda: desk.outcome(other) == "kept" and waits(desk) == [("gpu", gate.PAUSED[What.GPU])])
    desk.jobs.close()
    machine = StandIn(())
    desk.open(senses=machine)
    desk.wait(lambda: waits(desk) == [("gpu", gate.PAUSED[What.GPU])])
    desk.jobs.resume(what=What.GPU)
    desk.wait(lambda: log_of(desk, "gpu-1") == ["begins"])
    desk.jobs.pause(what=What.GPU)
    time.sleep(0.3)
    assert log_of(desk, "gpu-1") == ["begins"]
    desk.jobs.pause(0.7, what=What.GPU, now=True)
    desk.wait(lambda: waits(desk) == [("gpu", gate.PAUSED[What.GPU])])
    desk.wait(lambda: log_of(desk, "gpu-1") == ["begins", "begins"])
    go(desk, "gpu-1")
    desk.wait_for_end()
    assert (desk.outcome(held), desk.jobs.get(held.id).crashes) == ("kept", 0)


def test_a_pause_lets_the_step_end_or_cuts_it_short(open_desk) -> None:
    desk, _ = open_desk()
    row = desk.enqueue(desk.clip("slow-1"))
    desk.wait(lambda: desk.jobs.get(row.id).stage == "diagnose")
    desk.jobs.pause()
    desk.wait(lambda: desk.jobs.get(row.id).stage == "wait")
    assert (desk.jobs.get(row.id).reason, waits(desk)) == ("paused", [])
    assert desk.outcome(row) is None
    desk.jobs.resume()
    desk.wait_for_end()
    hanging = desk.enqueue(desk.clip("hang-2"))
    desk.wait(lambda: desk.jobs.get(hanging.id).stage == "diagnose")
    before = desk.jobs.worker_pids()
    desk.jobs.pause(now=True)
    desk.wait(lambda: desk.jobs.get(hanging.id).stage == "wait")
    assert not any(psutil.pid_exists(pid) for pid in before)
    desk.jobs.resume()
    desk.wait(lambda: desk.jobs.get(hanging.id).stage == "diagnose")
    assert desk.jobs.get(hanging.id).crashes == 0
    desk.jobs.cancel(hanging.id)
    desk.wait_for_end()


def test_a_job_that_waits_can_be_cancelled(open_desk) -> None:
    desk, machine = open_desk()
    machine.battery = True
    row = desk.enqueue(desk.clip("gpu-1"))
    desk.wait(lambda: waits(desk))
    desk.jobs.cancel(row.id)
    desk.wait_for_end()
    assert desk.outcome(row) == "cancelled"
    assert waits(desk) == []
    assert desk.jobs._gate.held() == 0


def test_a_condition_may_hold_up_all_work(open_desk) -> None:
    desk, machine = open_desk(on_battery="all")
    machine.battery = True
    row = desk.enqueue(desk.clip("ok-1"))
    desk.wait(lambda: waits(desk) == [("all", "the machine runs on battery")])
    assert desk.jobs.get(row.id).stage == "wait"
    machine.battery = False
    desk.wait_for_end()
    assert desk.outcome(row) == "kept"


def test_nothing_is_looked_at_while_no_work_wants_the_gpu(open_desk) -> None:
    desk, machine = open_desk()
    desk.enqueue(desk.clip("ok-1"))
    desk.wait_for_end()
    assert machine.looks == 0
    gpu = desk.enqueue(desk.clip("gpu-2"))
    go(desk, "gpu-2")
    desk.wait_for_end()
    assert desk.outcome(gpu) == "kept"
    assert machine.looks > 0
    desk.wait(lambda: desk.jobs.free_gpu() == 1)
    time.sleep(0.3)
    looks = machine.looks
    time.sleep(0.5)
    assert machine.looks == looks


def test_idle_workers_give_up_the_gpus_memory_when_somebody_wants_it(open_desk) -> None:
    desk, machine = open_desk()
    go(desk, "gpu-1")
    desk.enqueue(desk.clip("gpu-1"))
    desk.wait_for_end()
    (pid,) = desk.jobs.worker_pids()
    machine.cards = RESOLVE
    desk.wait(lambda: not psutil.pid_exists(pid))
    assert desk.jobs.worker_pids() == []


def test_without_courtesy_nothing_is_asked(tmp_path: Path, faulty_road: str) -> None:
    machine = StandIn(RESOLVE, battery=True)
    desk = Desk(tmp_path, Settings(), senses=machine, ignore_pause=True)
    go(desk, "gpu-1")
    row = desk.enqueue(desk.clip("gpu-1"))
    desk.wait_for_end()
    assert desk.outcome(row) == "kept"
    assert machine.looks == 0
    desk.jobs.close()


_HOLDER = """
import sys
from deshimmer.config import locks, paths
with locks.holding(paths.gpu_lock()):
    print("holds", flush=True)
    sys.stdin.read()
"""


def test_another_process_on_the_gpu_is_waited_for(open_desk) -> None:
    desk, _ = open_desk()
    with subprocess.Popen([sys.executable, "-c", _HOLDER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdin is not None
        assert holder.stdout is not None
        assert holder.stdout.readline() == "holds\n"
        row = desk.enqueue(desk.clip("gpu-1"))
        go(desk, "gpu-1")
        desk.wait(lambda: waits(desk) == [("gpu", gate.ELSEWHERE)])
        assert log_of(desk, "gpu-1") == []
        holder.stdin.close()
    desk.wait_for_end()
    assert desk.outcome(row) == "kept"
    assert json.loads((desk.output / "gpu-1.receipt.json").read_bytes())["outcome"] == "kept"


@pytest.mark.logs_errors
def test_a_look_that_fails_is_told_and_the_next_one_lets_work_go_on(open_desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk, machine = open_desk()

    def fail() -> None:
        raise RuntimeError("the driver is gone")

    monkeypatch.setattr(machine, "gpus", fail)
    row = desk.enqueue(desk.clip("gpu-1"))
    go(desk, "gpu-1")
    desk.wait(lambda: waits(desk) == [("gpu", gate.UNSEEN)])
    assert desk.jobs.get(row.id).reason == gate.UNSEEN
    monkeypatch.undo()
    desk.wait_for_end()
    assert desk.outcome(row) == "kept"


@pytest.mark.logs_errors
def test_a_listener_that_fails_undoes_no_stage(open_desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk, machine = open_desk()
    told: list[object] = []

    def fail(job_ids: object) -> None:
        told.append(job_ids)
        raise RuntimeError("database is locked")

    monkeypatch.setattr(desk.jobs._gate, "_on_change", fail)
    machine.battery = True
    row = desk.enqueue(desk.clip("gpu-1"))
    go(desk, "gpu-1")
    desk.wait(lambda: waits(desk) == [("gpu", "the machine runs on battery")] and told)
    machine.battery = False
    desk.wait_for_end()
    assert (desk.outcome(row), desk.jobs.get(row.id).crashes) == ("kept", 0)
