"""A desktop for a test: an X screen, a session bus, a window manager and a panel with a tray, all of the test's own."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image

NEEDED = ("Xvfb", "openbox", "dbus-daemon", "xdotool", "import")
PANELS = {"statusnotifier": "xfce4-panel", "xembed": "tint2"}
_DEADLINE_S = 60.0

_XFCE = """<?xml version="1.0" encoding="UTF-8"?>
<channel name="xfce4-panel" version="1.0">
  <property name="configver" type="int" value="2"/>
  <property name="panels" type="array"><value type="int" value="1"/>
    <property name="panel-1" type="empty">
      <property name="position" type="string" value="p=6;x=0;y=0"/>
      <property name="length" type="uint" value="100"/>
      <property name="position-locked" type="bool" value="true"/>
      <property name="size" type="uint" value="32"/>
      <property name="plugin-ids" type="array"><value type="int" value="1"/></property>
    </property>
  </property>
  <property name="plugins" type="empty"><property name="plugin-1" type="string" value="systray"/></property>
</channel>
"""
_TINT2 = """panel_items = S
panel_size = 100% 32
panel_position = top left horizontal
systray_icon_size = 24
systray_padding = 4 4 4
panel_background_id = 1
rounded = 0
background_color = #202020 100
"""


class Desktop:
    """``env``: what a program needs to come up there."""

    def __init__(self, env: dict[str, str], stack: ExitStack) -> None:
        self.env = env
        self._stack = stack

    def start(self, *argv: str | Path) -> subprocess.Popen[bytes]:
        process = subprocess.Popen([str(word) for word in argv], env=self.env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self._stack.callback(end, process)
        return process

    def start_panel(self, panel: str, home: Path) -> subprocess.Popen[bytes]:
        return _PANEL_STARTS[panel](self, home)

    def do(self, *words: str | int) -> str:
        """xdotool."""
        return subprocess.run(["xdotool", *map(str, words)], env=self.env, check=True, capture_output=True, text=True, timeout=20).stdout

    def click(self, x: int, y: int, button: int = 1) -> None:
        self.do("mousemove", x, y)
        self.do("click", button)

    def screen(self) -> Image.Image:
        command = ["import", "-silent", "-window", "root", "png:-"]
        return Image.open(BytesIO(subprocess.run(command, env=self.env, check=True, capture_output=True, timeout=20).stdout)).convert("RGB")


def wait_until(holds: Callable[[], object], what: str) -> None:
    deadline = time.monotonic() + _DEADLINE_S
    while not holds():
        assert time.monotonic() < deadline, f"waited in vain: {what}"
        time.sleep(0.05)


@contextmanager
def desktop(home: Path, panel: str) -> Iterator[Desktop]:
    """``panel``: a key of PANELS, or '' for a desktop without a tray. Skips where a program is absent."""
    missing = [program for program in (*NEEDED, *filter(None, [PANELS.get(panel)])) if shutil.which(program) is None]
    if missing:
        pytest.skip(f"not installed: {', '.join(missing)}")
    with ExitStack() as stack:
        env = os.environ | {"HOME": str(home), "GTK_THEME": "Adwaita", "NO_AT_BRIDGE": "1", "GDK_BACKEND": "x11"}
        env |= {f"XDG_{name}_HOME": os.environ[f"XDG_{name}_HOME"] for name in ("CONFIG", "STATE", "DATA", "CACHE")}
        env.pop("WAYLAND_DISPLAY", None)
        env["DISPLAY"] = _display(stack)
        env["DBUS_SESSION_BUS_ADDRESS"] = _bus(stack, env)
        there = Desktop(env, stack)
        there.start("openbox")
        if panel:
            there.start_panel(panel, home)
        yield there


def _display(stack: ExitStack) -> str:
    read, write = os.pipe()
    server = subprocess.Popen(
        ["Xvfb", "-displayfd", str(write), "-screen", "0", "900x640x24", "-nolisten", "tcp"], pass_fds=[write], stderr=subprocess.DEVNULL
    )
    stack.callback(end, server)
    os.close(write)
    with os.fdopen(read) as answer:
        return f":{answer.readline().strip()}"


def _bus(stack: ExitStack, env: dict[str, str]) -> str:
    bus = subprocess.Popen(
        ["dbus-daemon", "--session", "--nofork", "--print-address"], env=env, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    stack.callback(end, bus)
    assert bus.stdout is not None
    with bus.stdout:
        return bus.stdout.readline().decode().strip()


def _start_xfce(there: Desktop, home: Path) -> subprocess.Popen[bytes]:
    channels = Path(there.env["XDG_CONFIG_HOME"]) / "xfce4/xfconf/xfce-perchannel-xml"
    channels.mkdir(parents=True, exist_ok=True)
    (channels / "xfce4-panel.xml").write_text(_XFCE)
    return there.start("xfce4-panel", "--disable-wm-check")


def _start_tint2(there: Desktop, home: Path) -> subprocess.Popen[bytes]:
    (home / "tint2rc").write_text(_TINT2)
    return there.start("tint2", "-c", home / "tint2rc")


_PANEL_STARTS = {"statusnotifier": _start_xfce, "xembed": _start_tint2}


def end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(5)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def system_gi(folder: Path) -> Path:
    """A folder for PYTHONPATH that holds the system's ``gi`` and nothing else. Skips where this Python cannot load it."""
    found = Path("/usr/lib/python3/dist-packages/gi")
    tag = f"cpython-{sys.version_info.major}{sys.version_info.minor}-"
    if not any(tag in file.name for file in found.glob("_gi.*.so")):
        pytest.skip("the system has no gi (python3-gi) for this Python")
    folder.mkdir(exist_ok=True)
    (folder / "gi").symlink_to(found)
    return folder
