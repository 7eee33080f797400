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


psutil.cpu_percent()  # the first call answers 0: what follows counts from here


def gauges(hot_folders: Iterable[HotFolder], settings: Settings) -> dict[str, Any]:
    return {
        "disks": disks((folder.results for folder in hot_folders), int(settings.disk.reserve_gb * 1e9)),
        "gpus": _GPUS.read(),
        "gpus_unread": gpus.machine().unread,
        "cpu": psutil.cpu_percent() / 100,  # since the last call
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


_GPUS = _Gpus()
