"""A road with faults, in the place of ``processors.road``: real probe and delivery, and between them what the clip's name says.

The stage ``diagnose`` of ``<fault>-<anything>.mp4``: ``crash`` dies; ``crashonce`` dies the first time; ``hang`` never ends;
``slow`` takes two seconds; ``tool`` waits for a program of its own; ``error`` raises; ``noise`` writes to standard output;
``reads`` looks for the frames of a sequence as long as they are all there;
``gpu`` wants the GPU and holds it until there is a file ``.go`` of its name, and writes down each time that it begins and ends.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

from deshimmer.config import locks, paths, spawn
from deshimmer.config.errors import UnreadableClip
from deshimmer.config.settings import Settings
from deshimmer.processors import delivery, probing
from deshimmer.processors.records import CodecReading, Diagnosis, Passage, Plan, Progress, Reading, Receipt, Route, Verdict
from deshimmer.processors.sequences import frame_folders


class Stage(NamedTuple):
    name: str
    is_due: Callable[[Passage], bool]
    run: Callable[[Passage, Settings, Progress], Passage]
    wants_gpu: Callable[[Passage, Settings], bool] = lambda passage, settings: False


READING = Reading(bands={}, codec=CodecReading(None, None, None), flicker_score=0.0, article_mean_diff=None, sharpness=1.0, motion=0.0)
DIAGNOSIS = Diagnosis(
    verdict=Verdict.CLEAN,
    confidence=1.0,
    route=Route.KEEP,
    summary="Nothing flickers.",
    amounts={},
    causes=(),
    reading=READING,
    shots=(),
    article_verdict=None,
    curves=None,
)


def _crash(passage: Passage) -> None:
    os._exit(11)


def _crash_once(passage: Passage) -> None:
    marker = passage.request.path.with_suffix(".crashed")
    if not marker.exists():
        marker.touch()
        os._exit(11)


def _hang(passage: Passage) -> None:
    while True:
        time.sleep(0.05)


def _slow(passage: Passage) -> None:
    time.sleep(2)


def _tool(passage: Passage) -> None:
    with spawn.spawn([sys.executable, "-c", "import time; time.sleep(300)"]) as tool:
        passage.request.path.with_suffix(".pid").write_text(str(tool.pid))
        tool.wait()


def _error(passage: Passage) -> None:
    raise UnreadableClip("There is nothing to see in it. Render it again.", path=passage.request.shown_path)


def _noise(passage: Passage) -> None:
    print("noise from a library", flush=True)  # noqa: T201  the fault
    os.write(1, b'{"answer": "of a library"}\n')


def _reads(passage: Passage) -> None:
    while True:
        frame_folders.find(passage.request.path)
        time.sleep(0.01)


def _gpu(passage: Passage) -> None:
    path = passage.request.path
    with locks.holding(paths.gpu_lock()), path.with_suffix(".log").open("a") as log:
        print(f"begins {os.getpid()} {time.monotonic()}", file=log, flush=True)
        while not path.with_suffix(".go").exists():
            time.sleep(0.02)
        print(f"ends {os.getpid()} {time.monotonic()}", file=log, flush=True)


FAULTS: dict[str, Callable[[Passage], None]] = {
    "crash": _crash,
    "crashonce": _crash_once,
    "hang": _hang,
    "slow": _slow,
    "tool": _tool,
    "error": _error,
    "noise": _noise,
    "reads": _reads,
    "gpu": _gpu,
}


def _wants_gpu(passage: Passage, settings: Settings) -> bool:
    return passage.request.path.stem.startswith("gpu")


def _diagnose(passage: Passage, settings: Settings, progress: Progress) -> Passage:
    progress(0.5)
    FAULTS.get(passage.request.path.stem.partition("-")[0], lambda passage: None)(passage)
    return replace(passage, diagnosis=DIAGNOSIS)


def _route(passage: Passage, settings: Settings, progress: Progress) -> Passage:
    return replace(passage, plan=Plan(Route.KEEP, (), False, "Nothing flickers."))


STAGES = (
    Stage("probe", lambda passage: passage.clip is None, probing.probe_stage),
    Stage("diagnose", lambda passage: passage.diagnosis is None, _diagnose, _wants_gpu),
    Stage("route", lambda passage: passage.plan is None, _route),
    Stage("deliver", lambda passage: passage.receipt is None, delivery.deliver_stage),
)


def next_stage(passage: Passage) -> Stage | None:
    return next((stage for stage in STAGES if stage.is_due(passage)), None) if passage.receipt is None else None


def run_stage(stage: Stage, passage: Passage, settings: Settings, progress: Progress) -> Passage:
    return stage.run(passage, settings, progress)


def renewed(receipt: Receipt, settings: Settings) -> Receipt | None:
    return None
