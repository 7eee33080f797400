"""Following one prompt on ComfyUI: its websocket tells how far it is, its queue and history tell the truth."""

from __future__ import annotations

import json
import logging
import socket
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from typing import Any, cast
from urllib.parse import urlsplit

from websockets.exceptions import WebSocketException
from websockets.sync.client import ClientConnection, connect

from ...config.errors import ToolFailed
from ..records import Progress
from .server import Graph, Server, ServerLost

log = logging.getLogger(__name__)

BEAT_S = 0.25
"""So often progress is called, which is how a job is cancelled."""

LOOK_S = 2.0
"""So often queue and history are asked while the socket says nothing of an end."""

LOST_S = 30.0
"""A server may be away for so long: it is restarted, or busy loading."""

GONE_S = 10.0
"""A prompt may be in neither queue nor history for so long."""

_LARGEST_MESSAGE = 1 << 25
_CONNECT_S = 5.0
_AGAIN_S = 1.0
_SAMPLER_WEIGHT = 30
"""Nearly all of a render's time is spent in samplers: as many plain nodes count as one."""

_MOST = 1e15  # of a count: JSON has numbers that overflow in a division
_ENDS = ("execution_success", "execution_error", "execution_interrupted")

Data = dict[str, Any]


class Tally:
    """How much of a graph is done, by the messages of the websocket."""

    def __init__(self, graph: Graph) -> None:
        self._weights = {node_id: _weight(node) for node_id, node in graph.items()}
        self._parts = dict.fromkeys(self._weights, 0.0)
        self._running: str | None = None

    @property
    def part(self) -> float:
        done = sum(weight * self._parts[node_id] for node_id, weight in self._weights.items())
        return done / max(1, sum(self._weights.values()))

    def take(self, kind: str, data: Data) -> None:
        if reader := _READERS.get(kind):
            reader(self, data)

    def cached(self, data: Data) -> None:
        for node_id in _list(data.get("nodes")):
            self._set(node_id, 1.0)

    def executing(self, data: Data) -> None:
        if self._running is not None:
            self._set(self._running, 1.0)
        node_id = data.get("node")
        self._running = node_id if isinstance(node_id, str) else None

    def progress(self, data: Data) -> None:
        node_id = data.get("node") or self._running
        self._set(node_id, _part(data))

    def states(self, data: Data) -> None:
        nodes = data.get("nodes")
        for node_id, state in cast("Data", nodes if isinstance(nodes, dict) else {}).items():
            if isinstance(state, dict):
                given = cast("Data", state)
                self._set(node_id, 1.0 if given.get("state") == "finished" else _part(given))

    def _set(self, node_id: Any, part: float) -> None:
        if isinstance(node_id, str) and node_id in self._parts:
            self._parts[node_id] = max(self._parts[node_id], part)


_READERS: dict[str, Callable[[Tally, Data], None]] = {
    "execution_cached": Tally.cached,
    "executing": Tally.executing,
    "progress": Tally.progress,
    "progress_state": Tally.states,
}


class Wire:
    """The websocket of one client. One that breaks is opened again; meanwhile nothing is heard."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._held = ExitStack()
        self._connection: ClientConnection | None = None
        self._try_after = float("-inf")

    def open(self) -> None:
        """Before the prompt is queued, so that nothing is missed."""
        if self._connection is not None or time.monotonic() < self._try_after:
            return
        self._try_after = time.monotonic() + _AGAIN_S
        parts = urlsplit(self._url)
        address = (parts.hostname or "", parts.port or (443 if parts.scheme == "wss" else 80))
        with suppress(OSError, WebSocketException):
            line = socket.create_connection(address, _CONNECT_S)  # our own, past any proxy
            try:
                opened = connect(self._url, sock=line, open_timeout=_CONNECT_S, close_timeout=1, max_size=_LARGEST_MESSAGE)
                self._connection = self._held.enter_context(opened)
            except BaseException:
                line.close()
                raise

    def hear(self, within_s: float) -> tuple[str, Data] | None:
        """The next message, as its type and data; None where nothing came, or a preview, or nothing that we read."""
        self.open()
        if self._connection is None:
            time.sleep(within_s)
            return None
        try:
            text = self._connection.recv(timeout=within_s)
        except TimeoutError:
            return None
        except (OSError, WebSocketException) as error:
            log.info("the connection to ComfyUI broke, its queue is asked meanwhile: %s", error)
            self.close()
            return None
        return _message(text)

    def close(self) -> None:
        self._connection = None
        with suppress(OSError, WebSocketException):
            self._held.close()


class Follower:
    def __init__(self, server: Server, wire: Wire, prompt_id: str, graph: Graph, progress: Progress) -> None:
        self._server = server
        self._wire = wire
        self._prompt_id = prompt_id
        self._tally = Tally(graph)
        self._progress = progress
        self._has_ended = False
        self._told_place: int | None = None
        self._looked = self._answered = time.monotonic()
        self._missed: float | None = None  # since when it is in neither queue nor history

    def wait(self) -> Data:
        """The prompt's record in the history, once it has ended, well or not.

        Raises ToolFailed when the server is gone or the prompt is, and whatever ``progress`` raises.
        """
        while True:
            heard = self._wire.hear(BEAT_S)
            if heard is not None:
                self._take(*heard)
            self._progress(self._tally.part)
            if self._has_ended or time.monotonic() - self._looked >= LOOK_S:
                record = self._look()
                if record is not None:
                    return record

    def _take(self, kind: str, data: Data) -> None:
        if data.get("prompt_id") != self._prompt_id:
            return
        self._tally.take(kind, data)
        self._has_ended |= kind in _ENDS or (kind == "executing" and data.get("node") is None)

    def _look(self) -> Data | None:
        self._looked = time.monotonic()
        try:
            place = self._server.queue().place(self._prompt_id)
            record = self._server.history(self._prompt_id) if place is None else None
        except ServerLost:
            self._missed = None
            if time.monotonic() - self._answered >= LOST_S:
                raise
            return None
        now = self._answered = time.monotonic()
        if place is not None or record is not None:
            self._missed = None
            self._tell(place)
            return record
        self._missed = now if self._missed is None else self._missed
        if now - self._missed >= GONE_S:
            raise ToolFailed(
                "The prompt is neither in ComfyUI's queue nor in its history: it was removed, or ComfyUI was restarted. Retry."
            )
        return None

    def _tell(self, place: int | None) -> None:
        if place and place != self._told_place:
            log.info("waiting: ComfyUI has %d %s before this one", place, "prompt" if place == 1 else "prompts")
        self._told_place = place


def _message(text: str | bytes) -> tuple[str, Data] | None:
    if isinstance(text, bytes):
        return None  # a preview
    try:
        match json.loads(text):
            case {"type": str(kind), "data": {**data}}:
                return kind, data
            case _:
                return None
    except (ValueError, RecursionError):
        return None


def _weight(node: Any) -> int:
    match node:
        case {"class_type": str(name)}:
            return _SAMPLER_WEIGHT if "sampler" in name.lower() and "select" not in name.lower() else 1
        case _:
            return 1


def _part(data: Data) -> float:
    value, most = data.get("value"), data.get("max")
    if not isinstance(value, (int, float)) or not isinstance(most, (int, float)) or not (0 <= value <= _MOST and 0 < most <= _MOST):
        return 0.0
    return min(value / most, 1.0)


def _list(value: Any) -> list[Any]:
    return cast("list[Any]", value) if isinstance(value, list) else []
