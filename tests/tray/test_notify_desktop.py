"""Cards on real desktops: shown, clicked, and every way in which bus and server can fail."""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from PIL import Image
from sessiondesk import COMPARE, MIDDLE, OPEN, Bus, Monitor, Screen, until
from stubbornserver import StubbornServer

from deshimmer.tray.notify_desktop import Card, Desktop, NotShown

RED, GREEN = (200, 60, 40), (60, 160, 90)


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as opened:
        yield opened


@pytest.fixture
def desktop() -> Iterator[Desktop]:
    desktop = Desktop(answer_s=5)
    desktop.start()
    yield desktop
    desktop.stop()


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    joined = Image.new("RGB", (288, 144), RED)
    joined.paste(GREEN, (144, 0, 288, 144))
    joined.save(tmp_path / "before-after.png")
    return tmp_path / "before-after.png"


class Clicks:
    """What was clicked, in order."""

    def __init__(self) -> None:
        self._queue: queue.Queue[str] = queue.Queue()

    def card(self, picture: Path | None = None, title: str = "2 repaired, 1 needs you", body: str = "a & b.mp4 <i> needs you.") -> Card:
        buttons = (("Open", lambda: self._queue.put("open")), ("Compare", lambda: self._queue.put("compare")))
        return Card(title, body, lambda: self._queue.put("page"), buttons, picture)

    def next(self) -> str:
        return self._queue.get(timeout=10)

    def any(self) -> bool:
        return not self._queue.empty()


def colours(screen: Screen) -> set[tuple[int, int, int]]:
    found = screen.picture().getcolors(1 << 20)
    assert found is not None
    return {colour for number, colour in found if number > 20}


def looks_like(screen: Screen, colour: tuple[int, int, int]) -> bool:
    return any(max(abs(a - b) for a, b in zip(colour, seen, strict=True)) < 6 for seen in colours(screen))


def test_xfce_shows_picture_and_buttons_and_they_call_back(
    bus: Bus, stack: ExitStack, desktop: Desktop, picture: Path, tmp_path: Path
) -> None:
    screen, monitor, clicks = Screen(stack, bus, "xfce4-notifyd"), Monitor(stack, bus, tmp_path / "monitor"), Clicks()
    for wanted, spot in (("compare", COMPARE), ("open", OPEN)):
        desktop.show(clicks.card(picture))
        until(lambda: looks_like(screen, RED) and looks_like(screen, GREEN))
        screen.press(spot, clicks.any)
        assert clicks.next() == wanted
        until(lambda: screen.window() is None)
    assert not clicks.any()
    first = until(lambda: len(monitor.calls()) == 2 and monitor.calls())[0]
    assert first[0] == "deshimmer"
    assert first[2:4] == ["2 repaired, 1 needs you", "a &amp; b.mp4 &lt;i&gt; needs you."]
    assert [first[5], first[7]] == ["Open", "Compare"]  # no default action: this server has none
    assert first[-1] == picture.as_uri()


def test_dunst_has_no_buttons_but_calls_back_at_a_click(
    bus: Bus, stack: ExitStack, desktop: Desktop, picture: Path, tmp_path: Path
) -> None:
    screen, monitor, clicks = Screen(stack, bus, "dunst"), Monitor(stack, bus, tmp_path / "monitor"), Clicks()
    desktop.show(clicks.card(picture))
    until(lambda: looks_like(screen, RED) and looks_like(screen, GREEN))
    screen.press(MIDDLE, clicks.any)
    assert clicks.next() == "page"
    assert not clicks.any()
    (call,) = until(monitor.calls)
    assert call[4:6] == ["default", ""]


def test_a_server_that_reads_no_markup_gets_none(bus: Bus, desktop: Desktop) -> None:
    server = StubbornServer(bus.address, "obliging")
    server.start()
    desktop.show(Clicks().card())
    assert server.shown == [("2 repaired, 1 needs you", "a & b.mp4 <i> needs you.")]
    server.stop()


def test_a_server_that_comes_back_is_used_again(bus: Bus, stack: ExitStack, desktop: Desktop) -> None:
    screen, clicks = Screen(stack, bus, "dunst"), Clicks()
    desktop.show(clicks.card())
    screen.server.kill()
    until(lambda: not bus.has_server())
    with pytest.raises(NotShown):
        desktop.show(clicks.card())
    screen.start_server()
    desktop.show(clicks.card())
    screen.press(MIDDLE, clicks.any)
    assert clicks.next() == "page"


def test_a_bus_that_is_killed_and_comes_back(bus: Bus, desktop: Desktop) -> None:
    first, second = StubbornServer(bus.address, "obliging"), StubbornServer(bus.address, "obliging")
    first.start()
    desktop.show(Clicks().card())
    bus.kill()
    with pytest.raises(NotShown):
        desktop.show(Clicks().card())
    bus.start()
    second.start()
    desktop.show(Clicks().card())
    assert len(second.shown) == 1
    first.stop()
    second.stop()


def test_no_bus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, desktop: Desktop) -> None:
    monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", f"unix:path={tmp_path / 'nothing'}")
    with pytest.raises(NotShown) as caught:
        desktop.show(Clicks().card())
    assert not caught.value.maybe
    monkeypatch.delenv("DBUS_SESSION_BUS_ADDRESS")
    monkeypatch.delenv("DISPLAY", raising=False)
    with pytest.raises(NotShown):
        desktop.show(Clicks().card())


def test_no_server(bus: Bus, desktop: Desktop) -> None:
    with pytest.raises(NotShown, match="Notifications"):
        desktop.show(Clicks().card())


def test_a_server_that_refuses_says_why_and_leaves_no_traceback_in_the_log(
    bus: Bus, desktop: Desktop, caplog: pytest.LogCaptureFixture
) -> None:
    server = StubbornServer(bus.address, "refusing")
    server.start()
    with caplog.at_level(logging.INFO), pytest.raises(NotShown, match="not today"):
        desktop.show(Clicks().card())
    assert [record.getMessage() for record in caplog.records] == []
    server.mood = "obliging"
    desktop.show(Clicks().card())
    assert len(server.shown) == 1
    server.stop()


def test_a_server_that_hangs_costs_a_bounded_time(bus: Bus) -> None:
    server, desktop = StubbornServer(bus.address, "hanging"), Desktop(answer_s=0.5)
    server.start()
    desktop.start()
    began = time.monotonic()
    with pytest.raises(NotShown, match="does not answer") as caught:
        desktop.show(Clicks().card())
    assert time.monotonic() - began < 5
    assert caught.value.maybe
    desktop.stop()
    server.stop()


def test_stopping_does_not_wait_for_a_server_that_hangs(bus: Bus) -> None:
    server, desktop = StubbornServer(bus.address, "hanging"), Desktop(answer_s=30)
    server.start()
    desktop.start()
    thrown: queue.Queue[NotShown] = queue.Queue()

    def show() -> None:
        try:
            desktop.show(Clicks().card())
        except NotShown as error:
            thrown.put(error)

    thread = threading.Thread(target=show)
    thread.start()
    time.sleep(0.5)  # let it get there; too early is no failure
    began = time.monotonic()
    desktop.stop()
    thread.join(10)
    assert time.monotonic() - began < 5
    thrown.get(timeout=5)
    server.stop()
