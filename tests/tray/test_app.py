"""The tray's own loop around a backend: stopped at its start, failing, and ending at once."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from deshimmer.tray import app
from deshimmer.tray.backends.choice import Found
from deshimmer.tray.icon import Theme


class Backend:
    """``run`` is as given, else until ``stop``."""

    def __init__(self, run: Callable[[], None] | None = None) -> None:
        self.ended = threading.Event()
        self.run = run or (lambda: self.ended.wait(5) and None)

    def stop(self) -> None:
        self.ended.set()

    def show(self, *_: Any) -> None:
        """Nobody looks."""


@pytest.fixture
def tray() -> app.Tray:
    return app.Tray(app.Wishes(Theme.DARK), lambda error: None)


def put(monkeypatch: pytest.MonkeyPatch, make: Callable[..., Backend]) -> None:
    monkeypatch.setattr(app.choice, "look", lambda wish: Found("fake", make))


def test_a_stop_while_the_backend_is_made_is_heard(tray: app.Tray, monkeypatch: pytest.MonkeyPatch) -> None:
    ran: list[bool] = []

    def make(*_: Any) -> Backend:
        tray.stop()
        return Backend(lambda: ran.append(True))

    put(monkeypatch, make)
    tray._show()
    assert ran == []


@pytest.mark.logs_errors
def test_a_backend_that_fails_is_followed_by_another(
    tray: app.Tray, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    made: list[float] = []

    def make(*_: Any) -> Backend:
        made.append(time.monotonic())
        if len(made) == 1:
            raise ConnectionError("the bus is gone")
        return Backend(tray.stop if len(made) == 3 else lambda: None)

    put(monkeypatch, make)
    monkeypatch.setattr(app, "_LOOK_EVERY_S", (0.1,))
    with caplog.at_level(logging.ERROR):
        tray._show()
    assert "fake failed" in caplog.text
    assert len(made) == 3
    assert made[1] - made[0] >= 0.1
    assert made[2] - made[1] >= 0.1  # one that ends at once does not spin
