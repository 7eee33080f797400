"""The process that treats clips: ``python -m deshimmer.daemon.worker``. It is started by the daemon and never imports DBOS.

It speaks JSON lines. In: ``{"passage", "settings"}``, one request at a time. Out: ``{"ready": pid}`` once; while it works
``{"stage", "progress"}`` and ``{"log": [level, name, message]}``; at the end ``{"answer": ...}`` with either ``"passage"``,
``"next"`` (the stage after this one, or null), ``"gpu"`` (whether that one wants the GPU) and ``"summary"`` (with the receipt), or
``"error"``. To ``{"renew": receipt, "settings"}`` it answers with the ``"receipt"`` that tells of the clip's prompt as it is now, null
where nothing is new, and its ``"summary"``; or with ``"error"``.

When standard input ends, the daemon is dead: the worker kills what it started and itself, in the middle of whatever it does.
"""

from __future__ import annotations

import argparse
import faulthandler
import importlib
import json
import logging
import os
import queue
import signal
import sys
import threading
import time
from collections.abc import Callable
from typing import IO, Any, Protocol, cast

import psutil

from ..config import priority
from ..config.errors import DeshimmerError
from ..config.settings import Settings
from ..processors.records import Passage, Progress, Receipt, from_json, to_json

log = logging.getLogger(__name__)

_PROGRESS_EVERY_S = 0.2


class Stage(Protocol):
    @property
    def name(self) -> str: ...
    @property
    def wants_gpu(self) -> Callable[[Passage, Settings], bool]: ...


class Road(Protocol):
    """What is needed of the module ``processors.road``; tests put one with faults in its place."""

    def next_stage(self, passage: Passage) -> Stage | None: ...
    def renewed(self, receipt: Receipt, settings: Settings) -> Receipt | None: ...
    def run_stage(self, stage: Stage, passage: Passage, settings: Settings, progress: Progress) -> Passage: ...


class Channel:
    """The two pipes, taken away from the standard streams so that no library can write into the protocol or read from it."""

    def __init__(self) -> None:
        self._input = os.fdopen(os.dup(0), "rb")
        self._output: IO[bytes] = os.fdopen(os.dup(1), "wb")
        null = os.open(os.devnull, os.O_RDONLY)
        os.dup2(null, 0)
        os.close(null)
        os.dup2(2, 1)
        self._lock = threading.Lock()
        self.requests: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
        threading.Thread(target=self._read, name="requests", daemon=True).start()

    def send(self, message: dict[str, Any]) -> None:
        line = json.dumps(message).encode() + b"\n"
        try:
            with self._lock:
                self._output.write(line)
                self._output.flush()
        except OSError:
            die_with_children()

    def _read(self) -> None:
        for line in self._input:
            self.requests.put(json.loads(line))
        die_with_children()


def die_with_children() -> None:
    """Kill everything below this process, then this process, at once."""
    for child in psutil.Process().children(recursive=True):
        try:
            child.kill()
        except psutil.NoSuchProcess:
            continue
    if sys.platform != "win32" and os.getpgrp() == os.getpid():
        os.killpg(0, signal.SIGKILL)  # also what was started between the look and now
    os._exit(1)


class _ToDaemon(logging.Handler):
    def __init__(self, channel: Channel) -> None:
        super().__init__(logging.INFO)
        self._channel = channel

    def emit(self, record: logging.LogRecord) -> None:
        self._channel.send({"log": [record.levelno, record.name, self.format(record)]})


def answer(road: Road, request: dict[str, Any], report: Callable[[str, float], None]) -> dict[str, Any]:
    """Run the next stage of the passage in the request."""
    from ..processors import delivery  # here: a worker whose daemon dies while this loads must notice it

    passage = from_json(Passage, request["passage"])
    settings = Settings.model_validate(request["settings"])
    try:
        stage = road.next_stage(passage)
        assert stage is not None
        delivery.make_work_folder(passage.work_folder.parent.parent, passage.job_id)
        report(stage.name, 0.0)
        passage = road.run_stage(stage, passage, settings, lambda part: report(stage.name, part))
        following = road.next_stage(passage)
        wants_gpu = following is not None and following.wants_gpu(passage, settings)
    except DeshimmerError as error:
        return {"error": error.as_dict()}
    summary = delivery.summary(passage.receipt) if passage.receipt else None
    return {"passage": to_json(passage), "next": following.name if following else None, "gpu": wants_gpu, "summary": summary}


def renew(road: Road, request: dict[str, Any]) -> dict[str, Any]:
    from ..processors import receipts

    try:
        renewed = road.renewed(from_json(Receipt, request["renew"]), Settings.model_validate(request["settings"]))
    except DeshimmerError as error:
        return {"error": error.as_dict()}
    except Exception as error:  # no stage's boundary lies around it: the worker, and what it holds in memory, must outlive this
        log.exception("reading a prompt again")
        message = f"{type(error).__name__}: {error}. Retry the job: it is read anew. Report it if it stays."
        return {"error": DeshimmerError(message, title="Its prompt could not be read again").as_dict()}
    return {"receipt": renewed and to_json(renewed), "summary": renewed and receipts.summary(renewed)}


def _reporter(channel: Channel) -> Callable[[str, float], None]:
    last = [0.0]

    def report(stage: str, part: float) -> None:
        now = time.monotonic()
        if part == 0.0 or now - last[0] >= _PROGRESS_EVERY_S:
            last[0] = now
            channel.send({"stage": stage, "progress": round(part, 4)})

    return report


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--road", required=True, help="the module with next_stage and run_stage")
    arguments = parser.parse_args()
    priority.lower()
    channel = Channel()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the daemon decides when it ends
    faulthandler.enable()
    logging.basicConfig(level=logging.INFO, handlers=[_ToDaemon(channel)], format="%(message)s")
    road = cast(Road, importlib.import_module(arguments.road))
    channel.send({"ready": os.getpid()})
    while True:
        request = channel.requests.get()
        channel.send({"answer": renew(road, request) if "renew" in request else answer(road, request, _reporter(channel))})


if __name__ == "__main__":
    main()
