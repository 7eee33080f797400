"""The tray on real desktops: an icon in a real panel, its menu, clicks, and what arrives at the daemon."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest
from desktops import Desktop, desktop, system_gi, wait_until
from PIL import Image, ImageChops
from recordingdaemon import RecordingDaemon, row, running

from deshimmer.tray.menu import Item, menu
from deshimmer.tray.state import State, with_jobs, with_status

ICON = (14, 16)
"""The middle of the only icon, in either panel."""
AWAY = (800, 600)
PANEL_PX = 33
LINE_PX = 40
REST_S = 0.5
STEP_S, MENU_REST_S = 0.1, 1.5
BACKENDS = [("statusnotifier", "statusnotifier"), ("xembed", "xorg"), ("xembed", "gtk"), ("statusnotifier", "appindicator")]


class Seen:
    """A tray on a desktop, looked at and clicked."""

    def __init__(self, there: Desktop, process: subprocess.Popen[bytes], recorder: RecordingDaemon) -> None:
        self.there = there
        self.process = process
        self.recorder = recorder

    def panel(self) -> Image.Image:
        return panel_of(self.there)

    def below(self) -> Image.Image:
        return self.there.screen().crop((0, PANEL_PX + 10, 900, 640))

    def open_menu(self) -> None:
        """With the pointer out of the way afterwards: over the icon it would bring up the tooltip."""
        wait_until(lambda: self.below().getbbox() is None, "no other menu and no tooltip")
        self.there.click(*ICON, button=3)
        self.there.do("mousemove", *AWAY)
        wait_until(lambda: self.below().getbbox() is not None, "the menu")
        settled(self.below)

    def choose(self, text: str) -> None:
        """Find the line by the keyboard, which lights it up; click it with the mouse."""
        dark = lit = settled(self.below, MENU_REST_S)
        for _ in range(self.place(text)):
            before = lit
            self.there.do("key", "Down")
            wait_until(lambda before=before: differs(self.below(), before), "the next lit line")
            lit = settled(self.below, STEP_S)
        left, top, right, bottom = difference(lit, dark)
        assert bottom - top < LINE_PX, "only that line changed"
        self.there.click((left + right) // 2, PANEL_PX + 10 + (top + bottom) // 2)
        self.there.do("mousemove", *AWAY)

    def place(self, text: str) -> int:
        """How many times Down leads there."""
        state = with_jobs(with_status(State(), self.recorder.status), self.recorder.rows)
        lines = [entry.text for entry in menu(state, at_login=False) if isinstance(entry, Item) and entry.enabled]
        return lines.index(text) + 1

    def wait_for_call(self, endpoint: str, **body: object) -> None:
        wait_until(lambda: (endpoint, body) in self.recorder.calls, f"{endpoint}, but {self.recorder.calls}")


def panel_of(there: Desktop) -> Image.Image:
    return there.screen().crop((0, 0, 60, PANEL_PX))


def difference(one: Image.Image, other: Image.Image) -> tuple[int, int, int, int]:
    box = ImageChops.difference(one, other).getbbox()
    assert box is not None
    return box


def differs(one: Image.Image, other: Image.Image) -> bool:
    return ImageChops.difference(one, other).getbbox() is not None


def settled(look: Callable[[], Image.Image], rest_s: float = REST_S) -> Image.Image:
    """What is seen once it has not changed for a while: themes fade, and an open menu follows the daemon."""
    last, since = look(), time.monotonic()

    def rests() -> bool:
        nonlocal last, since
        now = look()
        if differs(now, last):
            last, since = now, time.monotonic()
        return time.monotonic() - since > rest_s

    wait_until(rests, "a picture at rest")
    return last


def tray(there: Desktop, *options: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-m", "deshimmer.tray", "--json", *options], env=there.env, stdout=subprocess.PIPE)


@contextmanager
def ending(process: subprocess.Popen[bytes]) -> Iterator[subprocess.Popen[bytes]]:
    assert process.stdout is not None
    with process, process.stdout:
        try:
            yield process
        finally:
            process.terminate()
            process.wait(20)


@pytest.fixture
def browser(tmp_path: Path) -> Path:
    """What ``webbrowser`` opens: it writes the address beside it."""
    script = tmp_path / "browser"
    script.write_text(f'#!/bin/sh\necho "$1" >> "{tmp_path}/visited"\n')
    script.chmod(0o755)
    return script


@pytest.fixture(params=BACKENDS, ids=lambda param: param[1])
def seen(request: pytest.FixtureRequest, tmp_path: Path, own_state: Path, recorder: RecordingDaemon, browser: Path) -> Iterator[Seen]:
    panel, backend = request.param
    recorder.rows = [row("d1", "/r/done.mp4", "repaired")]
    with desktop(own_state, panel) as there:
        there.env["BROWSER"] = str(browser)
        if backend in ("gtk", "appindicator"):
            there.env["PYTHONPATH"] = str(system_gi(tmp_path / "gi"))
        bare = colours(settled(lambda: panel_of(there)))
        with ending(tray(there, "--backend", backend)) as process:
            seen = Seen(there, process, recorder)
            wait_until(lambda: colours(seen.panel()) > bare + 8, "the icon")
            yield seen


def colours(image: Image.Image) -> int:
    """An icon has soft edges, an empty panel next to none."""
    return len(image.getcolors(100_000) or ())


def test_icon_menu_and_clicks(seen: Seen, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    recorder, there = seen.recorder, seen.there
    idle = settled(seen.panel)
    recorder.show(paused=True)
    wait_until(lambda: differs(seen.panel(), idle), "the icon of a pause")
    recorder.show(paused=False, running=[running("r1", "/r/now.mp4", 0.25)])
    quarter = settled(seen.panel)
    recorder.tell("progress", running("r1", "/r/now.mp4", 0.75))
    wait_until(lambda: differs(seen.panel(), quarter), "the ring growing")

    seen.open_menu()
    for part in range(75, 95):
        recorder.tell("progress", running("r1", "/r/now.mp4", part / 100))
    seen.choose("Free GPU memory")
    seen.wait_for_call("/gpu/free")

    working = settled(seen.panel)
    recorder.show(running=[])
    wait_until(lambda: differs(seen.panel(), working), "the calm icon")
    seen.open_menu()
    there.do("key", "Down", "Right", "Right", "Return")
    seen.wait_for_call("/jobs/d1/open")

    if "appindicator" not in request.node.name:
        there.click(*ICON)
        there.do("mousemove", *AWAY)
        seen.wait_for_call("/link", path="/")
        wait_until((tmp_path / "visited").exists, "the browser")
        assert (tmp_path / "visited").read_text() == "http://127.0.0.1/enter#/\n"
    assert psutil.Process(seen.process.pid).memory_full_info().pss < 80e6

    seen.open_menu()
    seen.choose("Quit tray")
    assert seen.process.wait(20) == 0


@pytest.fixture
def at_rest(own_state: Path, recorder: RecordingDaemon) -> Iterator[Seen]:
    """A tray with the backend that it chooses itself on Xfce."""
    with desktop(own_state, "statusnotifier") as there, ending(tray(there)) as process:
        seen = Seen(there, process, recorder)
        wait_until(lambda: colours(seen.panel()) > 8, "the icon")
        yield seen


def test_idle_it_takes_next_to_no_processor_and_little_memory(at_rest: Seen) -> None:
    process = psutil.Process(at_rest.process.pid)
    time.sleep(1)
    before = sum(process.cpu_times()[:2])
    time.sleep(4)
    assert sum(process.cpu_times()[:2]) - before <= 0.005 * 4
    assert process.memory_full_info().pss < 80e6


def test_there_is_one_tray_for_a_user(at_rest: Seen) -> None:
    with ending(tray(at_rest.there)) as second:
        assert second.wait(30) == 1
        assert second.stdout is not None
        assert json.loads(second.stdout.read())["error"]["title"] == "The tray runs already"


def test_without_a_tray_it_says_so_once_and_takes_one_that_comes(own_state: Path, recorder: RecordingDaemon) -> None:
    with desktop(own_state, "") as there, ending(tray(there)) as process:
        assert process.stdout is not None
        error = json.loads(process.stdout.readline())["error"]
        assert error["title"] == "This desktop shows no tray"
        assert "StatusNotifierWatcher" in error["message"]
        there.start_panel("xembed", own_state)
        seen = Seen(there, process, recorder)
        wait_until(lambda: colours(seen.panel()) > 8, "the icon")
        assert process.poll() is None


def test_a_panel_that_is_restarted_shows_the_icon_again(own_state: Path, recorder: RecordingDaemon) -> None:
    with desktop(own_state, "") as there:
        first = there.start_panel("statusnotifier", own_state)
        with ending(tray(there)) as process:
            seen = Seen(there, process, recorder)
            wait_until(lambda: colours(seen.panel()) > 8, "the icon")
            first.terminate()
            first.wait(20)
            wait_until(lambda: colours(seen.panel()) <= 8, "no panel")
            there.start_panel("statusnotifier", own_state)
            wait_until(lambda: colours(seen.panel()) > 8, "the icon, again")
