"""What an untrusted or a broken server may answer: each ends as an error for a person, or is passed over."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from clipmaker import pan, write
from comfyui_server import GRAPH
from PIL import Image

from deshimmer.config.errors import CannotWrite, DeshimmerError, ToolFailed
from deshimmer.processors import media
from deshimmer.processors.comfyui import following
from deshimmer.processors.comfyui import outputs as comfyui_result
from deshimmer.processors.comfyui.following import Follower, Tally
from deshimmer.processors.comfyui.server import File, Queue, Server, ServerLost

DEEP = b"[" * 200_000
ENDLESS = "1" + "0" * 400


class Hostile:
    """Answers every request with the same bytes."""

    def __init__(self) -> None:
        self.status, self.content = 200, b"{}"
        self.asked: list[str] = []
        hostile = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                hostile.asked.append(self.path)
                self.rfile.read(int(self.headers.get("content-length", 0)))
                self.send_response(hostile.status)
                self.send_header("content-length", str(len(hostile.content)))
                self.end_headers()
                self.wfile.write(hostile.content)

            do_POST = do_GET

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@pytest.fixture
def hostile() -> Iterator[Hostile]:
    made = Hostile()
    yield made
    made.close()


@pytest.mark.parametrize(
    "content",
    [DEEP, b"\xff\xfe", b"", b"[]", b'{"prompt_id": 7}', b'{"prompt_id": "\\ud800"}', b'{"prompt_id": ""}', b'{"prompt_id": "%s"}' % (b"a" * 9999)],
    ids=["deep", "no text", "nothing", "a list", "a number", "half a letter", "empty", "long"],
)  # fmt: skip
def test_an_answer_of_anything_is_told(hostile: Hostile, content: bytes) -> None:
    hostile.content = content
    with Server(hostile.url) as server, pytest.raises(ToolFailed, match="as ComfyUI does"):
        server.queue_prompt(GRAPH, "deshimmer-1")


def test_a_queue_of_anything_is_passed_over(hostile: Hostile) -> None:
    hostile.content = b'{"queue_running": [1, [], [0, {}], [0, "b", {}, {"client_id": 3}]], "queue_pending": {"a": 1}}'
    with Server(hostile.url) as server:
        assert [entry.prompt_id for entry in server.queue().running] == ["b"]
        assert server.queue().pending == ()
        assert server.withdraw(lambda entry: entry.is_ours) == 0


@pytest.mark.parametrize("status", [500, 502, 503])
def test_a_server_that_is_only_starting_is_waited_for(hostile: Hostile, status: int) -> None:
    """So answers the proxy before it, or ComfyUI itself while its history changes."""
    hostile.status = status
    with Server(hostile.url) as server, pytest.raises(ServerLost, match=f"status {status}"):
        server.queue()


@pytest.mark.parametrize("name", ["\ud800.mp4", "a" * 100_000 + ".mp4"], ids=["half a letter", "long"])
def test_a_name_that_no_address_takes_is_told(hostile: Hostile, name: str, tmp_path: Path) -> None:
    with Server(hostile.url) as server, pytest.raises(ToolFailed, match="as ComfyUI does"):
        server.download(File(name, "", "output"), tmp_path / "x", lambda count: None)
    assert hostile.asked == []


def test_a_text_of_half_letters_is_sent_all_the_same(hostile: Hostile) -> None:
    hostile.content = b'{"prompt_id": "one"}'
    with Server(hostile.url) as server:
        assert server.queue_prompt({"1": {"class_type": "A", "inputs": {"text": "\ud83d"}}}, "deshimmer-1") == "one"


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="there is no device that is always full")
def test_a_full_disk_is_told(hostile: Hostile) -> None:
    hostile.content = bytes(3 << 20)
    with Server(hostile.url) as server, pytest.raises(CannotWrite, match="No space left"):
        server.download(File("a.mp4", "", "output"), Path("/dev/full"), lambda count: None)


def test_a_picture_that_is_none_is_not_uploaded(hostile: Hostile, tmp_path: Path) -> None:
    large = tmp_path / "large.png"
    with large.open("wb") as file:
        file.truncate(1 << 30)
    with Server(hostile.url) as server:
        for image, words in ((tmp_path / "gone.png", "cannot be read"), (large, "larger than any picture")):
            with pytest.raises(ToolFailed, match=words):
                server.upload(image, "deshimmer-1.png")
    assert hostile.asked == []


@pytest.mark.parametrize(
    "data",
    [
        {"node": ["3"], "value": 1, "max": 2},
        {"node": {"a": 1}, "value": 1, "max": 2},
        {"node": "3", "value": int(ENDLESS), "max": 3},
        {"node": "3", "value": 1.5, "max": int(ENDLESS)},
        {"node": "3", "value": float("nan"), "max": float("nan")},
        {"node": "3", "value": float("inf"), "max": float("inf")},
        {"node": "3", "value": -4, "max": 2},
        {"node": "3", "value": "1", "max": None},
        {"nodes": [["3"], {}, 3]},
        {"nodes": {"3": {"state": ["finished"], "value": [], "max": {}}, "4": 7}},
    ],
)
def test_messages_of_anything_move_nothing(data: dict[str, Any]) -> None:
    tally = Tally(GRAPH)
    for kind in ("execution_cached", "executing", "progress", "progress_state", "status", "crystools.monitor"):
        tally.take(kind, data)
    assert tally.part == 0.0


@pytest.mark.parametrize("text", [DEEP.decode(), "NaN", '{"type": 1, "data": {}}', '{"type": "executing", "data": []}', b"\0\0\0\1"])
def test_what_is_no_message_is_passed_over(text: str | bytes) -> None:
    assert following._message(text) is None  # pyright: ignore[reportPrivateUsage]


class Silent:
    """A wire that says nothing, and a server whose queue and history are told in turn."""

    def __init__(self, *turns: Any) -> None:
        self.turns = list(turns)
        self.now = 0.0

    def hear(self, within_s: float) -> None:
        self.now += following.LOOK_S

    def queue(self) -> Queue:
        turn = self.turns.pop(0) if len(self.turns) > 1 else self.turns[0]
        if isinstance(turn, DeshimmerError):
            self.now += 20
            raise turn
        self.record = turn if isinstance(turn, dict) else None
        return Queue((), ())

    def history(self, prompt_id: str) -> Any:
        return self.record


def follow(silent: Silent, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(following.time, "monotonic", lambda: silent.now)
    asked: Any = silent
    return Follower(asked, asked, "one", GRAPH, lambda part: None).wait()


def test_between_queue_and_history_it_is_not_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that hung for 20 s and is asked just as the prompt moves from its queue to its history."""
    record = {"outputs": {}}
    assert follow(Silent(None, ServerLost("away"), None, record), monkeypatch) == record


