"""Tells an event ``status`` when what ``/status`` says has changed: asked at once after a poke, and when something runs out."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Any

log = logging.getLogger(__name__)

_GATHER_S = 0.1
"""Pokes within this time are one look: while a thousand renders arrive, counts change a thousand times."""
_PASSING = ("event", "running")
"""What job and progress events tell of: no change of the status for itself."""


class Bulletin:
    """``look`` gives the status; ``next_change_s`` when it may change by itself. Any thread may ``poke``."""

    def __init__(
        self, look: Callable[[], dict[str, Any]], next_change_s: Callable[[], float | None], tell: Callable[[dict[str, Any]], None]
    ) -> None:
        self._look = look
        self._next_change_s = next_change_s
        self._tell = tell
        self._poked = threading.Event()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="bulletin", daemon=True)

    def start(self) -> None:
        self._told = _lasting(self._look())
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        self._poked.set()
        self._thread.join()

    def poke(self) -> None:
        self._poked.set()

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._poked.wait(self._next_change_s())
            self._poked.clear()
            try:
                self._look_and_tell()
            except Exception:  # a database that is locked for the moment must not silence it for good
                log.exception("looking at the status")
            self._stopping.wait(_GATHER_S)

    def _look_and_tell(self) -> None:
        status = self._look()
        if _lasting(status) != self._told:
            self._told = _lasting(status)
            self._tell(status)


def _lasting(status: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in status.items() if key not in _PASSING}
