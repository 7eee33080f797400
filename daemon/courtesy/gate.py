"""The gate before every stage: it lets one through when nothing speaks against it, and takes the GPU back when something does.

While no work wants the GPU nothing is looked at, unless the settings let a condition hold up all work.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Collection, Generator
from contextlib import contextmanager
from typing import NamedTuple, Protocol

from ...config import locks, paths
from ...config.settings import Courtesy
from ..workers import PoolClosed
from .rules import What, can_hold_all, reasons
from .senses import Senses

log = logging.getLogger(__name__)

LOOK_S = 2.0
LOOKS_TO_STOP = 2
"""So many looks in a row must find a reason before running work is stopped: a peak of a second is none."""

PAUSED = {What.GPU: "work on the GPU is paused", What.ALL: "paused"}
TURN = "another clip is on the GPU"
ELSEWHERE = "another deshimmer of yours is on the GPU"
UNSEEN = "the machine cannot be looked at"


class Crew(Protocol):
    """The workers."""

    def kill(self, job_id: str) -> bool: ...
    def pids(self) -> list[int]: ...
    def free_gpu(self) -> int:
        """Idle workers that used the GPU are closed. How many."""
        ...

    def holds_gpu(self) -> bool:
        """True while an idle worker has used the GPU, whose driver keeps memory for it."""
        ...


class Waiting(NamedTuple):
    what: What
    reason: str


class Gate:
    """``senses`` None: no courtesy, only turns and pauses. ``on_change`` is called, under no lock, when what waits has changed, with the
    ids of the jobs for which the reason has.
    """

    def __init__(self, wishes: Courtesy, senses: Senses | None, crew: Crew, on_change: Callable[[Collection[str]], None]) -> None:
        self._wishes = wishes
        self._senses = senses
        self._crew = crew
        self._on_change = on_change
        self._changed = threading.Condition()
        self._closing = threading.Event()
        self._waiting: dict[str, What] = {}
        self._inside: dict[str, What] = {}
        self._through: dict[str, str] = {}
        self._taken_back: set[str] = set()
        self._paused = dict.fromkeys(What, False)
        self._reasons: dict[What, str] = {}
        self._looked = float("-inf")
        self._last_reason: dict[What, float] = {}
        self._looks_against = 0
        self._told: dict[str, str | None] = {}
        self._watcher = threading.Thread(target=self._watch, name="courtesy", daemon=True)
        self._watcher.start()

    def apply(self, wishes: Courtesy) -> None:
        with self._changed:
            self._wishes = wishes
            self._changed.notify_all()

    def close(self) -> None:
        """Whoever waits gets PoolClosed."""
        self._closing.set()
        with self._changed:
            self._changed.notify_all()
        self._watcher.join()

    @contextmanager
    def turn(
        self, job_id: str, wants_gpu: bool, is_off: Callable[[], bool], through_comfyui: str | None = None
    ) -> Generator[None, None, None]:
        """Wait until this job's next stage may run, or the job ``is_off``, and be inside for the block. ``through_comfyui``: the address of
        the ComfyUI that does its work on the GPU. Raises PoolClosed.
        """
        what = What.GPU if wants_gpu else What.ALL
        with self._changed:
            self._taken_back.discard(job_id)
            self._waiting[job_id] = what
            if wants_gpu and through_comfyui is not None:
                self._through[job_id] = through_comfyui
            self._changed.notify_all()
        self._tell()
        try:
            try:
                self._wait(job_id, what, is_off)
            finally:
                with self._changed:
                    del self._waiting[job_id]
            self._tell()
            try:
                yield
            finally:
                with self._changed:
                    del self._inside[job_id]
                    self._changed.notify_all()
                self._tell()
        finally:
            self._forget_comfyui(job_id)

    def was_taken_back(self, job_id: str) -> bool:
        """True, once, when the gate killed this job's worker: no crash, the stage is to run again."""
        with self._changed:
            found = job_id in self._taken_back
            self._taken_back.discard(job_id)
        return found

    def pause(self, paused: dict[What, bool]) -> None:
        """What is paused from now on. Stages that run go on to their end."""
        with self._changed:
            self._paused = dict(paused)
            self._changed.notify_all()
        self._tell()

    def stop_running(self, what: What) -> None:
        """Cut short the stages that run: those on the GPU, or all. They begin again when they may."""
        with self._changed:
            jobs = [job for job, inside in self._inside.items() if what in (What.ALL, inside)]
        self._take_back(jobs)

    def wake(self) -> None:
        """Something that ``is_off`` goes by has changed."""
        with self._changed:
            self._changed.notify_all()

    def waiting(self) -> tuple[Waiting, ...]:
        """What waits at the moment for something other than its turn or the end of the whole pause, and why."""
        with self._changed:
            held = [(what, self._why(what)) for what in What if what in self._waiting.values()]
        return tuple(Waiting(what, why) for what, why in held if why not in (None, PAUSED[What.ALL]))

    def why(self, job_id: str) -> str | None:
        """Why this job waits; None when it does not."""
        with self._changed:
            what = self._waiting.get(job_id)
            if what is None:
                return None
            return self._why(what) or (TURN if self._on_gpu() else None)

    def held(self) -> int:
        """How many jobs wait for the GPU: so many more may run on the processor meanwhile."""
        with self._changed:
            return sum(what is What.GPU for what in self._waiting.values())

    def _wait(self, job_id: str, what: What, is_off: Callable[[], bool]) -> None:
        with self._changed:
            while not self._closing.is_set():
                off = is_off()
                if off or self._may(job_id, what):
                    self._inside[job_id] = What.ALL if off else what
                    return
                self._changed.wait()
        raise PoolClosed

    def _may(self, job_id: str, what: What) -> bool:
        if self._why(what) is not None:
            return False
        looked = not self._looks_for(what) or time.monotonic() - self._looked < 2 * LOOK_S
        return looked and (what is What.ALL or self._is_next_on_gpu(job_id))

    def _is_next_on_gpu(self, job_id: str) -> bool:
        first = next(job for job, what in self._waiting.items() if what is What.GPU)
        return job_id == first and not self._on_gpu()

    def _why(self, what: What) -> str | None:
        paused = next((each for each in (What.ALL, what) if self._paused[each]), None)
        return PAUSED[paused] if paused else self._reasons.get(what)

    def _on_gpu(self) -> bool:
        return What.GPU in self._inside.values()

    def _looks_for(self, what: What) -> bool:
        """True when conditions must be looked at before such work starts."""
        return self._senses is not None and (what is What.GPU or can_hold_all(self._wishes))

    def _forget_comfyui(self, job_id: str) -> None:
        """What was seen while ComfyUI worked for this job says nothing for the next one."""
        with self._changed:
            if self._through.pop(job_id, None) is not None:
                self._looked = float("-inf")

    def _comfyui_at_work(self) -> str | None:
        """The ComfyUI that does the work of the job on the GPU, or of the one whose turn is next."""
        with self._changed:
            jobs = (job for crowd in (self._inside, self._waiting) for job, what in crowd.items() if what is What.GPU)
            return self._through.get(next(jobs, ""))

    def _interest(self) -> What | None:
        """What must be looked at now, for the sake of work that waits or runs, or of memory that is held."""
        jobs = {*self._waiting.values(), *self._inside.values()}
        if self._senses is None:
            return None
        if What.GPU in jobs or self._crew.holds_gpu():
            return What.GPU
        return What.ALL if jobs and can_hold_all(self._wishes) else None

    def _watch(self) -> None:
        while not self._closing.is_set():
            with self._changed:
                what = self._interest()
                if what is None:
                    self._reasons, self._looked = {}, float("-inf")
                    self._changed.wait()
                    continue
            try:
                self._look(what)
            except Exception:  # of a probe, or of the database: work would wait for ever, and nobody knew why
                log.exception("courtesy cannot look at the machine")
                self._hold_unseen()
            self._closing.wait(LOOK_S)

    def _look(self, what: What) -> None:
        assert self._senses is not None
        found = reasons(self._wishes, self._senses, frozenset(self._crew.pids()), what, self._comfyui_at_work())
        if what is What.GPU and not found and not self._on_gpu() and _is_held_elsewhere():
            found = {What.GPU: ELSEWHERE}
        now = time.monotonic()
        with self._changed:
            self._reasons = {each: told for each in What if (told := self._lasting(each, found.get(each), now))}
            self._looked = now
            self._looks_against = self._looks_against + 1 if What.GPU in found else 0
            stops = self._looks_against >= LOOKS_TO_STOP and self._wishes.running == "stop"
            victims = [job for job, inside in self._inside.items() if stops and inside is What.GPU]
            self._changed.notify_all()
        if victims:
            log.info("the GPU is given up, the stage on it will be run again: %s", found[What.GPU])
            self._take_back(victims)
        if What.GPU in found:
            self._crew.free_gpu()
        self._tell()

    def _hold_unseen(self) -> None:
        """What must be looked for does not start, and tells so; what runs goes on."""
        with self._changed:
            self._reasons = {each: UNSEEN for each in What if self._looks_for(each)}
            self._looks_against = 0
        self._tell()

    def _lasting(self, what: What, told: str | None, now: float) -> str | None:
        """A reason lasts a while beyond its end: who plays a shot and thinks about it will play the next."""
        if told is not None:
            self._last_reason[what] = now
            return told
        former = self._reasons.get(what)
        if former in (None, ELSEWHERE, UNSEEN) or now - self._last_reason[what] >= self._wishes.resume_after_s:
            return None
        return former

    def _take_back(self, jobs: list[str]) -> None:
        for job in jobs:
            with self._changed:
                self._taken_back.add(job)
            if not self._crew.kill(job):
                self.was_taken_back(job)

    def _tell(self) -> None:
        with self._changed:
            reasons = {job_id: self.why(job_id) for job_id in self._waiting}
            state = {job_id: why for job_id, why in reasons.items() if why is not None or self._waiting[job_id] is What.GPU}
            former, self._told = self._told, state
        if state != former:
            changed = [job_id for job_id in {*former, *state} if former.get(job_id) != state.get(job_id)]
            try:
                self._on_change(changed)
            except Exception:  # whoever listens must not undo a stage, nor end the watcher
                log.exception("telling what waits")


def _is_held_elsewhere() -> bool:
    with locks.trying(paths.gpu_lock()) as free:
        return not free
