"""The routes of one job's page: the page, its curves, and what its player shows."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response, StreamingResponse
from starlette.routing import BaseRoute, Route

from ...config.errors import DeshimmerError, MissingClip
from ..api.endpoints import Endpoint
from ..api.media import MEDIA, Find, Receipt
from ..show import STAGE_WORDS
from . import job_view
from .proxies import Proxies
from .rendering import page

if TYPE_CHECKING:
    from ..api.control import Control
    from ..table import JobRow

_SIDES = ("original", "result")
_THUMBNAILS = {"thumbnail_before": "original", "thumbnail_after": "result"}
_HTML = {"Content-Security-Policy": "default-src 'none'; img-src data:; style-src 'unsafe-inline'; form-action 'none'; base-uri 'none'"}


def job_routes(control: Control, closing: ExitStack) -> list[BaseRoute]:
    pages = _Pages(control, closing)
    MEDIA.update(pages.media())
    return [
        Route("/jobs/{id}", pages.show),
        Route("/jobs/{id}/files/{name}", pages.file),
        Endpoint("GET", "/jobs/{id}/traces", "Flicker over time, before and after", pages.traces, "application/json").route,
        Endpoint("POST", "/jobs/{id}/player", "What a player needs; proxies are made first", pages.player, "application/x-ndjson").route,
    ]


class _Pages:
    def __init__(self, control: Control, closing: ExitStack) -> None:
        self._control = control
        self._proxies = Proxies(lambda: control.settings)
        closing.callback(self._proxies.close)

    async def show(self, request: Request) -> Response:
        def values() -> dict[str, Any]:
            return {"job": job_view.view(self._control.jobs.get(request.path_params["id"])), "stage_words": STAGE_WORDS}

        return await run_in_threadpool(page, self._control, "job.html", values)

    async def file(self, request: Request) -> Response:
        """Report and comparison, also by their own names: so the one's link to the other holds."""
        row, name = await self._row(request), request.path_params["name"]
        found = [path for what, path in job_view.media(row).items() if what not in _SIDES and name in (what, path.name)]
        if not found:
            raise MissingClip(f"This job has no {name} (any more).", path=row.path, title="There is no such file")
        return FileResponse(found[0], headers=_HTML if found[0].suffix == ".html" else None)

    async def traces(self, request: Request) -> Response:
        return JSONResponse(await run_in_threadpool(job_view.traces, await self._row(request)))

    async def player(self, request: Request) -> Response:
        """JSON lines: ``{"progress"}`` while proxies are made, at the end ``{"media": {side: {"url", "times", "proxy"}}}`` or ``{"error"}``."""
        row = await self._row(request)
        return StreamingResponse(_lines(self._prepare(row)), media_type="application/x-ndjson")

    def media(self) -> dict[str, Find]:
        """What is made for browsers, by the names under which the API gives it."""
        proxies = {f"proxy_{side}": partial(self._proxy, side) for side in _SIDES}
        return proxies | {name: partial(self._thumbnail, side) for name, side in _THUMBNAILS.items()}

    def _proxy(self, side: str, _: Control, row: JobRow, __: Receipt) -> Path | None:
        source = job_view.media(row).get(side)
        return source and self._proxies.get("proxy", source).done.result()

    def _thumbnail(self, side: str, _: Control, row: JobRow, __: Receipt) -> Path | None:
        source = job_view.media(row).get(side)
        return source and self._proxies.get("thumbnail", source, job_view.worst_frame(row, side)).done.result()

    async def _row(self, request: Request) -> JobRow:
        return await run_in_threadpool(self._control.jobs.get, request.path_params["id"])

    def _prepare(self, row: JobRow) -> Iterator[dict[str, Any]]:
        """Where one side needs a proxy both get one: otherwise the encoder's work would show as a difference."""
        from ...processors.reports import proxy

        files = {side: path for side, path in job_view.media(row).items() if side in _SIDES}
        if not files:
            raise MissingClip("Neither the original nor a result is there (any more).", path=row.path)
        needed = not all(proxy.plays_in_browsers(path) for path in files.values())
        if needed:
            for done, (side, path) in enumerate(tuple(files.items())):
                making = self._proxies.get("proxy", path)
                yield from ({"progress": (done + part) / len(files)} for part in making.follow())
                files[side] = making.done.result()
        prefix = "proxy_" if needed else ""
        yield {
            "media": {
                side: {"url": f"/api/v1/jobs/{row.id}/media/{prefix}{side}", "times": proxy.frame_times(path), "proxy": needed}
                for side, path in files.items()
            }
        }


def _lines(messages: Iterator[dict[str, Any]]) -> Iterator[bytes]:
    try:
        for message in messages:
            yield json.dumps(message).encode() + b"\n"
    except DeshimmerError as error:
        yield json.dumps({"error": error.as_dict()}).encode() + b"\n"
