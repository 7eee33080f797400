"""A stand-in for the Hugging Face Hub: the few endpoints that ``model_info`` and ``snapshot_download`` ask."""

from __future__ import annotations

import hashlib
import json
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

COMMIT = "0123456789abcdef0123456789abcdef01234567"
NAME = "Wan-AI/Wan2.1-T2V-1.3B-Diffusers"


class Hub(BaseHTTPRequestHandler):
    """Serves ``folder`` as the model NAME at ``commit``. Subclass it with attributes of one's own."""

    folder: Path
    commit: str
    asked: list[str]  # files, in their order
    fails: dict[str, tuple[int, str]]  # by file, or "" for the model: status and the Hub's code

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def do_GET(self) -> None:
        self._answer(body=True)

    def _answer(self, *, body: bool) -> None:
        path = self.path.split("?")[0]
        if path == f"/api/models/{NAME}/tree/{self.commit}":
            return self._send(self._tree(), body)
        if path.startswith("/api/models/"):
            known = path.split("/revision/")[0] == f"/api/models/{NAME}"
            refusal = self.fails.get("", None if known else (404, "RepoNotFound"))
            return self._send(self._info(), body) if refusal is None else self._refuse(*refusal)
        name = path.split(f"/resolve/{self.commit}/", 1)[-1]
        file = self.folder / name
        if body:
            self.asked.append(name)
        refusal = self.fails.get(name, None if file.is_file() else (404, "EntryNotFound"))
        return self._send(file.read_bytes(), body) if refusal is None else self._refuse(*refusal)

    def _info(self) -> bytes:
        files = [path for path in sorted(self.folder.rglob("*")) if path.is_file()]
        siblings = [{"rfilename": path.relative_to(self.folder).as_posix(), "size": path.stat().st_size} for path in files]
        return json.dumps({"id": NAME, "modelId": NAME, "sha": self.commit, "siblings": siblings, "tags": [], "private": False}).encode()

    def _tree(self) -> bytes:
        files = [path for path in sorted(self.folder.rglob("*")) if path.is_file()]
        return json.dumps(
            [{"type": "file", "path": path.relative_to(self.folder).as_posix(), "size": path.stat().st_size, "oid": "0"} for path in files]
        ).encode()

    def _refuse(self, status: int, code: str) -> None:
        self.send_response(status)
        self.send_header("Content-Length", "0")
        if code:
            self.send_header("X-Error-Code", code)
        self.end_headers()

    def _send(self, content: bytes, body: bool) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.send_header("ETag", f'"{hashlib.sha256(content).hexdigest()}"')  # as of large files
        self.send_header("X-Repo-Commit", self.commit)
        self.end_headers()
        if body:
            self.wfile.write(content)

    def log_message(self, *_: Any) -> None:
        pass
