"""The local page: what a person sees of the daemon in a browser. Server-rendered, moved by htmx and the API's events.

It needs no build step and no network. Whoever serves it checks session, Host and Origin; every answer carries a strict CSP.
"""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING

from starlette.routing import BaseRoute

if TYPE_CHECKING:
    from ..api.control import Control

__all__ = ["routes"]


def routes(control: Control, closing: ExitStack) -> list[BaseRoute]:
    """Every route of the page, for the application that serves the API. ``closing``: what is to end when it stops."""
    from .job_routes import job_routes  # here: the process that makes thumbnails is in this package too, and serves nothing
    from .log_routes import log_routes
    from .queue_routes import queue_routes
    from .rendering import static_routes
    from .settings_routes import settings_routes

    return [*static_routes(), *queue_routes(control), *settings_routes(control), *log_routes(control), *job_routes(control, closing)]
