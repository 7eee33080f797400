"""The service: what would be written for each system, and a real systemd that starts, restarts and stops the daemon."""

from __future__ import annotations

import json
import os
import plistlib
import re
import shutil
import signal
import subprocess
import sys
import time
import venv
from collections.abc import Callable, Iterator
from pathlib import Path
from xml.etree import ElementTree

import psutil
import pytest
from awkward import awkward_folder
from commandline import Run
from usermanager import Unavailable, user_manager

from deshimmer.config import autostart, paths, service
from deshimmer.config.changes import Write, needed
from deshimmer.daemon import services
from deshimmer.daemon.lock import hold_state
from deshimmer.daemon.services import launchd, systemd, tasks

COMMAND = ("-P", "-m", "deshimmer.daemon", "run", "--set", 'a="b c"')
linux_only = pytest.mark.skipif(sys.platform != "linux", reason="systemd is Linux's")


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


@pytest.fixture
def settings() -> Path:
    """A settings file with one hot folder, where the default one lies."""
    hot = paths.state_dir().parent / "hot"
    hot.mkdir()
    paths.settings_file().parent.mkdir(parents=True)
    paths.settings_file().write_text(f'[[hot_folders]]\npath = "{hot}"\n')
    return hot


@linux_only
@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not installed")
def test_systemd_finds_no_fault_with_the_unit(tmp_path: Path) -> None:
    python = awkward_folder(tmp_path) / "python"
    python.write_text("#!/bin/sh\n")
    python.chmod(0o755)
    unit = tmp_path / "deshimmer.service"
    unit.write_text(systemd.unit_text((str(python), *COMMAND)))
    done = subprocess.run(["systemd-analyze", "--user", "--man=no", "verify", unit], capture_output=True, text=True)
    assert (done.returncode, [line for line in done.stderr.splitlines() if "deshimmer" in line]) == (0, [])


def test_the_launch_agent_comes_back_from_plistlib(home: Path) -> None:
    python = str(awkward_folder(home) / "python")
    agent = plistlib.loads(launchd.agent_text((python, *COMMAND)).encode())
    assert agent["ProgramArguments"] == [python, *COMMAND]
    assert (agent["Label"], agent["RunAtLoad"], agent["KeepAlive"]) == ("deshimmer.daemon", True, {"SuccessfulExit": False})
    assert agent["StandardErrorPath"] == str(paths.log_dir() / "service.log")
    assert agent["EnvironmentVariables"]["XDG_STATE_HOME"] == os.environ["XDG_STATE_HOME"]


