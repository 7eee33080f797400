"""Whether the user has the page before them. Each page says so again and again while it is visible and focused."""

from __future__ import annotations

import threading
import time

HOLDS_S = 15.0


class Presence:
    """What pages said, until it is stale. Any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._until: dict[str, float] = {}

    def say(self, page: str, *, in_front: bool) -> None:
        """``page`` tells one window from another."""
        with self._lock:
            self._drop_stale()
            self._until.pop(page, None)
            if in_front:
                self._until[page] = time.monotonic() + HOLDS_S

    def in_front(self) -> bool:
        return self.ends_in_s() is not None

    def ends_in_s(self) -> float | None:
        """When ``in_front`` turns False if nothing more is said; None when it is False."""
        with self._lock:
            self._drop_stale()
            return max(self._until.values()) - time.monotonic() if self._until else None

    def _drop_stale(self) -> None:
        now = time.monotonic()
        self._until = {page: until for page, until in self._until.items() if until > now}
