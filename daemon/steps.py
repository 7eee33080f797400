"""What the queue does for a job between two durable points. Every method may be run again after a kill and ends the same.

Passages and answers go through here as JSON text, the form in which the queue stores them.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ..config import spawn
from ..config.errors import DeshimmerError, WorkerCrashed
from ..config.settings import Settings
from ..processors import work_folders
from ..processors.comfyui import server
from ..processors.families.family import Means
from ..processors.records import Passage, Receipt, from_json, to_json
from . import fates
from .courtesy.gate import Gate
from .events import Hub
from .intake import Stamp
from .live import Doing, Live
from .states import State
from .table import JobRow, Table
from .workers import Pool, WorkerDied

log = logging.getLogger(__name__)

MAX_CRASHES = 3
_AFTER_CRASH_S = 1.0

_PACE = "pace"

OnFinished = Callable[[Receipt], None]


class Steps:
    """The jobs' side of the workers. ``on_finished`` is called once for each job that ends, in the thread that ended it.

    Progress and ends are told to the hub.
    """

    def __init__(self, table: Table, pool: Pool, gate: Gate, settings: Settings, on_finished: OnFinished | None, hub: Hub) -> None:
        self._table = table
        self._pool = pool
        self._gate = gate
        self._settings = settings
        self._on_finished = on_finished
        self._hub = hub
        self._live = Live(table.note(_PACE) or {})
        self._telling: set[str] = set()
        self._begun: dict[str, Stamp | None] = {}  # what each job's render was like

    def apply(self, settings: Settings) -> None:
        self._settings = settings

    def begin(self, job_id: str) -> bool:
        """Enter that the job runs. False when it was cancelled while it waited."""
        began = self._table.move(job_id, State.RUNNING, started=time.time())
        if began:
            self._begun[job_id] = fates.stamp(Path(self._table.get(job_id).path))
        return began

    def stage(self, passage: str, wants_gpu: bool = False) -> str:
        """Have the passage's next stage run by a worker, when the gate lets it, and return the worker's answer; or
        ``{"cancelled": reason}``.

        A stage whose worker died is run again by another. After ``MAX_CRASHES`` such deaths, over all runs of the daemon, the
        answer is an error. Raises PoolClosed when the daemon stops.
        """
        request = {"passage": json.loads(passage), "settings": self._settings.model_dump(mode="json")}
        job_id = request["passage"]["job_id"]
        through = self._settings.models.comfyui if _is_through_comfyui(request["passage"]) else None
        self._live.begin(job_id, request["passage"])
        while True:
            try:
                with (
                    self._gate.turn(job_id, wants_gpu, lambda: self._is_cancelling(job_id), through),
                    self._all_for_comfyui(job_id, through),
                    self._pool.hire(job_id, wants_gpu) as worker,
                ):
                    row = self._table.get(job_id)
                    if row.state is State.CANCELLING:
                        return json.dumps({"cancelled": row.reason})
                    answer = worker.ask(request, lambda stage, part: self._progress(job_id, stage, part))
                return json.dumps(self._unless_lost(job_id, answer))
            except (WorkerDied, OSError) as death:
                spawn.reap_orphans()
                if self._is_cancelling(job_id) or self._gate.was_taken_back(job_id):
                    continue
                crashes = self._table.count_crash(job_id)
                last_words = getattr(death, "last_words", "")
                log.warning("the worker on %s died (%d of %d): %s\n%s", _shown_path(request), crashes, MAX_CRASHES, death, last_words)
                if crashes >= MAX_CRASHES:
                    return json.dumps({"error": _crashed(request, death).as_dict()})
                self._pool.pause(_AFTER_CRASH_S)

    def _unless_lost(self, job_id: str, answer: dict[str, Any]) -> dict[str, Any]:
        """The answer, but for an error of a job that is being cancelled, or whose render was taken away or written anew meanwhile."""
        if "error" not in answer:
            return answer
        reason = None if self._is_cancelling(job_id) else fates.lost(Path(self._table.get(job_id).path), self._begun.get(job_id))
        if reason is not None:
            self._table.move(job_id, State.CANCELLING, only_from=State.RUNNING, reason=reason)
        row = self._table.get(job_id)
        return {"cancelled": row.reason} if row.state is State.CANCELLING else answer

    @contextmanager
    def _all_for_comfyui(self, job_id: str, through: str | None) -> Generator[None, None, None]:
        """A stage that ComfyUI does: our idle workers give it their GPU memory, and when the worker dies its prompt is taken back."""
        if through is None:
            yield
            return
        self._pool.free_gpu()
        try:
            yield
        except BaseException:
            server.withdraw_quietly(self._settings, server.client_id(job_id))
            raise

    def _is_cancelling(self, job_id: str) -> bool:
        return self._table.get(job_id).state is State.CANCELLING

    def end(self, passage: str, answer: dict[str, Any]) -> None:
        """Write the receipt, unless the last stage did, and enter the job as ended. ``answer`` is the last stage's."""
        walked = from_json(Passage, json.loads(passage))
        if walked.receipt is not None:
            receipt, summary = walked.receipt, answer["summary"]
            self._table.set_note(_PACE, self._live.learn(json.loads(passage)))
        else:
            receipt, summary = _conclude(walked, self._settings, answer)
        self._live.end(walked.job_id)
        self._begun.pop(walked.job_id, None)
        self._telling.add(walked.job_id)
        try:
            number = self._table.end(walked.job_id, summary)
            if number is not None:
                self._hub.tell("finished", {"number": number, "summary": summary, "job": self._table.get(walked.job_id).as_dict()})
                self._announce(receipt)
        finally:
            self._telling.discard(walked.job_id)

    def is_telling(self) -> bool:
        """True while a job has ended, or is about to, of which ``on_finished`` has not been told whole."""
        return bool(self._telling)

    def doing(self, job_id: str) -> Doing | None:
        """What a running job does at this moment; None before its first stage."""
        return self._live.of(job_id)

    def _progress(self, job_id: str, stage: str, progress: float) -> None:
        if self._live.report(job_id, stage, progress):
            self._table.note_stage(job_id, stage)
        doing = self._live.of(job_id)
        if doing is not None and self._live.is_due(job_id):
            self._hub.tell("progress", {"id": job_id, **doing._asdict()})

    def _announce(self, receipt: Receipt) -> None:
        log.info("%s: %s (%s)", receipt.path, receipt.outcome, receipt.reason)
        if self._on_finished is None:
            return
        try:
            self._on_finished(receipt)
        except Exception:  # whoever listens must not undo a job that has ended
            log.exception("telling of %s", receipt.path)


