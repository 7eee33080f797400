"""The routes of one job's page: the page, its curves, and what its player shows."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response, StreamingResponse
from starlette.routing import BaseRoute, Route

from ...config.errors import DeshimmerError, MissingClip
from ..show import STAGE_WORDS
from . import job_view
from .proxies import Proxies
from .rendering import page

if TYPE_CHECKING:
    from ..api import Control
    from ..table import JobRow

_API = "/api/v1/jobs/{prefix}"
_SIDES = ("original", "result")
_CACHED = {"Cache-Control": "private, max-age=3600"}
_REPORT = {"Content-Security-Policy": "default-src 'none'; img-src data:; style-src 'unsafe-inline'; sandbox allow-popups"}


def job_routes(control: Control) -> list[BaseRoute]:
    pages = _Pages(control)
    return [
        Route("/jobs/{prefix}", pages.show),
        Route(f"{_API}/traces", pages.traces),
        Route(f"{_API}/player", pages.player, methods=["POST"]),
        Route(f"{_API}/proxy/{{side}}", pages.proxy),
        Route(f"{_API}/media/thumbnail_before", pages.thumbnail("original")),
        Route(f"{_API}/media/thumbnail_after", pages.thumbnail("result")),
        Route(f"{_API}/media/report", pages.report),
    ]


class _Pages:
    def __init__(self, control: Control) -> None:
        self._control = control
        self._proxies = Proxies(control.settings)

    async def show(self, request: Request) -> Response:
        row = await self._row(request)
        job = await run_in_threadpool(job_view.view, row)
        return await run_in_threadpool(page, self._control, "job.html", job=job, stage_words=STAGE_WORDS)

    async def traces(self, request: Request) -> Response:
        return JSONResponse(await run_in_threadpool(job_view.traces, await self._row(request)))

    async def player(self, request: Request) -> Response:
        """JSON lines: ``{"progress"}`` while proxies are made, at the end ``{"media": {side: {"url", "times", "proxy"}}}`` or ``{"error"}``."""
        row = await self._row(request)
        return StreamingResponse(_lines(self._prepare(row)), media_type="application/x-ndjson", headers={"Cache-Control": "no-store"})

    async def proxy(self, request: Request) -> Response:
        files = job_view.media(await self._row(request))
        making = self._proxies.get("proxy", files[request.path_params["side"]])
        return FileResponse(await run_in_threadpool(making.done.result), media_type="video/mp4", headers=_CACHED)

    def thumbnail(self, side: str) -> Callable[[Request], Any]:
        async def answer(request: Request) -> Response:
            row = await self._row(request)
            source = _there(job_view.media(row), side, row)
            frame = await run_in_threadpool(job_view.worst_frame, row, side)
            made = await run_in_threadpool(self._proxies.get("thumbnail", source, frame).done.result)
            return FileResponse(made, media_type="image/jpeg", headers=_CACHED)

        return answer

    async def report(self, request: Request) -> Response:
        row = await self._row(request)
        return FileResponse(_there(job_view.media(row), "report", row), media_type="text/html", headers=_REPORT)

    async def _row(self, request: Request) -> JobRow:
        return await run_in_threadpool(self._control.jobs.get, request.path_params["prefix"])

    def _prepare(self, row: JobRow) -> Iterator[dict[str, Any]]:
        """Where one side needs a proxy both get one: otherwise the encoder's work would show as a difference."""
        from ...processors import proxy

        files = {side: path for side, path in job_view.media(row).items() if side in _SIDES}
        if not files:
            raise MissingClip("Neither the original nor a result is there (any more).", path=row.path)
        needed = not all(proxy.plays_in_browsers(path) for path in files.values())
        if needed:
            for done, (side, path) in enumerate(tuple(files.items())):
                making = self._proxies.get("proxy", path)
                yield from ({"progress": (done + part) / len(files)} for part in making.follow())
                files[side] = making.done.result()
        kind = "proxy" if needed else "media"
        yield {
            "media": {
                side: {"url": f"/api/v1/jobs/{row.id}/{kind}/{side}", "times": proxy.frame_times(path), "proxy": needed}
                for side, path in files.items()
            }
        }


def _lines(messages: Iterator[dict[str, Any]]) -> Iterator[bytes]:
    try:
        for message in messages:
            yield json.dumps(message).encode() + b"\n"
    except DeshimmerError as error:
        yield json.dumps({"error": error.as_dict()}).encode() + b"\n"


def _there(files: dict[str, Path], what: str, row: JobRow) -> Path:
    if what not in files:
        raise MissingClip(f"This job has no {what} (any more).", path=row.path)
    return files[what]
