"""What the tray knows of the daemon: one frozen State, and the pure functions that lead from one to the next."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import PurePath
from typing import Any

RECENT = 5
"""So many finished jobs are remembered, and as many that need somebody."""
_NEEDS_YOU_S = 24 * 3600.0
_NEEDS_YOU = ("flagged", "failed")

Record = Mapping[str, Any]


class Link(StrEnum):
    CONNECTING = "connecting"
    UP = "up"
    DOWN = "down"


@dataclass(frozen=True)
class Running:
    """``part`` of the whole job is done, 0 to 1, None while unknown; ``eta_s`` likewise."""

    id: str
    path: str
    stage: str | None = None
    part: float | None = None
    eta_s: float | None = None

    @property
    def waits(self) -> bool:
        """It has begun, and waits for the GPU or the end of a pause."""
        return self.stage == "wait"


@dataclass(frozen=True)
class Ended:
    id: str
    path: str
    outcome: str
    reason: str | None
    output: str | None
    finished: float

    @property
    def needs_you(self) -> bool:
        return self.outcome in _NEEDS_YOU


@dataclass(frozen=True)
class Approval:
    """A clip that is rendered again once somebody approves it, and what that costs where it is known."""

    id: str
    path: str
    minutes: float | None = None
    memory_gb: float | None = None
    device: str | None = None


@dataclass(frozen=True)
class Trouble:
    """An error in words, as the daemon tells it."""

    title: str
    message: str


@dataclass(frozen=True)
class State:
    """``trouble``: why the last thing asked for in the menu did not happen."""

    link: Link = Link.CONNECTING
    paused: bool = False
    paused_until: float | None = None
    gpu_paused: bool = False
    gpu_paused_until: float | None = None
    waiting: tuple[str, ...] = ()
    hot_folders: tuple[str, ...] = ()
    problems: tuple[Trouble, ...] = ()
    queued: int = 0
    needs_you: int = 0
    approving: int = 0  # clips that wait for an approval; ``approvals`` are the newest of them
    approvals: tuple[Approval, ...] = ()
    running: tuple[Running, ...] = ()
    recent: tuple[Ended, ...] = ()
    flagged: tuple[Ended, ...] = ()
    trouble: Trouble | None = None
    event: int = 0


def shown(text: str) -> str:
    """On one line, and without what no desktop can show: control characters, bytes of names that are no Unicode."""
    return "".join(each if each.isprintable() else "\ufffd" for each in " ".join(text.split()))


def name(path: str) -> str:
    return shown(PurePath(path).name or path)


def with_status(state: State, status: Record) -> State:
    counts = status["counts"]
    return replace(
        state,
        link=Link.UP,
        paused=bool(status["paused"]),
        paused_until=status["paused_until"],
        gpu_paused=bool(status.get("gpu_paused")),
        gpu_paused_until=status.get("gpu_paused_until"),
        waiting=tuple(str(each["reason"]) for each in status.get("waiting", ())),
        hot_folders=tuple(str(each["path"]) for each in status["hot_folders"]),
        problems=tuple(Trouble(str(each["title"]), str(each["message"])) for each in status["problems"]),
        queued=int(counts.get("queued", 0)),
        needs_you=int(status.get("needs_you", 0)),
        approving=int(status.get("approving", len(_waiting_for_approval(status)))),
        approvals=tuple(map(_approval, _waiting_for_approval(status))),
        running=tuple(_running(each) for each in status["running"]),
    )


def with_jobs(state: State, rows: Sequence[Record]) -> State:
    """Recent results out of a list of rows, in any order."""
    ended = [_ended(row) for row in rows if row["finished"] is not None and row["outcome"] not in (None, "cancelled")]
    for each in sorted(ended, key=lambda each: each.finished):
        state = with_ended(state, each)
    return state


def with_ended(state: State, ended: Ended, now: float | None = None) -> State:
    now = time.time() if now is None else now
    return replace(
        state,
        recent=_newest(ended, state.recent),
        flagged=tuple(each for each in _newest(ended, state.flagged) if each.needs_you and each.finished > now - _NEEDS_YOU_S),
    )


def after(state: State, event: str, data: Record) -> State:
    """The state after an event of the daemon's stream; events that say nothing to the tray change nothing."""
    change = _EVENTS.get(event)
    return state if change is None else change(state, data)


def _on_progress(state: State, data: Record) -> State:
    def moved(job: Running) -> Running:
        return job if job.id != data["id"] else replace(job, stage=data["stage"], part=data["part"], eta_s=data["eta_s"])

    return replace(state, running=tuple(map(moved, state.running)))


def _on_job(state: State, row: Record) -> State:
    others = tuple(job for job in state.running if job.id != row["id"])
    if row["state"] != "running":
        return replace(state, running=others)
    known = next((job for job in state.running if job.id == row["id"]), None)
    if known is None:
        return replace(state, running=(*others, _running(row)))
    return replace(state, running=tuple(replace(job, stage=row["stage"]) if job is known else job for job in state.running))


def _on_finished(state: State, data: Record) -> State:
    row = data["job"]
    state = _on_job(state, row)
    return state if row["outcome"] in (None, "cancelled") else with_ended(state, _ended(row))


def _on_amended(state: State, data: Record) -> State:
    """Its result was taken away, or its offer was decided: the same job in its place, as it is now."""
    row = data["job"]
    if row["outcome"] is None:
        return state
    now = _ended(row)

    def amended(jobs: tuple[Ended, ...]) -> tuple[Ended, ...]:
        return tuple(now if each.id == now.id else each for each in jobs)

    return replace(state, recent=amended(state.recent), flagged=tuple(each for each in amended(state.flagged) if each.needs_you))


_EVENTS = {"status": with_status, "progress": _on_progress, "job": _on_job, "finished": _on_finished, "amended": _on_amended}


def _waiting_for_approval(status: Record) -> Sequence[Record]:
    """None where the daemon knows no approvals."""
    return status.get("waiting_for_approval", status.get("approvals", ()))


def _approval(row: Record) -> Approval:
    return Approval(row["id"], row["path"], row.get("minutes"), row.get("memory_gb"), row.get("device"))


def _newest(ended: Ended, known: tuple[Ended, ...]) -> tuple[Ended, ...]:
    """A render that was worked on again stands once, with its last result."""
    return (ended, *(each for each in known if each.path != ended.path))[:RECENT]


def _running(row: Record) -> Running:
    return Running(row["id"], row["path"], row.get("stage"), row.get("part"), row.get("eta_s"))


def _ended(row: Record) -> Ended:
    return Ended(row["id"], row["path"], row["outcome"], row.get("reason"), row.get("output"), float(row["finished"] or 0.0))
