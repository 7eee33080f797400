"""The tray at login: what is written is read back by what the system offers for it."""

from __future__ import annotations

import os
import plistlib
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
from awkward import awkward_folder

from deshimmer.config import autostart
from deshimmer.config.changes import Run, Write
from deshimmer.config.errors import NotSetUp

linux_only = pytest.mark.skipif(sys.platform != "linux", reason="XDG autostart is Linux's")


def entry() -> Path:
    return Path(os.environ["XDG_CONFIG_HOME"], "autostart", "deshimmer-tray.desktop")


def only_write(platform: str) -> Write:
    (change,) = autostart.changes_on(platform)
    assert isinstance(change, Write)
    return change


@linux_only
def test_on_and_off_and_the_same_again() -> None:
    assert not autostart.is_on()
    for _ in range(2):
        autostart.turn_on()
        assert autostart.is_on()
    assert [path.name for path in entry().parent.iterdir()] == [entry().name]
    for _ in range(2):
        autostart.turn_off()
        assert not autostart.is_on()
    assert list(entry().parent.iterdir()) == []


@linux_only
@pytest.mark.parametrize("line", ["Hidden=true", "X-GNOME-Autostart-enabled = false"])
def test_what_the_desktop_has_switched_off_is_off(line: str) -> None:
    autostart.turn_on()
    entry().write_text(entry().read_text().replace("X-GNOME-Autostart-enabled=true", "") + line + "\n")
    assert not autostart.is_on()
    autostart.turn_on()
    assert autostart.is_on()


@linux_only
@pytest.mark.skipif(shutil.which("desktop-file-validate") is None, reason="desktop-file-utils is not installed")
def test_the_desktop_entry_is_valid(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", str(awkward_folder(tmp_path) / "python"))
    autostart.turn_on()
    done = subprocess.run(["desktop-file-validate", entry()], capture_output=True, text=True)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


@linux_only
@pytest.mark.skipif(shutil.which("gio") is None, reason="gio (libglib2.0-bin) is not installed")
def test_a_desktop_starts_the_very_program_with_the_same_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told = tmp_path / "told"
    program = awkward_folder(tmp_path) / "python"
    program.write_text(f'#!/bin/sh\nprintf "%s\\n" "$0" "$@" "$XDG_STATE_HOME" > {told}.part\nmv {told}.part {told}\n')
    program.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(program))
    state = os.environ["XDG_STATE_HOME"]
    autostart.turn_on()
    subprocess.run(["gio", "launch", entry()], check=True, capture_output=True, env={"PATH": os.environ["PATH"]})
    deadline = time.monotonic() + 20
    while not told.exists():
        assert time.monotonic() < deadline
        time.sleep(0.02)
    assert told.read_text().splitlines() == [str(program), "-P", "-m", "deshimmer.tray", state]


def test_the_launch_agent_comes_back_from_plistlib(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr(sys, "executable", str(awkward_folder(tmp_path) / "python"))
    change = only_write("darwin")
    assert change.path.parts[-3:] == ("Library", "LaunchAgents", "deshimmer.tray.plist")
    agent = plistlib.loads(change.text.encode())
    assert agent["ProgramArguments"] == [sys.executable, "-P", "-m", "deshimmer.tray"]
    assert agent["EnvironmentVariables"]["XDG_STATE_HOME"] == os.environ["XDG_STATE_HOME"]
    assert (agent["Label"], agent["RunAtLoad"]) == ("deshimmer.tray", True)


def test_the_run_key_holds_one_command_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/Program Files/dë/python.exe")
    (change,) = autostart.changes_on("win32")
    assert isinstance(change, Run)
    assert change.argv[:3] == ("reg", "add", r"HKCU\Software\Microsoft\Windows\CurrentVersion\Run")
    assert change.argv[change.argv.index("/d") + 1] == '"/Program Files/dë/python.exe" -P -m deshimmer.tray'
    (undo,) = autostart.changes_off("win32")
    assert isinstance(undo, Run)
    assert undo.argv[:5] == ("reg", "delete", *change.argv[2:5])


@pytest.mark.parametrize("name", ["new\nline", "caf\udce9"])
def test_a_path_that_no_such_file_can_hold_is_refused(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", f"/opt/{name}/python")
    with pytest.raises(NotSetUp, match="elsewhere"):
        autostart.changes_on("linux")
