"""A daemon that stops while somebody is served: it ends soon, nothing of it is logged as a fault, and no process is left."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import psutil
import pytest
from clipmaker import pan, write

from deshimmer.config import spawn
from deshimmer.config.settings import HotFolder, Settings
from deshimmer.daemon.api import api_file
from deshimmer.daemon.app import Daemon
from deshimmer.daemon.page import proxies

SLEEPING = "import time; time.sleep(600)"
SOON_S = 8.0
HUGE_BYTES = 100_000_000


@pytest.fixture
def served(tmp_path: Path, faulty_road: str) -> Iterator[tuple[Daemon, httpx.Client, str]]:
    """A daemon, what asks it, and its one job, which has ended. The test stops it."""
    (tmp_path / "hot").mkdir()
    daemon = Daemon(Settings.model_validate({"intake": {"quiet_s": 0.1}}), [HotFolder(path=tmp_path / "hot")], road=faulty_road)
    daemon.start()
    entry = json.loads(api_file().read_text())
    headers = {"Authorization": f"Bearer {entry['token']}"}
    with httpx.Client(base_url=entry["url"], headers=headers, trust_env=False, timeout=60) as client:
        write(tmp_path / "hot" / "ok.mp4", pan(3, (64, 48)), pixel_format="yuv444p")
        wait_until(lambda: client.get("/api/v1/finished?since=0").json()["receipts"])
        yield daemon, client, client.get("/api/v1/jobs").json()["jobs"][0]["id"]


def wait_until(holds: object) -> None:
    deadline = time.monotonic() + 20
    while not holds():  # type: ignore[operator]
        assert time.monotonic() < deadline
        time.sleep(0.03)


def stopped_s(daemon: Daemon) -> float:
    begin = time.monotonic()
    daemon.stop()
    return time.monotonic() - begin


def makers() -> list[psutil.Process]:
    return [each for each in psutil.Process().children() if SLEEPING in each.cmdline()]


def test_what_is_being_made_for_the_page_ends(served: tuple[Daemon, httpx.Client, str], monkeypatch: pytest.MonkeyPatch) -> None:
    daemon, client, job = served
    real = spawn.spawn
    monkeypatch.setattr(proxies.spawn, "spawn", lambda argv, **how: real([argv[0], "-c", SLEEPING], **how))
    with ThreadPoolExecutor(2) as pool:
        thumbnail = pool.submit(client.get, f"/api/v1/jobs/{job}/media/thumbnail_before")
        player = pool.submit(client.post, f"/api/v1/jobs/{job}/player")
        wait_until(lambda: len(makers()) == 2)
        assert stopped_s(daemon) < SOON_S
        told = [thumbnail.result().json(), json.loads(player.result().text.splitlines()[-1])]
    assert all("was stopped" in each["error"]["message"] for each in told), told
    assert not makers()


def test_a_player_that_holds_its_clip_open_is_hung_up_on(served: tuple[Daemon, httpx.Client, str], tmp_path: Path) -> None:
    daemon, client, job = served
    with (tmp_path / "hot" / "ok.mp4").open("r+b") as clip:
        clip.truncate(HUGE_BYTES)
    host, port = client.base_url.host, client.base_url.port
    with socket.create_connection((host, port or 0)) as player:
        asked = f"GET /api/v1/jobs/{job}/media/original HTTP/1.1\r\nHost: {host}:{port}\r\n"
        player.sendall(f"{asked}Authorization: {client.headers['authorization']}\r\n\r\n".encode())
        assert player.recv(1000).startswith(b"HTTP/1.1 200")
        assert stopped_s(daemon) < SOON_S
