"""Who may enter with a browser: one-time codes, which become sessions.

A code works once and for a minute, and is kept in memory only. The session it becomes lasts a month, also over restarts, so that a
page which stands open comes back by itself. A session comes with a key, without which it may only look. Of both only digests are kept.
"""

from __future__ import annotations

import hashlib
import secrets
import threading
import time
from collections.abc import Callable, Mapping
from typing import NamedTuple

from ...config.errors import DaemonError

CODE_S = 60.0
SESSION_S = 30 * 86400.0


class _Link(NamedTuple):
    path: str
    until: float


class Entered(NamedTuple):
    session: str
    key: str
    path: str


class Links:
    """Any thread. ``sessions``: digests with the time they were made, of earlier runs; ``keep`` is given them all when one is added.

    A session has two: its own, and one of session and key together.
    """

    def __init__(
        self, sessions: Mapping[str, float] | None = None, keep: Callable[[dict[str, float]], None] = lambda sessions: None
    ) -> None:
        self._lock = threading.Lock()
        self._links: dict[str, _Link] = {}
        self._sessions = dict(sessions or {})
        self._keep = keep

    def new_code(self, path: str) -> str:
        """``path``: where the browser goes with its session. Raises DaemonError for one that leads elsewhere."""
        if not path.startswith("/") or path.startswith("//") or "\\" in path or not path.isprintable():
            raise DaemonError("A link leads to a path of this page, such as '/'.", title="The request is wrong")
        code = secrets.token_urlsafe(24)
        now = time.monotonic()
        with self._lock:
            self._links = {known: link for known, link in self._links.items() if link.until > now}
            self._links[code] = _Link(path, now + CODE_S)
        return code

    def enter(self, code: str) -> Entered:
        """A new session with its key, and the path that it begins at. Raises DaemonError for a code that is used up, too old or none."""
        with self._lock:
            link = self._links.pop(code, None)
            if link is None or link.until <= time.monotonic():
                raise DaemonError("A link works once and for a minute. Run 'deshimmer open' for another.", title="The link is used up")
            session, key = secrets.token_urlsafe(32), secrets.token_urlsafe(32)
            now = time.time()
            self._sessions = {digest: made for digest, made in self._sessions.items() if made > now - SESSION_S}
            self._sessions |= {_digest(session): now, _digest(_with_key(session, key)): now}
            self._keep(self._sessions)
        return Entered(session, key, link.path)

    def may_change(self, session: str, key: str) -> bool:
        """Whether the key is this session's."""
        return self.is_session(_with_key(session, key))

    def is_session(self, session: str) -> bool:
        with self._lock:
            return self._sessions.get(_digest(session), 0.0) > time.time() - SESSION_S


def _with_key(session: str, key: str) -> str:
    return f"{session} {key}"


def _digest(session: str) -> str:
    return hashlib.sha256(session.encode()).hexdigest()
