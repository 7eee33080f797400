"""The queue: one workflow a job, each stage a durable step that a worker process carries out.

A kill at any moment loses nothing: the workflow is taken up again after its last finished step, a stage that was cut short
is run again in the same work folder, and delivery commits by the receipt. What a clip does wrong ends as a receipt; only the
daemon's own stop (``PoolClosed``) leaves a workflow unfinished, for the next start.
"""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Callable, Collection, Iterable
from contextlib import ExitStack
from contextvars import Context
from dataclasses import replace
from pathlib import Path
from typing import Any

from ..config import spawn
from ..config.errors import DaemonError, DeshimmerError
from ..config.settings import Settings
from ..processors import work_folders
from ..processors.identity import job_digest
from ..processors.records import Receipt, Request, Route
from . import contents, history, workers
from .board import Board, route_named
from .courtesy.gate import Gate
from .courtesy.rules import What
from .courtesy.senses import Machine, Senses
from .database import create_tables, open_engine
from .decisions import Decisions
from .events import Hub
from .fates import CANCELLED_BY_USER, CANCELLED_GONE, CANCELLED_REPLACED
from .lock import hold_state
from .pausing import Pause, Pauses
from .seen import Seen
from .states import State
from .steps import OnFinished, Steps, at_start
from .table import DEFAULT_PRIORITY, JobRow, Table
from .workflows import Workflows

log = logging.getLogger(__name__)

_MOST_HELD = 32
"""So many jobs may wait for the GPU beside those that work on the processor."""
_HOUSEKEEPING_S = 3600.0
_AFTER_FAILURE_S = 5.0


