"""Serves the API in a thread: HTTP on the loopback interface, at a port and with a token that ``api.json`` in the state folder tells."""

from __future__ import annotations

import json
import logging
import os
import secrets
import socket
import threading
import time
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import httpx
import uvicorn

from ...config import paths, whole
from ...config.errors import DaemonError
from .app import app
from .control import Control
from .stream import Stream

log = logging.getLogger(__name__)

_START_TIMEOUT_S = 10.0
_ANSWER_TIMEOUT_S = 10.0
_GRACE_S = 1.0
"""How long an answer that is on its way may take when the daemon stops."""

_PORT = "port"


class Api:
    """Serves from ``start`` to ``stop`` in a thread of its own."""

    def __init__(self, control: Control) -> None:
        self._control = control
        self._file = api_file()
        self._stream = Stream(control.jobs.hub)
        self._closing = ExitStack()
        self._closing.callback(self._stream.close)

    def start(self) -> None:
        """Returns when it answers and ``api.json`` is written. Raises DaemonError when it does not come up."""
        self._socket = self._bound()
        host = f"127.0.0.1:{self._socket.getsockname()[1]}"
        token = secrets.token_urlsafe(32)
        config = uvicorn.Config(
            app(self._control, self._stream, token, host, self._closing),
            log_config=None,
            access_log=False,
            lifespan="off",
            ws="none",
            http="h11",
            server_header=False,
            timeout_graceful_shutdown=10,
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=partial(self._server.run, [self._socket]), name="api", daemon=True)
        self._thread.start()
        deadline = time.monotonic() + _START_TIMEOUT_S
        while not self._server.started:
            if time.monotonic() > deadline or not self._thread.is_alive():
                raise DaemonError("The API does not come up on the loopback interface. See the daemon's log.")
            time.sleep(0.01)
        self._url, self._token = f"http://{host}", token
        entry = {"url": self._url, "token": token, "pid": os.getpid()}
        whole.write(self._file, json.dumps(entry).encode(), 0o600)

    def answers(self) -> bool:
        """It answers a real question in good time; an error is an answer, too."""
        headers = {"Authorization": f"Bearer {self._token}"}
        try:
            httpx.get(f"{self._url}/api/v1/status", headers=headers, timeout=_ANSWER_TIMEOUT_S, trust_env=False)
        except httpx.HTTPError as error:
            log.warning("the API gives no answer: %r", error)
            return False
        return True

    def stop(self) -> None:
        self._file.unlink(missing_ok=True)
        self._closing.close()
        self._server.should_exit = True
        self._thread.join(_GRACE_S)
        self._hang_up()
        self._thread.join()
        self._socket.close()

    def _hang_up(self) -> None:
        """A player that holds its clip's answer open would keep the server waiting; the server would then cancel it, and log that as a fault."""
        for connection in list(self._server.server_state.connections):
            connection.loop.call_soon_threadsafe(connection.transport.abort)

    def _bound(self) -> socket.socket:
        """At the port of the run before where that is free: a page that is still open then says what to do."""
        former = self._control.jobs.note(_PORT) or 0
        try:
            bound = _listener(former)
        except OSError:
            bound = _listener(0)
        if (port := bound.getsockname()[1]) != former:
            self._control.jobs.set_note(_PORT, port)
        return bound


def _listener(port: int) -> socket.socket:
    """Says that it speaks TCP, which socket.create_server does not: asyncio sends small answers at once (TCP_NODELAY) only then,
    and each one else waits 40 ms.
    """
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        if os.name == "posix":
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", port))
        listener.listen(100)
    except BaseException:
        listener.close()
        raise
    return listener


def api_file() -> Path:
    """Where a running daemon tells its address and token."""
    return paths.state_dir() / "api.json"
