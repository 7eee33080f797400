"""What runs at this moment: each job's stage, how much of it and of the whole job is done, and how long it still takes."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from . import pace

_TELL_EVERY_S = 0.2


class Doing(NamedTuple):
    stage: str
    progress: float | None  # of the stage, 0 to 1; None while it waits
    part: float | None  # of the whole job; None: nothing like it has ended so far
    eta_s: float | None


@dataclass
class _Job:
    expected: dict[str, float] | None = None
    before_s: float = 0.0
    stage: str | None = None
    progress: float = 0.0
    started: float | None = None  # its stage, when the first progress came
    told: float = -_TELL_EVERY_S
    part: float = 0.0  # the largest that was said: a bar does not go back


class Live:
    """Any thread. Passages are as the queue stores them."""

    def __init__(self, rates: pace.Rates) -> None:
        self._lock = threading.Lock()
        self._rates = rates
        self._jobs: dict[str, _Job] = {}

    def begin(self, job_id: str, passage: Mapping[str, Any]) -> None:
        """The next stage of this passage is about to run."""
        with self._lock:
            job = self._jobs.setdefault(job_id, _Job())
            job.expected = pace.expect(self._rates, _route(passage), _megapixels(passage))
            job.before_s = sum(passage["timings"].values())
            job.started = None

    def report(self, job_id: str, stage: str, progress: float) -> bool:
        """Progress of the stage. True when the stage is new."""
        with self._lock:
            job = self._jobs[job_id]
            is_new = job.stage != stage
            job.started = job.started or time.monotonic()
            job.stage, job.progress = stage, progress
        return is_new

    def is_due(self, job_id: str) -> bool:
        """Whether it is time to tell of the job's progress again; counts as told."""
        now = time.monotonic()
        with self._lock:
            job = self._jobs[job_id]
            due = now - job.told >= _TELL_EVERY_S
            job.told = now if due else job.told
        return due

    def end(self, job_id: str) -> None:
        with self._lock:
            self._jobs.pop(job_id, None)

    def learn(self, passage: Mapping[str, Any]) -> pace.Rates:
        """A job has ended well: the rates from now on."""
        route, megapixels = _route(passage), _megapixels(passage)
        with self._lock:
            if route is not None and megapixels is not None:
                self._rates = pace.learn(self._rates, route, megapixels, passage["timings"])
            return self._rates

    def of(self, job_id: str) -> Doing | None:
        with self._lock:
            job = self._jobs.get(job_id)
            if job is None or job.stage is None:
                return None
            elapsed_s = time.monotonic() - job.started if job.started is not None else 0.0
            estimate = pace.estimate(job.expected, job.stage, job.progress, elapsed_s, job.before_s)
            if estimate is None:
                return Doing(job.stage, job.progress, None, None)
            job.part = max(job.part, estimate.part)
            return Doing(job.stage, job.progress, round(job.part, 4), round(estimate.eta_s, 1))


def _route(passage: Mapping[str, Any]) -> str | None:
    plan = passage.get("plan")
    return plan["route"] if plan else None


def _megapixels(passage: Mapping[str, Any]) -> float | None:
    clip = passage.get("clip")
    return clip["frames"] * clip["width"] * clip["height"] / 1e6 if clip else None
