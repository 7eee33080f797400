"""What happens once when the queue has been worked off: nothing, a word, a command of the user's, or sleep."""

from __future__ import annotations

import logging
import os
import sys
import threading
from collections import Counter
from collections.abc import Callable, Mapping, Sequence

from ...config import spawn
from ...config.errors import ToolFailed
from ...config.settings import Courtesy
from ...processors.records import Outcome
from . import power
from .senses import Senses

log = logging.getLogger(__name__)

SETTLE_S = 10.0
"""The queue must have been empty for so long: renders come in rows."""

AWAY_S = 120.0
"""Nobody is sent to sleep: mouse and keyboard must have rested for so long, where that can be told."""

_POLL_S = 0.2
_PREFIX = "AFTER_QUEUE_"  # not DESHIMMER_, which would be taken for settings by a deshimmer that the command calls

Tell = Callable[[Mapping[str, int]], None]


class AfterQueue:
    """Told of every job that ends. ``is_empty``: no job is unfinished. ``tell``, for ``notify``, gets the jobs by outcome.

    Cancelled jobs alone set nothing off.
    """

    def __init__(self, wishes: Courtesy, senses: Senses, is_empty: Callable[[], bool], tell: Tell) -> None:
        self._wishes = wishes
        self._senses = senses
        self._is_empty = is_empty
        self._lock = threading.Lock()
        self._counts: Counter[str] = Counter()
        self._closing = threading.Event()
        self._thread: threading.Thread | None = None
        self._actions: dict[str, Callable[[Courtesy, Counter[str]], None]] = {
            "notify": lambda _, counts: tell(counts),
            "command": self._command,
            "sleep": self._sleep,
        }

    def apply(self, wishes: Courtesy) -> None:
        self._wishes = wishes

    def ended(self, outcome: Outcome) -> None:
        if self._wishes.after_queue == "nothing":
            return
        with self._lock:
            self._counts[outcome] += 1
            self._begin()

    def close(self) -> None:
        self._closing.set()
        with self._lock:
            thread = self._thread
        if thread is not None:
            thread.join()

    def _begin(self) -> None:
        """With the lock held: a thread, where none is yet and something has ended for which to act."""
        if self._thread is None and not self._closing.is_set() and set(self._counts) - {Outcome.CANCELLED}:
            self._thread = threading.Thread(target=self._run_thread, name="after-queue", daemon=True)
            self._thread.start()

    def _run_thread(self) -> None:
        try:
            self._settle()
        except Exception:  # a database that is locked for the moment must not silence it for good
            log.exception("after the queue")
        finally:
            with self._lock:
                self._thread = None
                self._begin()  # jobs have ended while it acted, or it has not acted

    def _settle(self) -> None:
        """Wait until no job has come or ended for the length of ``SETTLE_S``, then act."""
        seen = -1
        while not self._closing.wait(SETTLE_S):
            with self._lock:
                wishes, total = self._wishes, self._counts.total()
                if wishes.after_queue == "nothing":  # since a moment ago
                    self._counts.clear()
                    return
                if total == seen and self._is_empty() and self._is_away(wishes):
                    counts, self._counts = self._counts, Counter[str]()
                    break
            seen = total
        else:
            return
        log.info("the queue is worked off: %s", wishes.after_queue)
        self._actions[wishes.after_queue](wishes, counts)

    def _is_away(self, wishes: Courtesy) -> bool:
        if wishes.after_queue != "sleep":
            return True
        idle_s = self._senses.idle_s()
        return idle_s is None or idle_s >= AWAY_S

    def _command(self, wishes: Courtesy, counts: Counter[str]) -> None:
        numbers = {f"{_PREFIX}{outcome.upper()}": str(counts[outcome]) for outcome in Outcome}
        self._run(wishes.after_queue_command, {**os.environ, **numbers})

    def _sleep(self, wishes: Courtesy, counts: Counter[str]) -> None:
        self._run(power.SLEEP[sys.platform], os.environ)

    def _run(self, argv: Sequence[str], environment: Mapping[str, str]) -> None:
        """To its end, or to the daemon's."""
        try:
            with spawn.spawn(argv, env=environment) as process:
                while process.poll() is None and not self._closing.wait(_POLL_S):
                    pass
                if process.poll():
                    log.warning("after the queue: %s ended with code %s: %s", argv[0], process.poll(), process.error_tail())
        except ToolFailed as failed:
            log.warning("after the queue: %s", failed.message)
