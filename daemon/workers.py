"""The daemon's side of the worker processes: start, ask, kill, replace. How many run at once is the queue's decision.

A worker lives from job to job, so that models stay loaded. It is replaced when it was idle for ``idle_unload_s``, after
``jobs_per_worker`` jobs, and when it died.
"""

from __future__ import annotations

import json
import logging
import sys
import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from tempfile import TemporaryFile
from typing import Any

from ..config import spawn
from ..config.settings import Settings

log = logging.getLogger(__name__)

ROAD = "deshimmer.processors.road"
_DEATH_S = 2.0

OnProgress = Callable[[str, float], None]
"""Called with the stage's name and its part done, 0 to 1."""


class WorkerDied(Exception):
    """The process ended within a request: it crashed, was killed by the system or, deliberately, by ``Pool.kill``.

    ``last_words`` is the end of its standard error.
    """

    def __init__(self, exit_code: int | None, last_words: str) -> None:
        lines = last_words.splitlines()
        super().__init__(f"exit code {exit_code}" + (f", {lines[-1]}" if lines else ""))
        self.last_words = last_words


class PoolClosed(BaseException):
    """The daemon stops. No Exception, so that nothing takes it for a failure of the clip and records it."""


class Worker:
    """One process. ``ask`` is called by one thread at a time, ``kill`` by any."""

    def __init__(self, road: str) -> None:
        self._errors = TemporaryFile()  # noqa: SIM115  closed with the worker
        argv = [sys.executable, "-m", "deshimmer.daemon.worker", "--road", road]
        try:
            self._process = spawn.Process(argv, self._errors, stdin=True, stdout=True, own_group=True)
        except BaseException:
            self._errors.close()
            raise
        self.pid = self._process.pid
        self.job: str | None = None  # that it works on, or worked on last
        self.jobs = 0
        self.used_gpu = False
        self.idle_since = time.monotonic()

    def ask(self, request: dict[str, Any], on_progress: OnProgress) -> dict[str, Any]:
        """Send a request and wait for its answer. Raises WorkerDied."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            self._process.stdin.write(json.dumps(request).encode() + b"\n")
            self._process.stdin.flush()
        except OSError:
            raise self._death() from None
        for line in self._process.stdout:
            if not line.endswith(b"\n"):
                break  # it died within the line
            message = json.loads(line)
            if "answer" in message:
                return message["answer"]
            if "log" in message:
                level, name, text = message["log"]
                logging.getLogger(name).log(level, "%s (worker %d)", text, self.pid)
            elif "stage" in message:
                on_progress(message["stage"], message["progress"])
        raise self._death()

    @property
    def is_alive(self) -> bool:
        return self._process.poll() is None

    def kill(self) -> None:
        self._process.kill_tree()

    def close(self) -> None:
        self._process.kill_tree()
        self._process.close()
        self._errors.close()

    def _death(self) -> WorkerDied:
        deadline = time.monotonic() + _DEATH_S
        while self.is_alive and time.monotonic() < deadline:
            time.sleep(0.01)
        exit_code = self._process.poll()
        self._process.kill_tree()
        return WorkerDied(exit_code, self._process.error_tail())


class Pool:
    """The workers of this daemon."""

    def __init__(self, settings: Settings, road: str = ROAD) -> None:
        self._settings = settings
        self._road = road
        self._lock = threading.Lock()
        self._idle: list[Worker] = []
        self._busy: dict[str, Worker] = {}
        self._closed = threading.Event()
        self._keeper = threading.Thread(target=self._retire_idle, name="worker-keeper", daemon=True)
        self._keeper.start()

    @contextmanager
    def hire(self, job_id: str, wants_gpu: bool = False) -> Generator[Worker, None, None]:
        """A worker for one stage of this job, an idle one where there is one. Raises PoolClosed; also in place of WorkerDied."""
        worker = self._take(job_id)
        worker.used_gpu |= wants_gpu
        try:
            yield worker
        except WorkerDied:
            if self._closed.is_set():
                raise PoolClosed from None
            raise
        finally:
            self._give_back(job_id, worker)

    def kill(self, job_id: str) -> bool:
        """Kill the worker on this job, if one is on it, with all that it started."""
        with self._lock:  # held while it dies, lest it be another job's by then
            worker = self._busy.get(job_id)
            if worker is not None:
                worker.kill()
        return worker is not None

    def pause(self, seconds: float) -> None:
        """Wait, but not beyond the daemon's stop. Raises PoolClosed."""
        if self._closed.wait(seconds):
            raise PoolClosed

    def apply(self, settings: Settings) -> None:
        self._settings = settings

    def unload_idle(self) -> int:
        """Close the workers that wait for a job, with the models that they hold. How many there were."""
        return self._dismiss(lambda worker: True)

    def pids(self) -> list[int]:
        with self._lock:
            return [worker.pid for worker in (*self._idle, *self._busy.values())]

    def holds_gpu(self) -> bool:
        """True while an idle worker has used the GPU, whose driver keeps memory for it."""
        with self._lock:
            return any(worker.used_gpu for worker in self._idle)

    def free_gpu(self) -> int:
        """Close the idle workers that have used the GPU. How many."""
        return self._dismiss(lambda worker: worker.used_gpu)

    def close(self) -> None:
        """Kill all workers, also busy ones."""
        self._closed.set()
        with self._lock:
            idle, self._idle = self._idle, []
            busy = list(self._busy.values())
        for worker in busy:
            worker.kill()
        for worker in idle:
            worker.close()
        self._keeper.join()

    def _take(self, job_id: str) -> Worker:
        with self._lock:
            if self._closed.is_set():
                raise PoolClosed
            worker = next((worker for worker in self._idle if worker.job == job_id), None) or (self._idle[-1] if self._idle else None)
            if worker is not None:
                self._idle.remove(worker)
            spent = worker is not None and worker.job != job_id and worker.jobs >= self._settings.queue.jobs_per_worker
            if worker is None or spent or not worker.is_alive:
                retired, worker = worker, Worker(self._road)
            else:
                retired = None
            worker.jobs += worker.job != job_id
            worker.job = job_id
            self._busy[job_id] = worker
        if retired is not None:
            retired.close()
        return worker

    def _give_back(self, job_id: str, worker: Worker) -> None:
        with self._lock:
            del self._busy[job_id]
            keep = worker.is_alive and not self._closed.is_set()
            if keep:
                worker.idle_since = time.monotonic()
                self._idle.append(worker)
        if not keep:
            worker.close()

    def _retire_idle(self) -> None:
        while not self._closed.wait(min(self._settings.queue.idle_unload_s / 2, 10.0)):
            if expired := self._dismiss(self._is_expired):
                log.info("%d idle workers are closed", expired)

    def _is_expired(self, worker: Worker) -> bool:
        return time.monotonic() - worker.idle_since >= self._settings.queue.idle_unload_s

    def _dismiss(self, goes: Callable[[Worker], bool]) -> int:
        with self._lock:
            going = [worker for worker in self._idle if goes(worker)]
            self._idle = [worker for worker in self._idle if worker not in going]
        for worker in going:
            worker.close()
        return len(going)
