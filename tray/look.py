"""How a state looks from afar: the picture of the icon, and the tooltip. Pure."""

from __future__ import annotations

import time
from dataclasses import dataclass
from enum import StrEnum

from .state import Approval, Link, State, name, shown

STEPS = 32
"""The ring is drawn in so many steps: an icon that changed at each percent would be sent again for less than a pixel."""


class Mood(StrEnum):
    """Each has a shape of its own, so that none depends on colour."""

    IDLE = "idle"
    WORKING = "working"
    PAUSED = "paused"
    WAITING = "waiting"
    ATTENTION = "attention"
    ERROR = "error"
    DOWN = "down"


@dataclass(frozen=True)
class Picture:
    """``step`` of STEPS of the ring are full; None: how far is unknown. ``badge``: somebody is needed, whatever else goes on."""

    mood: Mood
    step: int | None = None
    badge: bool = False


def picture(state: State) -> Picture:
    mood = _mood(state)
    part = next(job.part for job in state.running if not job.waits) if mood is Mood.WORKING else None
    badge = _needs_somebody(state) and mood in (Mood.WORKING, Mood.PAUSED, Mood.WAITING)
    return Picture(mood, None if part is None else round(min(max(part, 0.0), 1.0) * STEPS), badge)


def _mood(state: State) -> Mood:
    """The first that holds."""
    rules = (
        (Mood.DOWN, state.link is Link.DOWN),
        (Mood.ERROR, bool(state.problems)),
        (Mood.PAUSED, state.paused),
        (Mood.WORKING, any(not job.waits for job in state.running)),
        (Mood.WAITING, bool(state.waiting) and (state.queued > 0 or bool(state.running))),
        (Mood.ATTENTION, _needs_somebody(state)),
    )
    return next((mood for mood, holds in rules if holds), Mood.IDLE)


def headline(state: State) -> str:
    """One line: what deshimmer does now, without anything that changes by the second."""
    sentences = {
        Mood.DOWN: lambda: "deshimmer is not running",
        Mood.ERROR: lambda: shown(state.problems[0].title),
        Mood.PAUSED: lambda: f"Paused{_until(state.paused_until)}",
        Mood.WORKING: lambda: f"Repairing {_count(sum(not job.waits for job in state.running), 'clip')}",
        Mood.WAITING: lambda: f"Waiting: {shown(state.waiting[0])}",
        Mood.ATTENTION: lambda: _needs(state),
        Mood.IDLE: lambda: "Connecting to deshimmer" if state.link is Link.CONNECTING else "Idle",
    }
    return sentences[_mood(state)]()


def tooltip(state: State) -> str:
    """The headline, and a line for each running clip with its percent."""
    lines = [", ".join(filter(None, (headline(state), queue(state))))]
    lines += [f"{name(job.path)}: {'waiting' if job.waits else _progress(job.part, job.eta_s)}" for job in state.running]
    if state.gpu_paused and not state.paused:
        lines.append(f"GPU paused{_until(state.gpu_paused_until)}")
    if state.paused or _mood(state) is Mood.WORKING:
        lines += map(shown, state.waiting)
    if _needs_somebody(state) and _mood(state) is not Mood.ATTENTION:
        lines.append(_needs(state))
    return "\n".join(lines)


def _needs_somebody(state: State) -> bool:
    return state.needs_you > 0 or state.approving > 0


def _needs(state: State) -> str:
    """``2 clips need you, 1 waits for your approval``."""
    you, approval = state.needs_you, state.approving
    needing = f"{_count(you, 'clip')} {'needs' if you == 1 else 'need'} you" if you else ""
    waiting = (
        f"{approval if you else _count(approval, 'clip')} {'waits' if approval == 1 else 'wait'} for your approval" if approval else ""
    )
    return ", ".join(filter(None, (needing, waiting)))


def cost(approval: Approval) -> str:
    """What rendering it again takes, as far as it is known: ``about 12 min, 18.5 GB on RTX 4090``."""
    memory = "" if approval.memory_gb is None else f"{approval.memory_gb:.3g} GB"
    place = f"on {_device(shown(approval.device))}" if approval.device else ""
    return ", ".join(filter(None, (_about(approval.minutes), " ".join(filter(None, (memory, place))))))


_MAKERS = {"nvidia", "amd", "intel", "intel(r)", "geforce"}
"""Words that a graphics card's name begins with, and that tell nobody which one it is."""


def _device(text: str) -> str:
    words = text.split(" ")
    while len(words) > 1 and words[0].lower() in _MAKERS:
        words = words[1:]
    return " ".join(words)


def _about(minutes: float | None) -> str:
    if minutes is None:
        return "time unknown"
    return f"about {_span(minutes * 60)}" if minutes >= 1 else _span(minutes * 60)


def percent(part: float | None) -> str:
    return "begun" if part is None else f"{int(part * 100)} %"


def _progress(part: float | None, eta_s: float | None) -> str:
    return percent(part) + ("" if eta_s is None else f", {_span(eta_s)} left")


def _span(seconds: float) -> str:
    if seconds < 60:
        return "under a minute"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 120 else f"{round(minutes / 60)} h"


def _until(moment: float | None) -> str:
    return "" if moment is None else time.strftime(" until %H:%M", time.localtime(moment))


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def queue(state: State) -> str:
    return f"{state.queued} in the queue" if state.queued else ""
