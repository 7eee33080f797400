"""A daemon that does nothing: it speaks the API's contract over HTTP, shows the state it is told to, and records what is asked of it."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

TOKEN = "token-of-the-test"


def status(**changes: Any) -> dict[str, Any]:
    empty = {"api": 1, "version": "0", "pid": 1, "paused": False, "paused_until": None, "gpu_paused": False, "gpu_paused_until": None}
    empty |= {"waiting": [], "snoozed_until": None, "page_in_front": False, "hot_folders": [], "problems": [], "counts": {}}
    return empty | {"needs_you": 0, "waiting_for_approval": [], "running": [], "event": 0} | changes


def row(job_id: str, path: str, outcome: str | None = None, **changes: Any) -> dict[str, Any]:
    state = "running" if outcome is None else "failed" if outcome == "failed" else "done"
    output = f"{path}.out.mp4" if outcome == "repaired" else None
    values = {"id": job_id, "path": path, "state": state, "stage": None, "progress": None, "outcome": outcome, "reason": None}
    return values | {"output": output, "receipt": None, "finished": None if outcome is None else time.time()} | changes


def running(job_id: str, path: str, part: float | None) -> dict[str, Any]:
    return {"id": job_id, "path": path, "stage": "process", "progress": part, "part": part, "eta_s": 90.0}


def approval(job_id: str, path: str, minutes: float | None = 12.0) -> dict[str, Any]:
    return {"id": job_id, "path": path, "minutes": minutes, "memory_gb": 18.5, "device": "NVIDIA RTX 4090"}


class RecordingDaemon:
    """``calls``: every POST as (endpoint, body). Answers on a free port; ``api.json`` lies in ``state_dir`` while it runs."""

    def __init__(self, state_dir: Path) -> None:
        self.status = status()
        self.rows: list[dict[str, Any]] = []
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self.refusal: dict[str, str | None] | None = None
        self._file = state_dir / "api.json"
        self._events: list[tuple[str, dict[str, Any]]] = []
        self._told = threading.Condition()
        self._closing = False

    def tell(self, event: str, data: dict[str, Any]) -> None:
        with self._told:
            self._events.append((event, data))
            self._told.notify_all()

    def show(self, **changes: Any) -> None:
        """The status from now on, told as an event too."""
        self.status |= changes
        self.tell("status", self.status)

    @contextmanager
    def running(self) -> Iterator[RecordingDaemon]:
        self._closing = False
        server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        self._file.parent.mkdir(parents=True, exist_ok=True)
        self._file.write_text(json.dumps({"url": f"http://127.0.0.1:{server.server_port}", "token": TOKEN, "pid": 1}))
        try:
            yield self
        finally:
            self._file.unlink()
            with self._told:
                self._closing = True
                self._told.notify_all()
            server.shutdown()
            server.server_close()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        daemon = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                endpoint, _, query = self.path.removeprefix("/api/v1").partition("?")
                if endpoint == "/events":
                    daemon._stream(self, int(query.removeprefix("after=")))
                elif endpoint == "/jobs":
                    self._answer({"jobs": daemon.rows, "next": None, "total": len(daemon.rows)})
                else:
                    self._answer(daemon.status | {"event": len(daemon._events)})

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"] or 0)) or b"{}")
                daemon.calls.append((self.path.removeprefix("/api/v1"), body))
                if daemon.refusal is None:
                    self._answer({"url": f"http://127.0.0.1/enter#{body.get('path')}"})
                else:
                    self._answer({"error": daemon.refusal}, 409)

            def _answer(self, record: object, code: int = 200) -> None:
                if self.headers["Authorization"] != f"Bearer {TOKEN}":
                    record, code = {"error": {"title": "No entry", "message": "", "path": None}}, 401
                text = json.dumps(record).encode()
                self.send_response(code)
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            def log_message(self, format: str, *args: Any) -> None:
                pass

        return Handler

    def _stream(self, handler: BaseHTTPRequestHandler, after: int) -> None:
        handler.send_response(200)
        handler.send_header("Content-Type", "text/event-stream")
        handler.end_headers()
        handler.wfile.write(b": listening\n\n")
        while True:
            with self._told:
                while not self._closing and len(self._events) <= after:
                    self._told.wait()
                if self._closing:
                    return
                number, (event, data) = after + 1, self._events[after]
            after = number
            try:
                handler.wfile.write(f"id: {number}\nevent: {event}\ndata: {json.dumps(data)}\n\n".encode())
            except OSError:
                return
