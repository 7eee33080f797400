"""The daemon's API: HTTP on the loopback interface, at a port and with a token that ``api.json`` in the state folder tells.

Errors are ``{"error": {"title", "message", "path"}}`` with a 4xx status. A browser's page on another site gets nowhere: the
token must be in a header, the Host must be ours, and no CORS header is ever sent.
"""

from __future__ import annotations

import hmac
import json
import os
import secrets
import socket
import threading
import time
from collections.abc import Callable, Mapping
from functools import partial
from importlib import metadata
from pathlib import Path
from typing import Any, Protocol

import uvicorn
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from ..config import paths
from ..config.errors import DaemonError, DeshimmerError, NotSetUp
from ..config.settings import HotFolder, Settings
from . import history
from .jobs import Jobs, Pause
from .states import State
from .table import JobRow

_START_TIMEOUT_S = 10.0


class Control(Protocol):
    """What the API acts on: the daemon."""

    @property
    def jobs(self) -> Jobs: ...
    @property
    def settings(self) -> Settings: ...
    def hot_folders(self) -> tuple[HotFolder, ...]: ...
    def add_hot_folder(self, hot_folder: HotFolder) -> None: ...
    def problems(self) -> tuple[DeshimmerError, ...]: ...
    def request_stop(self) -> None: ...


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class _Nothing(_Body):
    pass


class _Retry(_Body):
    route: str | None = None


class _Pause(_Body):
    seconds: float | None = Field(default=None, ge=0)
    gpu: bool = False


class _Answer(JSONResponse):
    """ASCII, so that it can say the names of files that are no Unicode."""

    def render(self, content: Any) -> bytes:
        return json.dumps(content).encode()


class Endpoints:
    """Each takes (path and query parameters, body) and returns what JSON can say. They run in threads."""

    def __init__(self, control: Control) -> None:
        self._control = control

    def routes(self) -> list[Route]:
        get, post = self._get, self._post
        return [
            get("/api/status", self.status),
            get("/api/jobs", self.jobs),
            get("/api/jobs/{prefix}", self.job),
            get("/api/finished", self.finished),
            post("/api/jobs/{prefix}/retry", self.retry, _Retry),
            post("/api/jobs/{prefix}/cancel", self.cancel, _Nothing),
            post("/api/pause", self.pause, _Pause),
            post("/api/resume", self.resume, _Nothing),
            post("/api/hot_folders", self.add_hot_folder, HotFolder),
            post("/api/history/rebuild", self.history_rebuild, _Nothing),
            post("/api/history/clear", self.history_clear, _Nothing),
            post("/api/stop", self.stop, _Nothing),
        ]

    def status(self, _: Mapping[str, str]) -> dict[str, Any]:
        jobs = self._control.jobs
        return {
            "version": metadata.version("deshimmer"),
            "pid": os.getpid(),
            **_pause(jobs.pause_state()),
            "hot_folders": [{"path": str(folder.path), "output": str(folder.results)} for folder in self._control.hot_folders()],
            "problems": [problem.as_dict() for problem in self._control.problems()],
            "counts": jobs.counts(),
            "running": [{"id": row.id, "path": row.path, "stage": row.stage, "progress": row.progress} for row in jobs.list(State.RUNNING)],
        }

    def jobs(self, query: Mapping[str, str]) -> dict[str, Any]:
        limit = _number(query, "limit")
        return {"jobs": [row.as_dict() for row in self._control.jobs.list(query.get("state"), limit)]}

    def job(self, query: Mapping[str, str]) -> dict[str, Any]:
        row = self._control.jobs.get(query["prefix"])
        return {"job": row.as_dict(), "receipt": history.read_receipt(Path(row.receipt)) if row.receipt else None}

    def finished(self, query: Mapping[str, str]) -> dict[str, Any]:
        following, summaries = self._control.jobs.finished_since(_number(query, "since"))
        return {"next": following, "receipts": summaries}

    def retry(self, query: Mapping[str, str], body: _Retry) -> dict[str, Any]:
        return _job(self._control.jobs.retry(query["prefix"], body.route))

    def cancel(self, query: Mapping[str, str], _: _Nothing) -> dict[str, Any]:
        return _job(self._control.jobs.cancel(query["prefix"]))

    def pause(self, _: Mapping[str, str], body: _Pause) -> dict[str, Any]:
        if body.gpu:
            raise NotSetUp("Pausing only the GPU is not in this version. Pause without --gpu.")
        return _pause(self._control.jobs.pause(body.seconds))

    def resume(self, _: Mapping[str, str], __: _Nothing) -> dict[str, Any]:
        return _pause(self._control.jobs.resume())

    def add_hot_folder(self, _: Mapping[str, str], body: HotFolder) -> dict[str, Any]:
        self._control.add_hot_folder(body)
        return {"path": str(body.path), "output": str(body.results)}

    def history_rebuild(self, _: Mapping[str, str], __: _Nothing) -> dict[str, Any]:
        return {"entered": self._control.jobs.history_rebuild(folder.results for folder in self._control.hot_folders())}

    def history_clear(self, _: Mapping[str, str], __: _Nothing) -> dict[str, Any]:
        return {"cleared": self._control.jobs.history_clear()}

    def stop(self, _: Mapping[str, str], __: _Nothing) -> dict[str, Any]:
        self._control.request_stop()
        return {"stopping": True}

    @staticmethod
    def _get(path: str, act: Callable[[Mapping[str, str]], dict[str, Any]]) -> Route:
        async def endpoint(request: Request) -> Response:
            return _Answer(await run_in_threadpool(act, {**request.query_params, **request.path_params}))

        return Route(path, endpoint, methods=["GET"])

    @staticmethod
    def _post(path: str, act: Callable[[Mapping[str, str], Any], dict[str, Any]], kind: type[BaseModel]) -> Route:
        async def endpoint(request: Request) -> Response:
            body = kind.model_validate(_parsed(await request.body() or b"{}"))
            return _Answer(await run_in_threadpool(act, request.path_params, body))

        return Route(path, endpoint, methods=["POST"])


