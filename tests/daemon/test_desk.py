"""Settings, log, gauges, the desktop's programs and the commands that use them, on a running daemon."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
import tomllib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import httpx
import pytest
from clipmaker import pan, write
from commandline import Run

from deshimmer.config import desktop
from deshimmer.config.editing import Source
from deshimmer.config.errors import DeshimmerError, MissingClip, NotSetUp, ToolFailed
from deshimmer.config.settings import load_settings
from deshimmer.daemon import gauges, log_file
from deshimmer.daemon.app import Daemon
from deshimmer.processors import gpus


def wait(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + 15
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    (tmp_path / "hot").mkdir()
    (tmp_path / "other").mkdir()
    file = tmp_path / "my.toml"
    file.write_text(f'# mine\n[[hot_folders]]\npath = "{tmp_path / "hot"}"\n\n[intake]\nquiet_s = 0.1  # soon\n')
    return file


@pytest.fixture
def daemon(file: Path, faulty_road: str) -> Iterator[Daemon]:
    source = Source(file, ("disk.reserve_gb=1.0",))
    settings = source.load()
    daemon = Daemon(settings, settings.hot_folders, road=faulty_road, source=source)
    daemon.start()
    yield daemon
    daemon.stop()


def test_settings_are_edited_and_taken_up(daemon: Daemon, client: httpx.Client, file: Path, tmp_path: Path) -> None:
    before = client.get("/api/v1/settings").json()
    assert (before["file"], before["text"], before["values"]["intake"]["quiet_s"]) == (str(file), file.read_text(), 0.1)
    changes = {"intake.quiet_s": 0.2, "queue.cpu_jobs": 2, "disk.reserve_gb": 5, "queue.database": "sqlite:////tmp/other.sqlite"}
    after = client.patch("/api/v1/settings", json={"changes": changes}).json()
    assert (sorted(after["applied"]), after["restart"]) == (["intake.quiet_s", "queue.cpu_jobs"], ["queue.database"])
    assert after["overridden"] == {"disk.reserve_gb": "--set disk.reserve_gb=1.0"}
    assert after["text"] == file.read_text()
    assert "quiet_s = 0.2  # soon" in file.read_text()
    assert client.get("/api/v1/settings").json()["values"]["queue"]["cpu_jobs"] == 2
    wrong = client.patch("/api/v1/settings", json={"changes": {"repair.strength": 9}})
    assert (wrong.status_code, wrong.json()["error"]["title"]) == (409, "The settings are wrong")
    assert file.read_text() == after["text"]


def test_two_jobs_run_at_once_as_soon_as_they_may(daemon: Daemon, client: httpx.Client, tmp_path: Path) -> None:
    for number in range(2):
        write(tmp_path / "hot" / f"hang-{number}.mp4", pan(3 + number, (64, 48)))
    wait(lambda: (counts := daemon.jobs.counts())["running"] == 1 and counts["queued"] == 1)
    client.patch("/api/v1/settings", json={"changes": {"queue.cpu_jobs": 2}})
    wait(lambda: daemon.jobs.counts()["running"] == 2)


def test_hot_folders_change_while_it_runs(daemon: Daemon, client: httpx.Client, file: Path, tmp_path: Path) -> None:
    (tmp_path / "passing").mkdir()
    client.post("/api/v1/hot_folders", json={"path": str(tmp_path / "passing")})
    client.patch("/api/v1/settings", json={"hot_folders": [{"path": str(tmp_path / "other"), "existing": "process"}]})
    wait(lambda: {folder.path.name for folder in daemon.hot_folders()} == {"other", "passing"})
    write(tmp_path / "hot" / "left.mp4", pan(3, (64, 48)))
    write(tmp_path / "other" / "ok.mp4", pan(4, (64, 48)))
    wait(lambda: daemon.jobs.counts()["done"] == 1)
    assert [Path(row.path).name for row in daemon.jobs.list()] == ["ok.mp4"]
    assert tomllib.loads(file.read_text())["hot_folders"] == [{"path": str(tmp_path / "other"), "existing": "process"}]
    assert file.read_text().startswith("# mine\n")
    assert load_settings(file).hot_folders[0].path == tmp_path / "other"


def test_the_end_of_the_log_is_read_from_behind(daemon: Daemon, client: httpx.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    assert client.get("/api/v1/log").json() == {"lines": []}
    lines = [f"{number} {'x' * (number % 50)}" for number in range(5000)]
    log_file.log_file().write_text("\n".join(lines) + "\n")
    assert client.get("/api/v1/log").json()["lines"] == lines[-200:]
    for count in (0, 1, 3, 2000, 5000, 9999):
        assert client.get(f"/api/v1/log?lines={count}").json()["lines"] == (lines[-count:] if count else [])
    monkeypatch.setattr(log_file, "_BLOCK", 7)
    assert log_file.last_lines(40) == lines[-40:]


def test_gauges(daemon: Daemon, client: httpx.Client, tmp_path: Path) -> None:
    told = client.get("/api/v1/gauges").json()
    usage = shutil.disk_usage(tmp_path)
    assert [(disk["path"], disk["total"], disk["reserve"]) for disk in told["disks"]] == [(str(tmp_path / "hot"), usage.total, 10**9)]
    assert 0 < told["memory"] <= 1
    assert 0 <= told["cpu"] <= 1


def test_the_processor_is_told_alike_to_every_thread(daemon: Daemon, client: httpx.Client) -> None:
    started = time.monotonic()
    while time.monotonic() - started < 1.0:
        pass
    told = [ThreadPoolExecutor(1).submit(lambda: client.get("/api/v1/gauges").json()["cpu"]).result() for _ in range(3)]
    assert min(told) > 0.5 / (os.cpu_count() or 1)


class Cards(ModuleType):
    """In the place of the package nvidia-ml-py: a whole GPU, and a part of one that does not say how busy it is."""

    NVMLError = OSError
    NVMLError_NotFound = FileNotFoundError

    def __init__(self) -> None:
        super().__init__("pynvml")
        self.nvmlInit = lambda: None
        self.nvmlDeviceGetCount = lambda: 2
        self.nvmlDeviceGetHandleByIndex = lambda index: index
        self.nvmlDeviceGetName = ("RTX 4090", "H200 MIG 1g.18gb").__getitem__
        self.nvmlDeviceGetMemoryInfo = lambda handle: SimpleNamespace(total=24_000_000_000, used=6_000_000_000)
        self.nvmlDeviceGetUtilizationRates = self.busy
        for name in ("GetProcessUtilization", "GetGraphicsRunningProcesses", "GetComputeRunningProcesses"):
            setattr(self, f"nvmlDevice{name}", lambda *_: [])

    def busy(self, handle: int) -> Any:
        if handle:
            raise OSError("Not Supported")
        return SimpleNamespace(gpu=37)


@pytest.fixture
def anew() -> Iterator[None]:
    """Nobody has asked the GPUs so far."""
    gpus.machine.cache_clear()
    yield
    gpus.machine.cache_clear()


@pytest.mark.usefixtures("anew")
def test_gauges_of_gpus(daemon: Daemon, client: httpx.Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setattr(gauges, "_FRESH_S", 0.0)
    monkeypatch.setitem(sys.modules, "pynvml", Cards())
    told = client.get("/api/v1/gauges").json()
    assert [(gpu["name"], gpu["used"], gpu["utilisation"]) for gpu in told["gpus"]] == [
        ("RTX 4090", 6_000_000_000, 0.37),
        ("H200 MIG 1g.18gb", 6_000_000_000, None),
    ]
    assert told["gpus_unread"] is None
    gpus.machine.cache_clear()
    monkeypatch.setitem(sys.modules, "pynvml", None)
    program(tmp_path, "nvidia-smi")
    monkeypatch.setenv("PATH", str(tmp_path))
    told = client.get("/api/v1/gauges").json()
    assert (told["gpus"], told["gpus_unread"]) == ([], gpus.REMEDY)


# --- the desktop


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that is the whole PATH: programs of ours in the place of a desktop's."""
    folder = tmp_path / "programs"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    return folder


