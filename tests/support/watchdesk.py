"""A watcher on real folders, for tests: what it hands over, and a memory that ends with the test."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from pathlib import Path

from deshimmer.config.settings import HotFolder, Intake, Settings
from deshimmer.daemon.watcher import Watcher

QUICK = Intake(quiet_s=0.3, incomplete_s=1.0, rescan_s=60)
"""A rescan so rare that what is found was found by events."""

Start = Callable[..., Watcher]


class WatchDesk:
    """Receives what a watcher hands over; ``at``: when, in seconds since the epoch."""

    def __init__(self) -> None:
        self.taken: list[Path] = []
        self.gone: list[Path] = []
        self.at: list[float] = []
        self.hot_folders: dict[Path, Path] = {}
        self.refuse = 0

    def on_render(self, path: Path, hot_folder: HotFolder) -> None:
        if self.refuse:
            self.refuse -= 1
            raise OSError("the queue's disk is full")
        self.taken.append(path)
        self.at.append(time.time())
        self.hot_folders[path] = hot_folder.path

    def on_gone(self, path: Path) -> None:
        self.gone.append(path)

    def names(self) -> list[str]:
        return sorted(path.name for path in self.taken)


class Memory:
    """A ``Seen`` that forgets with the test."""

    def __init__(self) -> None:
        self.files: set[tuple[Path, int, int]] = set()
        self.folders: set[Path] = set()

    def is_seen(self, path: Path, size: int, mtime_ns: int) -> bool:
        return (path, size, mtime_ns) in self.files

    def first_start(self, hot_folder: Path) -> bool:
        return hot_folder not in self.folders

    def mark_existing(self, hot_folder: Path, files: Mapping[Path, tuple[int, int]]) -> None:
        self.folders.add(hot_folder)
        self.files |= {(path, *stamp) for path, stamp in files.items()}


@contextmanager
def watching(desk: WatchDesk) -> Generator[Start, None, None]:
    """What starts watchers of these folders, which all end with the block."""
    running: list[Watcher] = []

    def begin(*folders: Path | HotFolder, intake: Intake = QUICK, seen: Memory | None = None) -> Watcher:
        watcher = Watcher(_hot_folders(folders), desk.on_render, desk.on_gone, Settings(intake=intake), seen=seen)
        watcher.start()
        running.append(watcher)
        time.sleep(0.2)
        return watcher

    yield begin
    for watcher in running:
        watcher.stop()
    assert not [thread for thread in threading.enumerate() if thread.name == "watcher"]


def until(condition: Callable[[], object], seconds: float = 8.0) -> float:
    """Wait until it holds; the seconds that it took."""
    begin = time.monotonic()
    while not condition():
        assert time.monotonic() - begin < seconds, "it never came to hold"
        time.sleep(0.02)
    return time.monotonic() - begin


def scan(*folders: Path | HotFolder, desk: WatchDesk | None = None, seen: Memory | None = None, quiet_s: float = 0.0) -> list[str]:
    """What ``--once`` takes, relative to the first folder."""
    desk = desk or WatchDesk()
    hot_folders = _hot_folders(folders)
    settings = Settings(intake=Intake(quiet_s=quiet_s, incomplete_s=60))
    taken = Watcher(hot_folders, desk.on_render, desk.on_gone, settings, seen=seen).scan_once()
    assert taken == desk.taken
    return sorted(path.relative_to(hot_folders[0].path).as_posix() for path in taken)


def _hot_folders(folders: tuple[Path | HotFolder, ...]) -> list[HotFolder]:
    return [folder if isinstance(folder, HotFolder) else HotFolder(path=folder) for folder in folders]
