"""When is a render settled? A pure state machine over the files of the hot folders: no clock, no disk, no thread of its own.

Events are hints. What counts is the stamp (size and modification time) that a look at the file gave:

    (new) --> waiting --quiet and whole--------------------> taken
              waiting --quiet, not whole for incomplete_s--> taken, as incomplete
              taken   --its stamp changes------------------> waiting

All times are seconds of one monotonic clock that the caller reads; it also maps files' modification times onto that clock.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import NamedTuple

QUIET_AFTER_CLOSE_S = 0.5
"""A writer that closed the file, or renamed it into place, is done unless it opens it again."""

_RECHECK_S = 1.0
_RECHECK_GROWTH = 2.0


class Stamp(NamedTuple):
    """What tells one content of a file from the next, as far as a look at its directory entry can."""

    size_bytes: int
    mtime_ns: int


class Judgement(Enum):
    TAKEN = "taken"
    INCOMPLETE = "incomplete"  # handed over all the same: it ends as a failed job that says so
    WAITING = "waiting"


@dataclass
class _Waiting:
    stamp: Stamp
    changed_at: float
    seen_at: float  # the rest of an incomplete file is waited for from here: a copy may carry its original's old date
    closed: bool
    least_quiet_s: float = 0.0
    was_taken: bool = False  # with another content
    recheck_at: float = 0.0  # quiet but not whole: not looked at again before
    recheck_s: float = _RECHECK_S


class Intake:
    """The renders of one watcher. ``quiet_s`` and ``incomplete_s`` as in the settings; ``incomplete_s`` 0 waits for nothing."""

    def __init__(self, quiet_s: float, incomplete_s: float) -> None:
        self._quiet_s = quiet_s
        self._incomplete_s = incomplete_s
        self._waiting: dict[Path, _Waiting] = {}
        self._taken: dict[Path, Stamp] = {}

    def wait_for(self, quiet_s: float, incomplete_s: float) -> None:
        """Other waits from now on."""
        self._quiet_s = quiet_s
        self._incomplete_s = incomplete_s

    def observe(
        self,
        path: Path,
        stamp: Stamp,
        modified_at: float,
        now: float,
        *,
        closed: bool = False,
        written: bool = False,
        least_quiet_s: float = 0.0,
    ) -> None:
        """A look at the file. ``closed``: an event said that its writer is done; ``written``: one said that it was written to.
        ``least_quiet_s``: this one must be quiet for so long at least.

        A new stamp counts as a change at ``modified_at``, or at ``now`` if that lies in the future.
        """
        if self._taken.get(path) == stamp:
            return
        waiting = self._waiting.get(path)
        was_taken = self._taken.pop(path, None) is not None or (waiting is not None and waiting.was_taken)
        if waiting is None or waiting.stamp != stamp:
            self._waiting[path] = _Waiting(stamp, min(modified_at, now), now, closed, least_quiet_s, was_taken)
        elif written:
            self._waiting[path] = _Waiting(stamp, now, now, closed, least_quiet_s, was_taken)
        elif closed:
            self._waiting[path] = _Waiting(stamp, waiting.changed_at, now, closed, least_quiet_s, was_taken)

    def skip(self, path: Path, stamp: Stamp) -> None:
        """This content is done with: it lay there before us."""
        self._waiting.pop(path, None)
        self._taken[path] = stamp

    def offer_again(self, path: Path, at: float) -> None:
        """What was taken could not be handed over: it settles anew, from ``at`` on."""
        self._waiting[path] = _Waiting(self._taken.pop(path), at, at, closed=False)

    def forget(self, path: Path) -> bool:
        """The file is gone. True when it had been taken, be it with an earlier content."""
        waiting = self._waiting.pop(path, None)
        return self._taken.pop(path, None) is not None or (waiting is not None and waiting.was_taken)

    def due(self, now: float) -> list[Path]:
        """Renders that are quiet: look whether each is whole, and call ``judge``."""
        return [path for path, waiting in self._waiting.items() if self._due_at(waiting) <= now]

    def next_due(self) -> float | None:
        """When ``due`` will next have something; None while nothing waits."""
        return min(map(self._due_at, self._waiting.values()), default=None)

    def judge(self, path: Path, *, whole: bool, now: float) -> Judgement:
        """The verdict on a render that is due."""
        waiting = self._waiting[path]
        given_up_at = max(waiting.seen_at, self._quiet_at(waiting)) + self._incomplete_s
        if whole or now >= given_up_at:
            self._taken[path] = self._waiting.pop(path).stamp
            return Judgement.TAKEN if whole else Judgement.INCOMPLETE
        waiting.recheck_at = min(now + waiting.recheck_s, given_up_at)
        waiting.recheck_s *= _RECHECK_GROWTH
        return Judgement.WAITING

    def stamp(self, path: Path) -> Stamp | None:
        """The stamp that this path was last seen with; None for an unknown one."""
        waiting = self._waiting.get(path)
        return waiting.stamp if waiting else self._taken.get(path)

    def will_look(self, path: Path) -> bool:
        """True while it waits to be quiet: a look at it is due then, whatever happens meanwhile."""
        waiting = self._waiting.get(path)
        return waiting is not None and not waiting.recheck_at

    def unfinished(self) -> dict[Path, float]:
        """Renders that were quiet and not whole when they were last looked at, or must be quiet for longer than usual, and since when
        they have been known.
        """
        return {
            path: waiting.seen_at for path, waiting in self._waiting.items() if waiting.recheck_at or waiting.least_quiet_s > self._quiet_s
        }

    def known(self) -> set[Path]:
        return {*self._waiting, *self._taken}

    def _due_at(self, waiting: _Waiting) -> float:
        return max(self._quiet_at(waiting), waiting.recheck_at)

    def _quiet_at(self, waiting: _Waiting) -> float:
        quiet_s = min(QUIET_AFTER_CLOSE_S, self._quiet_s) if waiting.closed else self._quiet_s
        return waiting.changed_at + max(quiet_s, waiting.least_quiet_s)
