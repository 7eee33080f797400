"""Notifications: from the daemon's events to the desktop. One thread; nothing that fails here matters to the tray.

``notify_batches`` decides when and of what, ``notify_words`` says it, ``notify_picture`` draws it, ``notify_desktop`` shows it.
"""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from PIL import Image
from pydantic import ValidationError

from ..config import desktop as opening
from ..config import paths
from ..config.errors import DeshimmerError
from ..config.settings import Notify
from .icon import draw
from .look import Mood, Picture
from .notify_batches import Batches, Ended, Moment, Telling
from .notify_desktop import Act, Card, Desktop, NotShown
from .notify_picture import Pictures, side_by_side
from .notify_problems import Problems
from .notify_words import of_problem, words, worked_off

log = logging.getLogger(__name__)

_ENDED = "/jobs?state=done,failed,cancelled&limit=1000"
_IDLE_S = 60.0
"""Quiet hours end without an event."""
_SIGN_PX = 96
_RETRY_S = (60.0, 120.0, 300.0, 900.0, 1800.0)


class Client(Protocol):
    """The tray's client, as far as it serves here. What asks the daemon raises DaemonError."""

    def get(self, endpoint: str) -> Any: ...
    def post(self, endpoint: str, **body: Any) -> Any: ...
    def fetch(self, endpoint: str) -> bytes: ...


