"""The tray starts at login, or does not: an XDG autostart entry, a launch agent, or a value of the Run key. No admin rights.

The changes are pure: ``changes_on("darwin")`` says on any system what would be done on a Mac.
"""

from __future__ import annotations

import sys
from pathlib import Path

import platformdirs

from . import changes, program, spawn, templates
from .changes import Change, Remove, Run, Write
from .errors import ToolFailed

_RUN_KEY = r"HKCU\Software\Microsoft\Windows\CurrentVersion\Run"
_VALUE = "deshimmer tray"
_QUERY_TIMEOUT_S = 10.0


def is_on() -> bool:
    """The tray of this user starts at login."""
    if sys.platform != "win32":
        return _is_kept(_file(sys.platform))
    try:
        spawn.run(("reg", "query", _RUN_KEY, "/v", _VALUE), timeout_s=_QUERY_TIMEOUT_S)
    except ToolFailed:
        return False
    return True


def turn_on() -> None:
    """From the next login on. Raises CannotWrite or ToolFailed."""
    changes.apply(changes_on())


def turn_off() -> None:
    """From the next login on; a tray that runs goes on. Raises CannotWrite or ToolFailed."""
    changes.apply(changes_off())


def changes_on(platform: str = sys.platform) -> tuple[Change, ...]:
    words = program.argv("tray")
    folders = program.folders_set()
    if platform == "win32":
        return (Run(("reg", "add", _RUN_KEY, "/v", _VALUE, "/t", "REG_SZ", "/d", templates.windows_command(words), "/f")),)
    if platform == "darwin":
        arguments, environment = templates.plist_array(words), templates.plist_dict(folders)
        return (Write(_file(platform), templates.fill("macos/deshimmer.tray.plist", arguments=arguments, environment=environment)),)
    started = ("env", *(f"{name}={value}" for name, value in folders.items()), *words) if folders else words
    command = templates.desktop_command(started)
    entry = templates.fill("linux/deshimmer-tray.desktop", command=command, python=templates.desktop_text(words[0]))
    return (Write(_file(platform), entry),)


def changes_off(platform: str = sys.platform) -> tuple[Change, ...]:
    if platform == "win32":
        return (Run(("reg", "delete", _RUN_KEY, "/v", _VALUE, "/f"), may_fail=True),)
    return (Remove(_file(platform)),) if _file(platform).exists() else ()


def _is_kept(entry: Path) -> bool:
    """It is there, and no desktop's own settings have switched it off."""
    try:
        lines = entry.read_text(encoding="utf-8").splitlines()
    except OSError:
        return False
    return not {"Hidden=true", "X-GNOME-Autostart-enabled=false"} & {line.replace(" ", "") for line in lines}


def _file(platform: str) -> Path:
    if platform == "darwin":
        return Path.home() / "Library/LaunchAgents/deshimmer.tray.plist"
    return platformdirs.user_config_path() / "autostart/deshimmer-tray.desktop"
