"""The client against a daemon that speaks the contract, and against a real one."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from clipmaker import pan, write
from desktops import wait_until
from recordingdaemon import RecordingDaemon, row, running
from stranger import ANSWERS, stranger

from deshimmer.config import paths
from deshimmer.config.errors import DaemonError
from deshimmer.config.settings import HotFolder, Settings
from deshimmer.daemon.app import Daemon
from deshimmer.tray.client import Client, parse
from deshimmer.tray.state import Link, State


class Heard:
    """A listener that keeps what it hears."""

    def __init__(self, client: Client) -> None:
        self.events: list[tuple[str, Mapping[str, Any], float]] = []
        client.listen(self._hear)

    def _hear(self, event: str, data: Mapping[str, Any], state: State) -> None:
        self.events.append((event, data, time.monotonic()))

    def names(self) -> list[str]:
        return [event for event, *_ in self.events]


@pytest.fixture
def client() -> Iterator[Client]:
    client = Client()
    yield client
    client.stop()
    assert not any(thread.name == "client" for thread in threading.enumerate())


def test_a_stream_of_events_is_parsed() -> None:
    lines = b": alive\n\nid: 7\nevent: job\ndata: {\ndata: }\n\nid: 8\r\nevent: reset\r\ndata: x\r\n\r\nid: 9\nevent: half".splitlines(True)
    assert list(parse(lines)) == [(7, "job", "{\n}"), (8, "reset", "x")]


def test_state_is_loaded_and_follows_the_events(client: Client, recorder: RecordingDaemon) -> None:
    recorder.rows = [row("a", "/r/a.mp4", "repaired")]
    heard = Heard(client)
    client.start()
    wait_until(lambda: client.state.link is Link.UP, "the daemon")
    assert [job.id for job in client.state.recent] == ["a"]
    recorder.tell("job", row("b", "/r/b.mp4"))
    late_s: list[float] = []
    for part in (0.25, 0.5, 0.75):
        told = time.monotonic()
        recorder.tell("progress", running("b", "/r/b.mp4", part))
        wait_until(lambda: client.state.running and client.state.running[0].part == part, "the progress")  # noqa: B023 - called at once
        late_s.append(heard.events[-1][2] - told)
    assert heard.names() == ["link", "job", "progress", "progress", "progress"]
    assert min(late_s) < 0.3  # the least: other programs may be at work here


def test_without_a_daemon_it_says_so_and_a_new_one_is_found(client: Client) -> None:
    recorder = RecordingDaemon(paths.state_dir())
    heard = Heard(client)
    client.start()
    wait_until(lambda: client.state.link is Link.DOWN, "no daemon")
    with pytest.raises(DaemonError) as refused:
        client.post("/pause")
    assert refused.value.title == "The daemon is not running"
    for paused in (False, True):
        recorder.status["paused"] = paused
        with recorder.running():  # each time at another port
            wait_until(lambda: client.state.link is Link.UP, "the daemon")
            assert client.state.paused is paused
        wait_until(lambda: client.state.link is Link.DOWN, "its end")
    assert [(event, data["link"]) for event, data, _ in heard.events] == [("link", each) for each in ("down", "up", "down", "up", "down")]


def test_a_reset_loads_everything_anew(client: Client, recorder: RecordingDaemon) -> None:
    client.start()
    wait_until(lambda: client.state.link is Link.UP, "the daemon")
    recorder.rows = [row("a", "/r/a.mp4", "kept")]
    recorder.tell("reset", {})
    wait_until(lambda: client.state.recent, "the list")


def test_what_the_daemon_refuses_is_raised_in_its_words(client: Client, recorder: RecordingDaemon) -> None:
    recorder.refusal = {"title": "There is no such job", "message": "Look at the list.", "path": None}
    with pytest.raises(DaemonError) as refused:
        client.post("/jobs/x/cancel")
    assert refused.value.as_dict() == recorder.refusal
    assert recorder.calls == [("/jobs/x/cancel", {})]


@pytest.mark.logs_errors
def test_a_listener_that_fails_ends_neither_the_others_nor_the_client(client: Client, recorder: RecordingDaemon) -> None:
    client.listen(lambda event, data, state: 1 // 0)
    heard = Heard(client)
    client.start()
    wait_until(lambda: client.state.link is Link.UP, "the daemon")
    recorder.show(paused=True)
    wait_until(lambda: "status" in heard.names(), "the event")


def test_listeners_get_the_states_in_their_order(client: Client) -> None:
    told: list[int] = []
    held, released = threading.Event(), threading.Event()

    def hear(event: str, data: Mapping[str, Any], state: State) -> None:
        if state.event == 1:
            held.set()
            released.wait(0.5)  # a second change would overtake here
        told.append(state.event)

    client.listen(hear)
    first = threading.Thread(target=client.change, args=(lambda state: replace(state, event=1),))
    first.start()
    assert held.wait(5)
    client.change(lambda state: replace(state, event=2))
    released.set()
    first.join()
    assert told == [1, 2]


def test_a_real_daemon_is_followed_through_a_job_and_a_restart(client: Client, tmp_path: Path) -> None:
    (tmp_path / "hot").mkdir()
    settings = Settings.model_validate({"intake": {"quiet_s": 0.1}})
    heard = Heard(client)
    client.start()
    daemon = Daemon(settings, [HotFolder(path=tmp_path / "hot")])
    daemon.start()
    try:
        wait_until(lambda: client.state.link is Link.UP, "the daemon")
        assert client.state.hot_folders == (str(tmp_path / "hot"),)
        write(tmp_path / "hot" / "clip.mp4", pan(6, (64, 48)))
        wait_until(lambda: client.state.recent, "the result")
        assert client.state.recent[0].outcome == "kept"
        assert {"job", "finished"} <= set(heard.names())
        client.post("/pause", seconds=600)
        wait_until(lambda: client.state.paused, "the pause")
        assert client.post("/link", path="/")["url"].startswith("http://127.0.0.1:")
    finally:
        daemon.stop()
    wait_until(lambda: client.state.link is Link.DOWN, "its end")
    daemon = Daemon(settings, [HotFolder(path=tmp_path / "hot")])
    daemon.start()
    try:
        wait_until(lambda: client.state.link is Link.UP, "the daemon, anew")
        assert client.state.paused
        assert client.state.recent[0].outcome == "kept"
    finally:
        daemon.stop()


@pytest.mark.parametrize("code", [200, 404])
@pytest.mark.parametrize("record", ANSWERS)
def test_another_program_at_the_port_is_no_daemon(client: Client, record: Any, code: int) -> None:
    with stranger(paths.state_dir(), record, code):
        client.start()
        wait_until(lambda: client.state.link is Link.DOWN, "no daemon")
        if code == 404:
            with pytest.raises(DaemonError) as refused:
                client.get("/status")
            assert refused.value.title == "The daemon is not running"
    with RecordingDaemon(paths.state_dir()).running():
        wait_until(lambda: client.state.link is Link.UP, "the daemon")
