"""The whole of what is served: the table of endpoints, the way in, and the page behind the same guard."""

from __future__ import annotations

from contextlib import ExitStack
from functools import partial

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute
from starlette.types import ASGIApp

from ..page import routes as page_routes
from . import shapes
from .acting import Acting
from .answers import HANDLERS, Answer
from .bodies import Link
from .control import Control
from .endpoints import DescribedRoute, Endpoint, change
from .entrance import ROUTE, Code, link, session
from .guard import Guard
from .links import Links
from .media import Media
from .openapi import describe
from .reading import Reading
from .stream import Stream

_SESSIONS = "sessions"
_MEDIA = "The original, the result or the comparison, with byte ranges"
_LINK = "A link for a browser: it works once, for a minute"
_EVENTS = {"after": "replay what came after this event's number; the header Last-Event-ID goes before"}


def app(control: Control, stream: Stream, token: str, host: str, closing: ExitStack) -> ASGIApp:
    """``host``: our address with the port, as browsers are to say it. ``closing`` gets what is to end before the server stops."""
    links = Links(control.jobs.note(_SESSIONS), partial(control.jobs.set_note, _SESSIONS))
    served = Starlette(routes=routes(control, stream, links, f"http://{host}", closing), exception_handlers=HANDLERS)
    return Guard(served, token, frozenset({host, host.replace("127.0.0.1", "localhost")}), links)


def routes(control: Control, stream: Stream, links: Links, base: str, closing: ExitStack) -> list[BaseRoute]:
    """``base``: the address that links begin with. The description tells all below /api/v1, the page's own too."""
    served = [*(endpoint.route for endpoint in _endpoints(control, stream, links, base)), ROUTE, *page_routes(control, closing)]

    async def openapi(_: Request) -> Response:
        return Answer(describe(table))

    description = Endpoint("GET", "/openapi.json", "This description", openapi, "application/json")
    table = [description, *(route.described for route in served if isinstance(route, DescribedRoute))]
    return [description.route, *served]


def _endpoints(control: Control, stream: Stream, links: Links, base: str) -> list[Endpoint]:
    return [
        *Reading(control).endpoints(),
        Endpoint("GET", "/jobs/{id}/media/{what}", _MEDIA, Media(control).endpoint, "*/*"),
        Endpoint("GET", "/events", "What happens, as it happens", stream.endpoint, "text/event-stream", query=_EVENTS),
        *Acting(control).endpoints(),
        change("POST", "/link", _LINK, Link, shapes.Url, lambda _, body: link(links, body.path, base)),
        change("POST", "/session", "Exchange a link's code for a session", Code, shapes.Session, lambda _, body: session(links, body)),
    ]
