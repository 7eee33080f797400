"""How each thing that the menu offers is done; in a thread of its own, so that no click waits for another program."""

from __future__ import annotations

import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

from ..config import autostart, desktop, paths
from ..config.errors import DeshimmerError
from .client import Client
from .menu import Action, Do
from .state import Trouble

log = logging.getLogger(__name__)


class Actions:
    """``start_daemon`` brings the daemon up, ``quit_tray`` ends the tray. What fails is told in the menu until something succeeds."""

    def __init__(self, client: Client, *, start_daemon: Callable[[], None], quit_tray: Callable[[], None]) -> None:
        self._client = client
        self._start_daemon = start_daemon
        self._quit = quit_tray
        self._pool = ThreadPoolExecutor(1, "action")
        post = client.post
        self._how: dict[Do, Callable[[Action], object]] = {
            Do.OPEN: lambda action: post(f"/jobs/{action.target}/open"),
            Do.COMPARE: lambda action: self._open_page(f"/jobs/{action.target}"),
            Do.SHOW_IN_FOLDER: lambda action: post(f"/jobs/{action.target}/show_in_folder"),
            Do.CANCEL: lambda action: post(f"/jobs/{action.target}/cancel"),
            Do.APPROVE: lambda action: post(f"/jobs/{action.target}/approve"),
            Do.PAUSE: lambda action: post("/pause", seconds=action.seconds),
            Do.PAUSE_GPU: lambda action: post("/pause", gpu=True),
            Do.RESUME: lambda _: post("/resume"),
            Do.RESUME_GPU: lambda _: post("/resume", gpu=True),
            Do.FREE_GPU: lambda _: post("/gpu/free"),
            Do.SEEN: lambda _: post("/seen"),
            Do.HOT_FOLDER: lambda action: desktop.open_folder(Path(action.target)),
            Do.PAGE: lambda action: self._open_page(action.target),
            Do.START: lambda _: self._start(),
            Do.STOP: lambda _: post("/stop"),
            Do.LOGIN: lambda _: _turn_autostart(),
            Do.LOG_FOLDER: lambda _: desktop.open_folder(paths.log_dir()),
            Do.QUIT: lambda _: self._quit(),
        }

    def perform(self, action: Action) -> None:
        """Returns at once."""
        if action.do is Do.QUIT:
            self._quit()  # must not wait behind a slow one
        else:
            self._pool.submit(self._perform, action)

    def close(self) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _perform(self, action: Action) -> None:
        trouble = None
        try:
            self._how[action.do](action)
        except DeshimmerError as error:
            log.warning("%s: %s", error.title, error.message)
            trouble = Trouble(error.title, error.message)
        except Exception as error:  # the pool would swallow it
            log.exception("the menu's '%s' failed", action.do)
            trouble = Trouble(f"'{action.do}' failed", str(error))
        self._client.change(lambda state: replace(state, trouble=trouble))

    def _open_page(self, path: str) -> None:
        """By a one-time link, which is the page's only way in."""
        desktop.open_url(self._client.post("/link", path=path)["url"], desktop.BROWSER_S)

    def _start(self) -> None:
        self._start_daemon()
        self._client.look_now()


def _turn_autostart() -> None:
    (autostart.turn_off if autostart.is_on() else autostart.turn_on)()
