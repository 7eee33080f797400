"""A real daemon, a real bus, a real notification server: clips dropped into a hot folder end as one notification that can be clicked."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

import httpx
import pytest
from clipmaker import exposure_flicker, pan, write
from commandline import program
from PIL import Image
from sessiondesk import COMPARE, Bus, Monitor, Screen, until

from deshimmer.tray.client import Client


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as opened:
        yield opened


@pytest.fixture
def opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file with the addresses that the user's browser was sent to."""
    browser, opened = tmp_path / "browser", tmp_path / "opened"
    browser.write_text(f'#!/bin/sh\necho "$1" >> {opened}\n')
    browser.chmod(0o755)
    monkeypatch.setenv("BROWSER", f"{browser} %s")
    return opened


@contextmanager
def at_work(hot: Path, environment: Mapping[str, str]) -> Iterator[Client]:
    """A daemon that watches ``hot``, and ``deshimmer tray`` on a desktop that has no tray."""
    folders = f'hot_folders=[{{path="{hot}"}}]'
    daemon = program(
        "run", "--set", folders, "--set", "intake.quiet_s=0.3", "--set", "intake.incomplete_s=0.5", "--set", "intake.rescan_s=1"
    )
    tray = program("tray", env=environment)
    client = Client()
    client.start()
    try:
        until(lambda: client.state.link == "up", 60)
        yield client
    finally:
        client.stop()
        for process in (tray, daemon):
            process.terminate()
            process.communicate(timeout=30)
    assert (tray.returncode, daemon.returncode) == (0, 0)


def path_of(url: str, client: Client) -> str:
    """Where a one-time link leads a browser."""
    base, _, code = url.partition("/enter#")
    return httpx.post(f"{base}/api/v1/session", json={"code": code}, headers={"Origin": base}).json()["path"]


def test_ten_clips_dropped_together_end_as_one_notification(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stack: ExitStack, opened: Path
) -> None:
    bus = Bus(tmp_path)
    stack.callback(bus.kill)
    monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", bus.address)
    screen, monitor = Screen(stack, bus, "xfce4-notifyd"), Monitor(stack, bus, tmp_path / "monitor")
    drop, hot = tmp_path / "drop", tmp_path / "hot"
    drop.mkdir()
    hot.mkdir()
    write(drop / "flickering.mp4", exposure_flicker(pan(16, (160, 96))))
    write(drop / "still.mp4", pan(6, (64, 48)))
    (drop / "broken.mp4").write_bytes(b"no clip at all")
    with at_work(hot, screen.environment) as client:
        for number in range(2):
            shutil.copyfile(drop / "flickering.mp4", hot / f"flickering{number}.mp4")
        for number in range(7):
            shutil.copyfile(drop / "still.mp4", hot / f"still{number}.mp4")
        shutil.copyfile(drop / "broken.mp4", hot / "broken.mp4")
        (call,) = until(monitor.calls, 120)
        assert call[2] == "2 repaired, 1 needs you, 7 kept"
        assert call[3].startswith("broken.mp4: ")
        with Image.open(url2pathname(urlsplit(call[-1]).path)) as picture:
            assert picture.size == (292, 144)  # before and after
        screen.press(COMPARE, opened.exists)
        url = until(opened.read_text).splitlines()[0]
        repaired = {row["id"] for row in client.get("/jobs?outcome=repaired")["jobs"]}
        assert path_of(url, client) in {f"/jobs/{job_id}" for job_id in repaired}
        assert len(monitor.calls()) == 1
