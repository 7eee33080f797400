"""Disks, GPUs, processor and memory at a glance. Shares are 0 to 1, sizes are bytes."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import psutil

from ..config.settings import HotFolder, Settings
from ..processors import gpus

_FRESH_S = 2.0
_CPU_LEAST_S = 0.5


def gauges(hot_folders: Iterable[HotFolder], settings: Settings) -> dict[str, Any]:
    return {
        "disks": disks((folder.results for folder in hot_folders), int(settings.disk.reserve_gb * 1e9)),
        "gpus": _GPUS.read(),
        "gpus_unread": gpus.machine().unread,
        "cpu": _CPU.read(),
        "memory": psutil.virtual_memory().percent / 100,
    }


def disks(folders: Iterable[Path], reserve: int) -> list[dict[str, Any]]:
    """Those that results go to, each once; ``reserve``: what a repair leaves free. Folders that are not there are left out."""
    found: dict[int, dict[str, Any]] = {}
    for folder in folders:
        there = next((path for path in (folder, *folder.parents) if path.exists()), None)
        if there is not None and (device := there.stat().st_dev) not in found:
            usage = psutil.disk_usage(str(there))
            found[device] = {"path": str(there), "free": usage.free, "total": usage.total, "reserve": reserve}
    return list(found.values())


class _Gpus:
    """Asked once for everybody who looks within two seconds: a driver takes its time over each process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._asked = -math.inf
        self._known: list[dict[str, Any]] = []

    def read(self) -> list[dict[str, Any]]:
        with self._lock:
            if time.monotonic() - self._asked >= _FRESH_S:
                self._known = [_told(each) for each in gpus.machine().read() or ()]
                self._asked = time.monotonic()
            return self._known


def _told(gpu: gpus.Gpu) -> dict[str, Any]:
    return {"name": gpu.name, "used": gpu.used, "total": gpu.total, "utilisation": gpu.utilisation}


class _Cpu:
    """The part of the last seconds in which the processor worked; one answer for all threads (psutil's own counts for each by itself)."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._since = self._worked()
        self._known = 0.0

    def read(self) -> float:
        with self._lock:
            busy, total = self._worked()
            passed = total - self._since[1]
            if passed >= _CPU_LEAST_S * (psutil.cpu_count() or 1):
                self._known = min(1.0, max(0.0, (busy - self._since[0]) / passed))
                self._since = busy, total
            return self._known

    @staticmethod
    def _worked() -> tuple[float, float]:
        """Seconds of all cores since the machine's start: at work, and in all."""
        times = psutil.cpu_times()._asdict()
        within = ("guest", "guest_nice")  # counted in user and nice too
        total = sum(seconds for name, seconds in times.items() if name not in within)
        return total - times["idle"] - times.get("iowait", 0.0), total


_CPU = _Cpu()
_GPUS = _Gpus()
