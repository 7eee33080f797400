"""How answers look: JSON in ASCII, and errors as one object with title, message and path."""

from __future__ import annotations

import json
from typing import Any

from pydantic import ValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import ExceptionHandler

from ...config.errors import DaemonError, DeshimmerError

WRONG = "The request is wrong"


class Answer(JSONResponse):
    """ASCII, so that it can say the names of files that are no Unicode."""

    def render(self, content: Any) -> bytes:
        return json.dumps(content).encode()


def error_answer(error: DeshimmerError, status: int) -> Response:
    return Answer({"error": error.as_dict()}, status)


async def _on_error(_: Request, error: Exception) -> Response:
    assert isinstance(error, DeshimmerError)
    return error_answer(error, 404 if error.title.startswith("There is no such") else 409)


async def _on_bad_body(_: Request, error: Exception) -> Response:
    assert isinstance(error, ValidationError)
    first = error.errors()[0]
    key = ".".join(str(part) for part in first["loc"])
    return error_answer(DaemonError(f"{key or 'The body'}: {first['msg']}.", title=WRONG), 400)


async def _on_http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return error_answer(DaemonError(f"{error.detail}: {request.method} {request.url.path}.", title=WRONG), error.status_code)


HANDLERS: dict[Any, ExceptionHandler] = {DeshimmerError: _on_error, ValidationError: _on_bad_body, HTTPException: _on_http_error}
