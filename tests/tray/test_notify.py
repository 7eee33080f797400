"""The notifier between a daemon that says what the test wants and a real bus: what it shows, what clicks do, what failures cost."""

from __future__ import annotations

import io
import logging
import queue
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from sessiondesk import Bus, until
from stubbornserver import StubbornServer

from deshimmer.config.errors import DaemonError
from deshimmer.tray import notify, notify_batches
from deshimmer.tray.notify import Notifier
from deshimmer.tray.notify_desktop import Desktop


class Daemon:
    """What the tray's client offers, scripted. ``asked``: every GET and POST, in order."""

    def __init__(self) -> None:
        self.status: dict[str, Any] = {"counts": {}, "snoozed_until": None, "page_in_front": False, "problems": []}
        self.rules: dict[str, Any] = {}
        self.rows: list[dict[str, Any]] = []
        self.pictures = True
        self.refuses: DaemonError | None = None
        self.tell: Callable[[str, Mapping[str, Any]], None]
        self.asked: queue.Queue[str] = queue.Queue()

    def get(self, endpoint: str) -> Any:
        if self.refuses is not None:
            raise self.refuses
        return {"/settings": {"values": {"notify": self.rules}}, "/status": self.status}.get(endpoint) or {"jobs": self.rows}

    def post(self, endpoint: str, **body: Any) -> Any:
        self.asked.put(f"{endpoint} {body['path']}" if body else endpoint)
        if self.refuses is not None:
            raise self.refuses
        return {"url": f"http://127.0.0.1:1/enter#{body.get('path')}"}

    def fetch(self, endpoint: str) -> bytes:
        if not self.pictures:
            raise DaemonError("It was moved or deleted.", title="There is no such file")
        file = io.BytesIO()
        Image.new("RGB", (320, 180), (200, 60, 40) if endpoint.endswith("before") else (60, 160, 90)).save(file, "JPEG")
        return file.getvalue()

    def up(self) -> None:
        self.tell("link", {"link": "up"})

    def ends(self, name: str, outcome: str = "repaired", reason: str = "Flicker fell.", turn: int = 1) -> None:
        self.tell("finished", {"number": 1, "summary": {}, "job": row(name, outcome, reason, turn=turn)})

    def end_together(self, outcomes: dict[str, str], turn: int = 1) -> None:
        self.tell("status", self.status | {"counts": {"running": 1}})
        for name, outcome in outcomes.items():
            self.ends(name, outcome, turn=turn)
        self.tell("status", self.status)


def row(
    name: str, outcome: str = "repaired", reason: str = "Flicker fell.", finished: float | None = None, turn: int = 1
) -> dict[str, Any]:
    ended = time.time() + 10 * turn if finished is None else finished
    return {"id": f"{name}-1", "path": f"/hot/{name}.mp4", "outcome": outcome, "reason": reason, "finished": ended}


@pytest.fixture(autouse=True)
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """The waits of minutes are fractions of a second."""
    monkeypatch.setattr(notify_batches, "SETTLE_S", 0.2)
    monkeypatch.setattr(notify_batches, "GAP_S", 0.2)
    monkeypatch.setattr(notify_batches, "LOOK_S", 0.05)
    monkeypatch.setattr(notify_batches, "_LOOK_WHILE_SILENT_S", 0.1)
    monkeypatch.setattr(notify, "_RETRY_S", (0.2,))


@pytest.fixture
def server(bus: Bus) -> Iterator[StubbornServer]:
    server = StubbornServer(bus.address, "obliging")
    server.start()
    yield server
    server.stop()


@pytest.fixture
def daemon() -> Daemon:
    return Daemon()


@pytest.fixture
def notifier(bus: Bus, daemon: Daemon, monkeypatch: pytest.MonkeyPatch) -> Iterator[Notifier]:
    """Started, before the bus has a server; the pages that a browser is sent to go to ``daemon.asked`` as they are asked for."""
    monkeypatch.setattr("webbrowser.open", lambda url: True)
    monkeypatch.setenv("BROWSER", "any")
    notifier = Notifier(daemon, Desktop(answer_s=1))
    daemon.tell = notifier.take
    notifier.start()
    yield notifier
    notifier.stop()
    assert not [thread for thread in threading.enumerate() if thread.name in ("notifications", "desktop")]


