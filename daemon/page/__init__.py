"""The local page: what a person sees of the daemon in a browser. Server-rendered, moved by htmx and the API's events.

It needs no build step and no network. Whoever serves it checks session, Host and Origin; every answer carries a strict CSP.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from starlette.routing import BaseRoute

from .log_routes import log_routes
from .queue_routes import queue_routes
from .rendering import HAS_JOB_PAGE, static_routes
from .settings_routes import settings_routes

if TYPE_CHECKING:
    from ..api.control import Control

__all__ = ["routes"]


def routes(control: Control) -> list[BaseRoute]:
    """Every route of the page, for the application that serves the API."""
    return [*static_routes(), *queue_routes(control), *settings_routes(control), *log_routes(control), *_job_routes(control)]


def _job_routes(control: Control) -> list[BaseRoute]:
    """The page of one job, with its thumbnails, where it is there."""
    return import_module(f"{__name__}.job_routes").job_routes(control) if HAS_JOB_PAGE else []