def test_what_stays_away_is_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    silent = Silent(None)
    with pytest.raises(ToolFailed, match="neither in ComfyUI's queue nor in its history"):
        follow(silent, monkeypatch)
    assert following.GONE_S <= silent.now <= following.GONE_S + 2 * following.LOOK_S


@pytest.mark.parametrize(
    "outputs",
    [
        None,
        [],
        {"59": None},
        {"59": {"images": {"filename": "a.mp4"}}},
        {"59": {"images": [{"filename": 4}, {"name": "a.mp4"}, "a.mp4", None]}},
        {"59": {"images": [{"filename": "a.exe", "subfolder": "..", "type": "output"}]}},
        {"59": {"images": [{"filename": "one.png", "subfolder": "", "type": "output"}], "animated": "yes"}},
        {"59": {"images": [{"filename": "one.png", "subfolder": "", "type": "output"}], "animated": [False]}},
    ],
)
def test_outputs_of_anything_are_no_video(outputs: Any, tmp_path: Path) -> None:
    clip = media.probe(write(tmp_path / "clip.mp4", pan(2, (64, 48))))
    with pytest.raises(ToolFailed, match="left no video"):
        comfyui_result.choose(outputs, GRAPH, clip)


@pytest.mark.parametrize("damage", [b"", b"\x89PNG\r\n\x1a\n", None], ids=["empty", "a head", "a torn chunk"])
def test_a_broken_picture_is_told(damage: bytes | None, tmp_path: Path) -> None:
    clip = media.probe(write(tmp_path / "clip.mp4", pan(2, (64, 48))))
    whole = tmp_path / "whole.png"
    Image.new("RGB", (64, 48)).save(whole)
    broken = tmp_path / "broken.png"
    broken.write_bytes(whole.read_bytes().replace(b"IDAT", b"ID\0T") if damage is None else damage)
    made = comfyui_result.opened(clip, (whole, broken), False)
    with pytest.raises(ToolFailed, match="cannot be read"):
        list(made.frames())
