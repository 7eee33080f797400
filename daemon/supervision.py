"""Whoever started the daemon and wants to hear how it is: systemd, by the socket that NOTIFY_SOCKET names. Silent elsewhere.

The protocol is sd_notify(3): datagrams of KEY=VALUE lines.
"""

from __future__ import annotations

import faulthandler
import os
import socket
import time
from collections.abc import Callable, MutableMapping
from contextlib import suppress

_BEATS_PER_SPAN = 3
"""The daemon reports itself alive so often in the span after which it is held for hung."""
_SEND_TIMEOUT_S = 1.0


class Supervisor:
    """Takes its variables out of the environment: what the daemon starts shall not speak in its name."""

    def __init__(self, environment: MutableMapping[str, str] = os.environ) -> None:
        self._address = environment.pop("NOTIFY_SOCKET", "")
        span_us = environment.pop("WATCHDOG_USEC", "0")
        is_meant = environment.pop("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
        self._beat_every_s = int(span_us) / 1e6 / _BEATS_PER_SPAN if is_meant else 0.0
        self._last_beat = 0.0
        if self._beat_every_s:
            faulthandler.enable()  # systemd ends what hangs with SIGABRT: the journal then says where each thread was

    def ready(self) -> None:
        self._tell("READY=1")

    def stopping(self) -> None:
        self._tell("STOPPING=1")

    def beat(self, is_alive: Callable[[], bool]) -> None:
        """To be called often. Once in a while it asks ``is_alive``, and reports so; the silence of one that is not is the report."""
        now = time.monotonic()
        if not self._beat_every_s or now - self._last_beat < self._beat_every_s:
            return
        self._last_beat = now
        if is_alive():
            self._tell("WATCHDOG=1")

    def _tell(self, message: str) -> None:
        if not self._address or not hasattr(socket, "AF_UNIX"):
            return
        address = "\0" + self._address[1:] if self._address.startswith("@") else self._address
        with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as speaker:  # it works unheard, too
            speaker.settimeout(_SEND_TIMEOUT_S)
            speaker.sendto(message.encode(), address)
