"""What models run on here: the device that torch would take, its free memory, and how fast it multiplies."""

from __future__ import annotations

import platform
import time
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from typing import Any, cast

import numpy as np
import psutil

from ...config import spawn
from ...config.errors import ToolFailed

_NVIDIA: tuple[tuple[str, float], ...] = (
    ("B200", 2250), ("H200", 989), ("H100 PCIe", 756), ("H100", 989), ("A100", 312), ("L40S", 362), ("L40", 181), ("L4", 121),
    ("A10G", 70), ("A10", 125), ("A6000", 155), ("A5000", 111), ("A4000", 77), ("RTX 6000 Ada", 364), ("RTX 5000 Ada", 261),
    ("5090", 209), ("5080", 113), ("5070 Ti", 88), ("5070", 62), ("4090", 165), ("4080", 97), ("4070 Ti", 80), ("4070", 58),
    ("4060 Ti", 44), ("4060", 30), ("3090 Ti", 80), ("3090", 71), ("3080", 60), ("3070", 41), ("3060", 25), ("V100", 112), ("T4", 65),
)  # fmt: skip
"""Dense bfloat16 with 32-bit sums (float16 before Ampere), 10^12 operations a second, of the makers' data sheets. The first match counts."""
_APPLE: tuple[tuple[str, float], ...] = (("Ultra", 24), ("Max", 12), ("Pro", 6), ("", 3))
"""By the tier of the chip: float32 of M1 and M2 between the makers' 2.6 and 27; float16 is no faster there."""
_LAPTOP = 0.6  # of the desktop card's speed under the same name
_PER_MULTIPROCESSOR = 512  # operations in a cycle, of a GeForce since Ampere; data centre cards do two to eight times that
_WITHOUT_TENSOR_CORES = 256
_CLOCK_HZ = 1.5e9  # where torch does not tell it
_SIDE = 768
_CPU = "cpu"


@dataclass(frozen=True)
class Device:
    kind: str  # as torch names it: "cuda", "mps", "cpu"
    name: str
    free_bytes: int
    tflops: float | None  # dense, half precision; None where nothing tells
    total_bytes: int | None = None  # of its memory, whoever holds it; None where nothing tells

    @property
    def is_gpu(self) -> bool:
        return self.kind != _CPU


def here() -> Device:
    """The device that a model would run on in this environment.

    Without torch no model runs, and the answer is what it would be with torch: the first GPU of NVIDIA's driver, or the processor.
    """
    if find_spec("torch") is None:
        return _of_driver() or _processor()
    import torch

    if torch.cuda.is_available():
        properties = cast(Any, torch.cuda.get_device_properties)(0)
        name, (free_bytes, total_bytes) = str(properties.name), torch.cuda.mem_get_info(0)
        return Device("cuda", name, free_bytes, known_tflops(name) or computed_tflops(properties), total_bytes)
    if torch.backends.mps.is_available():
        chip, memory = _chip(), psutil.virtual_memory()
        return Device("mps", chip, memory.available, next(tflops for tier, tflops in _APPLE if tier in chip), memory.total)
    return _processor()


def known_tflops(name: str) -> float | None:
    """Of the table; None for a GPU that is not in it."""
    found = next((tflops for part, tflops in _NVIDIA if part.lower() in name.lower()), None)
    return found if found is None or "laptop" not in name.lower() else found * _LAPTOP


def computed_tflops(properties: Any) -> float:
    """From what torch tells of an unknown NVIDIA GPU: multiprocessors times clock times operations in a cycle."""
    each = _PER_MULTIPROCESSOR if properties.major >= 8 else _WITHOUT_TENSOR_CORES
    clock_hz = getattr(properties, "clock_rate", 0) * 1e3 or _CLOCK_HZ
    return properties.multi_processor_count * clock_hz * each / 1e12


def _of_driver() -> Device | None:
    from .. import gpus

    found = gpus.machine().read()
    if not found:
        return None
    first = found[0]
    return Device("cuda", first.name, first.total - first.used, known_tflops(first.name), first.total)


def _processor() -> Device:
    memory = psutil.virtual_memory()
    return Device(_CPU, "CPU", memory.available, _measured_tflops(), memory.total)


@cache
def _measured_tflops() -> float:
    """The best of three products of matrices: about 0.05 s, once."""
    matrix = np.ones((_SIDE, _SIDE), np.float32)
    np.matmul(matrix, matrix)
    return max(_tflops_of_one(matrix) for _ in range(3))


def _tflops_of_one(matrix: np.ndarray[Any, Any]) -> float:
    started = time.perf_counter()
    np.matmul(matrix, matrix)
    return 2 * _SIDE**3 / (time.perf_counter() - started) / 1e12


@cache
def _chip() -> str:
    """Apple's name for it: "Apple M2 Max"."""
    try:
        return spawn.run(["sysctl", "-n", "machdep.cpu.brand_string"], timeout_s=5.0).decode().strip()
    except ToolFailed:
        return platform.processor() or "Apple silicon"