class _Guard:
    """Lets in only who knows the token and asked for this very host."""

    def __init__(self, app: ASGIApp, token: str, hosts: frozenset[str]) -> None:
        self._app = app
        self._expected = f"Bearer {token}".encode()
        self._hosts = hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = dict(scope["headers"])
        if headers.get(b"host", b"").decode("latin-1") not in self._hosts:
            response = _error(DaemonError("Ask by the address in api.json.", title="Wrong host"), 403)
        elif not hmac.compare_digest(headers.get(b"authorization", b""), self._expected):
            response = _error(DaemonError("Send the token of api.json as 'Authorization: Bearer ...'.", title="No entry"), 401)
        else:
            await self._app(scope, receive, send)
            return
        await response(scope, receive, send)


class Api:
    """Serves from ``start`` to ``stop`` in a thread of its own."""

    def __init__(self, control: Control) -> None:
        self._control = control
        self._file = api_file()

    def start(self) -> None:
        """Returns when it answers and ``api.json`` is written. Raises DaemonError when it does not come up."""
        self._socket = socket.create_server(("127.0.0.1", 0))
        port = self._socket.getsockname()[1]
        token = secrets.token_urlsafe(32)
        app = _Guard(_app(self._control), token, frozenset({f"127.0.0.1:{port}", f"localhost:{port}"}))
        config = uvicorn.Config(
            app, log_config=None, access_log=False, lifespan="off", ws="none", http="h11", server_header=False, timeout_graceful_shutdown=2
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=partial(self._server.run, [self._socket]), name="api", daemon=True)
        self._thread.start()
        deadline = time.monotonic() + _START_TIMEOUT_S
        while not self._server.started:
            if time.monotonic() > deadline or not self._thread.is_alive():
                raise DaemonError("The API does not come up on the loopback interface. See the daemon's log.")
            time.sleep(0.01)
        _write_private(self._file, json.dumps({"url": f"http://127.0.0.1:{port}", "token": token, "pid": os.getpid()}))

    def stop(self) -> None:
        self._file.unlink(missing_ok=True)
        self._server.should_exit = True
        self._thread.join()
        self._socket.close()


def api_file() -> Path:
    """Where a running daemon tells its address and token."""
    return paths.state_dir() / "api.json"


def _app(control: Control) -> Starlette:
    return Starlette(
        routes=Endpoints(control).routes(),
        exception_handlers={DeshimmerError: _on_error, ValidationError: _on_bad_body, HTTPException: _on_http_error},
    )


async def _on_error(_: Request, error: Exception) -> Response:
    assert isinstance(error, DeshimmerError)
    return _error(error, 404 if error.title == "There is no such job" else 409)


async def _on_bad_body(_: Request, error: Exception) -> Response:
    assert isinstance(error, ValidationError)
    first = error.errors()[0]
    key = ".".join(str(part) for part in first["loc"])
    return _error(DaemonError(f"{key or 'The body'}: {first['msg']}.", title="The request is wrong"), 400)


async def _on_http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return _error(DaemonError(f"{error.detail}: {request.method} {request.url.path}.", title="The request is wrong"), error.status_code)


def _error(error: DeshimmerError, status: int) -> Response:
    return _Answer({"error": error.as_dict()}, status)


def _parsed(body: bytes) -> Any:
    try:
        return json.loads(body)
    except ValueError as error:
        raise HTTPException(400, f"The body is no JSON ({error})") from None


def _number(query: Mapping[str, str], name: str) -> int | None:
    text = query.get(name)
    if text is None:
        return None
    if not text.isdecimal():
        raise DaemonError(f"{name} is a number, not '{text}'.", title="The request is wrong")
    return int(text)


def _job(row: JobRow) -> dict[str, Any]:
    return {"job": row.as_dict()}


def _pause(pause: Pause) -> dict[str, Any]:
    return {"paused": pause.paused, "paused_until": pause.until}


def _write_private(path: Path, text: str) -> None:
    partial_file = path.with_suffix(".part")
    descriptor = os.open(partial_file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
    os.replace(partial_file, path)
