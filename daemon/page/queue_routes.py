"""The queue page."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from .rendering import page

if TYPE_CHECKING:
    from ..api.control import Control


def queue_routes(control: Control) -> list[BaseRoute]:
    def show(_: Request) -> Response:
        return page(control, "queue.html", nav="queue")

    return [Route("/", show)]
