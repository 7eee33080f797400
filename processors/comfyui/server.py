"""ComfyUI's HTTP endpoints, as its ``server.py`` has them: the queue, the history, files to and fro. Its answers are checked, not believed."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, Self, cast
from urllib.parse import quote, urlsplit

import httpx

from ...config.errors import CannotWrite, NotSetUp, ToolFailed
from ...config.settings import Settings, is_loopback

log = logging.getLogger(__name__)

CLIENT_PREFIX = "deshimmer-"
"""Of the client ids of all prompts that deshimmer queues: by it they are told from the person's."""

NOT_CONFIGURED = "Set models.comfyui to the address of your ComfyUI, as http://127.0.0.1:8188."
LARGEST_ANSWER_BYTES = 256 * 1024**2
"""But for files: a queue of a hundred large graphs with their pages."""

_TIMEOUT_S = 30.0
_CONNECT_S = 5.0
_WITHDRAW_S = 3.0
_LARGEST_PICTURE_BYTES = 256 * 1024**2
_LONGEST_ID = 200

Graph = dict[str, Any]


class File(NamedTuple):
    """A file on the server, as its history names it. The names are never a path of ours."""

    filename: str
    subfolder: str
    type: str


class Entry(NamedTuple):
    """A prompt in the queue."""

    prompt_id: str
    client_id: str | None

    @property
    def is_ours(self) -> bool:
        return (self.client_id or "").startswith(CLIENT_PREFIX)


@dataclass(frozen=True)
class Queue:
    running: tuple[Entry, ...]
    pending: tuple[Entry, ...]

    def place(self, prompt_id: str) -> int | None:
        """How many prompts are before this one: 0 while it runs, None where it is not in the queue."""
        if any(entry.prompt_id == prompt_id for entry in self.running):
            return 0
        waiting = [entry.prompt_id for entry in self.pending]
        return len(self.running) + waiting.index(prompt_id) if prompt_id in waiting else None


class Rejected(Exception):
    """ComfyUI did not take the prompt. ``answer`` is what it said, as it is documented: ``error`` and ``node_errors``."""

    def __init__(self, answer: dict[str, Any]) -> None:
        super().__init__("rejected")
        self.answer = answer


