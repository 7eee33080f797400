"""Disks, GPUs, processor and memory at a glance. Shares are 0 to 1, sizes are bytes."""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import psutil

from ..config import spawn
from ..config.errors import ToolFailed
from ..config.settings import HotFolder, Settings

_NVIDIA_SMI = ("--query-gpu=name,memory.used,memory.total,utilization.gpu", "--format=csv,noheader,nounits")
_TIMEOUT_S = 5.0
_FRESH_S = 2.0
_MIB = 2**20


psutil.cpu_percent()  # the first call answers 0: what follows counts from here


def gauges(hot_folders: Iterable[HotFolder], settings: Settings) -> dict[str, Any]:
    return {
        "disks": disks((folder.results for folder in hot_folders), int(settings.disk.reserve_gb * 1e9)),
        "gpus": _GPUS.read(),
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


def parse(text: str) -> list[dict[str, Any]]:
    """The answer of nvidia-smi, a line a GPU. What a driver does not tell ("[N/A]") is null."""
    rows = [[word.strip() for word in line.rsplit(",", 3)] for line in text.splitlines() if line.strip()]
    return [
        {"name": name, "used": _scaled(used, _MIB), "total": _scaled(total, _MIB), "utilisation": _scaled(busy, 0.01)}
        for name, used, total, busy in rows
    ]


def _scaled(word: str, unit: float) -> float | None:
    try:
        return float(word) * unit
    except ValueError:
        return None


class _Gpus:
    """Asked once for everybody who looks within two seconds: starting a program is no small thing."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._asked = -_FRESH_S
        self._known: list[dict[str, Any]] = []

    def read(self) -> list[dict[str, Any]]:
        with self._lock:
            if time.monotonic() - self._asked >= _FRESH_S:
                self._known = self._ask()
                self._asked = time.monotonic()
            return self._known

    def _ask(self) -> list[dict[str, Any]]:
        program = shutil.which("nvidia-smi")
        if program is None:
            return []
        try:
            return parse(spawn.run([program, *_NVIDIA_SMI], timeout_s=_TIMEOUT_S).decode(errors="replace"))
        except (ToolFailed, ValueError):  # a driver without its GPU, or in the middle of an upgrade
            return []


_GPUS = _Gpus()
