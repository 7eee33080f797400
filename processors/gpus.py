"""The NVIDIA GPUs of this machine and who uses them, by NVML (package nvidia-ml-py, which is optional)."""

from __future__ import annotations

import importlib
import logging
import os
import shutil
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from statistics import mean
from typing import Any

import psutil

log = logging.getLogger(__name__)

REMEDY = "pip install nvidia-ml-py, where there is an NVIDIA GPU with its driver"
_DRIVER = Path("/proc/driver/nvidia/version")
_AMD = Path("/dev/kfd")
_SAMPLES_S = 3.0
"""The driver keeps samples of what each process did; older ones say nothing of now."""


@dataclass(frozen=True)
class GpuProcess:
    pid: int
    name: str
    memory: int | None  # bytes; None where the driver does not say, as on most of Windows
    utilisation: float | None  # of the last seconds, 0 to 1; None where the driver does not say


@dataclass(frozen=True)
class Gpu:
    name: str
    total: int  # bytes
    used: int  # bytes
    utilisation: float | None  # 0 to 1; None where the driver does not say, as of a part of a GPU (MIG, vGPU)
    processes: tuple[GpuProcess, ...]

    def memory_of_others(self, ours: frozenset[int]) -> int:
        """Bytes that processes other than ``ours`` hold, as far as the driver says what ours hold."""
        return max(0, self.used - sum(one.memory or 0 for one in self.processes if one.pid in ours))

    def utilisation_by_others(self, ours: frozenset[int]) -> float | None:
        """None while ours are on it too and the driver does not say whose work it does."""
        if not any(one.pid in ours for one in self.processes):
            return self.utilisation
        parts = [one.utilisation for one in self.processes if one.pid not in ours]
        return None if None in parts else min(1.0, sum(part or 0.0 for part in parts))


def family(gpus: Iterable[Gpu], roots: frozenset[int]) -> frozenset[int]:
    """The processes on these GPUs that are ``roots`` or were started below them."""
    return frozenset(one.pid for gpu in gpus for one in gpu.processes if one.pid in roots or _parents(one.pid) & roots)


class Nvml:
    """``library`` is the module ``pynvml``, or what stands in for it; None: the installed one. ``machine`` is everybody's."""

    def __init__(self, library: Any = None) -> None:
        self._given = library

    def read(self) -> tuple[Gpu, ...] | None:
        """The GPUs that ``CUDA_VISIBLE_DEVICES`` leaves; None where NVML cannot be asked."""
        nvml = self._library
        if nvml is None:
            return None
        try:
            handles = [nvml.nvmlDeviceGetHandleByIndex(index) for index in range(nvml.nvmlDeviceGetCount())]
            return tuple(_gpu(nvml, handle) for handle in _visible(nvml, handles, os.environ))
        except nvml.NVMLError as error:
            log.debug("NVML: %s", error)
            return None

    @property
    def unread(self) -> str | None:
        """What to do where there is an NVIDIA driver that cannot be asked; None where it answers, or there is none."""
        return None if self._library is not None or not has_driver() else REMEDY

    @cached_property
    def _library(self) -> Any:
        try:
            nvml = self._given or importlib.import_module("pynvml")
        except ImportError:
            return None
        try:
            nvml.nvmlInit()
        except nvml.NVMLError as error:
            log.info("NVML cannot be used: %s", error)
            return None
        return nvml


@cache
def machine() -> Nvml:
    """The one reader of this process. Nothing is loaded before it is asked for."""
    return Nvml()


def has_driver() -> bool:
    """Whether NVIDIA's driver seems to be installed."""
    return _DRIVER.exists() or shutil.which("nvidia-smi") is not None


def may_be_here() -> bool:
    """Whether it is worth while to load torch and ask it: there is NVIDIA's driver, AMD's, or Apple's GPU."""
    return sys.platform == "darwin" or has_driver() or _AMD.exists()


def _gpu(nvml: Any, handle: Any) -> Gpu:
    memory = nvml.nvmlDeviceGetMemoryInfo(handle)
    return Gpu(_text(nvml.nvmlDeviceGetName(handle)), memory.total, memory.used, _utilisation(nvml, handle), _processes(nvml, handle))


def _utilisation(nvml: Any, handle: Any) -> float | None:
    try:
        return nvml.nvmlDeviceGetUtilizationRates(handle).gpu / 100
    except nvml.NVMLError:
        return None


def _processes(nvml: Any, handle: Any) -> tuple[GpuProcess, ...]:
    busy = _utilisation_by_process(nvml, handle)
    held: dict[int, int | None] = {}
    for ask in (nvml.nvmlDeviceGetGraphicsRunningProcesses, nvml.nvmlDeviceGetComputeRunningProcesses):
        held |= {one.pid: one.usedGpuMemory for one in _list(nvml, ask, handle)}
    pids = set(held) | set(busy or {})
    return tuple(GpuProcess(pid, _name(pid), held.get(pid), None if busy is None else busy.get(pid, 0.0)) for pid in sorted(pids))


def _visible(nvml: Any, handles: list[Any], environment: Mapping[str, str]) -> Iterable[Any]:
    """By index or by the beginning of its UUID, as CUDA takes them."""
    wanted = [part.strip() for part in environment.get("CUDA_VISIBLE_DEVICES", "").split(",") if part.strip()]
    if not wanted:
        return handles
    uuids = [_text(nvml.nvmlDeviceGetUUID(handle)) for handle in handles]
    return [
        handle
        for index, (handle, uuid) in enumerate(zip(handles, uuids, strict=True))
        if any(part == str(index) or (part.startswith("GPU-") and uuid.startswith(part)) for part in wanted)
    ]


def _utilisation_by_process(nvml: Any, handle: Any) -> dict[int, float] | None:
    since_us = int((time.time() - _SAMPLES_S) * 1e6)
    try:
        samples = nvml.nvmlDeviceGetProcessUtilization(handle, since_us)
    except nvml.NVMLError_NotFound:  # nobody did anything
        return {}
    except nvml.NVMLError:
        return None
    by_pid: dict[int, list[float]] = {}
    for sample in samples:
        by_pid.setdefault(sample.pid, []).append(sample.smUtil / 100)
    return {pid: mean(parts) for pid, parts in by_pid.items() if pid}


def _list(nvml: Any, ask: Callable[[Any], list[Any]], handle: Any) -> list[Any]:
    try:
        return ask(handle)
    except nvml.NVMLError:
        return []


def _parents(pid: int) -> set[int]:
    try:
        return {parent.pid for parent in psutil.Process(pid).parents()}
    except psutil.Error:
        return set()


def _name(pid: int) -> str:
    try:
        return psutil.Process(pid).name()
    except psutil.Error:
        return ""


def _text(name: str | bytes) -> str:
    return name.decode() if isinstance(name, bytes) else name
