"""Files beside renders that may hold their prompt: which are, whose they are, and which came or changed since they were last seen."""

from __future__ import annotations

import os
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

QUIET_S = 0.5
"""So long after its last change such a file is read: generators write it in one go."""

_SUFFIXES = frozenset({".json", ".txt", ".png"})
_OURS = (".receipt.json",)
_TAGS = re.compile(r"\.(deshimmer|swarm|mp4|mov|mkv|webm|gif|webp)$", re.IGNORECASE)
_CUT = re.compile(r"[._-]")
_MOST_CLIPS = 20
"""A file of a batch may be read again for so many clips: the rest finds it when it is treated again."""


class News(NamedTuple):
    clip: Path
    arrived: float | None  # seconds since the epoch, of a file that lay there before anybody looked


def is_prompt_name(name: str) -> bool:
    """True for a name that a file with a prompt may have."""
    lower = name.lower()
    return os.path.splitext(lower)[1] in _SUFFIXES and not lower.startswith(".") and not lower.endswith(_OURS)


class Owners:
    """Whose such a file is, of these clips: the sequence in whose folder it lies, that of the same name, else those of which one name
    begins the other's.
    """

    def __init__(self, clips: Iterable[Path]) -> None:
        self._named: dict[Path, list[Path]] = defaultdict(list)
        self._begun: dict[Path, list[Path]] = defaultdict(list)
        self._clips: set[Path] = set()
        for clip in clips:
            self._clips.add(clip)
            self._named[clip.with_suffix("")].append(clip)
            for beginning in _beginnings(clip.stem):
                self._begun[clip.with_name(beginning)].append(clip)

    def of(self, file: Path) -> list[Path]:
        if file.parent in self._clips:
            return [file.parent]
        base = file.with_name(_TAGS.sub("", file.stem) or file.stem)
        exact = self._named.get(base)
        if exact:
            return exact
        longer = self._begun.get(base, [])
        shorter = (self._named.get(file.with_name(beginning), []) for beginning in _beginnings(base.name))
        return [*longer, *(clip for clips in shorter for clip in clips)][:_MOST_CLIPS]


class PromptFiles:
    """Those of one hot folder. Times are of one monotonic clock; ``saw_all`` begins to know what lies there."""

    def __init__(self) -> None:
        self._stamps: dict[Path, tuple[int, int]] = {}
        self._due: dict[Path, tuple[float, float | None]] = {}
        self._walked = False

    def saw(self, file: Path, now: float) -> None:
        """An event told of it."""
        self._due[file] = now + QUIET_S, None

    def saw_all(self, files: Iterable[Path], clips: Iterable[Path], now: float) -> None:
        """These lie in the folder: of those that belong to a clip, the ones that are new or changed will be due."""
        owners = Owners(clips)
        for file in files:
            if owners.of(file):
                self._look(file, now)
        self._walked = True

    def due(self, clips: Iterable[Path], now: float) -> Iterator[News]:
        """The clips whose prompt may be another now, each told once."""
        ready = [file for file, (at, _) in self._due.items() if at <= now]
        owners = Owners(clips) if ready else None
        for file in ready:
            arrived = self._due.pop(file)[1]
            if (stamp := _stamp(file)) is not None and owners is not None:
                self._stamps[file] = stamp[:2]
                yield from (News(clip, arrived) for clip in owners.of(file))

    def next_due(self) -> float | None:
        return min((at for at, _ in self._due.values()), default=None)

    def _look(self, file: Path, now: float) -> None:
        stamp = _stamp(file)
        if stamp is None or self._stamps.get(file) == stamp[:2] or file in self._due:
            return
        self._due[file] = now + QUIET_S, None if self._walked else stamp[2]


def _stamp(file: Path) -> tuple[int, int, float] | None:
    """(size, modification time, when it came); None where it is gone."""
    try:
        status = file.stat()
    except OSError:
        return None
    return status.st_size, status.st_mtime_ns, max(status.st_mtime, status.st_ctime)


def _beginnings(name: str) -> Iterator[str]:
    """What of a name stands before each of its separators."""
    return (name[: match.start()] for match in _CUT.finditer(name) if match.start())