def test_the_task_is_what_the_schema_wants(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("USERDOMAIN", "STUDIO & CO")
    monkeypatch.setenv("USERNAME", "jörg")
    python = str(awkward_folder(home) / "pythonw.exe")
    (task, *commands) = tasks.install((python, *COMMAND))
    assert isinstance(task, Write)
    task.do()
    root = ElementTree.fromstring(task.path.read_bytes())
    names = {"t": "http://schemas.microsoft.com/windows/2004/02/mit/task"}

    def text(path: str) -> str | None:
        return root.findtext(path, namespaces=names)

    order = [child.tag.partition("}")[2] for child in root]
    assert order == ["RegistrationInfo", "Triggers", "Principals", "Settings", "Actions"]
    assert text("t:Triggers/t:LogonTrigger/t:UserId") == text("t:Principals/t:Principal/t:UserId") == "STUDIO & CO\\jörg"
    assert text("t:Principals/t:Principal/t:RunLevel") == "LeastPrivilege"
    assert text("t:Principals/t:Principal/t:LogonType") == "InteractiveToken"
    assert text("t:Settings/t:ExecutionTimeLimit") == "PT0S"
    assert text("t:Settings/t:DisallowStartIfOnBatteries") == "false"
    assert text("t:Actions/t:Exec/t:Command") == python
    assert text("t:Actions/t:Exec/t:Arguments") == '-P -m deshimmer.daemon run --set "a=\\"b c\\""'
    assert root.find("t:Actions", names).attrib == {"Context": root.find("t:Principals/t:Principal", names).attrib["id"]}
    assert [str(command) for command in commands] == [
        f"schtasks /Create /TN deshimmer /XML {task.path} /F",
        "schtasks /Run /TN deshimmer",
    ]


@pytest.mark.parametrize("platform", sorted(services.MANAGERS))
def test_what_is_not_installed_needs_no_uninstalling(platform: str, home: Path) -> None:
    assert services.manager(platform).uninstall() == ()
    assert autostart.changes_off("linux") == ()


@linux_only
def test_a_dry_run_says_all_and_does_nothing(run: Run, settings: Path) -> None:
    ended = run("service", "install", "--dry-run", "--json", "--set", "queue.cpu_jobs=2")
    (record,) = ended.lines
    assert (ended.code, record["action"], record["dry_run"]) == (0, "install", True)
    unit, *commands, entry = record["changes"]
    assert unit["write"] == str(service.file())
    assert '"-P" "-m" "deshimmer.daemon" "run" "--set" "queue.cpu_jobs=2"' in unit["text"]
    assert [" ".join(command["run"]) for command in commands] == [
        "systemctl --user daemon-reload",
        "systemctl --user enable deshimmer.service",
        "systemctl --user restart deshimmer.service",
    ]
    assert entry["write"].endswith("autostart/deshimmer-tray.desktop")
    assert not service.is_installed()
    assert not autostart.is_on()
    words = run("service", "install", "--dry-run", "--no-tray").out
    assert f"would write {service.file()}" in words
    assert "    Type=notify" in words
    assert "would run systemctl --user restart deshimmer.service" in words
    assert "tray" not in words


@linux_only
def test_what_cannot_be_installed_says_why(run: Run, settings: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert run("service", "start").code == 1
    assert "service install" in run("service", "stop").err
    monkeypatch.setattr(systemd, "view", lambda: services.View(is_active=False))
    with hold_state():
        ended = run("service", "install", "--json")
    assert (ended.code, "not as the service" in ended.lines[0]["error"]["message"]) == (1, True)
    paths.settings_file().write_text("")
    assert run("service", "install").err.startswith("There is nothing to watch")
    assert not service.is_installed()


@linux_only
def test_without_systemd_the_way_out_is_told(run: Run, settings: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ended = run("service", "install", "--json")  # nobody answers in the runtime folder of a test
    assert (ended.code, ended.lines[0]["error"]["title"]) == (1, "Not set up")
    assert "enable-linger" in ended.err
    monkeypatch.setenv("PATH", "/nowhere")
    assert "'deshimmer run'" in run("service", "install").err
    assert not service.is_installed()


@linux_only
def test_messages_name_the_service_where_there_is_one(run: Run) -> None:
    assert "'deshimmer run'" in run("pause").err
    service.file().parent.mkdir(parents=True)
    service.file().touch()
    assert "'deshimmer service start'" in run("pause").err
    assert "'deshimmer service start'" in run("status").err


def test_the_log_is_shown_from_its_end(run: Run) -> None:
    assert run("service", "logs").out == ""
    (paths.log_dir() / "daemon.log").write_text("".join(f"line {number}\n" for number in range(1000)))
    assert run("service", "logs", "--lines", "2").out.splitlines() == ["line 998", "line 999"]
    assert run("service", "logs", "--lines", "1", "--json").lines == [{"line": "line 999"}]


def wait_for(condition: Callable[[], object], seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, subprocess.run(["systemctl", "--user", "status", systemd.UNIT], capture_output=True).stdout
        time.sleep(0.1)


class Installed:
    """deshimmer in a venv of its own, whose path is awkward."""

    def __init__(self, folder: Path) -> None:
        venv.create(folder, symlinks=True)
        self.python = folder / "bin" / "python"
        (packages,) = folder.glob("lib/python*/site-packages")
        (packages / "ours.pth").write_text(f"import site; site.addsitedir({next(p for p in sys.path if p.endswith('site-packages'))!r})\n")

    def __call__(self, *arguments: str) -> dict:
        command = [self.python, "-P", "-m", "deshimmer.daemon", "service", *arguments, "--json"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)


@pytest.fixture
def installed(home: Path, own_state: Path) -> Iterator[Installed]:
    """In a session of systemd that hears soon when a daemon hangs."""
    dropin = service.file().with_name(systemd.UNIT + ".d") / "quick.conf"
    dropin.parent.mkdir(parents=True)
    dropin.write_text("[Service]\nWatchdogSec=6\nRestartSec=0.1\n")
    try:
        with user_manager(Path(os.environ["XDG_RUNTIME_DIR"])):
            yield Installed(awkward_folder(home) / "venv")
    except Unavailable as reason:
        pytest.skip(f"no systemd of our own: {reason}")


@linux_only
def test_systemd_starts_restarts_and_stops_the_daemon(installed: Installed, settings: Path, own_state: Path) -> None:
    first = installed("install")
    assert [*first["changes"][0]] == ["write", "text"]
    status = installed("status")
    assert (status["installed"], status["running"], status["as_service"], status["tray_at_login"]) == (True, True, True, True)
    assert status["state"] == "active (running)"
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+", status["url"])
    assert psutil.Process(status["pid"]).cmdline()[0] == str(installed.python)
    assert not {"NOTIFY_SOCKET", "WATCHDOG_USEC"} & set(subprocess.os.environ)

    again = installed("install")
    assert [change["run"][2] for change in again["changes"]] == ["enable", "start"]
    assert installed("status")["pid"] == status["pid"]

    os.kill(status["pid"], signal.SIGSTOP)  # it hangs
    wait_for(lambda: not psutil.pid_exists(status["pid"]))
    wait_for(lambda: installed("status")["running"])
    after = installed("status")
    assert after["pid"] != status["pid"]
    assert (after["as_service"], after["state"]) == (True, "active (running), restarted 1 times")

    installed("stop")
    assert (installed("status")["running"], installed("status")["state"]) == (False, "inactive (dead)")
    installed("start")
    assert installed("status")["running"]
    gone = installed("uninstall")
    assert gone["kept"]["outputs"] == [str(settings / "deshimmered")]
    assert [Path(gone["kept"][name]).exists() for name in ("settings", "state", "log")] == [True] * 3
    status = installed("status")
    assert (status["installed"], status["running"], status["tray_at_login"]) == (False, False, False)
    left = [path for path in (own_state / "config").rglob("*") if not path.is_dir() and path.name != "quick.conf"]
    assert left == [paths.settings_file()]


def test_files_that_are_as_they_shall_be_are_no_change(tmp_path: Path) -> None:
    write = Write(tmp_path / "new" / "file", "tëxt", "utf-16")
    assert needed([write]) == (write,)
    write.do()
    assert needed([write]) == ()
    assert write.path.read_bytes().decode("utf-16") == "tëxt"