def at_start(row: JobRow) -> str:
    """The passage of a job of which nothing is done."""
    return json.dumps(to_json(Passage(row.id, row.request, row.request.output_dir / work_folders.ROOT / row.id)))


def _conclude(passage: Passage, settings: Settings, answer: dict[str, Any]) -> tuple[Receipt, dict[str, Any]]:
    from ..processors import delivery  # loads FFmpeg's and OpenCV's libraries, which a daemon whose clips end well does not need

    if "cancelled" in answer:
        receipt = delivery.conclude_cancelled(passage, settings, answer["cancelled"])
    else:
        receipt = delivery.conclude_failed(passage, settings, DeshimmerError.from_dict(answer["error"]))
    return receipt, delivery.summary(receipt)


def _is_through_comfyui(passage: dict[str, Any]) -> bool:
    """Whether the attempt that is due, or was last, is rendered by ComfyUI."""
    treatment = from_json(Passage, passage).treatment
    return treatment is not None and treatment.regeneration is not None and treatment.regeneration.means is Means.COMFYUI


def _shown_path(request: dict[str, Any]) -> str:
    return request["passage"]["request"]["shown_path"]


def _crashed(request: dict[str, Any], death: Exception) -> WorkerCrashed:
    return WorkerCrashed(
        f"The process that treated it died {MAX_CRASHES} times, last with {death}. "
        "The machine may be out of memory: close other programs and retry; report it if it stays.",
        path=_shown_path(request),
    )
