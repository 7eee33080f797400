"""A machine for courtesy's tests: what the senses say is what the test sets."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import time

from deshimmer.processors.gpus import Gpu, GpuProcess

GIB = 2**30


@dataclass
class StandIn:
    cards: tuple[Gpu, ...] | None = None
    busy: list[str] = field(default_factory=list)
    prompts: int = 0
    own_prompts: int = 0
    comfyui: frozenset[int] = frozenset()
    battery: bool = False
    idle: float | None = None
    clock: time = time(12)
    looks: int = 0

    def gpus(self) -> tuple[Gpu, ...] | None:
        self.looks += 1
        return self.cards

    def busy_programs(self, patterns: Sequence[str]) -> list[str]:
        return self.busy

    def comfyui_jobs(self, url: str, *, but_ours: bool = False) -> int:
        return self.prompts if but_ours else self.prompts + self.own_prompts

    def comfyui_pids(self, url: str, among: Collection[int]) -> frozenset[int]:
        return self.comfyui & frozenset(among)

    def on_battery(self) -> bool:
        return self.battery

    def idle_s(self) -> float | None:
        return self.idle

    def time_of_day(self) -> time:
        return self.clock


def card(*processes: GpuProcess, used: float = 2.0, busy: float = 0.0) -> Gpu:
    """A GPU of 10 GiB; ``used`` in GiB."""
    return Gpu("RTX", 10 * GIB, round(used * GIB), busy, processes)


def process(name: str, busy: float | None, pid: int = 4_000_000, memory: float | None = 1.0) -> GpuProcess:
    return GpuProcess(pid, name, None if memory is None else round(memory * GIB), busy)
