"""The running daemon, seen from another process: its API over the loopback address that it wrote into the state folder."""

from __future__ import annotations

import json
import time
from collections.abc import Generator, Iterator
from typing import Any, NamedTuple

import httpx

from ..config import paths, service
from ..config.errors import CannotWrite, DaemonError
from .lock import is_state_held

_TIMEOUT_S = 10.0
_SILENCE_S = 40.0
"""A stream of events gives a sign of life every 15 s."""
_RETRY_S = 0.5


class Event(NamedTuple):
    number: int
    kind: str  # job, progress, finished, status, settings; reset: ask again for what you know
    data: Any


class Client:
    """Every call raises DaemonError: with the daemon's own words where it refuses, else because it is not there."""

    def __init__(self, url: str, token: str, pid: int) -> None:
        self.pid = pid
        self.url = url
        self._api = f"{url}/api/v1"
        self._headers = {"Authorization": f"Bearer {token}"}

    def get(self, endpoint: str, /, **query: Any) -> Any:
        return self._ask("GET", endpoint, params={key: value for key, value in query.items() if value is not None})

    def post(self, endpoint: str, /, **body: Any) -> Any:
        text = json.dumps({key: value for key, value in body.items() if value is not None})  # ASCII: names may be no Unicode
        return self._ask("POST", endpoint, content=text)

    def events(self, after: int | None = None, patience_s: float = 10.0) -> Generator[Event, None, None]:
        """What happens from now on, or from the event of that number on; also of a daemon that is started in place of this one.

        Raises DaemonError when there has been none for ``patience_s``.
        """
        daemon, alive_at = self, time.monotonic()
        while True:
            try:
                for event in daemon._listen(after):
                    alive_at = time.monotonic()
                    if event is not None:
                        after = event.number
                        yield event
                        alive_at = time.monotonic()  # the caller may have taken its time
            except (httpx.HTTPError, DaemonError):
                pass
            if time.monotonic() - alive_at > patience_s:
                raise _gone()
            time.sleep(_RETRY_S)
            daemon = _read() or daemon

    def _listen(self, after: int | None) -> Iterator[Event | None]:
        """One connection's events; None for a sign of life."""
        headers = self._headers if after is None else {**self._headers, "Last-Event-ID": str(after)}
        timeout = httpx.Timeout(_TIMEOUT_S, read=_SILENCE_S)
        with httpx.stream("GET", f"{self._api}/events", headers=headers, timeout=timeout, trust_env=False) as answer:
            if answer.is_error:
                raise _gone()
            fields: dict[str, str] = {}
            for line in answer.iter_lines():
                name, _, value = line.partition(": ")
                if line:
                    fields[name] = value
                elif "data" in fields:
                    yield Event(int(fields["id"]), fields["event"], json.loads(fields["data"]))
                    fields = {}
                else:
                    yield None

    def _ask(self, method: str, endpoint: str, **options: Any) -> Any:
        try:
            answer = httpx.request(method, self._api + endpoint, headers=self._headers, timeout=_TIMEOUT_S, trust_env=False, **options)
            record = answer.json()
        except (httpx.HTTPError, ValueError):
            raise _gone() from None
        if answer.is_error:
            raise DaemonError.from_answer(record) or _gone()
        return record


def find() -> Client | None:
    """The daemon of this state folder, when it answers."""
    client = _read()
    if client is None:
        return None
    try:
        client.get("/status")
    except DaemonError:
        return None
    return client


def connect() -> Client:
    """The daemon of this state folder. Raises DaemonError when none runs."""
    client = find()
    if client is None and is_state_held():
        raise DaemonError("'deshimmer watch --once' is at work, which answers nothing. Wait for its end, or stop it with Ctrl-C.")
    if client is None:
        raise DaemonError(f"This needs the daemon. Start it with '{service.start_command()}'.", title="The daemon is not running")
    return client


def _read() -> Client | None:
    """The daemon that api.json names, whether it answers or not."""
    try:
        entry = json.loads((paths.state_dir() / "api.json").read_text())
        return Client(entry["url"], entry["token"], entry["pid"])
    except (OSError, ValueError, KeyError, CannotWrite):
        return None


def _gone() -> DaemonError:
    return DaemonError(f"It does not answer. Start it with '{service.start_command()}'.", title="The daemon is not running")
