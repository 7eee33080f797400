"""How answers look: JSON in ASCII, and errors as one object with title, message and path; outside the API, as a page that says them."""

from __future__ import annotations

import json
from html import escape
from typing import Any

from pydantic import ValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.types import ExceptionHandler

from ...config.errors import DaemonError, DeshimmerError, MissingClip, NoSuchJob

WRONG = "The request is wrong"
_ABSENT = (MissingClip, NoSuchJob)

_PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>deshimmer</title><style>body {{ font: 1.1em/1.5 system-ui, sans-serif; margin: 15vh auto; max-width: 32em; padding: 0 1em; }}
:root {{ color-scheme: light dark }}</style><h1>{title}</h1><p>{message}</p></html>"""


class Answer(JSONResponse):
    """ASCII, so that it can say the names of files that are no Unicode."""

    def render(self, content: Any) -> bytes:
        return json.dumps(content).encode()


def error_answer(error: DeshimmerError, status: int, path: str) -> Response:
    """For who asked for ``path``: programs get JSON, a person a plain page."""
    if path.startswith("/api/"):
        return Answer({"error": error.as_dict()}, status)
    page = _PAGE.format(title=escape(error.title), message=escape(error.message))
    return HTMLResponse(page.encode(errors="replace"), status)  # names may be no Unicode


async def _on_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, DeshimmerError)
    return error_answer(error, 404 if isinstance(error, _ABSENT) else 409, request.url.path)


async def _on_bad_body(request: Request, error: Exception) -> Response:
    assert isinstance(error, ValidationError)
    first = error.errors()[0]
    key = ".".join(str(part) for part in first["loc"])
    return error_answer(DaemonError(f"{key or 'The body'}: {first['msg']}.", title=WRONG), 400, request.url.path)


async def _on_http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    path = request.url.path
    return error_answer(DaemonError(f"{error.detail}: {request.method} {path}.", title=WRONG), error.status_code, path)


HANDLERS: dict[Any, ExceptionHandler] = {DeshimmerError: _on_error, ValidationError: _on_bad_body, HTTPException: _on_http_error}
