"""The tray's life: one per user, a backend for this desktop, the client's events to the icon and to every listener."""

from __future__ import annotations

import logging
import signal
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from ..config import autostart, locks, paths
from ..config.errors import DaemonError, DeshimmerError, NotSetUp
from .actions import Actions
from .backends import Backend, choice
from .client import Client
from .icon import Theme
from .look import picture, tooltip
from .menu import menu
from .starting import start_daemon
from .state import State

log = logging.getLogger(__name__)

_NO_TRAY = "This desktop shows no tray"
_FIRST_LOOKS = 20
_LOOK_EVERY_S = 1.0
_LATER_LOOK_EVERY_S = 30.0


class Companion(Protocol):
    """What lives in the tray's process beside the icon: the notifications. ``start`` adds its listener to the client."""

    def start(self, client: Client) -> None: ...
    def stop(self) -> None: ...


@dataclass(frozen=True)
class Wishes:
    """From the command line. ``daemon_options``: what a daemon that we start is given."""

    theme: Theme
    backend: str | None = None
    daemon_options: tuple[str, ...] = ()
    companions: tuple[Companion, ...] = field(default=())


class Tray:
    def __init__(self, wishes: Wishes, tell: Callable[[DeshimmerError], None]) -> None:
        self._wishes = wishes
        self._tell = tell
        self._stopping = threading.Event()
        self._client = Client()
        self._backend: Backend | None = None
        self._actions = Actions(self._client, start_daemon=lambda: start_daemon(wishes.daemon_options), quit_tray=self.stop)

    def run(self) -> None:
        """Until ``stop``. Raises DaemonError when a tray runs already, NotSetUp when there is nothing to show and nothing to tell."""
        with locks.trying(paths.runtime_dir() / "tray.lock") as ours:
            if not ours:
                raise DaemonError("One icon is enough. Quit that one first, from its menu.", title="The tray runs already")
            self._client.listen(self._on_event)
            for companion in self._wishes.companions:
                companion.start(self._client)
            self._client.start()
            try:
                self._show()
            finally:
                self._client.stop()
                self._actions.close()
                for companion in self._wishes.companions:
                    companion.stop()

    def stop(self) -> None:
        self._stopping.set()
        if self._backend is not None:
            self._backend.stop()

    def _show(self) -> None:
        """Until stopped; anew when a backend ends by itself, as with the session's bus."""
        while not self._stopping.is_set():
            found = self._look()
            if found is None:
                return
            log.info("showing the icon by %s", found.name)
            self._backend = found.make(self._actions.perform, self._wishes.theme)
            self._on_event("shown", {}, self._client.state)
            self._backend.run()
            self._backend = None

    def _look(self) -> choice.Found | None:
        """A backend. At login the tray may be there before the panel, so a panel is waited for; None when stopped meanwhile."""
        looks = 0
        while True:
            found = choice.look(self._wishes.backend)
            if isinstance(found, choice.Found):
                return found
            looks += 1
            if looks == _FIRST_LOOKS:
                self._say_there_is_none(found)
            if self._stopping.wait(_LOOK_EVERY_S if looks < _FIRST_LOOKS else _LATER_LOOK_EVERY_S):
                return None

    def _say_there_is_none(self, refused: Sequence[choice.Refused]) -> None:
        reasons = "; ".join(f"{each.name}: {each.reason}" for each in refused)
        error = NotSetUp(f"{reasons}. 'deshimmer open' shows the page instead; notifications come all the same.", title=_NO_TRAY)
        self._tell(error)

    def _on_event(self, event: str, data: Mapping[str, Any], state: State) -> None:
        backend = self._backend
        if backend is not None:
            backend.show(picture(state), tooltip(state), menu(state, at_login=autostart.is_on()))


def run(wishes: Wishes, tell: Callable[[DeshimmerError], None]) -> None:
    """As ``Tray.run``, ended by SIGTERM, SIGINT and SIGHUP too."""
    tray = Tray(wishes, tell)
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), lambda *_: tray.stop())
    tray.run()