class Server:
    """A context manager. Whatever the network does becomes ToolFailed, with its remedy."""

    def __init__(self, url: str, timeout_s: float = _TIMEOUT_S) -> None:
        self.url = url.rstrip("/")
        local = is_loopback(url)  # without certificates to load, and past any proxy
        self._http = httpx.Client(
            base_url=self.url, timeout=httpx.Timeout(timeout_s, connect=min(timeout_s, _CONNECT_S)), trust_env=not local, verify=not local
        )

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """Raises NotSetUp where no server is configured."""
        url = settings.models.comfyui
        if url is None:
            raise NotSetUp(f"This clip is rendered again by ComfyUI, and none is configured. {NOT_CONFIGURED}")
        return cls(url)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def socket_url(self, client_id: str) -> str:
        scheme, _, rest = self.url.partition("://")
        return f"{'wss' if scheme == 'https' else 'ws'}://{rest}/ws?clientId={quote(client_id)}"

    def version(self) -> str | None:
        """None where the answer does not say: old versions do not."""
        system = self._table(self._json("GET", "/system_stats").get("system"))
        version = system.get("comfyui_version")
        return version if isinstance(version, str) else None

    def queue_prompt(self, graph: Graph, client_id: str) -> str:
        """The prompt's id. Raises Rejected."""
        answer = self._post("/prompt", {"prompt": graph, "client_id": client_id})
        record = self._record(answer)
        if answer.status_code >= 400 or record.get("error"):
            raise Rejected(record)
        match record:
            case {"prompt_id": str(prompt_id)} if prompt_id.isascii() and 0 < len(prompt_id) <= _LONGEST_ID:
                return prompt_id
            case _:
                raise self._strange("/prompt")

    def queue(self) -> Queue:
        record = self._json("GET", "/queue")
        return Queue(tuple(_entries(record.get("queue_running"))), tuple(_entries(record.get("queue_pending"))))

    def history(self, prompt_id: str) -> dict[str, Any] | None:
        """What a prompt that has ended left; None where there is none of it."""
        record = self._json("GET", f"/history/{quote(prompt_id, safe='')}").get(prompt_id)
        return self._table(record) if record else None

    def knows_node(self, class_type: str) -> bool:
        return class_type in self._json("GET", f"/object_info/{quote(class_type, safe='')}")

    def upload(self, image: Path, name: str) -> str:
        """Put a picture into the input folder, beside what lies there; the name under which a graph finds it."""
        try:
            content = image.read_bytes() if image.stat().st_size <= _LARGEST_PICTURE_BYTES else None
        except OSError as error:
            raise ToolFailed(f"The picture that it starts from cannot be read ({error.strerror}).", path=image) from None
        if content is None:
            raise ToolFailed("The picture that it starts from is larger than any picture. Name another one in the sidecar.", path=image)
        answer = self._send("POST", "/upload/image", files={"image": (name, content)}, data={"type": "input", "overwrite": "false"})
        match self._record(answer) if answer.is_success else None:
            case {"name": str(stored), **rest}:
                subfolder = rest.get("subfolder")
                return f"{subfolder}/{stored}" if isinstance(subfolder, str) and subfolder else stored
            case _:
                raise ToolFailed(f"ComfyUI did not take the picture {image.name} (status {answer.status_code}).", path=image)

    def download(self, file: File, target: Path, room: Callable[[int], None]) -> None:
        """Write a file of the server to ``target``. ``room`` is told of each piece's bytes before it is written, and may raise.

        Raises CannotWrite where the disk does not take it.
        """
        try:
            with self._asked("GET", "/view", params=file._asdict()) as answer:
                if not answer.is_success:
                    raise ToolFailed(f"ComfyUI does not give its result {file.filename!r} (status {answer.status_code}). Retry.")
                with target.open("wb") as output:
                    for piece in answer.iter_bytes(1 << 20):
                        room(len(piece))
                        output.write(piece)
        except OSError as error:
            raise CannotWrite(
                f"ComfyUI's result cannot be written ({error.strerror}). Free some space, then retry.", path=target.parent
            ) from None

    def withdraw(self, is_ours: Callable[[Entry], bool]) -> int:
        """Take prompts back: those that wait are deleted, one that runs is interrupted. How many. Nobody else's are touched."""
        queue = self.queue()
        waiting = [entry.prompt_id for entry in queue.pending if is_ours(entry)]
        if waiting:
            self._post("/queue", {"delete": waiting})
        running = [entry.prompt_id for entry in self.queue().running if is_ours(entry)]  # one may have begun since
        for prompt_id in running:
            self._post("/interrupt", {"prompt_id": prompt_id})  # older versions interrupt what runs: that is ours
        return len(waiting) + len(running)

    def free_memory(self) -> None:
        """Let go of what our prompt loaded, unless somebody's next prompt is there."""
        queue = self.queue()
        if not queue.running and not queue.pending:
            self._post("/free", {"unload_models": True, "free_memory": True})

    def _json(self, method: str, path: str) -> dict[str, Any]:
        answer = self._send(method, path)
        if answer.status_code >= 500:  # it, or the proxy before it, is starting or busy
            raise ServerLost(
                f"ComfyUI at {self.url} does not work just now (status {answer.status_code}). Look there, then retry.", path=self.url
            )
        if not answer.is_success:
            raise self._strange(path)
        return self._record(answer)

    def _post(self, path: str, value: Any) -> httpx.Response:
        """As JSON in ASCII, which any text fits into."""
        return self._send("POST", path, content=json.dumps(value).encode("ascii"), headers={"content-type": "application/json"})

    @contextmanager
    def _asked(self, method: str, path: str, **given: Any) -> Generator[httpx.Response, None, None]:
        """The beginning of an answer. What the network does within the block is ServerLost, a name that no address takes ToolFailed."""
        try:
            with self._http.stream(method, path, **given) as answer:
                yield answer
        except httpx.HTTPError as error:
            raise self._lost(error) from None
        except (httpx.InvalidURL, UnicodeError):
            raise self._strange(None) from None

    def _send(self, method: str, path: str, **given: Any) -> httpx.Response:
        """The whole answer. Raises ToolFailed for one without end, too."""
        held = bytearray()
        with self._asked(method, path, **given) as answer:
            for piece in answer.iter_bytes():
                held += piece
                if len(held) > LARGEST_ANSWER_BYTES:
                    raise self._strange(path)
            return httpx.Response(answer.status_code, content=bytes(held), request=answer.request)

    def _record(self, answer: httpx.Response) -> dict[str, Any]:
        try:
            return self._table(answer.json())
        except (ValueError, RecursionError):
            raise self._strange(urlsplit(str(answer.url)).path) from None

    def _table(self, value: Any) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise self._strange(None)
        return cast("dict[str, Any]", value)

    def _lost(self, error: httpx.HTTPError) -> ServerLost:
        return ServerLost(
            f"ComfyUI at {self.url} does not answer ({type(error).__name__}). Start it, or correct models.comfyui, then retry.",
            path=self.url,
        )

    def _strange(self, path: str | None) -> ToolFailed:
        where = f" to {path}" if path else ""
        return ToolFailed(f"What runs at {self.url} does not answer{where} as ComfyUI does. Correct models.comfyui, or update ComfyUI.")


class ServerLost(ToolFailed):
    """Nobody answers there, for now or for good."""


def withdraw_quietly(settings: Settings, client_id: str) -> None:
    """Take the prompts of a job back whose process is gone. What fails is logged: there is nobody left to tell."""
    url = settings.models.comfyui
    if url is None:
        return
    with suppress(ToolFailed), Server(url, _WITHDRAW_S) as server:
        count = server.withdraw(lambda entry: entry.client_id == client_id)
        if count:
            log.info("taken back from ComfyUI: %d", count)


def client_id(job: str) -> str:
    """By which the prompts of one job are known, in each of its runs."""
    return CLIENT_PREFIX + job


def _entries(listed: Any) -> Iterator[Entry]:
    for item in cast("Iterable[Any]", listed if isinstance(listed, list) else ()):
        match item:
            case [_, str(prompt_id), _, {"client_id": str(owner)}, *_]:
                yield Entry(prompt_id, owner)
            case [_, str(prompt_id), *_]:
                yield Entry(prompt_id, None)
            case _:
                continue
