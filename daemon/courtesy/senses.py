"""What courtesy knows of the machine. The one seam at which tests put a machine of their own."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime, time
from functools import cached_property
from typing import Protocol

from ...processors import gpus
from ...processors.gpus import Gpu
from . import comfyui, power, programs
from .idle import Idle


class Senses(Protocol):
    def gpus(self) -> tuple[Gpu, ...] | None:
        """None where no driver can be asked."""
        ...

    def busy_programs(self, patterns: Sequence[str]) -> list[str]:
        """Titles of the programs that work on the processor."""
        ...

    def comfyui_jobs(self, url: str, *, but_ours: bool = False) -> int: ...

    def comfyui_pids(self, url: str, among: Collection[int]) -> frozenset[int]:
        """Which of these processes are the ComfyUI at this address."""
        ...

    def on_battery(self) -> bool: ...

    def idle_s(self) -> float | None:
        """None where nobody knows."""
        ...

    def time_of_day(self) -> time: ...


class Machine:
    """The one that this runs on. Nothing is loaded before it is asked for."""

    def gpus(self) -> tuple[Gpu, ...] | None:
        return gpus.machine().read()

    def busy_programs(self, patterns: Sequence[str]) -> list[str]:
        return self._watch.busy(patterns)

    def comfyui_jobs(self, url: str, *, but_ours: bool = False) -> int:
        return comfyui.jobs(url, but_ours=but_ours)

    def comfyui_pids(self, url: str, among: Collection[int]) -> frozenset[int]:
        return comfyui.pids(url, among)

    def on_battery(self) -> bool:
        return power.on_battery()

    def idle_s(self) -> float | None:
        return self._idle.seconds()

    def time_of_day(self) -> time:
        return datetime.now().time()

    @cached_property
    def _watch(self) -> programs.Watch:
        return programs.Watch()

    @cached_property
    def _idle(self) -> Idle:
        return Idle()
