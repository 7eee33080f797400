"""Being asked to stop: Ctrl-C, SIGTERM and a closed terminal, all alike."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from types import FrameType
from typing import Any

_NAMES = ("SIGINT", "SIGTERM", "SIGHUP")


@contextmanager
def calling(stop: Callable[[], None]) -> Generator[None, None, None]:
    """These signals call ``stop`` for the length of the block. Those that our starter has set to be ignored (nohup, a script's
    background jobs) stay so; nothing changes outside the main thread.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def on_signal(_: int, __: FrameType | None) -> None:
        stop()

    wanted = [getattr(signal, name) for name in _NAMES if hasattr(signal, name)]
    former: dict[signal.Signals, Any] = {
        number: signal.signal(number, on_signal) for number in wanted if signal.getsignal(number) is not signal.SIG_IGN
    }
    try:
        yield
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)


class Interruption:
    """Raises KeyboardInterrupt at a signal, and again at each ``check``: libraries in C swallow what is raised in their callbacks."""

    def __init__(self) -> None:
        self._came = False

    def check(self) -> None:
        if self._came:
            raise KeyboardInterrupt

    def _raise(self) -> None:
        self._came = True
        raise KeyboardInterrupt

    @classmethod
    @contextmanager
    def by_signals(cls) -> Generator[Interruption, None, None]:
        interruption = cls()
        with calling(interruption._raise):
            yield interruption
