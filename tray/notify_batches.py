"""When there is something to tell, and of which clips: decided by the daemon's events and the time alone. No thread, no I/O.

A batch ends when the queue has nothing queued or running for ``SETTLE_S``; when nothing has run for ``STALL_S`` although clips
wait (paused, or held back by courtesy: nothing more will come soon); or, while the queue goes on, ``batch_s`` after its first
clip ended, so that a queue of two hundred is heard of before tomorrow. Two notifications are at least ``GAP_S`` apart.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, NamedTuple

from ..config.settings import Notify

SETTLE_S = 3.0
"""Renders that arrive together end one after the other, and between two of them the queue may be empty for a moment."""
STALL_S = 20.0
GAP_S = 30.0
LOOK_S = 0.5
_LOOK_WHILE_SILENT_S = 5.0
KEPT_S = 24 * 3600.0
"""What could not be told for a day is told no more: the page has it."""
_SAME_S = 5.0
"""Jobs that end at about the same time are told in any order; and a history that is rebuilt knows the end of a job by its receipt's
file, a moment off. Only after the history was cleared does another job end under the same id, later than this.
"""
_REMEMBERED = 2000
_OFFERED_LATE = "Its prompt was found since it ended: it can be rendered again."

Row = Mapping[str, Any]


class Moment(NamedTuple):
    """Now: on a clock that only goes forward, and as the user reads it."""

    s: float
    clock: datetime  # local


@dataclass(frozen=True)
class Ended:
    """How one clip ended, from its row in the list of jobs."""

    id: str
    path: str
    outcome: str
    reason: str
    at: Moment  # when we heard of it
    for_approval: bool = False  # it would be rendered again, once approved
    is_late: bool = False  # it ended before; that it can be rendered again is the news

    @property
    def needs_you(self) -> bool:
        return self.outcome in ("flagged", "failed")

    @property
    def asks(self) -> bool:
        """A person decides: a look at the result alone does not serve."""
        return self.needs_you or self.is_late


@dataclass(frozen=True)
class Telling:
    """One notification: these clips, in the order in which they ended. ``silent_since``: it was held back since then."""

    clips: tuple[Ended, ...]
    left: int = 0  # clips of the queue that are still to come
    silent_since: datetime | None = None


WANTED: dict[str, Callable[[Ended], bool]] = {
    "none": lambda _: False,
    "problems": lambda clip: clip.needs_you,
    "all": lambda _: True,
}
"""Which clips each level tells of."""


class Batches:
    """Takes what happens; ``due`` gives what is to be told now, and gives it once. ``since``: seconds since the epoch."""

    def __init__(self, rules: Notify, since: float) -> None:
        self.rules = rules
        self._heard_until = since  # what ended before is no news
        self._taken: dict[str, float] = {}  # jobs and when they ended
        self._pending: dict[str, Ended] = {}  # by path: of a clip that was done again only the last ending counts
        self._status: Mapping[str, Any] = {}
        self._empty_since = self._still_since = self._ended_s = self._not_before_s = float("-inf")
        self._silent_since: datetime | None = None

    def take_status(self, status: Mapping[str, Any], now: Moment) -> None:
        was_busy, was_running = self._unfinished() > 0, self._running() > 0
        self._status = status
        self._empty_since = now.s if was_busy else self._empty_since
        self._still_since = now.s if was_running else self._still_since

    def lose(self, now: Moment) -> None:
        """The daemon went away: nothing runs. One that is started again at once goes on with the same batch."""
        self.take_status({**self._status, "counts": {"queued": self._unfinished()}}, now)

    def take(self, row: Row, now: Moment) -> None:
        """A job that has ended. One that was taken before, by an event or a list, is passed over."""
        before = self._taken.pop(row["id"], float("-inf"))
        self._taken[row["id"]] = row["finished"]
        self._heard_until = max(self._heard_until, row["finished"])
        if abs(row["finished"] - before) >= _SAME_S:
            self._add(Ended(row["id"], row["path"], row["outcome"], row["reason"] or "", now, _waits(row)))
        while len(self._taken) > _REMEMBERED:
            del self._taken[next(iter(self._taken))]

    def amend(self, row: Row) -> None:
        """A job that has ended was decided upon, by somebody or by its hot folder: what is not told yet is told as it is now."""
        known = self._pending.get(row["path"])
        if known is None or known.id != row["id"]:
            return
        if known.is_late and not _waits(row):
            del self._pending[known.path]
        elif not known.is_late:
            changed = replace(known, outcome=row["outcome"], reason=row["reason"] or "", for_approval=_waits(row))
            self._pending[known.path] = changed

    def take_offer(self, row: Row, now: Moment) -> None:
        """A job that ended before can be rendered again since now; one that is not told yet is told with it."""
        if row["path"] in self._pending:
            self.amend(row)
        else:
            self._add(Ended(row["id"], row["path"], row["outcome"], _OFFERED_LATE, now, for_approval=True, is_late=True))

    def catch_up(self, rows: Iterable[Row], now: Moment) -> None:
        """The newest ended jobs, of which those are taken that ended after the last one we heard of."""
        fresh = [row for row in rows if (row["finished"] or 0.0) > self._heard_until - _SAME_S]
        for row in sorted(fresh, key=lambda row: row["finished"]):
            self.take(row, now)

    def due(self, now: Moment) -> Telling | None:
        """What is told now; it counts as told. Nothing while notifications are silent, until they are no more; what ends while the
        page is in front counts as seen.
        """
        self._pending = {path: clip for path, clip in self._pending.items() if now.s - clip.at.s < KEPT_S}
        if not self._pending:
            self._silent_since = None
        if not self._pending or now.s < self._not_before_s or not self._has_ended(now):
            return None
        if self.is_page_in_front():
            self._empty()
            return None
        if self.is_silent(now):
            self._silent_since = self._silent_since or next(iter(self._pending.values())).at.clock
            return None
        return self._tell(now)

    def put_back(self, telling: Telling, now: Moment, retry_s: float) -> None:
        """It could not be shown: told with what comes, not before ``retry_s`` have passed."""
        self._pending = {clip.path: clip for clip in telling.clips}
        self._silent_since = telling.silent_since
        self._not_before_s = now.s + retry_s

    def is_silent(self, now: Moment) -> bool:
        """Snoozed, or in quiet hours."""
        quiet = self.rules.quiet_hours
        return (self._status.get("snoozed_until") or 0) > now.clock.timestamp() or (quiet is not None and now.clock.time() in quiet)

    def is_page_in_front(self) -> bool:
        return bool(self._status.get("page_in_front"))

    def look_again_s(self, now: Moment) -> float | None:
        """When ``due`` may have something although nothing happens; None: it will not."""
        if not self._pending:
            return None
        return _LOOK_WHILE_SILENT_S if self._silent_since else LOOK_S

    def _add(self, clip: Ended) -> None:
        """What was cancelled is no news: the user did it, or took the render away."""
        self._pending.pop(clip.path, None)
        if clip.outcome != "cancelled":
            self._pending[clip.path] = clip
            self._ended_s = clip.at.s

    def _tell(self, now: Moment) -> Telling | None:
        clips = tuple(clip for clip in self._pending.values() if WANTED[self.rules.level](clip))
        telling = Telling(clips, self._unfinished(), self._silent_since) if clips else None
        self._empty()
        self._not_before_s = now.s + GAP_S if telling else self._not_before_s
        return telling

    def _empty(self) -> None:
        self._pending = {}
        self._silent_since = None

    def _has_ended(self, now: Moment) -> bool:
        first_s = min(clip.at.s for clip in self._pending.values())
        since_empty = now.s - max(self._empty_since, self._ended_s) if not self._unfinished() else 0.0
        since_still = now.s - max(self._still_since, self._ended_s) if not self._running() else 0.0
        return since_empty >= SETTLE_S or since_still >= STALL_S or now.s - first_s >= self.rules.batch_s

    def _unfinished(self) -> int:
        return self._running() + self._count("queued")

    def _running(self) -> int:
        return self._count("running") + self._count("cancelling")

    def _count(self, state: str) -> int:
        counts: Mapping[str, int] = self._status.get("counts") or {}
        return counts.get(state, 0)


def _waits(row: Row) -> bool:
    return row.get("offer") == "waiting"
