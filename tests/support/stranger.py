"""Another program at the port of a daemon that was killed: ``api.json`` still names it."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

ANSWERS = ({"detail": "Not Found"}, {"error": "no"}, {"error": {"title": "no"}}, ["no"], "no", None)


@contextmanager
def stranger(state_dir: Path, record: Any, code: int = 404) -> Iterator[None]:
    """It answers ``record`` to whatever is asked."""
    text = json.dumps(record).encode()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(code)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    state_dir.mkdir(parents=True, exist_ok=True)
    (state_dir / "api.json").write_text(json.dumps({"url": f"http://127.0.0.1:{server.server_port}", "token": "old", "pid": 1}))
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