class Notifier:
    """``take`` from any thread, between ``start`` and ``stop``, the events of the tray's client."""

    def __init__(self, client: Client, desktop: Desktop | None = None) -> None:
        self._client = client
        self._desktop = desktop or Desktop()
        self._pictures = Pictures(paths.state_dir() / "notification")
        self._batches = Batches(Notify(), time.time())
        self._problems = Problems()
        self.failures = 0  # to show one, in a row
        self._queue: queue.SimpleQueue[Callable[[Moment], None] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="notifications", daemon=True)
        self._handlers: dict[str, Callable[[Mapping[str, Any], Moment], None]] = {
            "link": self._on_link,
            "status": self._on_status,
            "finished": self._on_finished,
            "amended": self._on_amended,
            "settings": self._on_settings,
            "queue_empty": self._on_queue_empty,
        }

    def start(self) -> None:
        self._pictures.clear()
        self._desktop.start()
        self._thread.start()

    def stop(self) -> None:
        self._queue.put(None)
        self._desktop.stop()
        self._thread.join(10)
        self._pictures.clear()

    def take(self, event: str, data: Mapping[str, Any]) -> None:
        """Returns at once. What says nothing here is passed over."""
        handler = self._handlers.get(event)
        if handler is not None:
            self._queue.put(partial(handler, data))

    def _run(self) -> None:
        while True:
            try:
                handle = self._queue.get(timeout=self._batches.look_again_s(_now()) or _IDLE_S)
            except queue.Empty:
                handle = _nothing
            if handle is None:
                return
            try:
                handle(_now())
                self._tell_problems(_now())
                self._tell_clips(_now())
            except DeshimmerError as error:  # the daemon went away in between: the next link brings all of it
                log.info("notifications: %s: %s", error.title, error.message)
            except Exception:  # a fault here must not silence what comes
                log.exception("notifications")

    def _on_link(self, data: Mapping[str, Any], now: Moment) -> None:
        """There is a daemon (again): its settings, its status, and what ended while we heard nothing."""
        if data["link"] != "up":
            self._batches.lose(now)
            return
        self._on_settings({}, now)
        self._batches.catch_up(self._client.get(_ENDED)["jobs"], now)
        self._on_status(self._client.get("/status"), now)

    def _on_status(self, status: Mapping[str, Any], now: Moment) -> None:
        self._batches.take_status(status, now)
        self._problems.take(status["problems"], now.s)

    def _on_finished(self, data: Mapping[str, Any], now: Moment) -> None:
        self._batches.take(data["job"], now)

    def _on_amended(self, data: Mapping[str, Any], now: Moment) -> None:
        if data.get("offered"):
            self._batches.take_offer(data["job"], now)
        else:
            self._batches.amend(data["job"])

    def _on_settings(self, _: Mapping[str, Any], now: Moment) -> None:
        try:
            self._batches.rules = Notify.model_validate(self._client.get("/settings")["values"]["notify"])
        except (DeshimmerError, ValidationError, KeyError) as error:  # the file is wrong just now, or the daemon is of another version
            log.warning("the settings [notify] stay as they were: %s", error)

    def _on_queue_empty(self, data: Mapping[str, Any], now: Moment) -> None:
        """Only where the user set courtesy.after_queue so. At level "all" the last batch has said it."""
        if self._batches.rules.level != "all" and self._may_disturb(now):
            self._say(*worked_off(data["counts"]), Mood.IDLE)

    def _tell_clips(self, now: Moment) -> None:
        telling = self._batches.due(now)
        if telling is None:
            return
        try:
            self._show(self._card(telling))
        except NotShown as why:
            if not why.maybe:  # else it may come twice
                self._batches.put_back(telling, now, _RETRY_S[min(self.failures, len(_RETRY_S)) - 1])

    def _tell_problems(self, now: Moment) -> None:
        if self._batches.rules.level == "none" or self._batches.is_silent(now):
            return
        for problem in self._problems.news(now.s):
            if self._may_disturb(now):
                self._say(problem["title"], of_problem(problem))

    def _may_disturb(self, now: Moment) -> bool:
        return not self._batches.is_silent(now) and not self._batches.is_page_in_front()

    def _say(self, title: str, body: str, mood: Mood = Mood.ERROR) -> None:
        page = self._apart(self._open_page, "/")
        with suppress(NotShown):  # logged
            self._show(Card(title, body, page, (("Open", page),), self._saved(_sign(mood))))

    def _show(self, card: Card) -> None:
        """Raises NotShown, after logging the first of a row."""
        try:
            self._desktop.show(card)
        except NotShown as why:
            if self.failures == 0:
                log.warning("No notification could be shown: %s. Later failures are not logged.", why)
            self.failures += 1
            raise
        self.failures = 0

    def _card(self, telling: Telling) -> Card:
        """A click opens the clip's page, or the queue's for several; Open the result of one clip."""
        title, body = words(telling)
        alone = telling.clips[0] if len(telling.clips) == 1 else None
        repaired = next((clip for clip in reversed(telling.clips) if clip.outcome == "repaired"), None)
        page = self._apart(self._open_page, f"/jobs/{alone.id}" if alone else "/")
        opens = self._apart(self._client.post, f"/jobs/{alone.id}/open") if alone and not alone.asks else page
        compare = (("Compare", self._apart(self._open_page, f"/jobs/{repaired.id}")),) if repaired else ()
        return Card(title, body, page, (("Open", opens), *compare), self._picture(repaired or telling.clips[-1]))

    def _picture(self, clip: Ended) -> Path | None:
        """Before and after; before alone where nothing came of it; our sign where the clip shows nothing."""
        wanted = ("thumbnail_before", "thumbnail_after") if clip.outcome == "repaired" else ("thumbnail_before",)
        try:
            picture = side_by_side([self._client.fetch(f"/jobs/{clip.id}/media/{what}") for what in wanted])
        except DeshimmerError as error:  # the clip is gone, or no frame of it can be read
            log.info("no picture for the notification: %s", error)
            picture = None
        return self._saved(picture or _sign(Mood.ATTENTION if clip.needs_you else Mood.IDLE))

    def _saved(self, picture: Image.Image) -> Path | None:
        try:
            return self._pictures.save(picture)
        except OSError as error:  # the disk is full: the words are enough
            log.info("no picture for the notification: %s", error)
            return None

    def _open_page(self, path: str) -> None:
        """By a one-time link, which is the page's only way in."""
        opening.open_url(self._client.post("/link", path=path)["url"], opening.BROWSER_S)

    def _apart(self, act: Callable[[str], object], argument: str) -> Act:
        """Somebody clicked and waits: what goes wrong is shown where they look."""

        def do() -> None:
            try:
                act(argument)
            except DeshimmerError as error:
                title, message = error.title, error.message
                self._queue.put(lambda _: self._say(title, message))

        return do


def _sign(mood: Mood) -> Image.Image:
    return draw(Picture(mood), _SIGN_PX)


def _now() -> Moment:
    return Moment(time.monotonic(), datetime.now())


def _nothing(_: Moment) -> None:
    """Only the time has passed."""
