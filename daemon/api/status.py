"""What the daemon is doing, as ``/status`` and the event ``status`` tell it."""

from __future__ import annotations

import os
from functools import cache
from importlib import metadata
from typing import Any

from ..courtesy.rules import What
from ..jobs import Jobs
from .control import Control

API = 1


def status(control: Control) -> dict[str, Any]:
    jobs = control.jobs
    event = jobs.hub.last  # before all else: what changes from here on comes as an event
    needing = jobs.needing()
    return {
        "api": API,
        "version": _version(),
        "pid": os.getpid(),
        **pauses(jobs),
        "waiting": [{"what": each.what, "reason": each.reason} for each in jobs.waiting()],
        "snoozed_until": control.snoozed_until(),
        "page_in_front": control.presence.in_front(),
        "hot_folders": [{"path": str(folder.path), "output": str(folder.results)} for folder in control.hot_folders()],
        "problems": [problem.as_dict() for problem in control.problems()],
        "counts": jobs.counts(),
        "needs_you": len(needing.jobs),
        "approving": needing.approving,
        "approvals": needing.approvals,
        "writing": [{"path": str(each.path), "since": each.since} for each in control.writing()],
        "running": [running.as_dict() for running in jobs.running()],
        "event": event,
    }


def pauses(jobs: Jobs) -> dict[str, Any]:
    every, gpu = jobs.pause_state(), jobs.pause_state(What.GPU)
    return {"paused": every.paused, "paused_until": every.until, "gpu_paused": gpu.paused, "gpu_paused_until": gpu.until}


@cache
def _version() -> str:
    return metadata.version("deshimmer")
