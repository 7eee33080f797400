"""What the daemon tells whoever started it, heard on a real socket."""

from __future__ import annotations

import faulthandler
import os
import socket
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from commandline import program

from deshimmer.daemon.supervision import Supervisor

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="systemd is Linux's")


@pytest.fixture
def ear(tmp_path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ear:
        ear.bind(str(tmp_path / "notify"))
        ear.settimeout(30)
        yield ear
    faulthandler.disable()


def test_the_daemon_says_that_it_is_ready_alive_and_stopping(ear: socket.socket, tmp_path: Path) -> None:
    (tmp_path / "hot").mkdir()
    environment = {**os.environ, "NOTIFY_SOCKET": ear.getsockname(), "WATCHDOG_USEC": "1500000"}
    daemon = program("run", "--set", f'hot_folders=[{{path="{tmp_path / "hot"}"}}]', env=environment)
    try:
        heard = [ear.recv(100).decode() for _ in range(3)]
        started = time.monotonic()
        ear.recv(100)
        pause_s = time.monotonic() - started
        daemon.terminate()
        while heard[-1] == "WATCHDOG=1":
            heard.append(ear.recv(100).decode())
        assert daemon.wait(30) == 0
    finally:
        daemon.kill()
        daemon.communicate()
    assert heard[:3] == ["READY=1", "WATCHDOG=1", "WATCHDOG=1"]
    assert heard[-1] == "STOPPING=1"
    assert pause_s > 0.2


def test_one_that_is_not_well_is_silent(ear: socket.socket) -> None:
    supervisor = Supervisor({"NOTIFY_SOCKET": ear.getsockname(), "WATCHDOG_USEC": "3"})
    asked: list[bool] = []

    def is_alive() -> bool:
        asked.append(len(asked) > 0)
        return asked[-1]

    supervisor.beat(is_alive)
    supervisor.stopping()
    assert ear.recv(100) == b"STOPPING=1"
    supervisor.beat(is_alive)
    assert ear.recv(100) == b"WATCHDOG=1"
    assert asked == [False, True]


def test_who_is_not_supervised_is_not_asked_and_what_it_starts_does_not_speak(ear: socket.socket) -> None:
    supervisor = Supervisor({})
    supervisor.ready()
    supervisor.beat(lambda: pytest.fail("it was asked"))
    environment = {"NOTIFY_SOCKET": "/nowhere", "WATCHDOG_USEC": "3", "WATCHDOG_PID": str(os.getpid() + 1), "PATH": "x"}
    supervisor = Supervisor(environment)
    assert environment == {"PATH": "x"}
    supervisor.ready()  # nobody listens there, and that is no matter
    supervisor.beat(lambda: pytest.fail("another process is meant"))