def program(folder: Path, name: str, then: str = "") -> Path:
    """Writes its arguments to ``<name>.ran``."""
    file = folder / name
    file.write_text(f"#!/bin/sh\nprintf '%s\\n' \"$@\" >> {folder}/{name}.ran\n{then}\n")
    file.chmod(0o755)
    return folder / f"{name}.ran"


@pytest.mark.skipif(sys.platform != "linux", reason="xdg-open and D-Bus")
def test_a_file_is_opened_and_shown_by_the_desktop(programs: Path, tmp_path: Path) -> None:
    clip = tmp_path / os.fsdecode(b"a, b \xe9.mp4")
    with pytest.raises(MissingClip):
        desktop.open_file(clip)
    clip.touch()
    with pytest.raises(NotSetUp, match="xdg-utils"):
        desktop.open_file(clip)
    opened = program(programs, "xdg-open")
    desktop.open_file(clip)
    assert opened.read_bytes() == os.fsencode(f"{clip}\n")
    asked = program(programs, "dbus-send")
    desktop.show_in_folder(clip)
    assert asked.read_text().splitlines()[-2:] == [f"array:string:file://{tmp_path}/a%2C%20b%20%E9.mp4", "string:"]
    program(programs, "dbus-send", "echo nobody answers >&2; exit 1")
    desktop.show_in_folder(clip)
    assert opened.read_text(errors="replace").splitlines()[-1] == str(tmp_path), "the folder, where no file manager answers"
    program(programs, "xdg-open", "echo no display >&2; exit 3")
    with pytest.raises(ToolFailed, match="no display"):
        desktop.show_in_folder(clip)


