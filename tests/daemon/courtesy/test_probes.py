"""The senses one by one: real processes, a real X server and bus, a real HTTP server; recorded answers for what is not here."""

from __future__ import annotations

import http.server
import json
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from ctypes.util import find_library
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from standin import StandIn, card

from deshimmer.config.settings import Courtesy
from deshimmer.daemon.courtesy import comfyui, idle, power, programs
from deshimmer.daemon.courtesy.findings import findings
from deshimmer.processors.gpus import GpuProcess, Nvml


class NoNvml(Exception):
    pass


class NotFound(NoNvml):
    pass


class Library:
    """What the package nvidia-ml-py offers, with two GPUs in it."""

    NVMLError = NoNvml
    NVMLError_NotFound = NotFound

    def __init__(self, *, broken: bool = False, samples: Any = ()) -> None:
        self.broken = broken
        self.samples = samples

    def nvmlInit(self) -> None:
        if self.broken:
            raise NoNvml("Driver Not Loaded")

    def nvmlDeviceGetCount(self) -> int:
        return 2

    def nvmlDeviceGetHandleByIndex(self, index: int) -> int:
        return index

    def nvmlDeviceGetName(self, handle: int) -> bytes:
        return b"RTX %d" % handle

    def nvmlDeviceGetUUID(self, handle: int) -> str:
        return f"GPU-{handle}{handle}aa"

    def nvmlDeviceGetMemoryInfo(self, handle: int) -> Any:
        return SimpleNamespace(total=1000, used=400)

    def nvmlDeviceGetUtilizationRates(self, handle: int) -> Any:
        return SimpleNamespace(gpu=37)

    def nvmlDeviceGetGraphicsRunningProcesses(self, handle: int) -> Any:
        raise NoNvml("Not Supported")

    def nvmlDeviceGetComputeRunningProcesses(self, handle: int) -> Any:
        return [SimpleNamespace(pid=os.getpid(), usedGpuMemory=100), SimpleNamespace(pid=2**22 + 1, usedGpuMemory=None)]

    def nvmlDeviceGetProcessUtilization(self, handle: int, since_us: int) -> Any:
        assert 2.5 < time.time() - since_us / 1e6 < 10
        if isinstance(self.samples, Exception):
            raise self.samples
        return self.samples


def test_gpus_are_read_with_who_uses_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    samples = [SimpleNamespace(pid=os.getpid(), smUtil=percent) for percent in (20, 40)]
    first, second = Nvml(Library(samples=samples)).read() or ()
    assert (first.name, second.name, first.total, first.used, first.utilisation) == ("RTX 0", "RTX 1", 1000, 400, 0.37)
    ours, gone = first.processes
    assert (ours.pid, ours.memory, ours.utilisation) == (os.getpid(), 100, pytest.approx(0.3))
    assert ours.name.startswith(("python", "pytest"))
    assert gone == GpuProcess(2**22 + 1, "", None, 0.0)
    assert first.memory_of_others(frozenset({os.getpid()})) == 300


