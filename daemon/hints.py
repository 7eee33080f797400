"""Events of the file system, gathered between two turns of the watcher."""

from __future__ import annotations

import os
import threading
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from watchdog.events import (
    DirCreatedEvent,
    DirDeletedEvent,
    DirMovedEvent,
    FileClosedEvent,
    FileCreatedEvent,
    FileDeletedEvent,
    FileModifiedEvent,
    FileMovedEvent,
    FileSystemEvent,
    FileSystemEventHandler,
)
from watchdog.observers import Observer
from watchdog.observers.api import ObservedWatch

_EVENTS: list[type[FileSystemEvent]] = [
    FileCreatedEvent,
    FileModifiedEvent,
    FileClosedEvent,
    FileMovedEvent,
    FileDeletedEvent,
    DirCreatedEvent,
    DirMovedEvent,
    DirDeletedEvent,
]
"""The events that tell us anything; asking for no others keeps the system's event queue short."""


@dataclass(frozen=True)
class Hint:
    """What events said of one file: its writer is done with it; it was written to."""

    closed: bool = False
    written: bool = False

    def then(self, later: Hint) -> Hint:
        return Hint(later.closed or (self.closed and not later.written), self.written or later.written)


@dataclass
class Gathered:
    files: dict[Path, Hint] = field(default_factory=lambda: {})
    folders: set[Path] = field(default_factory=lambda: set())  # that came, went or were renamed


class Events:
    """Watchdog, for folders that may go away and come back. ``wake`` is set when there is something to take."""

    def __init__(self, wake: threading.Event) -> None:
        self._hints = _Hints(wake)
        self._observer = Observer()
        self._followed: dict[Path, tuple[ObservedWatch, object]] = {}

    def start(self) -> None:
        self._observer.start()

    def stop(self, timeout_s: float) -> None:
        self._observer.stop()
        self._observer.join(timeout_s)

    def follow(self, root: Path, identity: object) -> None:
        """Listen to this folder and those below it. ``identity`` tells whether it is still the folder listened to so far.

        Raises OSError when the system has no room for another watch.
        """
        if root in self._followed and self._followed[root][1] == identity:
            return
        self.leave(root)
        self._followed[root] = self._observer.schedule(self._hints, str(root), recursive=True, event_filter=_EVENTS), identity

    def leave(self, root: Path) -> None:
        """Stop listening: the folder is gone."""
        if root in self._followed:
            with suppress(KeyError, OSError):  # watchdog may have dropped it already
                self._observer.unschedule(self._followed.pop(root)[0])

    def take(self) -> Gathered:
        return self._hints.take()


class _Hints(FileSystemEventHandler):
    """Called in watchdog's thread; ``take`` in the watcher's."""

    def __init__(self, wake: threading.Event) -> None:
        self._wake = wake
        self._lock = threading.Lock()
        self._gathered = Gathered()

    def take(self) -> Gathered:
        with self._lock:
            gathered, self._gathered = self._gathered, Gathered()
        return gathered

    def on_any_event(self, event: FileSystemEvent) -> None:
        with self._lock:
            for path in filter(None, (event.src_path, event.dest_path)):
                self._note(Path(os.fsdecode(path)), event)
        self._wake.set()

    def _note(self, path: Path, event: FileSystemEvent) -> None:
        if event.is_directory:
            self._gathered.folders.add(path)
            return
        hint = Hint(closed=isinstance(event, FileClosedEvent | FileMovedEvent), written=isinstance(event, FileModifiedEvent))
        self._gathered.files[path] = self._gathered.files.get(path, Hint()).then(hint)
