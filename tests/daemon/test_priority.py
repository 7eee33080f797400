"""The priority of real workers and of the FFmpeg that they start, read back from the system."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from deshimmer.config.settings import Settings
from deshimmer.daemon.jobs import Jobs
from deshimmer.processors import media
from deshimmer.processors.records import Request


def tools(jobs: Jobs) -> list[psutil.Process]:
    """FFmpegs that the workers have started."""
    found: list[psutil.Process] = []
    for pid in jobs.worker_pids():
        try:
            found += [child for child in psutil.Process(pid).children() if "ffmpeg" in child.name()]
        except psutil.Error:
            continue
    return found


def first(look: Callable[[], list[tuple[int, ...]]], jobs: Jobs) -> tuple[int, ...]:
    deadline = time.monotonic() + 60
    while not (found := look()):
        assert time.monotonic() < deadline, [row.as_dict() for row in jobs.list()]
        time.sleep(0.005)
    return found[0]


def priority(process: psutil.Process) -> list[tuple[int, ...]]:
    """Nice value, class and level of its I/O, scheduler; empty when it has ended meanwhile."""
    try:
        io = process.ionice()
        return [(process.nice(), int(io.ioclass), int(io.value), os.sched_getscheduler(process.pid))]
    except (psutil.Error, ProcessLookupError):
        return []


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have other priorities")
def test_workers_and_their_tools_give_way(clip: Path, tmp_path: Path) -> None:
    jobs = Jobs(Settings())
    jobs.launch()
    try:
        jobs.enqueue(Request(clip, tmp_path / "out", str(clip)), media.digest(clip))
        tool = first(lambda: [each for process in tools(jobs) for each in priority(process)], jobs)
        worker = first(lambda: [each for pid in jobs.worker_pids() for each in priority(psutil.Process(pid))], jobs)
    finally:
        jobs.close()
    assert tool == worker == (min(19, os.nice(0) + 10), int(psutil.IOPRIO_CLASS_BE), 7, os.SCHED_BATCH)
