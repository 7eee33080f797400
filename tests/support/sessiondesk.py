"""A desktop of its own for a test: a session bus, and where it is to be seen an X server with a notification server on it."""

from __future__ import annotations

import glob
import os
import re
import shutil
import socket
import subprocess
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple, TypeVar

import pytest
from desktops import end
from PIL import Image, ImageGrab

T = TypeVar("T")

_BARE_BUS = """<busconfig><type>session</type><listen>{address}</listen>
<policy context="default"><allow send_destination="*" eavesdrop="true"/><allow eavesdrop="true"/><allow own="*"/></policy></busconfig>"""
"""A bus that starts no programs by itself."""

SERVERS = {
    "dunst": lambda: shutil.which("dunst"),
    "xfce4-notifyd": lambda: next(iter(glob.glob("/usr/lib/*/xfce4/notifyd/xfce4-notifyd")), None),
}


def need(*programs: str) -> None:
    """Skips the test where one is missing; .ci/run installs them."""
    for program in programs:
        if not SERVERS.get(program, lambda program=program: shutil.which(program))():
            pytest.skip(f"{program} is not installed")


def until(look: Callable[[], T], seconds: float = 20.0) -> T:
    """What ``look`` gives as soon as that is true."""
    deadline = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < deadline, "it did not come"
        time.sleep(0.05)
    return found


class Bus:
    """A session bus that can be killed and comes back at the same address."""

    def __init__(self, folder: Path) -> None:
        need("dbus-daemon", "dbus-monitor")
        self.address = f"unix:path={folder / 'bus'}"
        self._config = folder / "bus.conf"
        self._config.write_text(_BARE_BUS.format(address=self.address))
        self._socket = folder / "bus"
        self.start()

    def start(self) -> None:
        self._socket.unlink(missing_ok=True)
        command = ["dbus-daemon", f"--config-file={self._config}", "--nofork", "--nopidfile"]
        self._process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        until(self._answers)

    def _answers(self) -> bool:
        with socket.socket(socket.AF_UNIX) as probe:
            return probe.connect_ex(str(self._socket)) == 0

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()

    def has_server(self) -> bool:
        command = ["dbus-send", f"--bus={self.address}", "--print-reply", "--dest=org.freedesktop.DBus", "/", _HAS_OWNER, f"string:{_NAME}"]
        return "boolean true" in subprocess.run(command, capture_output=True, text=True).stdout


_NAME = "org.freedesktop.Notifications"
_HAS_OWNER = "org.freedesktop.DBus.NameHasOwner"


class Spot(NamedTuple):
    """Where in a notification to click, from its left, top, width and height, and with which mouse button."""

    place: Callable[[int, int, int, int], tuple[int, int]]
    button: int = 1


OPEN = Spot(lambda left, top, width, height: (left + width - 149, top + height - 31))
COMPARE = Spot(lambda left, top, width, height: (left + width - 56, top + height - 31))
"""As xfce4-notifyd lays two buttons out."""
MIDDLE = Spot(lambda left, top, width, height: (left + width // 2, top + height // 2), 2)
"""dunst's button for the default action."""

_DUNST = "[global]\nmouse_middle_click = do_action, close_current\n[urgency_normal]\ntimeout = 0\n"
_XFCE = """<?xml version="1.0"?><channel name="xfce4-notifyd" version="1.0">
<property name="expire-timeout" type="int" value="600"/><property name="expire-timeout-allow-override" type="bool" value="false"/></channel>"""
"""Notifications stay until they are clicked, however slow the machine."""


class Screen:
    """An X server with one notification server on the bus."""

    def __init__(self, stack: ExitStack, bus: Bus, server: str) -> None:
        need("Xvfb", "xdotool", server)
        self._bus, self._stack, self.environment = bus, stack, dict(os.environ)
        read, write = os.pipe()
        self._start("Xvfb", "-displayfd", str(write), "-screen", "0", "800x500x24", "-nolisten", "tcp", pass_fds=(write,))
        os.close(write)
        with os.fdopen(read) as pipe:
            self.display = f":{pipe.readline().strip()}"
        self.environment |= {"DISPLAY": self.display, "DBUS_SESSION_BUS_ADDRESS": bus.address, "NO_AT_BRIDGE": "1"}
        self._server = [SERVERS[server]() or ""]
        if server == "dunst":
            config = Path(os.environ["XDG_CONFIG_HOME"], "dunstrc")
            config.parent.mkdir(parents=True, exist_ok=True)
            config.write_text(_DUNST)
            self._server += ["-config", str(config)]
        else:
            channels = Path(os.environ["XDG_CONFIG_HOME"], "xfce4/xfconf/xfce-perchannel-xml")
            channels.mkdir(parents=True, exist_ok=True)
            (channels / "xfce4-notifyd.xml").write_text(_XFCE)
            xfconf = next(iter(glob.glob("/usr/lib/*/xfce4/xfconf/xfconfd")), "xfconfd")
            self._start(xfconf)
        self.start_server()

    def start_server(self) -> None:
        self.server = self._start(*self._server)
        until(self._bus.has_server)

    def picture(self) -> Image.Image:
        return ImageGrab.grab(xdisplay=self.display)

    def window(self) -> tuple[int, int, int, int] | None:
        """Left, top, width and height of the notification that is shown."""
        text = self._tool("search", "--onlyvisible", "--class", "notifyd|dunst", "getwindowgeometry", "--shell", "%@")
        found = [tuple(map(int, each)) for each in re.findall(r"X=(-?\d+)\nY=(-?\d+)\nWIDTH=(\d+)\nHEIGHT=(\d+)", text)]
        return next((box for box in found if box[2] > 100), None)

    def press(self, spot: Spot, done: Callable[[], object]) -> None:
        """Click there in the notification until it has worked: one that is being drawn takes no clicks yet."""

        def press() -> object:
            box = self.window()
            if box is not None:
                x, y = spot.place(*box)
                self._tool("mousemove", str(x), str(y), "click", str(spot.button))
            return done()

        until(press, 60)

    def _tool(self, *arguments: str) -> str:
        return subprocess.run(["xdotool", *arguments], env=self.environment, capture_output=True, text=True).stdout

    def _start(self, *command: str, pass_fds: tuple[int, ...] = ()) -> subprocess.Popen[bytes]:
        quiet = subprocess.DEVNULL
        process = subprocess.Popen(command, env=self.environment, stdout=quiet, stderr=quiet, pass_fds=pass_fds)
        self._stack.callback(end, process)
        return process


class Monitor:
    """What goes over the bus to ``Notify``, as dbus-monitor writes it."""

    def __init__(self, stack: ExitStack, bus: Bus, file: Path) -> None:
        self._file = file
        command = ["dbus-monitor", "--address", bus.address, "interface='org.freedesktop.Notifications',member='Notify'"]
        with file.open("wb") as output:
            stack.callback(end, subprocess.Popen(["stdbuf", "-oL", *command], stdout=output, stderr=subprocess.DEVNULL))
        until(lambda: "NameAcquired" in file.read_text() or "NameLost" in file.read_text())

    def calls(self) -> list[list[str]]:
        """The strings of each call: application, icon, title, body, actions, names of hints and their strings."""
        calls = self._file.read_text().split("method call ")[1:]
        return [re.findall(r'string "((?:[^"\\]|\\.)*)"', call, re.DOTALL) for call in calls]
