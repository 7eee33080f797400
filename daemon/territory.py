"""What of a hot folder is looked at: which files and folders of frames are renders, which are none of our business, which are our own results."""

from __future__ import annotations

import errno
import os
import re
import stat
from collections.abc import Callable, Iterable, Iterator
from fnmatch import fnmatch
from pathlib import Path

from ..config.settings import HotFolder
from . import frame_folders
from .intake import Stamp

RENDER_SUFFIXES = frame_folders.VIDEO_SUFFIXES | {".webp"}
_UNFINISHED = frozenset({".part", ".tmp", ".crdownload", ".partial"})


def is_render_name(name: str) -> bool:
    """True for a name that a finished render may have: ``clip.mp4``; not ``.clip.mp4.x7Yz`` (rsync), ``clip.mp4.part``, ``clip.tmp.mp4``."""
    stem, suffix = os.path.splitext(name.lower())
    return suffix in RENDER_SUFFIXES and not name.startswith(".") and os.path.splitext(stem)[1] not in _UNFINISHED


def own_names(template: str) -> tuple[re.Pattern[str], ...]:
    """Names of ours that only count beside a receipt; each pattern's group is the stem of the receipt's name."""
    patterns = [r"(.+)\.comparison\.mp4"]
    if template not in ("{stem}", "{stem}.deshimmered"):  # one would be every name, the other counts always
        patterns.append(re.escape(template).replace(re.escape("{stem}"), "(.+)") + r"\.[^.]+")
    return tuple(re.compile(pattern, re.DOTALL) for pattern in patterns)


class Territory:
    """One hot folder without the hot folders below it and without any output folder. Paths stay as the user wrote the root."""

    def __init__(self, hot_folder: HotFolder, others: Iterable[HotFolder]) -> None:
        self.hot_folder = hot_folder
        self.root = hot_folder.path
        self._real_root = os.path.realpath(self.root)
        foreign = [hot_folder.results, *(path for other in others for path in (other.path, other.results))]
        self._own_names = own_names(hot_folder.name)
        self._foreign = {real for real in map(os.path.realpath, foreign) if not _is_within(self._real_root, real)}

    def owns_folder(self, folder: Path) -> bool:
        """True when files in this folder, if there are any, are ours to look at. Links in the path are followed."""
        if not folder.is_relative_to(self.root) or any(part.startswith(".") for part in folder.relative_to(self.root).parts):
            return False
        return not self._is_foreign(os.path.realpath(folder))

    def owns(self, path: Path) -> bool:
        """True when this file, if it is there, is a render to take."""
        return self.owns_folder(path.parent) and self._is_render(path)

    def owns_sequence(self, folder: Path) -> bool:
        """True when this folder, if it holds a sequence, is a render to take: never the hot folder itself."""
        if os.path.realpath(folder) == self._real_root or not self.owns_folder(folder):
            return False
        return ".deshimmered" not in folder.name.lower() and not self._is_own_folder(folder) and not self._is_ignored(folder)

    def frames(self, folder: Path, names: Iterable[str]) -> frozenset[str]:
        """Those of a folder's files that are frames of one render."""
        found = frame_folders.frame_names(folder, names) if self.owns_sequence(folder) else frozenset[str]()
        return frozenset() if found and self._is_ignored(folder / min(found)) else found

    def walk(
        self, on_problem: Callable[[Path, OSError], None], on_other: Callable[[Path], None] = lambda path: None
    ) -> Iterator[tuple[Path, Stamp]]:
        """Every render with its stamp; ``on_other`` is called with every other file that is no frame of one. A link to a folder is followed
        unless that folder was walked already; what cannot be read is named to ``on_problem`` and passed over.
        """
        walked: set[str] = set()
        folders = [(self.root, self._real_root)]
        links: list[Path] = []
        while folders or links:
            folder, real = folders.pop() if folders else (links[0], os.path.realpath(links.pop(0)))
            if real in walked or self._is_foreign(real):
                continue
            walked.add(real)
            entries = _entries(folder, on_problem)
            frames = self.frames(folder, (entry.name for entry in entries if not _is_folder(entry)))
            if frames and (stamp := _look(folder, on_problem)):
                yield folder, stamp
            for entry in entries:
                path = folder / entry.name
                if entry.name in frames:
                    continue
                if not _is_folder(entry):
                    if not self._is_render(path):
                        on_other(path)
                    elif stamp := _look(path, on_problem):
                        yield path, stamp
                elif entry.is_symlink():
                    links.append(path)
                else:
                    folders.append((path, os.path.join(real, entry.name)))

    def _is_foreign(self, real: str) -> bool:
        return any(_is_within(real, other) for other in self._foreign)

    def _is_render(self, path: Path) -> bool:
        name = path.name
        return is_render_name(name) and ".deshimmered." not in name.lower() and not self._is_own(path) and not self._is_ignored(path)

    def _is_own(self, path: Path) -> bool:
        matches = (pattern.fullmatch(path.name) for pattern in self._own_names)
        return any(match and path.with_name(f"{match[1]}.receipt.json").exists() for match in matches)

    def _is_own_folder(self, folder: Path) -> bool:
        """A result of frames bears the template's name without a suffix."""
        if self.hot_folder.name == "{stem}":
            return False
        match = re.fullmatch(re.escape(self.hot_folder.name).replace(re.escape("{stem}"), "(.+)"), folder.name, re.DOTALL)
        return match is not None and folder.with_name(f"{match[1]}.receipt.json").exists()

    def _is_ignored(self, path: Path) -> bool:
        if not self.hot_folder.ignore:
            return False
        relative = path.relative_to(self.root).as_posix()
        return any(fnmatch(path.name, glob) or fnmatch(relative, glob) for glob in self.hot_folder.ignore)


def look(path: Path) -> Stamp | None:
    """The stamp of the file, or of the sequence in the folder, links followed; None when there is none (any more).

    Raises OSError when the disk does not answer.
    """
    try:
        status = os.stat(path)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        if error.errno == errno.ELOOP:  # a link to itself
            return None
        raise
    if stat.S_ISDIR(status.st_mode):
        return frame_folders.look(path)
    return Stamp(status.st_size, status.st_mtime_ns) if stat.S_ISREG(status.st_mode) else None


def _look(path: Path, on_problem: Callable[[Path, OSError], None]) -> Stamp | None:
    try:
        return look(path)
    except OSError as error:
        on_problem(path, error)
        return None


def _entries(folder: Path, on_problem: Callable[[Path, OSError], None]) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return sorted((entry for entry in entries if not entry.name.startswith(".")), key=lambda entry: entry.name)
    except OSError as error:
        on_problem(folder, error)
        return []


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link that leads in a circle
        return False


def _is_within(real: str, folder: str) -> bool:
    return real == folder or real.startswith(folder.rstrip(os.sep) + os.sep)
