"""The reasons to wait, as a table: the first that holds is told, in a sentence that goes after "Waiting: "."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from functools import partial

from ...config.settings import Courtesy
from ...processors.gpus import Gpu, GpuProcess, family
from . import programs
from .senses import Senses

log = logging.getLogger(__name__)

_AT_WORK = 0.05
"""Part of a GPU's time: a program that does less has its window open, no more."""


class What(StrEnum):
    """What waits."""

    GPU = "gpu"
    ALL = "all"


@dataclass(frozen=True)
class Look:
    """What the rules go by: the settings, the machine, and the processes that are our own."""

    wishes: Courtesy
    senses: Senses
    ours: frozenset[int]
    gpus: tuple[Gpu, ...] | None
    through: str | None = None  # the ComfyUI that does our work
    serving: frozenset[int] = frozenset()  # its processes on the GPUs


def reasons(wishes: Courtesy, senses: Senses, ours: frozenset[int], what: What, through_comfyui: str | None = None) -> dict[What, str]:
    """Why work must wait at the moment. ``ours``: the workers' pids. ``what``: GPU looks for every reason, ALL only for those that
    hold up all work. ``through_comfyui``: the address of the ComfyUI that does our work on the GPU: what it holds and does is ours, and so are
    our prompts in its queue.
    """
    everything = [rule for when, rule in ((wishes.on_battery, _battery), (wishes.in_quiet_hours, _quiet_hours)) if when == "all"]
    look = Look(wishes, senses, ours, None)
    for rule in everything:
        if told := rule(look):
            return {What.ALL: told, What.GPU: told}
    if what is What.ALL:
        return {}
    gpus = senses.gpus()
    on_gpus = {process.pid for gpu in gpus or () for process in gpu.processes}
    serving = senses.comfyui_pids(through_comfyui, on_gpus) if through_comfyui else frozenset[int]()
    look = Look(wishes, senses, family(gpus or (), ours | serving), gpus, through_comfyui, serving)
    told = next(filter(None, (rule(look) for rule in _GPU_RULES)), None)
    return {What.GPU: told} if told else {}


def can_hold_all(wishes: Courtesy) -> bool:
    """True when a condition may hold up work that needs no GPU."""
    return wishes.on_battery == "all" or (wishes.in_quiet_hours == "all" and wishes.quiet_hours is not None)


def _programs(look: Look) -> str | None:
    if not look.wishes.programs:
        return None
    named = partial(programs.title, patterns=look.wishes.programs)
    for gpu in look.gpus or ():
        for process in gpu.processes:
            shown = named(process.name) if process.pid not in look.ours else None
            if shown and _is_at_work(process, look):
                return f"{shown} uses the GPU"
    if not look.gpus:
        busy = look.senses.busy_programs(look.wishes.programs)
        return f"{busy[0]} is at work" if busy else None
    return None


def _is_at_work(process: GpuProcess, look: Look) -> bool:
    if process.utilisation is not None:
        return process.utilisation >= _AT_WORK
    return programs.title(process.name, look.wishes.programs) in look.senses.busy_programs(look.wishes.programs)


def _comfyui(look: Look) -> str | None:
    url = look.wishes.comfyui
    waiting = look.senses.comfyui_jobs(url, but_ours=look.through is not None) if url else 0
    return f"ComfyUI has {waiting} {'prompt' if waiting == 1 else 'prompts'} in its queue" if waiting else None


def _memory(look: Look) -> str | None:
    for gpu in look.gpus or ():
        if any(one.pid in look.serving and one.memory is None for one in gpu.processes):
            continue  # nobody says how much of it is our ComfyUI's
        part = gpu.memory_of_others(look.ours) / gpu.total
        if part > look.wishes.gpu_memory:
            return f"other programs hold {part:.0%} of the memory of the GPU ({gpu.name})"
    return None


def _utilisation(look: Look) -> str | None:
    for gpu in look.gpus or ():
        part = gpu.utilisation_by_others(look.ours)
        if part is not None and part > look.wishes.gpu_utilisation:
            return f"other programs keep the GPU busy to {part:.0%} ({gpu.name})"
    return None


def _user(look: Look) -> str | None:
    wanted_s = look.wishes.idle_s
    if wanted_s is None:
        return None
    idle_s = look.senses.idle_s()
    if idle_s is None:
        log.debug("nothing tells whether somebody is at the machine: courtesy.idle_s does nothing")
        return None
    return "you are at work" if idle_s < wanted_s else None


def _battery(look: Look) -> str | None:
    return "the machine runs on battery" if look.wishes.on_battery != "work" and look.senses.on_battery() else None


def _quiet_hours(look: Look) -> str | None:
    hours = look.wishes.quiet_hours
    return f"quiet hours ({hours})" if hours is not None and look.senses.time_of_day() in hours else None


_GPU_RULES: tuple[Callable[[Look], str | None], ...] = (_programs, _comfyui, _memory, _utilisation, _user, _battery, _quiet_hours)