@pytest.mark.skipif(sys.platform != "linux", reason="xdg-open")
def test_what_was_opened_stays_open(programs: Path, tmp_path: Path) -> None:
    viewer = program(programs, "xdg-open", f"/bin/sleep 1.5; : > {tmp_path}/stayed")
    desktop.open_file(tmp_path)
    assert viewer.exists()
    assert not (tmp_path / "stayed").exists()
    wait((tmp_path / "stayed").exists)


def test_ways_on_other_systems() -> None:
    clip = Path("/clips/a b.mp4")
    assert list(desktop.ways_to_show(clip, "darwin")) == [["open", "-R", "/clips/a b.mp4"]]
    assert list(desktop.ways_to_show(clip, "win32")) == [["explorer", "/select,/clips/a b.mp4"]]


@pytest.mark.skipif(sys.platform != "linux", reason="xdg-open")
def test_a_job_is_opened_and_counts_as_looked_at(daemon: Daemon, client: httpx.Client, programs: Path, tmp_path: Path) -> None:
    opened = program(programs, "xdg-open")
    clip = write(tmp_path / "hot" / "error.mp4", pan(3, (64, 48)))
    wait(lambda: client.get("/api/v1/status").json()["needs_you"] == 1)
    job = client.get("/api/v1/jobs").json()["jobs"][0]["id"]
    assert client.post(f"/api/v1/jobs/{job}/open").json() == {"path": str(clip)}
    assert opened.read_text() == f"{clip}\n"
    assert client.get("/api/v1/status").json()["needs_you"] == 0
    daemon.jobs.retry(job)
    wait(lambda: client.get("/api/v1/status").json()["needs_you"] == 1)
    assert client.post("/api/v1/seen").json() == {"needs_you": 0}
    assert client.post("/api/v1/seen", json={"id": "nosuch"}).status_code == 404


# --- commands


@pytest.mark.skipif(sys.platform == "win32", reason="a shell script as the browser")
def test_open_gives_the_browser_a_link(run: Run, daemon: Daemon, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER"):
        monkeypatch.delenv(name, raising=False)
    assert "/enter#" in run("open").out
    assert run("open", "--json").lines[0].keys() == {"url"}
    assert run("open", "nosuch").code == 1
    write(tmp_path / "hot" / "ok.mp4", pan(3, (64, 48)))
    wait(lambda: daemon.jobs.counts()["done"] == 1)
    job = daemon.jobs.list()[0].id
    said = tmp_path / "browser.ran"
    program(tmp_path, "browser")
    environment = {**os.environ, "BROWSER": f"{tmp_path / 'browser'} %s"}
    command = [sys.executable, "-m", "deshimmer.daemon", "open", job[:8]]
    subprocess.run(command, env=environment, check=True, timeout=30, capture_output=True)
    base, _, code = said.read_text().strip().partition("/enter#")
    entered = httpx.post(f"{base}/api/v1/session", json={"code": code}, headers={"Origin": base}, trust_env=False)
    assert entered.json() == {"path": f"/jobs/{job}", "key": entered.json()["key"]}


def test_snooze_is_kept_over_a_restart(run: Run, daemon: Daemon, faulty_road: str) -> None:
    until = run("snooze", "30m", "--json").lines[0]["snoozed_until"]
    assert until == pytest.approx(time.time() + 1800, abs=20)
    assert run("status", "--json").lines[0]["snoozed_until"] == until
    assert "no notifications until" in run("status").out
    daemon.stop()
    following = Daemon(daemon.settings, [], road=faulty_road)
    following.start()
    try:
        assert following.snoozed_until() == until
        assert run("snooze", "0", "--json").lines[0] == {"snoozed_until": None}
        assert following.snoozed_until() is None
    finally:
        following.stop()
    assert run("snooze", "soon").code == 2
    assert run("snooze", "30m").code == run("open").code == 1


def test_errors_of_the_edit_are_the_ones_that_the_daemon_would_give(daemon: Daemon) -> None:
    with pytest.raises(DeshimmerError, match="strength"):
        daemon.edit_settings({"repair.strength": "much"}, None)