def test_a_driver_that_tells_less_is_believed_less(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    idle_gpu = (Nvml(Library(samples=NotFound())).read() or ())[0]
    assert [one.utilisation for one in idle_gpu.processes] == [0.0, 0.0]
    silent = (Nvml(Library(samples=NoNvml())).read() or ())[0]
    assert [one.utilisation for one in silent.processes] == [None, None]
    assert silent.utilisation_by_others(frozenset({os.getpid()})) is None
    assert silent.utilisation_by_others(frozenset()) == 0.37
    assert Nvml(Library(broken=True)).read() is None


@pytest.mark.parametrize(
    ("visible", "names"), [("1", ["RTX 1"]), ("GPU-00", ["RTX 0"]), ("", ["RTX 0", "RTX 1"]), ("1,0", ["RTX 0", "RTX 1"])]
)
def test_only_the_gpus_that_cuda_sees_count(visible: str, names: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    assert [gpu.name for gpu in Nvml(Library()).read() or ()] == names


def test_the_real_package_without_a_driver_answers_nothing() -> None:
    pynvml = pytest.importorskip("pynvml", reason="nvidia-ml-py is not installed")
    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError:
        assert Nvml().read() is None
    else:
        assert len(Nvml().read() or ()) == pynvml.nvmlDeviceGetCount()


@contextmanager
def running(folder: Path, name: str, code: str) -> Iterator[subprocess.Popen[bytes]]:
    """A real process of this name."""
    program = folder / name
    shutil.copy(os.path.realpath(sys.executable), program)
    environment = {**os.environ, "PYTHONHOME": sys.base_prefix}
    process = subprocess.Popen([program, "-c", code], env=environment, stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline() == b"up\n"
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


@pytest.mark.skipif(sys.platform != "linux", reason="a copied interpreter finds its library on Linux")
def test_a_real_program_counts_while_it_works_and_not_while_it_waits(tmp_path: Path) -> None:
    watch = programs.Watch()
    assert watch.busy(["blender*"]) == []
    with running(tmp_path, "blender", "print('up', flush=True)\nimport time; time.sleep(60)"):
        assert watch.busy(["blender*"]) == []
        assert watch.busy(["blender*"]) == []
    with running(tmp_path, "nuke15.1", "print('up', flush=True)\nwhile True: pass"):
        assert watch.busy(["blender*"]) == []
        deadline = time.monotonic() + 30
        while watch.busy(["blender*", "Nuke*"]) != ["Nuke"]:
            assert time.monotonic() < deadline


class Queue(http.server.BaseHTTPRequestHandler):
    answer: Any = None

    def do_GET(self) -> None:
        assert self.path == "/queue"
        text = json.dumps(self.answer).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_: object) -> None:
        pass


def test_comfyuis_queue_is_counted() -> None:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Queue) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        url = f"http://127.0.0.1:{server.server_port}"
        prompt = [0, "id", {}, {}, []]
        for Queue.answer, expected in (
            ({"queue_running": [], "queue_pending": []}, 0),
            ({"queue_running": [prompt], "queue_pending": [prompt, prompt]}, 3),
            ({"error": "another program"}, 0),
            ([], 0),
        ):
            assert comfyui.jobs(url + "/") == expected
        ours = [1, "id", {}, {"client_id": "deshimmer-job"}, []]
        Queue.answer = {"queue_running": [ours], "queue_pending": [prompt]}
        assert (comfyui.jobs(url), comfyui.jobs(url, but_ours=True)) == (2, 1)
        assert comfyui.pids(url, {os.getpid(), os.getppid(), 2**22 + 1}) == {os.getpid()}
        server.shutdown()
        thread.join()
    assert comfyui.jobs(url) == 0


def test_idle_time_comes_from_the_first_source_that_knows() -> None:
    answers: dict[str, float | None] = {"one": None, "two": 7.0}
    asked = idle.Idle({name: lambda name=name: answers[name] for name in answers})
    assert (asked.seconds(), asked.source) == (7.0, "two")
    answers["two"] = None
    assert (asked.seconds(), asked.source) == (None, None)
    answers["one"] = 3.0
    assert (asked.seconds(), asked.source) == (3.0, "one")


_HAS_X = shutil.which("Xvfb") and shutil.which("xdotool") and find_library("Xss")


@pytest.mark.skipif(not _HAS_X, reason="Xvfb, xdotool or libXss is not installed")
def test_a_real_x_server_tells_when_somebody_moved_the_mouse(monkeypatch: pytest.MonkeyPatch) -> None:
    read, write = os.pipe()
    with subprocess.Popen(["Xvfb", "-displayfd", str(write), "-nolisten", "tcp"], pass_fds=[write], stderr=subprocess.DEVNULL) as server:
        os.close(write)
        with os.fdopen(read) as told:
            monkeypatch.setenv("DISPLAY", f":{told.readline().strip()}")
        try:
            time.sleep(1.2)
            before = idle.x11()
            assert before is not None
            assert before >= 1.0
            subprocess.run(["xdotool", "mousemove", "11", "13", "mousemove", "17", "19"], check=True)
            after = idle.x11()
            assert after is not None
            assert after < before
        finally:
            server.terminate()
    monkeypatch.setenv("DISPLAY", ":99999")
    assert idle.x11() is None


_SERVICE = """
import gi, sys
from gi.repository import Gio, GLib
node = Gio.DBusNodeInfo.new_for_xml('''<node><interface name="org.freedesktop.ScreenSaver">
<method name="GetSessionIdleTime"><arg type="u" direction="out"/></method></interface></node>''')
def call(*given):
    given[-1].return_value(GLib.Variant("(u)", (65000,)))
def up(bus, name):
    print("up", flush=True)
Gio.bus_own_name(Gio.BusType.SESSION, "org.freedesktop.ScreenSaver", 0,
    lambda bus, name: bus.register_object("/org/freedesktop/ScreenSaver", node.interfaces[0], call, None, None), up, None)
GLib.MainLoop().run()
"""
_SYSTEM_PYTHON = Path("/usr/bin/python3")


def _has_gi() -> bool:
    return _SYSTEM_PYTHON.exists() and subprocess.run([_SYSTEM_PYTHON, "-c", "import gi"], capture_output=True).returncode == 0


@pytest.mark.skipif(
    not (shutil.which("dbus-daemon") and shutil.which("dbus-send") and _has_gi()), reason="D-Bus or python3-gi is not installed"
)
def test_a_real_bus_is_asked_for_the_sessions_idle_time(monkeypatch: pytest.MonkeyPatch) -> None:
    bus = subprocess.Popen(["dbus-daemon", "--session", "--print-address", "--nofork"], stdout=subprocess.PIPE, text=True)
    assert bus.stdout is not None
    monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", bus.stdout.readline().strip())
    assert idle.gnome() is None
    assert idle.ScreenSaver().ask() is None
    service = subprocess.Popen([_SYSTEM_PYTHON, "-c", _SERVICE], stdout=subprocess.PIPE, text=True)
    assert service.stdout is not None
    assert service.stdout.readline() == "up\n"
    try:
        assert idle.ScreenSaver().ask() == 65.0
    finally:
        for process in (service, bus):
            process.kill()
            process.wait()
            process.stdout.close()


def test_the_unit_of_a_screen_savers_answer_is_found() -> None:
    seconds = idle.ScreenSaver()
    assert [seconds.take(now, number) for now, number in ((0.0, 600), (2.0, 602), (4.0, 604), (6.0, 0), (8.0, 2))] == [0.6, 602, 604, 0, 2]
    milliseconds = idle.ScreenSaver()
    assert [milliseconds.take(now, number) for now, number in ((0.0, 600), (2.0, 2600), (4.0, 4600))] == [0.6, 2.6, 4.6]


def test_what_logind_and_ioreg_say_is_read() -> None:
    assert idle.idle_of_logind("IdleHint=yes\nIdleSinceHint=1700000000000000\n", 1700000090.0) == 90.0
    assert idle.idle_of_logind("IdleHint=no\nIdleSinceHint=1700000000000000\n", 1700000090.0) == 0.0
    assert idle.idle_of_logind("", 1700000090.0) is None
    assert idle.idle_of_ioreg('    | |   "HIDIdleTime" = 2500000000\n') == 2.5
    assert idle.idle_of_ioreg("+-o Root") is None


def test_battery(monkeypatch: pytest.MonkeyPatch) -> None:
    for plugged, expected in ((True, False), (False, True), (None, False)):
        monkeypatch.setattr(power.psutil, "sensors_battery", lambda plugged=plugged: SimpleNamespace(power_plugged=plugged))
        assert power.on_battery() is expected
    monkeypatch.setattr(power.psutil, "sensors_battery", lambda: None)
    assert power.on_battery() is False


def test_each_system_is_sent_to_sleep_in_its_own_way() -> None:
    assert power.SLEEP["linux"] == ("systemctl", "suspend")
    assert power.SLEEP["darwin"] == ("pmset", "sleepnow")
    assert power.SLEEP["win32"][0] == "rundll32.exe"


def test_doctor_says_what_courtesy_can_tell() -> None:
    gpu, away = findings(Courtesy(idle_s=60), StandIn((card(busy=0.4),), idle=7.0))
    assert gpu == ("gpu use", True, "RTX: 40% busy", None)
    assert away == ("idle time", True, "nobody touched mouse or keyboard for 7 s", None)
    gpu, away = findings(Courtesy(after_queue="sleep"), StandIn(None))
    assert (gpu.ok, away.ok, bool(gpu.remedy), bool(away.remedy)) == (False, False, True, True)
    assert [found.name for found in findings(Courtesy(), StandIn(None))] == ["gpu use"]
