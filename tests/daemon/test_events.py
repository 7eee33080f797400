"""Events of the real daemon over HTTP: in order, in time, and whole after a break."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from queue import Empty, SimpleQueue

import httpx
import pytest
from clipmaker import exposure_flicker, pan, write
from hypothesis import given
from hypothesis import strategies as st

from deshimmer.config.settings import HotFolder, Settings
from deshimmer.daemon import client as clients
from deshimmer.daemon import presence
from deshimmer.daemon.app import Daemon
from deshimmer.daemon.events import RESET, Event, Hub

IN_TIME_S = 0.3


class Ear:
    """Reads a stream in a thread of its own and notes when each event came."""

    def __init__(self, client: clients.Client, after: int | None = None) -> None:
        self.heard: SimpleQueue[tuple[float, clients.Event]] = SimpleQueue()
        self.all: list[clients.Event] = []
        self._events = client.events(after, patience_s=0.1)
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self) -> None:
        try:
            for event in self._events:
                self.heard.put((time.monotonic(), event))
        except clients.DaemonError:
            pass

    def wait(self, kind: str, seconds: float = 20.0, **expected: object) -> tuple[float, clients.Event]:
        """The next event of this kind whose data holds what is expected."""
        deadline = time.monotonic() + seconds
        while True:
            try:
                at, event = self.heard.get(timeout=max(0.0, deadline - time.monotonic()))
            except Empty:
                raise AssertionError((kind, expected, self.all[-5:])) from None
            self.all.append(event)
            if event.kind == kind and expected.items() <= event.data.items():
                return at, event


def ear(after: int | None = None) -> Ear:
    client = clients.connect()
    return Ear(client, client.get("/status")["event"] if after is None else after)


def test_a_render_is_told_from_arrival_to_receipt(daemon: Daemon, client: httpx.Client, tmp_path: Path) -> None:
    listening = ear()
    clip = write(tmp_path / "hot" / "ok.mp4", pan(3, (64, 48)))
    _, finished = listening.wait("finished")
    states = [event.data["state"] for event in listening.all if event.kind == "job"]
    assert [state for index, state in enumerate(states) if state not in states[:index]] == ["queued", "running", "done"]
    stages = [event.data["stage"] for event in listening.all if event.kind == "job" and event.data["state"] == "running"]
    assert stages == [None, "probe", "diagnose", "route", "deliver"]
    assert finished.data["number"] == 1
    assert (finished.data["summary"]["path"], finished.data["job"]["state"]) == (str(clip), "done")
    progress = [event.data for event in listening.all if event.kind == "progress"]
    assert set(progress[0]) == {"id", "stage", "progress", "part", "eta_s"}
    numbers = [event.number for event in listening.all]
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
    done = next(event for event in listening.all if event.kind == "job" and event.data["state"] == "done")
    statuses = [event for event in listening.all if event.kind == "status" and event.data["counts"]["done"]]
    status = statuses[0] if statuses else listening.wait("status")[1]
    assert (status.data["counts"]["done"], status.data["event"] >= done.number) == (1, True)


def test_the_second_clip_has_an_estimate(tmp_path: Path) -> None:
    """The real road: nothing is known of the first clip, the second goes by the first."""
    hot = tmp_path / "hot"
    hot.mkdir()
    daemon = Daemon(Settings.model_validate({"intake": {"quiet_s": 0.1}}), [HotFolder(path=hot)])
    daemon.start()
    try:
        listening = ear()
        heard: list[list[clients.Event]] = []
        for name in ("one", "two"):
            write(hot / f"{name}.mp4", exposure_flicker(pan(60, (384, 216), "chelsea" if name == "one" else "coffee"), 10))
            start = len(listening.all)
            listening.wait("finished", seconds=60)
            heard.append([event for event in listening.all[start:] if event.kind == "progress"])
    finally:
        daemon.stop()
    first, second = ([(event.data["part"], event.data["eta_s"]) for event in events] for events in heard)
    assert set(first) == {(None, None)}
    told = [(part, eta_s) for part, eta_s in second if part is not None]
    assert len(told) > 2, second
    assert [part for part, _ in told] == sorted(part for part, _ in told)
    assert all(eta_s >= 0 for _, eta_s in told)
    assert told[-1][0] > 0.5


def test_what_the_status_says_is_told_when_it_changes(
    daemon: Daemon, client: httpx.Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(presence, "HOLDS_S", 0.5)
    listening = ear()
    client.post("/api/v1/pause", json={"seconds": 1.0})
    listening.wait("status", paused=True)
    client.post("/api/v1/presence", json={"in_front": True})
    listening.wait("status", page_in_front=True)
    listening.wait("status", seconds=5, page_in_front=False)
    listening.wait("status", seconds=5, paused=False, paused_until=None)
    until = client.post("/api/v1/snooze", json={"seconds": 0.5}).json()["snoozed_until"]
    listening.wait("status", snoozed_until=until)
    listening.wait("status", seconds=5, snoozed_until=None)
    (tmp_path / "more").mkdir()
    daemon.add_hot_folder(HotFolder(path=tmp_path / "more"))
    _, status = listening.wait("status")
    assert [folder["path"] for folder in status.data["hot_folders"]] == [str(tmp_path / "hot"), str(tmp_path / "more")]
    (tmp_path / "more").rmdir()
    while not status.data["problems"]:
        _, status = listening.wait("status", seconds=10)
    assert status.data["problems"][0]["path"] == str(tmp_path / "more")


def test_an_event_is_heard_in_time(daemon: Daemon, client: httpx.Client, tmp_path: Path) -> None:
    """Best of several: this machine may be busy, the daemon may not dawdle."""
    listening = ear()
    waits: list[float] = []
    for turn in range(5):
        at = time.monotonic()
        client.post("/api/v1/pause" if turn % 2 == 0 else "/api/v1/resume")
        heard, _ = listening.wait("status", paused=turn % 2 == 0)
        waits.append(heard - at)
    assert min(waits) < IN_TIME_S, waits
    at = time.monotonic()
    daemon.jobs.hub.tell("settings", {})
    heard, _ = listening.wait("settings")
    assert heard - at < IN_TIME_S


def test_who_was_away_hears_what_was_missed_and_no_more(daemon: Daemon, client: httpx.Client) -> None:
    hub = daemon.jobs.hub
    before = hub.last
    for number in range(3):
        hub.tell("settings", {"number": number})
    listening = ear(after=before)
    assert [listening.wait("settings")[1].data["number"] for _ in range(3)] == [0, 1, 2]
    again = ear(after=before + 2)
    assert again.wait("settings")[1].data["number"] == 2
    for number in range(1000):
        hub.tell("settings", {"number": number})
    _, reset = ear(after=before + 1).wait(RESET, seconds=5)
    assert (reset.number, reset.data) == (hub.last, {})
    assert ear(after=before + 10_000).wait(RESET, seconds=5)[1].number == hub.last
    assert client.get("/api/v1/events?after=soon").json()["error"]["title"] == "The request is wrong"


def test_a_listener_goes_on_with_the_next_daemon(daemon: Daemon, faulty_road: str) -> None:
    listening = clients.connect().events(patience_s=20)
    threading.Timer(0.3, lambda: daemon.jobs.hub.tell("settings", {"first": True})).start()
    assert next(listening).data == {"first": True}
    daemon.stop()
    following = Daemon(daemon.settings, [], road=faulty_road)
    following.start()
    try:
        assert next(listening).kind == RESET
        threading.Timer(0.1, lambda: following.jobs.hub.tell("settings", {"second": True})).start()
        assert next(event for event in listening if event.kind == "settings").data == {"second": True}
    finally:
        following.stop()


def test_clearing_the_history_tells_to_ask_again(daemon: Daemon, client: httpx.Client, tmp_path: Path) -> None:
    listening = ear()
    write(tmp_path / "hot" / "ok.mp4", pan(3, (64, 48)))
    listening.wait("finished")
    client.post("/api/v1/history/clear")
    listening.wait(RESET)
    listening.wait("status")
    assert client.get("/api/v1/jobs").json() == {"jobs": [], "next": None, "total": 0}


@contextmanager
def raw(client: httpx.Client, after: int) -> Iterator[Iterator[str]]:
    with client.stream("GET", "/api/v1/events", headers={"Last-Event-ID": str(after)}) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        yield answer.iter_lines()


def test_the_stream_is_as_browsers_read_it(daemon: Daemon, client: httpx.Client) -> None:
    before = daemon.jobs.hub.last
    daemon.jobs.hub.tell("settings", {"name": os_name})
    with raw(client, before) as lines:
        told = [next(lines) for _ in range(6)]
    assert told == [": listening", "", f"id: {before + 1}", "event: settings", f"data: {json.dumps({'name': os_name})}", ""]


os_name = "caf\udce9\nnew line"


@given(st.lists(st.sampled_from(["job", "progress"]), max_size=30), st.integers(1, 10), st.integers(-5, 40))
def test_the_ring_replays_all_or_says_that_it_cannot(kinds: list[str], ring: int, back: int) -> None:
    hub = Hub(ring)
    start = hub.last
    for kind in kinds:
        hub.tell(kind, {})
    told = [Event(start + 1 + index, kind, "{}") for index, kind in enumerate(kinds)]
    after = hub.last - back
    if back < 0 or back > min(len(kinds), ring):
        assert hub.since(after) == [Event(hub.last, RESET, "{}")]
    else:
        assert hub.since(after) == told[len(told) - back :]
    assert hub.since(hub.last) == []
