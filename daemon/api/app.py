"""The whole of what is served: the table of endpoints, the way in, and the page behind the same guard."""

from __future__ import annotations

from functools import partial

from starlette.applications import Starlette
from starlette.types import ASGIApp

from ..page import routes as page_routes
from .acting import Acting
from .answers import HANDLERS
from .bodies import Link
from .control import Control
from .endpoints import Endpoint, change
from .entrance import ROUTE, Code, link, session
from .guard import Guard
from .links import Links
from .media import Media
from .reading import Reading
from .stream import Stream

_SESSIONS = "sessions"
_MEDIA = "The original, the result or the comparison, with byte ranges"
_EVENTS = {"after": "replay what came after this event's number; the header Last-Event-ID goes before"}


def endpoints(control: Control, stream: Stream, links: Links, base: str) -> list[Endpoint]:
    """Everything below /api/v1. ``base``: the address that links begin with."""
    return [
        *Reading(control).endpoints(),
        Endpoint("GET", "/jobs/{id}/media/{what}", _MEDIA, Media(control).endpoint, gives="*/*"),
        Endpoint("GET", "/events", "What happens, as it happens", stream.endpoint, query=_EVENTS, gives="text/event-stream"),
        *Acting(control).endpoints(),
        change("POST", "/link", "A link for a browser: it works once, for a minute", Link, lambda _, body: link(links, body.path, base)),
        change("POST", "/session", "Exchange a link's code for a cookie", Code, lambda _, body: session(links, body)),
    ]


def app(control: Control, stream: Stream, token: str, host: str) -> ASGIApp:
    """``host``: our address with the port, as browsers are to say it."""
    links = Links(control.jobs.note(_SESSIONS), partial(control.jobs.set_note, _SESSIONS))
    table = endpoints(control, stream, links, f"http://{host}")
    routes = [*(endpoint.route for endpoint in table), ROUTE, *page_routes(control)]
    served = Starlette(routes=routes, exception_handlers=HANDLERS)
    return Guard(served, token, frozenset({host, host.replace("127.0.0.1", "localhost")}), links)