def size(path: Path) -> tuple[int, int]:
    with Image.open(path) as picture:
        return picture.size


def pictures(home: Path) -> list[Path]:
    return list(home.rglob("notification/*.png"))


@pytest.mark.parametrize(
    ("outcomes", "clicks"),
    [
        (["repaired"], {"": "/link /jobs/0-1", "Open": "/jobs/0-1/open", "Compare": "/link /jobs/0-1"}),
        (["kept"], {"": "/link /jobs/0-1", "Open": "/jobs/0-1/open"}),
        (["failed"], {"": "/link /jobs/0-1", "Open": "/link /jobs/0-1"}),
        (["repaired", "repaired", "flagged"], {"": "/link /", "Open": "/link /", "Compare": "/link /jobs/1-1"}),
        (["failed", "kept"], {"": "/link /", "Open": "/link /"}),
    ],
)
def test_clicks(notifier: Notifier, server: StubbornServer, daemon: Daemon, outcomes: list[str], clicks: dict[str, str]) -> None:
    daemon.up()
    for turn, (label, wanted) in enumerate(clicks.items(), 1):
        daemon.end_together({str(number): outcome for number, outcome in enumerate(outcomes)}, turn)
        until(lambda turn=turn: len(server.shown) == turn)
        assert server.labels == list(clicks)
        server.click(label)
        assert daemon.asked.get(timeout=10) == wanted


def test_the_picture_is_there_while_it_may_be_looked_at_and_goes_with_the_tray(
    bus: Bus, server: StubbornServer, daemon: Daemon, own_state: Path
) -> None:
    notifier = Notifier(daemon, Desktop(answer_s=1))
    daemon.tell = notifier.take
    notifier.start()
    daemon.up()
    daemon.ends("a")
    until(lambda: server.shown)
    (picture,) = pictures(own_state)
    assert server.picture == picture.as_uri()
    assert size(picture) == (144 + 4 + 144, 144)
    daemon.ends("b", "failed")
    until(lambda: len(server.shown) == 2)
    (second,) = pictures(own_state)
    assert size(second) == (144, 144)
    notifier.stop()
    assert pictures(own_state) == []


def test_without_thumbnails_the_picture_is_our_sign(notifier: Notifier, server: StubbornServer, daemon: Daemon, own_state: Path) -> None:
    daemon.pictures = False
    daemon.up()
    daemon.ends("a")
    assert until(lambda: server.shown) == [("Repaired: a.mp4", "Flicker fell.")]
    (picture,) = pictures(own_state)
    assert server.picture == picture.as_uri()
    assert size(picture) == (96, 96)


def test_a_click_that_cannot_be_served_says_why(notifier: Notifier, server: StubbornServer, daemon: Daemon) -> None:
    daemon.up()
    daemon.ends("a")
    until(lambda: server.shown)
    daemon.refuses = DaemonError("It was moved or deleted.", title="There is no such file")
    server.click("Open")
    assert until(lambda: server.shown[1:]) == [("There is no such file", "It was moved or deleted.")]


def test_what_ended_while_the_daemon_was_away_is_told_when_it_is_back(notifier: Notifier, server: StubbornServer, daemon: Daemon) -> None:
    daemon.rows = [row("long_ago", finished=time.time() - 3600)]
    daemon.up()
    daemon.tell("link", {"link": "down"})
    daemon.rows = [row("a"), row("b", "failed"), *daemon.rows]
    daemon.up()
    daemon.ends("a")
    assert until(lambda: server.shown) == [("1 repaired, 1 needs you", "b.mp4: Flicker fell.")]


