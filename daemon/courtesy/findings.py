"""What courtesy can tell on this machine, for ``doctor``."""

from __future__ import annotations

from typing import NamedTuple

from ...config.settings import Courtesy
from ...processors import gpus
from . import idle
from .senses import Machine, Senses


class Finding(NamedTuple):
    name: str
    ok: bool
    detail: str
    remedy: str | None = None


def findings(wishes: Courtesy, senses: Senses | None = None) -> list[Finding]:
    machine = senses or Machine()
    return [_gpus(machine), *_idle(wishes, machine)]


def _gpus(machine: Senses) -> Finding:
    found = machine.gpus()
    if found:
        return Finding("gpu use", True, ", ".join(map(_busy, found)))
    detail = "no driver tells who uses the GPU: named programs count while they are busy on the processor"
    return Finding("gpu use", False, detail, gpus.REMEDY)


def _busy(gpu: gpus.Gpu) -> str:
    return gpu.name if gpu.utilisation is None else f"{gpu.name}: {gpu.utilisation:.0%} busy"


def _idle(wishes: Courtesy, machine: Senses) -> list[Finding]:
    if wishes.idle_s is None and wishes.after_queue != "sleep":
        return []
    seconds = machine.idle_s()
    if seconds is not None:
        return [Finding("idle time", True, f"nobody touched mouse or keyboard for {seconds:.0f} s")]
    return [Finding("idle time", False, "nothing tells whether somebody is at the machine: courtesy.idle_s does nothing", idle.REMEDY)]
