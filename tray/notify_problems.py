"""Which of the daemon's standing problems (a hot folder that is away, a full disk) is news. Pure, as ``notify_batches`` is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

FORGOTTEN_S = 600.0
"""A problem that comes and goes is told once; it is news again after it was away for this long."""

Problem = Mapping[str, Any]  # title, message, path
_Key = tuple[str, str | None]


class Problems:
    """``news`` gives each problem once."""

    def __init__(self) -> None:
        self._standing: list[Problem] = []
        self._known: dict[_Key, float] = {}  # when each was last there

    def take(self, problems: Iterable[Problem], now_s: float) -> None:
        """Those that the status names."""
        self._note_known(now_s)
        self._standing = list(problems)

    def news(self, now_s: float) -> list[Problem]:
        """What stands and was not told yet; it counts as told."""
        self._known = {key: last_s for key, last_s in self._known.items() if now_s - last_s < FORGOTTEN_S}
        fresh = [problem for problem in self._standing if _key(problem) not in self._known]
        self._known |= {_key(problem): now_s for problem in self._standing}
        return fresh

    def _note_known(self, now_s: float) -> None:
        self._known |= {key: now_s for key in map(_key, self._standing) if key in self._known}


def _key(problem: Problem) -> _Key:
    """Not the message: it may hold figures that change."""
    return problem["title"], problem["path"]