def test_settings_and_snooze_hold_from_the_moment_they_change(notifier: Notifier, server: StubbornServer, daemon: Daemon) -> None:
    daemon.rules = {"level": "problems"}
    daemon.up()
    daemon.ends("unwanted")
    daemon.ends("a", "failed", "Broken.")
    assert until(lambda: server.shown) == [("Failed: a.mp4", "Broken.")]
    daemon.rules = {"level": "all"}
    daemon.tell("settings", {})
    daemon.status["snoozed_until"] = (datetime.now() + timedelta(seconds=1)).timestamp()
    daemon.end_together({"b": "repaired", "c": "repaired"})
    told = until(lambda: server.shown[1:])
    assert told[0][0] == "2 clips repaired"
    assert "While notifications were silent, since " in told[0][1]


def test_wrong_settings_leave_the_rest_at_work(notifier: Notifier, server: StubbornServer, daemon: Daemon) -> None:
    daemon.rules = {"level": "some"}
    daemon.up()
    daemon.ends("a")
    assert until(lambda: server.shown) == [("Repaired: a.mp4", "Flicker fell.")]


def test_problems_of_the_daemon_are_told_once(notifier: Notifier, server: StubbornServer, daemon: Daemon) -> None:
    away = {"title": "The hot folder is away", "message": "Plug it in & go on.", "path": "/media/usb"}
    daemon.status["problems"] = [away]
    daemon.up()
    daemon.tell("status", daemon.status)
    daemon.ends("a")
    until(lambda: len(server.shown) == 2)
    assert server.shown == [("The hot folder is away", "usb: Plug it in & go on."), ("Repaired: a.mp4", "Flicker fell.")]


def test_a_queue_that_is_worked_off_is_told_where_no_batch_says_it(notifier: Notifier, server: StubbornServer, daemon: Daemon) -> None:
    daemon.tell("queue_empty", {"counts": {"repaired": 9}})  # at level "all", which is the default
    daemon.rules = {"level": "problems"}
    daemon.up()
    daemon.tell("queue_empty", {"counts": {"repaired": 2}})
    assert until(lambda: server.shown) == [("The queue is worked off", "2 clips repaired.")]


def test_without_a_server_it_is_told_later_and_logged_once(
    notifier: Notifier, bus: Bus, daemon: Daemon, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        daemon.up()
        daemon.ends("a")
        until(lambda: notifier.failures >= 2)
        daemon.ends("b")
        until(lambda seen=notifier.failures: notifier.failures >= seen + 2)
        server = StubbornServer(bus.address, "obliging")
        server.start()
        until(lambda: server.shown)
    assert server.shown == [("2 clips repaired", "b.mp4, a.mp4.")]
    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    assert record.getMessage().startswith("No notification could be shown")
    server.stop()


def test_without_a_bus_nothing_else_is_disturbed(
    daemon: Daemon, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", f"unix:path={tmp_path / 'nothing'}")
    notifier = Notifier(daemon, Desktop(answer_s=1))
    daemon.tell = notifier.take
    notifier.start()
    daemon.up()
    for number in range(20):
        daemon.ends(str(number))
    until(lambda: notifier.failures >= 2)
    notifier.stop()
    assert len([record for record in caplog.records if record.levelno >= logging.WARNING]) == 1


def test_a_server_that_hangs_gets_each_thing_once(notifier: Notifier, server: StubbornServer, daemon: Daemon) -> None:
    server.mood = "hanging"
    daemon.up()
    daemon.ends("a")
    until(lambda: notifier.failures == 1)
    server.mood = "obliging"
    daemon.ends("b")
    assert until(lambda: server.shown) == [("Repaired: b.mp4", "Flicker fell.")]


def test_a_daemon_that_is_gone_in_the_middle_costs_nothing(notifier: Notifier, server: StubbornServer, daemon: Daemon) -> None:
    daemon.refuses = DaemonError("Start it.", title="The daemon is not running")
    daemon.up()
    daemon.ends("a")
    assert until(lambda: server.shown) == [("Repaired: a.mp4", "Flicker fell.")]
