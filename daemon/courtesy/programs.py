"""The programs that have the first right to the GPU: which process is one, and, where no driver tells, whether it is at work."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase

import psutil

_TITLES = {
    "resolve*": "DaVinci Resolve",
    "*premiere*": "Premiere Pro",
    "*afterfx*": "After Effects",
    "*after effects*": "After Effects",
    "nuke*": "Nuke",
    "blender*": "Blender",
}
"""What a person calls the program of a process; others go by the process's own name."""

_BUSY_CORES = 0.3
_SAMPLE_S = 0.3
_OLD_S = 30.0


def title(process_name: str, patterns: Sequence[str]) -> str | None:
    """The program's name when one of the patterns (globs, in whatever case, without ``.exe``) fits the process's."""
    name = process_name.lower().removesuffix(".exe")
    if not any(fnmatchcase(name, pattern.lower().removesuffix(".exe")) for pattern in patterns):
        return None
    return next((shown for pattern, shown in _TITLES.items() if fnmatchcase(name, pattern)), process_name)


class Watch:
    """How much of the processor the watched programs take, from one look to the next."""

    def __init__(self) -> None:
        self._former: dict[int, tuple[float, float]] = {}  # by pid: when, and the processor seconds that it had taken

    def busy(self, patterns: Sequence[str]) -> list[str]:
        """Titles of the programs at work. A program that merely runs is not."""
        found = list(_matching(patterns))
        now = time.monotonic()
        if any(pid not in self._former or now - self._former[pid][0] > _OLD_S for pid, _ in found):
            self._former = {pid: taken for pid, _ in found if (taken := _taken(pid))}
            time.sleep(_SAMPLE_S)
        busy: list[str] = []
        latest: dict[int, tuple[float, float]] = {}
        for pid, shown in found:
            taken = _taken(pid)
            if taken is None or pid not in self._former:
                continue
            when, seconds = self._former[pid]
            latest[pid] = taken
            if taken[1] - seconds > _BUSY_CORES * (taken[0] - when):
                busy.append(shown)
        self._former = latest
        return busy


def _matching(patterns: Sequence[str]) -> Iterable[tuple[int, str]]:
    for process in psutil.process_iter(["name"]):
        shown = title(process.info["name"] or "", patterns)
        if shown is not None and process.pid != os.getpid():
            yield process.pid, shown


def _taken(pid: int) -> tuple[float, float] | None:
    try:
        times = psutil.Process(pid).cpu_times()
    except psutil.Error:
        return None
    return time.monotonic(), times.user + times.system
