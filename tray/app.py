"""The tray's life: one per user, a backend for this desktop, the client's events to the icon and to every listener."""

from __future__ import annotations

import itertools
import logging
import signal
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import FrameType
from typing import Any, Protocol

from ..config import autostart, locks, paths
from ..config.errors import DaemonError, DeshimmerError, NotSetUp
from .actions import Actions
from .backends import Backend, choice
from .client import Client, Listener
from .icon import Theme
from .look import picture, tooltip
from .menu import menu
from .notify import Notifier
from .starting import start_daemon
from .state import State

log = logging.getLogger(__name__)

_LOOK_EVERY_S = (*[2.0] * 30, 30.0)
"""At login the tray may be there before the panel; a minute later one may still come, but need not."""
_FREQUENT = ("progress", "job")
"""No time to ask the system whether the tray starts at login; on Windows that starts a program."""


class Companion(Protocol):
    """What lives in the tray's process beside the icon: the notifications. ``take`` gets every event and returns at once."""

    def start(self) -> None: ...
    def take(self, event: str, data: Mapping[str, Any]) -> None: ...
    def stop(self) -> None: ...


COMPANIONS: tuple[Callable[[Client], Companion], ...] = (Notifier,)


@dataclass(frozen=True)
class Wishes:
    """From the command line. ``daemon_options``: what a daemon that we start is given."""

    theme: Theme
    backend: str | None = None
    daemon_options: tuple[str, ...] = ()


class Tray:
    def __init__(self, wishes: Wishes, tell: Callable[[DeshimmerError], None]) -> None:
        self._wishes = wishes
        self._tell = tell
        self._stopping = threading.Event()
        self._client = Client()
        self._backend: Backend | None = None
        self._at_login = False
        self._actions = Actions(self._client, start_daemon=lambda: start_daemon(wishes.daemon_options), quit_tray=self.stop)

    def run(self) -> None:
        """Until ``stop``. Raises DaemonError when a tray runs already."""
        with locks.trying(paths.runtime_dir() / "tray.lock") as ours:
            if not ours:
                raise DaemonError("One icon is enough. Quit that one first, from its menu.", title="The tray runs already")
            self._client.listen(self._on_event)
            companions = [make(self._client) for make in COMPANIONS]
            for companion in companions:
                companion.start()
                self._client.listen(_taking(companion))
            self._client.start()
            try:
                self._show()
            finally:
                self._client.stop()
                self._actions.close()
                for companion in companions:
                    companion.stop()

    def stop(self) -> None:
        self._stopping.set()
        if self._backend is not None:
            self._backend.stop()

    def _show(self) -> None:
        """Until stopped; anew when a backend ends by itself, as with the session's bus."""
        for shown in itertools.count():
            found = self._look()
            if found is None:
                return
            log.info("showing the icon by %s", found.name)
            try:
                self._show_by(found)
            except Exception:  # whatever a desktop does to a backend: the bus may go between its probe and its start
                log.exception("%s failed", found.name)
            self._backend = None
            if self._stopping.wait(_wait_s(shown)):
                return

    def _show_by(self, found: choice.Found) -> None:
        self._backend = backend = found.make(self._actions.perform, self._wishes.theme)
        if self._stopping.is_set():  # by a stop that found no backend yet
            return
        self._client.change(lambda state: state)  # which shows it, in turn with the client's thread
        backend.run()

    def _look(self) -> choice.Found | None:
        """A backend, once there is one; says so while there is none. None when stopped meanwhile."""
        for looks in itertools.count():
            found = choice.look(self._wishes.backend)
            if isinstance(found, choice.Found):
                return found
            if looks == 0:
                self._tell(_no_tray(found))
            if self._stopping.wait(_wait_s(looks)):
                break
        return None

    def _on_event(self, event: str, data: Mapping[str, Any], state: State) -> None:
        if event not in _FREQUENT:
            self._at_login = autostart.is_on()
        backend = self._backend
        if backend is not None:
            backend.show(picture(state), tooltip(state), menu(state, at_login=self._at_login))


def _wait_s(looks: int) -> float:
    return _LOOK_EVERY_S[min(looks, len(_LOOK_EVERY_S) - 1)]


def _taking(companion: Companion) -> Listener:
    return lambda event, data, state: companion.take(event, data)


def _no_tray(refused: Sequence[choice.Refused]) -> NotSetUp:
    reasons = "; ".join(f"{each.name}: {each.reason}" for each in refused)
    return NotSetUp(
        f"Use the page ('deshimmer open') and the notifications; an icon comes as soon as there is a tray. Looked for: {reasons}.",
        title="This desktop shows no tray",
    )


def run(wishes: Wishes, tell: Callable[[DeshimmerError], None]) -> None:
    """As ``Tray.run``, ended by SIGTERM, SIGINT and SIGHUP too."""
    tray = Tray(wishes, tell)

    def stop(number: int, frame: FrameType | None) -> None:
        tray.stop()

    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), stop)
    tray.run()
