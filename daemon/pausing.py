"""What is paused, and until when: kept in the queue's table, so that it outlives the daemon."""

from __future__ import annotations

import time
from typing import NamedTuple

from .courtesy.rules import What
from .table import Table

_NOTES = {What.ALL: "pause", What.GPU: "pause_gpu"}


class Pause(NamedTuple):
    paused: bool
    until: float | None  # seconds since the epoch; None: until resumed


class Pauses:
    """``ignored``: those that were stored by an earlier run."""

    def __init__(self, table: Table, *, ignored: bool) -> None:
        self._table = table
        self._ignored = ignored

    def begin(self, what: What, seconds: float | None) -> None:
        self._table.set_note(_NOTES[what], {"until": None if seconds is None else time.time() + seconds})
        self._ignored = False

    def end(self, what: What) -> None:
        self._table.set_note(_NOTES[what], None)

    def state(self, what: What) -> Pause:
        note = self._table.note(_NOTES[what])
        if note is None or self._ignored or (note["until"] is not None and note["until"] <= time.time()):
            return Pause(False, None)
        return Pause(True, note["until"])
