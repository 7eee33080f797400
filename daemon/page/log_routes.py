"""The log page: the last lines, and those that come while somebody looks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from ..log_file import log_file
from .log_tail import since, tail
from .rendering import fragment, page, whole_number

if TYPE_CHECKING:
    from ..api.control import Control

_LINES = 500


def log_routes(control: Control) -> list[BaseRoute]:
    def show(_: Request) -> Response:
        file = log_file()
        return page(control, "log.html", lambda: {"log": tail(file, _LINES), "file": str(file)}, nav="log")

    return [Route("/log", show), Route("/log/lines", _more)]


def _more(request: Request) -> Response:
    log = since(log_file(), whole_number(request, "after", 0))
    return fragment("log_lines.html", log=log, swaps=True)
