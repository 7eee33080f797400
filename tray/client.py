"""The daemon as the tray sees it: calls over HTTP, and a thread that follows its events and keeps one State.

Standard library only: the tray stays small. A daemon that restarts has a new port and token, which ``api.json`` tells.
"""

from __future__ import annotations

import json
import logging
import socket
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing, suppress
from dataclasses import replace
from http.client import HTTPConnection, HTTPException, HTTPResponse
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from ..config import paths, service
from ..config.errors import CannotWrite, DaemonError
from .state import Link, State, after, with_jobs, with_status

log = logging.getLogger(__name__)

Listener = Callable[[str, Mapping[str, Any], State], None]
"""Called with each event of the daemon (``job``, ``progress``, ``finished``, ``status``, ``settings``) and with our own ``link`` and
``changed``, its data, and the state after it. In the client's thread, ``changed`` in that of whoever changes; never two at a time, and
in the order of the states. It must not block, nor change the state.
"""

_CALL_TIMEOUT_S = 10.0
_SILENCE_S = 40.0
"""The daemon gives a sign of life every 15 s."""
_RETRY_S = (0.3, 0.5, 1.0, 2.0)
_API = "/api/v1"
_LISTS = ("/jobs?state=done,failed&limit=20", "/jobs?outcome=flagged,failed&limit=10")


class Address(NamedTuple):
    url: str
    token: str


class Client:
    """``start`` to ``stop``. ``state`` and all calls from any thread."""

    def __init__(self) -> None:
        self.state = State()
        self._listeners: list[Listener] = []
        self._telling = threading.Lock()
        self._stopping = threading.Event()
        self._wake = threading.Event()
        self._address: Address | None = None
        self._stream: socket.socket | None = None
        self._thread = threading.Thread(target=self._run, name="client", daemon=True)

    def listen(self, listener: Listener) -> None:
        self._listeners.append(listener)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        self._wake.set()
        with suppress(OSError, AttributeError):
            self._stream.shutdown(socket.SHUT_RDWR)  # type: ignore[union-attr]
        if self._thread.is_alive():
            self._thread.join(_CALL_TIMEOUT_S)

    def look_now(self) -> None:
        """Look for the daemon at once, not at the next turn."""
        self._wake.set()

    def get(self, endpoint: str) -> Any:
        """Raises DaemonError: with the daemon's own words where it refuses, else because it is not there."""
        return _parsed(self.fetch(endpoint))

    def post(self, endpoint: str, **body: Any) -> Any:
        return _parsed(self._call("POST", endpoint, {key: value for key, value in body.items() if value is not None}))

    def fetch(self, endpoint: str) -> bytes:
        """As ``get``, what is no JSON: media."""
        return self._call("GET", endpoint, None)

    def change(self, change: Callable[[State], State]) -> None:
        """Change the state from outside; listeners get ``changed``."""
        self._tell("changed", {}, change)

    def _call(self, method: str, endpoint: str, body: Mapping[str, Any] | None) -> bytes:
        address = read_address()
        if address is None:
            raise _absent()
        try:
            with closing(_connect(address, _CALL_TIMEOUT_S)) as connection:
                answer = _ask(connection, address, method, endpoint, body)
                content = answer.read()
        except (OSError, HTTPException):
            raise _absent() from None
        if answer.status >= 400:
            raise DaemonError.from_answer(_parsed(content)) or _absent()
        return content

    def _run(self) -> None:
        tries = 0
        while not self._stopping.is_set():
            address = read_address()
            if address is not None:
                try:
                    self._follow(address)
                    tries = 0
                except (OSError, HTTPException, ValueError, KeyError, TypeError, DaemonError) as error:  # also what another program answers
                    log.debug("lost the daemon: %s", error)
            if self._stopping.is_set():
                return
            if self.state.link is not Link.DOWN and (address is None or tries > 0):
                self._tell("link", {"link": Link.DOWN}, lambda state: State(link=Link.DOWN, recent=state.recent, trouble=state.trouble))
            self._wake.wait(_RETRY_S[min(tries, len(_RETRY_S) - 1)])
            self._wake.clear()
            tries += 1

    def _follow(self, address: Address) -> None:
        """Returns when the stream ends. A stream of the same daemon goes on where it broke off."""
        if address != self._address or self.state.link is not Link.UP:
            self._load()
            self._address = address
        with closing(_connect(address, _SILENCE_S)) as connection:
            connection.connect()
            self._stream = connection.sock
            answer = _ask(connection, address, "GET", f"/events?after={self.state.event}", None)
            if answer.status != 200:
                raise DaemonError(f"the stream of events answers {answer.status}")
            for number, event, text in parse(answer):
                if event == "reset":
                    self._load()
                else:
                    data = json.loads(text)
                    self._tell(event, data, lambda state: replace(after(state, event, data), event=number))  # noqa: B023 - called at once

    def _load(self) -> None:
        status = self.get("/status")
        rows = [row for page in _LISTS for row in self.get(page)["jobs"]]
        self._tell(
            "link",
            {"link": Link.UP},
            lambda state: replace(with_jobs(with_status(State(trouble=state.trouble), status), rows), event=int(status["event"])),
        )

    def _tell(self, event: str, data: Mapping[str, Any], change: Callable[[State], State]) -> None:
        with self._telling:  # so that no listener gets an older state last
            self.state = state = change(self.state)
            for listener in self._listeners:
                try:
                    listener(event, data, state)
                except Exception:  # one listener's fault must not end the others
                    log.exception("a listener failed at '%s'", event)


def parse(lines: Iterable[bytes]) -> Iterator[tuple[int, str, str]]:
    """The events of a text/event-stream: number, name, data."""
    fields: dict[str, str] = {}
    for line in lines:
        text = line.decode().rstrip("\r\n")
        if text:
            key, _, value = text.partition(":")
            value = value.removeprefix(" ")
            fields[key] = f"{fields[key]}\n{value}" if key == "data" and key in fields else value
        elif "data" in fields:
            yield int(fields.get("id", 0)), fields.get("event", "message"), fields["data"]
            fields = {}
        else:  # a sign of life
            fields = {}


def read_address() -> Address | None:
    """Where the daemon of this state folder is, when it has said so."""
    try:
        entry = json.loads((paths.state_dir() / "api.json").read_text())
        return Address(entry["url"], entry["token"])
    except (OSError, ValueError, KeyError, CannotWrite):
        return None


def _connect(address: Address, timeout_s: float) -> HTTPConnection:
    return HTTPConnection(urlsplit(address.url).netloc, timeout=timeout_s)


def _ask(connection: HTTPConnection, address: Address, method: str, endpoint: str, body: Mapping[str, Any] | None) -> HTTPResponse:
    headers = {"Authorization": f"Bearer {address.token}"}
    connection.request(method, _API + endpoint, None if body is None else json.dumps(body), headers)
    return connection.getresponse()


def _parsed(content: bytes) -> Any:
    try:
        return json.loads(content)
    except ValueError:
        raise _absent() from None  # whoever answers there now is no daemon of ours


def _absent() -> DaemonError:
    return DaemonError(f"Start it from the menu, or with '{service.start_command()}'.", title="The daemon is not running")
