"""How long nobody has touched mouse or keyboard: one question, and for every desktop somebody who can answer it."""

from __future__ import annotations

import ctypes
import ctypes.util
import os
import re
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from ...config import spawn
from ...config.errors import ToolFailed

Ask = Callable[[], float | None]
"""Seconds since the last input; None when this source does not know."""

REMEDY = "Run deshimmer in the desktop's session (DISPLAY or DBUS_SESSION_BUS_ADDRESS set), or remove the key."
_TIMEOUT_S = 2.0


class Idle:
    """Asks the sources in turn and stays with the first that answers."""

    def __init__(self, sources: Mapping[str, Ask] | None = None) -> None:
        self._sources = dict(_sources() if sources is None else sources)
        self.source: str | None = None

    def seconds(self) -> float | None:
        """None where nobody knows, as on a machine without a desktop."""
        names = [self.source] if self.source else list(self._sources)
        for name in names:
            answer = self._sources[name]()
            if answer is not None:
                self.source = name
                return answer
        self.source = None
        return None


def _sources() -> Mapping[str, Ask]:
    if sys.platform == "win32":
        return {"GetLastInputInfo": windows}
    if sys.platform == "darwin":
        return {"ioreg": macos}
    bus = {"GNOME's idle monitor": gnome, "org.freedesktop.ScreenSaver": ScreenSaver().ask, "logind": logind}
    return bus if os.environ.get("WAYLAND_DISPLAY") else {"XScreenSaver": x11, **bus}  # under Wayland X sees only its own windows' input


class _ScreenSaverInfo(ctypes.Structure):
    _fields_ = [
        ("window", ctypes.c_ulong),
        ("state", ctypes.c_int),
        ("kind", ctypes.c_int),
        ("til_or_since", ctypes.c_ulong),
        ("idle", ctypes.c_ulong),
        ("event_mask", ctypes.c_ulong),
    ]


def x11() -> float | None:
    """By X's screen saver extension. The connection lasts for one question: Xlib ends the process in which it breaks."""
    names = [ctypes.util.find_library(name) for name in ("X11", "Xss")]
    if None in names or not os.environ.get("DISPLAY"):
        return None
    xlib, xss = (ctypes.CDLL(name) for name in names)
    xlib.XOpenDisplay.restype = ctypes.c_void_p
    xlib.XDefaultRootWindow.restype = ctypes.c_ulong
    display = xlib.XOpenDisplay(None)
    if not display:
        return None
    display = ctypes.c_void_p(display)
    try:
        info = _ScreenSaverInfo()
        root = ctypes.c_ulong(xlib.XDefaultRootWindow(display))
        return info.idle / 1000 if xss.XScreenSaverQueryInfo(display, root, ctypes.byref(info)) else None
    finally:
        xlib.XCloseDisplay(display)


def gnome() -> float | None:
    milliseconds = _bus_number("org.gnome.Mutter.IdleMonitor", "/org/gnome/Mutter/IdleMonitor/Core", "GetIdletime")
    return None if milliseconds is None else milliseconds / 1000


@dataclass
class ScreenSaver:
    """``org.freedesktop.ScreenSaver``, which some desktops answer in seconds and some in milliseconds.

    How fast the number grows tells which; until then it is taken for milliseconds, which lets the user be active rather than away.
    """

    per_second: float = 1000.0
    former: tuple[float, int] | None = None

    def ask(self) -> float | None:
        number = _bus_number("org.freedesktop.ScreenSaver", "/org/freedesktop/ScreenSaver", "GetSessionIdleTime")
        return None if number is None else self.take(time.monotonic(), number)

    def take(self, now: float, number: int) -> float:
        if self.former is not None and number > self.former[1] and now - self.former[0] >= 1:
            self.per_second = 1000.0 if (number - self.former[1]) / (now - self.former[0]) > 30 else 1.0
        self.former = now, number
        return number / self.per_second


def logind() -> float | None:
    """What the session manager was told. It says since when, to the second."""
    told = _output(["loginctl", "show-user", str(os.getuid()), "--property=IdleHint", "--property=IdleSinceHint"])
    return None if told is None else idle_of_logind(told, time.time())


def macos() -> float | None:
    told = _output(["ioreg", "-c", "IOHIDSystem", "-d", "4"])
    return None if told is None else idle_of_ioreg(told)


def idle_of_logind(text: str, now: float) -> float | None:
    facts = dict(line.split("=", 1) for line in text.splitlines() if "=" in line)
    if "IdleHint" not in facts:
        return None
    return max(0.0, now - int(facts["IdleSinceHint"]) / 1e6) if facts["IdleHint"] == "yes" else 0.0


def idle_of_ioreg(text: str) -> float | None:
    found = re.search(r'"HIDIdleTime"\s*=\s*(\d+)', text)
    return int(found[1]) / 1e9 if found else None


def windows() -> float | None:
    if sys.platform != "win32":
        return None

    class LastInput(ctypes.Structure):
        _fields_ = [("size", ctypes.c_uint), ("tick_ms", ctypes.c_uint)]

    info = LastInput(ctypes.sizeof(LastInput))
    if not ctypes.windll.user32.GetLastInputInfo(ctypes.byref(info)):
        return None
    elapsed_ms = (ctypes.windll.kernel32.GetTickCount() - info.tick_ms) & 0xFFFFFFFF  # the count begins anew every 49 days
    return elapsed_ms / 1000


def _bus_number(destination: str, path: str, method: str) -> int | None:
    interface = destination
    told = _output(
        ["dbus-send", "--session", "--print-reply=literal", "--reply-timeout=1000", f"--dest={destination}", path, f"{interface}.{method}"]
    )
    found = re.search(r"uint\d+ (\d+)", told or "")
    return int(found[1]) if found else None


def _output(argv: Sequence[str]) -> str | None:
    try:
        return spawn.run(argv, timeout_s=_TIMEOUT_S).decode(errors="replace")
    except ToolFailed:
        return None