class Jobs(Board):
    """The queue of one state folder. ``launch`` before anything else; every method may be called from any thread but not from
    an event loop's. Changes of jobs, their progress and their ends are told to the hub; ``on_change`` is called
    whenever counts, the pause or a note may have changed.

    ``ignore_pause``: run although a pause is stored, and without courtesy. ``road``: the module whose stages the workers run.
    ``senses``: what courtesy knows of the machine.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        on_finished: OnFinished | None = None,
        on_change: Callable[[], None] = lambda: None,
        ignore_pause: bool = False,
        road: str = workers.ROAD,
        hub: Hub | None = None,
        senses: Senses | None = None,
    ) -> None:
        super().__init__(hub or Hub(), on_change)
        self._senses = None if ignore_pause else senses or Machine()
        self._settings = settings
        self._ignore_pause = ignore_pause
        self._road = road
        self._on_finished = on_finished
        self._pausing = threading.Lock()  # round reading what is paused and acting on it
        self._closing = threading.Event()
        self._wake = threading.Event()
        self._stack = ExitStack()

    def launch(self) -> None:
        """Take the state folder, clear away what a kill left, and go on with what was unfinished. Raises DaemonError."""
        with ExitStack() as stack:
            stack.enter_context(hold_state())
            spawn.reap_orphans()
            engine = open_engine(self._settings.database_url)
            stack.callback(engine.dispose)
            create_tables(engine)
            self._table = Table(engine, self._tell_job)
            self._pauses = Pauses(self._table, ignored=self._ignore_pause)
            self.seen = Seen(engine)
            self._table.queue_again()
            self._sweep()
            stack.callback(self._table.queue_again)
            self._pool = workers.Pool(self._settings, self._road)
            self._gate = Gate(self._settings.courtesy, self._senses, self._pool, self._waiting_changed)
            self._steps = Steps(self._table, self._pool, self._gate, self._settings, self._ended, self.hub)
            self._decisions = Decisions(self._table, self._pool, self.hub, self._lock, self._begin, self.content_digest)
            stack.callback(self._decisions.renewals.close)
            stack.callback(spawn.reap_orphans)  # the tools of workers that were killed in a stage
            self._workflows = Workflows(self._settings.database_url, self._walk)
            stack.callback(lambda: self._workflows.close(self._table.ended_ids()))
            stack.callback(self._pool.close)
            stack.callback(self._gate.close)
            self._workflows.launch()
            self._apply_pause()
            self._reconcile()
            self._decisions.go_on(self._settings)
            self._keeper = threading.Thread(target=self._keep, name="queue-keeper", daemon=True)
            self._keeper.start()
            self._stack = stack.pop_all()

    def apply(self, settings: Settings) -> None:
        """Act on these from the next stage of any job on; another database needs another start."""
        self._settings = settings
        self._steps.apply(settings)
        self._pool.apply(settings)
        self._gate.apply(settings.courtesy)
        self._apply_pause()
        self._wake.set()

    def close(self) -> None:
        """Stop at once. A stage that runs is cut short and run again after the next launch."""
        self._closing.set()
        self._wake.set()
        self._keeper.join()
        self._stack.close()

    def enqueue(self, request: Request, content_digest: str, priority: int = DEFAULT_PRIORITY) -> JobRow | None:
        """The job of this content, request and output: a new one, or the one that waits, runs or is done already.

        None: it is done, by ``fix`` or a job that the history has forgotten. An unfinished job of the same path with other content
        is cancelled as replaced.
        """
        digest = self._identity(request, content_digest)
        with self._lock:
            for older in self._table.unfinished(str(request.path)):
                if older.content_digest != content_digest:
                    self._cancel(older, CANCELLED_REPLACED)
            latest = self._table.latest(digest)
            if latest is not None and latest.state in (State.QUEUED, State.RUNNING):
                return latest
            receipt = history.standing(request, content_digest, self._settings)
            if receipt is not None and receipt.reason not in (CANCELLED_GONE, CANCELLED_REPLACED):
                return self._table.look_up(receipt.id)
            return self._add(digest, request, content_digest, priority)

    def gone(self, path: Path) -> None:
        """The render was deleted: its unfinished jobs are cancelled."""
        with self._lock:
            for row in self._table.unfinished(str(path)):
                self._cancel(row, CANCELLED_GONE)

    def cancel(self, prefix: str) -> JobRow:
        """Raises DaemonError when the job has ended."""
        with self._lock:
            row = self._table.find(prefix)
            if not self._cancel(row, CANCELLED_BY_USER):
                raise DaemonError(f"{row.id} has ended already ({row.outcome or 'cancelled'}): there is nothing to cancel.", path=row.path)
        return self.get(row.id)

    def retry(self, prefix: str, route: str | None = None) -> JobRow:
        """A new job for the render as it is now, by the route named if one is. Raises DaemonError while it is unfinished."""
        with self._lock:
            row = self._table.find(prefix)
            if not row.state.is_final:
                raise DaemonError(f"{row.id} is {row.state}. Cancel it first, or wait for its end.", path=row.path)
            request = replace(row.request, unasked=False)
            if route:
                request = replace(request, route=route_named(route), approved=False)
            content_digest = self._digest_now(row)
            digest = self._identity(request, content_digest)
            latest = self._table.latest(digest)
            if latest is not None and not latest.state.is_final:
                return latest
            return self._add(digest, request, content_digest, row.priority)

    def approve(self, prefix: str) -> JobRow:
        """A new job that renders this one's clip again, as its receipt offers. Raises DeshimmerError where it may not."""
        return self._live(self._decisions.approve(prefix, self._settings))

    def keep(self, prefix: str) -> JobRow:
        """Take this job's result away: the original stays, and an offer is declined. Raises DaemonError, CannotWrite."""
        return self._decisions.keep(prefix)

    def renew(self, prefix: str) -> JobRow:
        """Read the prompt of this job's clip again, and say what rendering it again costs now. Raises DaemonError."""
        row = self._table.find(prefix)
        self._decisions.renewals.renew(row.id, self._settings)
        return self.get(row.id)

    def prompt_came(self, clip: Path, arrived: float | None = None) -> None:
        """A file that may hold this clip's prompt came or changed; ``arrived``: when, where nobody saw it. Returns at once."""
        self._decisions.renewals.came(clip, arrived, self._settings)

    def pause(self, seconds: float | None = None, *, what: What = What.ALL, now: bool = False) -> Pause:
        """Start no further stage, or none on the GPU, for so long or until ``resume``; kept over restarts.

        Stages that run go on to their end; with ``now`` they are cut short, and begin again afterwards.
        """
        self._pauses.begin(what, seconds)
        self._apply_pause()
        if now:
            self._gate.stop_running(what)
        self._wake.set()
        return self.pause_state(what)

    def resume(self, *, what: What = What.ALL) -> Pause:
        """End the pause of the GPU, or every pause."""
        for each in (What.GPU, what):
            self._pauses.end(each)
        self._apply_pause()
        self._wake.set()
        return self.pause_state(what)

    def free_gpu(self) -> int:
        """Idle workers give back their memory, the GPU's too. How many did."""
        return self._pool.unload_idle()

    def pause_state(self, what: What = What.ALL) -> Pause:
        return self._pauses.state(what)

    def history_clear(self) -> int:
        """Forget the jobs that have ended; their files stay. How many."""
        ids = self._workflows.settled(self._table.ended_ids())  # without the lock, which the end of a job may need
        with self._lock:
            self._workflows.forget(ids)
            self._table.delete(ids)
        self._begin_anew()
        return len(ids)

    def history_rebuild(self, folders: Iterable[Path]) -> int:
        """Enter the jobs whose receipts lie below these folders and that are not known. How many."""
        entered = history.enter(self._table, folders, self._settings)
        self._begin_anew()
        return entered

    def content_digest(self, path: Path) -> str:
        """Of the file or sequence as it is now. Raises FileNotFoundError."""
        return contents.rated(self.seen.content_digest(path), contents.said_rate(path), self._settings)

    def worker_pids(self) -> list[int]:
        return self._pool.pids()

    def _digest_now(self, row: JobRow) -> str:
        try:
            return self.content_digest(Path(row.path))
        except OSError:
            return row.content_digest  # its job will say that the file is not there

    def _identity(self, request: Request, content_digest: str) -> str:
        prompt = history.known_prompt(request) if request.route is Route.REGENERATE else None
        return job_digest(content_digest, request, self._settings, prompt_digest=prompt)

    def _begin(self, request: Request, content_digest: str, priority: int, prompt_digest: str | None) -> JobRow:
        digest = job_digest(content_digest, request, self._settings, prompt_digest=prompt_digest)
        return self._add(digest, request, content_digest, priority)

    def _ended(self, receipt: Receipt) -> None:
        """What follows is no part of the workflow, by whose context DBOS knows it. No other thread: this one may hold the lock."""
        try:
            Context().run(self._decisions.ended, receipt.id, self._settings)
        finally:
            if self._on_finished is not None:
                self._on_finished(receipt)

    def _add(self, digest: str, request: Request, content_digest: str, priority: int) -> JobRow:
        row = self._table.insert(digest, request, content_digest, priority)
        self._submit(row)
        return row

    def _submit(self, row: JobRow) -> None:
        self._workflows.submit(row.id, at_start(row), row.priority)

    def _cancel(self, row: JobRow, reason: str) -> bool:
        if self._table.move(row.id, State.CANCELLING, only_from=State.QUEUED, reason=reason):
            self._end_cancelled(row, reason)
            return True
        if self._table.move(row.id, State.CANCELLING, only_from=State.RUNNING, reason=reason):
            self._pool.kill(row.id)  # its workflow sees the state and ends it
            self._gate.wake()
            return True
        return False

    def _end_cancelled(self, row: JobRow, reason: str) -> None:
        self._steps.end(at_start(row), {"cancelled": reason})

    def _waiting_changed(self, job_ids: Collection[str]) -> None:
        self._wake.set()
        for job_id in job_ids:
            self._tell_job(job_id)
        self._on_change()

    def _walk(self, passage: str) -> None:
        """The workflow. Between its steps it holds nothing but what they answered."""
        job_id = json.loads(passage)["job_id"]
        if not self._steps.begin(job_id):
            return
        answer: dict[str, Any] = {"next": "start"}
        try:
            while stage := answer.get("next"):
                answer = json.loads(self._workflows.step(stage, self._steps.stage, passage, answer.get("gpu", False)))
                passage = json.dumps(answer["passage"]) if "passage" in answer else passage
            self._steps.end(passage, answer)
        except Exception as error:
            log.exception("the queue failed on job %s", job_id)
            failure = DeshimmerError(f"The queue failed on it: {error}. See the daemon's log, then retry.")
            self._steps.end(passage, {"error": failure.as_dict()})

    def _apply_pause(self) -> float | None:
        """Let queue and gate know what is paused, and give jobs that wait for the GPU no processor's place. Returns when it next changes."""
        with self._pausing:
            states = {what: self.pause_state(what) for what in What}
            held = min(self._gate.held(), _MOST_HELD)
            self._workflows.run_at_most(0 if states[What.ALL].paused else self._settings.queue.cpu_jobs + held)
            self._gate.pause({what: state.paused for what, state in states.items()})
        self._on_change()
        return min((state.until for state in states.values() if state.until is not None), default=None)

    def _sweep(self) -> None:
        keep = {row.id for row in self._table.unfinished()}
        for folder in self._table.output_dirs():
            work_folders.sweep_work_folders(folder, keep)

    def _reconcile(self) -> None:
        """Bring table and workflows together after a kill between the two."""
        rows = self._table.unfinished()
        unended = self._workflows.unended([row.id for row in rows])
        for row in rows:
            if row.state is State.CANCELLING:
                self._end_cancelled(row, row.reason or CANCELLED_BY_USER)
            elif row.id not in unended:
                self._submit(row)
            elif not unended[row.id]:
                failure = DeshimmerError("The queue lost it in a crash. Retry it.", path=row.path)
                self._steps.end(at_start(row), {"error": failure.as_dict()})

    def _keep(self) -> None:
        """End a timed pause, and let the workflows that have ended be forgotten."""
        while not self._closing.is_set():
            self._wake.clear()
            try:
                pause_s = self._keep_once()
            except Exception:  # a database that is locked for the moment must not end it for good
                log.exception("keeping the queue")
                pause_s = _AFTER_FAILURE_S
            self._wake.wait(pause_s)

    def _keep_once(self) -> float:
        """In how many seconds to look again."""
        self._workflows.forget_ended()
        until = self._apply_pause()
        return _HOUSEKEEPING_S if until is None else min(max(0.0, until - time.time()), _HOUSEKEEPING_S)
