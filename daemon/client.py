"""The running daemon, seen from another process: its API over the loopback address that it wrote into the state folder."""

from __future__ import annotations

import json
from typing import Any

import httpx

from ..config import paths, service
from ..config.errors import CannotWrite, DaemonError
from .lock import is_state_held

_TIMEOUT_S = 10.0


class Client:
    """Every call raises DaemonError: with the daemon's own words where it refuses, else because it is not there."""

    def __init__(self, url: str, token: str, pid: int) -> None:
        self.pid = pid
        self.url = url
        self._headers = {"Authorization": f"Bearer {token}"}

    def get(self, endpoint: str, /, **query: Any) -> Any:
        return self._ask("GET", endpoint, params={key: value for key, value in query.items() if value is not None})

    def post(self, endpoint: str, /, **body: Any) -> Any:
        text = json.dumps({key: value for key, value in body.items() if value is not None})  # ASCII: names may be no Unicode
        return self._ask("POST", endpoint, content=text)

    def _ask(self, method: str, endpoint: str, **options: Any) -> Any:
        try:
            answer = httpx.request(method, self.url + endpoint, headers=self._headers, timeout=_TIMEOUT_S, trust_env=False, **options)
            record = answer.json()
        except (httpx.HTTPError, ValueError):
            raise DaemonError(
                f"It does not answer. Start it with '{service.start_command()}'.", title="The daemon is not running"
            ) from None
        if answer.is_error:
            raise DaemonError.from_dict(record["error"])
        return record


def find() -> Client | None:
    """The daemon of this state folder, when it answers."""
    try:
        entry = json.loads((paths.state_dir() / "api.json").read_text())
        client = Client(entry["url"], entry["token"], entry["pid"])
    except (OSError, ValueError, KeyError, CannotWrite):
        return None
    try:
        client.get("/api/status")
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
