"""Which folders below a hot folder are renders, each an image sequence, and when its renderer is done with one.

A folder is one when it directly holds two numbered pictures or more whose names differ in a number, and no video file. Names decide; the
first picture is opened where it may be an animation, which is a clip by itself.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

from ..processors.sequences import frame_folders
from .intake import Stamp

VIDEO_SUFFIXES = frozenset({".mp4", ".mov", ".mkv", ".webm", ".avi", ".m4v", ".ts", ".mts", ".mxf", ".gif"})
LEAST_FRAMES = 2
GAPS_WAITED = 3
MOST_GAP_S = 600.0
"""A longer one between two frames is a pause that somebody made: a shot begun yesterday is not waited for all day."""

_NUMBER = re.compile(r"[0-9]+")
_WHEN_NS = 1_000_000
_PNG = b"\x89PNG\r\n\x1a\n"
_MOST_CHUNKS = 64


class Pace(NamedTuple):
    """``arrived``: when the last frame came or was written, in seconds since the epoch. ``quiet_s``: how long it must be quiet at least."""

    arrived: float
    quiet_s: float


class _Frame(NamedTuple):
    name: str
    size_bytes: int
    mtime_ns: int
    arrived: float


def frame_names(folder: Path, names: Iterable[str]) -> frozenset[str]:
    """The frames among the names of a folder's files; none where it is no sequence."""
    frames: list[str] = []
    for name in names:
        if frame_folders.is_frame_name(name):
            frames.append(name)
        elif os.path.splitext(name)[1].lower() in VIDEO_SUFFIXES and not name.startswith("."):
            return frozenset()
    alike = Counter(_NUMBER.sub("#", name) for name in frames)
    if max(alike.values(), default=0) < LEAST_FRAMES or is_animation(folder / min(frames)):
        return frozenset()
    return frozenset(frames)


def look(folder: Path) -> Stamp | None:
    """The stamp of the sequence in a folder; None where there is none (any more). Raises OSError when the disk does not answer."""
    frames = _frames(folder)
    return _stamp(frames) if frame_names(folder, _names(folder)) and frames else None


def content_stamp(folder: Path) -> Stamp:
    """The stamp of whatever numbered pictures a folder holds; its own where there are none. Raises OSError, as where it is gone."""
    frames = _frames(folder)
    return _stamp(frames) if frames else Stamp(0, folder.stat().st_mtime_ns)


def pace(folder: Path, settled_at: float | None = None) -> Pace | None:
    """None for what is no folder of frames. A gap between two frames counts by when they came here, which a copy does not take along.
    ``settled_at``: when it was last found to be quiet, in seconds since the epoch; a long gap round that was no renderer's.

    Raises OSError.
    """
    arrivals = sorted(frame.arrived for frame in _frames(folder))
    if not arrivals:
        return None
    gaps_s = [
        later - earlier
        for earlier, later in pairwise(arrivals)
        if settled_at is None or later - earlier <= MOST_GAP_S or not earlier <= settled_at <= later
    ]
    return Pace(arrivals[-1], GAPS_WAITED * min(max(gaps_s, default=0.0), MOST_GAP_S))


def is_animation(path: Path) -> bool:
    """Whether this WebP or PNG file is a clip by itself."""
    try:
        with path.open("rb") as file:
            head = file.read(32)
            if head.startswith(_PNG):
                return any(kind == b"acTL" for kind in _chunks(path))
    except OSError:
        return False
    return head[:4] == b"RIFF" and head[8:16] == b"WEBPVP8X" and len(head) > 20 and bool(head[20] & 2)


def _chunks(path: Path) -> Iterator[bytes]:
    """The kinds of a PNG's chunks before its picture."""
    with path.open("rb") as file:
        position = len(_PNG)
        for _ in range(_MOST_CHUNKS):
            file.seek(position)
            header = file.read(8)
            if len(header) < 8 or header[4:] == b"IDAT":
                return
            yield header[4:]
            position += 12 + int.from_bytes(header[:4], "big")


def _names(folder: Path) -> list[str]:
    try:
        with os.scandir(folder) as entries:
            return [entry.name for entry in entries if not entry.is_dir()]
    except (FileNotFoundError, NotADirectoryError):
        return []


def _frames(folder: Path) -> list[_Frame]:
    frames: list[_Frame] = []
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                if frame_folders.is_frame_name(entry.name) and not entry.is_dir():
                    frames += _frame(entry)
    except (FileNotFoundError, NotADirectoryError):
        return []
    return sorted(frames)


def _frame(entry: os.DirEntry[str]) -> Iterator[_Frame]:
    try:
        status = os.stat(entry.path)  # an entry's own status may be an older one on Windows
    except FileNotFoundError:  # deleted just now, or a link that leads nowhere
        return
    arrived = status.st_ctime if os.name == "posix" else max(status.st_ctime, status.st_mtime)
    yield _Frame(entry.name, status.st_size, status.st_mtime_ns, arrived)


def _stamp(frames: list[_Frame]) -> Stamp:
    """Total size and newest time, whose part below a millisecond gives way to a digest over all names, sizes and times: a frame that was
    renamed or put back changes neither of them.
    """
    told = "\n".join(f"{frame.name}\0{frame.size_bytes}\0{frame.mtime_ns}" for frame in frames)
    mark = int.from_bytes(hashlib.blake2b(told.encode(errors="surrogateescape"), digest_size=8).digest(), "big")
    newest_ns = max(frame.mtime_ns for frame in frames)
    return Stamp(sum(frame.size_bytes for frame in frames), newest_ns // _WHEN_NS * _WHEN_NS + mark % _WHEN_NS)
