"""What happened, in order: a ring of the last events, and whoever listens is woken at each.

Events are told from any thread: the queue's, the workers', the watcher's. A listener keeps no queue of its own but the number of
the last event it saw, so a slow one costs nothing, and one that was away goes on where it was, or is told to begin anew.
"""

from __future__ import annotations

import json
import threading
import time
from collections import deque
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple

RING = 1000
RESET = "reset"


class Event(NamedTuple):
    number: int
    kind: str  # job, progress, finished, amended, status, settings, queue_empty, reset
    text: str  # its data as ASCII JSON


class Hub:
    """``tell`` and ``since`` from any thread.

    Numbers begin at the time of the start in milliseconds, so that those of an earlier daemon are always too old.
    """

    def __init__(self, ring: int = RING) -> None:
        self._lock = threading.Lock()
        self._last = self._forgotten = time.time_ns() // 1_000_000
        self._ring: deque[Event] = deque(maxlen=ring)
        self._listeners: list[Callable[[], None]] = []

    @property
    def last(self) -> int:
        """The number of the last event."""
        return self._last

    def tell(self, kind: str, data: Mapping[str, Any]) -> None:
        text = json.dumps(data)
        with self._lock:
            self._last += 1
            if len(self._ring) == self._ring.maxlen:
                self._forgotten = self._ring[0].number
            self._ring.append(Event(self._last, kind, text))
        self.wake()

    def wake(self) -> None:
        """Have every listener look."""
        with self._lock:
            listeners = list(self._listeners)
        for wake in listeners:
            wake()

    def since(self, number: int) -> list[Event]:
        """The events after this one; a single ``reset`` where they are not all known any more."""
        with self._lock:
            if not self._forgotten <= number <= self._last:
                return [Event(self._last, RESET, "{}")]
            fresh = self._last - number
            return list(self._ring)[-fresh:] if fresh else []

    @contextmanager
    def listening(self, wake: Callable[[], None]) -> Generator[None, None, None]:
        """``wake`` is called after each event, in the thread that told it."""
        with self._lock:
            self._listeners.append(wake)
        try:
            yield
        finally:
            with self._lock:
                self._listeners.remove(wake)
