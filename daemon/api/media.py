"""``GET /jobs/{id}/media/{what}``: the files of a job, with byte ranges and an ETag, as players ask for them."""

from __future__ import annotations

import mimetypes
import os
import stat
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import FileResponse, Response

from ...config.errors import MissingClip
from .. import history
from ..table import JobRow
from .control import Control

Receipt = Mapping[str, Any]
Find = Callable[[Control, JobRow, Receipt], Path | None]
"""The file of a job (its receipt is empty until it has ended); None where there is none. May take its time; may raise DeshimmerError."""

_SHOWN_AS = {".mkv": "video/x-matroska", ".mov": "video/quicktime", ".m4v": "video/mp4", ".webp": "image/webp", ".webm": "video/webm"}
_SHOWABLE = ("video/", "image/", "audio/")


def _from_receipt(key: str) -> Find:
    def find(_: Control, row: JobRow, receipt: Receipt) -> Path | None:
        path = receipt.get(key)
        return Path(row.output_dir, path) if path else None

    return find


MEDIA: dict[str, Find] = {
    "original": lambda control, row, receipt: Path(row.path),
    "result": _from_receipt("output"),
    "comparison": _from_receipt("comparison"),
}
"""What there is. The page adds what it makes."""


class Media:
    def __init__(self, control: Control) -> None:
        self._control = control

    async def endpoint(self, request: Request) -> Response:
        path, status = await run_in_threadpool(self._find, request.path_params["id"], request.path_params["what"])
        answer = FileResponse(path, media_type=_media_type(path), stat_result=status, headers={"Cache-Control": "no-cache"})
        if request.headers.get("if-none-match") == answer.headers["etag"]:
            return Response(status_code=304, headers={"ETag": answer.headers["etag"], "Cache-Control": "no-cache"})
        return answer

    def _find(self, job_id: str, what: str) -> tuple[Path, os.stat_result]:
        row = self._control.jobs.get(job_id)
        if what not in MEDIA:
            raise MissingClip(f"A job has no '{what}'. There is: {', '.join(MEDIA)}.", path=row.path, title="There is no such file")
        receipt = history.own_receipt(row.receipt, row.id) or {}
        path = MEDIA[what](self._control, row, receipt)
        if path is None:
            raise MissingClip(f"This job has no {what}.", path=row.path, title="There is no such file")
        return path, _status(path)


def _status(path: Path) -> os.stat_result:
    try:
        status = path.stat()
    except OSError as error:
        raise MissingClip(
            f"It cannot be read ({error.strerror}). It was moved or deleted.", path=path, title="There is no such file"
        ) from None
    if not stat.S_ISREG(status.st_mode):
        raise MissingClip("It is not a file.", path=path, title="There is no such file")
    return status


def _media_type(path: Path) -> str:
    """Nothing that a browser would run: a file's name is not ours."""
    kind = _SHOWN_AS.get(path.suffix.lower()) or mimetypes.guess_type(path.name)[0] or ""
    return kind if kind.startswith(_SHOWABLE) and "svg" not in kind else "application/octet-stream"
