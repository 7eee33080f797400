"""The desktop's notifications, through desktop-notifier: an asyncio loop in a thread, each call bounded in time.

Whatever the bus or the notification server does ends as ``NotShown``: no bus, no server, one that answers with an error or not at
all. After any of these the connection is made anew.
"""

from __future__ import annotations

import asyncio
import html
import logging
import threading
from collections.abc import Callable
from concurrent.futures import CancelledError
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from desktop_notifier import Attachment, Button, Notification
from desktop_notifier.backends.base import DesktopNotifierBackend
from desktop_notifier.main import get_backend_class

log = logging.getLogger(__name__)

APP_NAME = "deshimmer"
_ANSWER_S = 8.0

Act = Callable[[], object]


class NotShown(Exception):
    """``str()`` says why. ``maybe``: the server did not answer in time, it may show it all the same."""

    def __init__(self, why: str, *, maybe: bool = False) -> None:
        super().__init__(why)
        self.maybe = maybe


@dataclass(frozen=True)
class Card:
    """One notification as it is handed to the desktop. ``body`` is plain text; buttons are (label, what it does)."""

    title: str
    body: str
    on_click: Act
    buttons: tuple[tuple[str, Act], ...] = ()
    picture: Path | None = None


class Desktop:
    """``show`` from any one thread, between ``start`` and ``stop``. What clicks call runs in threads of its own."""

    def __init__(self, answer_s: float = _ANSWER_S) -> None:
        self._answer_s = answer_s
        self._backend: DesktopNotifierBackend | None = None
        self._watchers: set[asyncio.Task[None]] = set()
        self._swallowed = _Swallowed()
        self._stopped = False

    def start(self) -> None:
        logging.getLogger(DesktopNotifierBackend.__module__).addFilter(self._swallowed)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="desktop", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Notifications on the screen stay there; their buttons do nothing any more."""
        self._stopped = True
        with suppress(TimeoutError):
            asyncio.run_coroutine_threadsafe(self._end(), self._loop).result(self._answer_s)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(self._answer_s)
        if not self._thread.is_alive():
            self._loop.close()
        logging.getLogger(DesktopNotifierBackend.__module__).removeFilter(self._swallowed)

    def show(self, card: Card) -> None:
        """Returns when the desktop has taken it. Raises NotShown."""
        if self._stopped:
            raise NotShown("it was stopped")
        try:
            asyncio.run_coroutine_threadsafe(self._show(card), self._loop).result(self._answer_s + 2)
        except (TimeoutError, CancelledError):  # the loop itself hangs, or ``stop`` came between
            raise NotShown("the session bus hangs", maybe=True) from None

    async def _show(self, card: Card) -> None:
        try:
            await asyncio.wait_for(self._send(card), self._answer_s)
        except BaseException as error:
            self._disconnect()
            if isinstance(error, TimeoutError):
                raise NotShown(f"the notification server does not answer within {self._answer_s:g} s", maybe=True) from None
            if isinstance(error, NotShown):
                raise
            raise NotShown(f"{type(error).__name__}: {error}") from None

    async def _send(self, card: Card) -> None:
        backend = await self._connected()
        body = html.escape(card.body, quote=False) if await _reads_markup(backend) else card.body
        taken = False

        def note_taken() -> None:
            nonlocal taken
            taken = True

        self._swallowed.error = None
        await backend.send(
            Notification(
                card.title,
                body,
                buttons=tuple(Button(label, on_pressed=_apart(act)) for label, act in card.buttons),
                on_clicked=_apart(card.on_click),
                on_dispatched=note_taken,
                attachment=Attachment(path=card.picture) if card.picture else None,
            )
        )
        if not taken:
            raise NotShown(f"the notification server refuses: {self._swallowed.error}")

    async def _connected(self) -> DesktopNotifierBackend:
        """Raises, in the library's words, where there is no bus or no server."""
        if self._backend is not None:
            return self._backend
        backend = self._backend = get_backend_class()(APP_NAME, None)
        try:
            await backend.get_capabilities()
        finally:
            if hasattr(backend, "bus"):  # D-Bus only
                watcher = self._loop.create_task(self._watch(backend))
                self._watchers.add(watcher)
                watcher.add_done_callback(self._watchers.discard)
        return backend

    async def _watch(self, backend: Any) -> None:
        """When the bus has gone, the next card looks for a new one."""
        with suppress(Exception):
            await backend.bus.wait_for_disconnect()
        if self._backend is backend:
            self._backend = None

    def _disconnect(self) -> None:
        bus = getattr(self._backend, "bus", None)
        self._backend = None
        if bus is not None:
            bus.disconnect()

    async def _end(self) -> None:
        self._disconnect()
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks - self._watchers:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


class _Swallowed(logging.Filter):
    """The library logs with a traceback, each time, what ``send`` ran into, and raises nothing: keeps the error, drops the line."""

    error: BaseException | None = None

    def filter(self, record: logging.LogRecord) -> bool:
        if record.exc_info and record.exc_info[1] is not None:
            self.error = record.exc_info[1]
            return False
        return True


async def _reads_markup(backend: DesktopNotifierBackend) -> bool:
    """Whether the server takes the body for markup, so that the & of a file's name must be written &amp;."""
    interface = getattr(backend, "interface", None)
    return interface is not None and "body-markup" in await interface.call_get_capabilities()


def _apart(act: Act) -> Act:
    """Callbacks come in the loop's thread, which must not wait for what they do."""
    return lambda: threading.Thread(target=act, name="notification click", daemon=True).start()
