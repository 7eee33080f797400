"""Threads that meet in the queue: each test holds one of them at the place where the other used to overtake it."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from typing import Any

import pytest

from deshimmer.daemon import workflows
from deshimmer.daemon.courtesy.rules import What


class Held:
    """Calls ``function``, and keeps its answer back, in the thread of this name the first time, until ``go`` or 0.5 s are over."""

    def __init__(self, function: Callable[..., Any], thread: str) -> None:
        self._function = function
        self._thread = thread
        self.arrived = threading.Event()
        self.go = threading.Event()

    def __call__(self, *arguments: Any, **options: Any) -> Any:
        answer = self._function(*arguments, **options)
        if threading.current_thread().name == self._thread and not self.arrived.is_set():
            self.arrived.set()
            self.go.wait(0.5)
        return answer


def overtake(held: Held, slow: Callable[[], object], quick: Callable[[], object]) -> None:
    """``quick`` runs while ``slow`` is held."""
    thread = threading.Thread(target=slow, name="slow")
    thread.start()
    assert held.arrived.wait(5)
    quick()
    held.go.set()
    thread.join()


def test_a_pause_that_was_read_before_the_resume_does_not_outlive_it(desk, monkeypatch: pytest.MonkeyPatch) -> None:
    queue = workflows.DBOS.retrieve_queue(workflows.QUEUE)
    assert queue is not None
    desk.jobs.pause()
    held = Held(workflows.DBOS.retrieve_queue, "slow")
    monkeypatch.setattr(workflows.DBOS, "retrieve_queue", held)
    monkeypatch.setattr(desk.jobs, "_keep_once", lambda: 3600.0)
    overtake(held, desk.jobs._apply_pause, desk.jobs.resume)
    assert desk.jobs._gate._paused == dict.fromkeys(What, False)
    assert workflows.DBOS.retrieve_queue(workflows.QUEUE).worker_concurrency == desk.settings.queue.cpu_jobs


def test_a_job_is_told_in_the_order_of_its_states(desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.jobs.pause()
    row = desk.enqueue(desk.clip("ok-1"))
    before = desk.jobs.hub.last
    held = Held(desk.jobs.table.look_up, "slow")
    monkeypatch.setattr(desk.jobs.table, "look_up", held)
    overtake(held, lambda: desk.jobs._tell_job(row.id), lambda: desk.jobs.cancel(row.id))
    told = [json.loads(event.text)["state"] for event in desk.jobs.hub.since(before) if event.kind == "job"]
    assert told == ["queued", "cancelling", "cancelled"]


def test_two_who_look_at_two_jobs_have_both_been_there(desk, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = (desk.enqueue(desk.clip(name)) for name in ("error-1", "error-2"))
    desk.wait_for_end()
    assert sorted(desk.jobs.needing().jobs) == sorted([first.id, second.id])
    held = Held(desk.jobs.table.note, "slow")
    monkeypatch.setattr(desk.jobs.table, "note", held)
    overtake(held, lambda: desk.jobs.look_at(first.id), lambda: desk.jobs.look_at(second.id))
    assert desk.jobs.needing().jobs == []
