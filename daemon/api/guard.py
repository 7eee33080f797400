"""Lets in only who asked for this very host and has the token or a session. Every request passes here.

The token must be in a header, which no page of another site can set. A session's cookie is sent along by the browser itself, also for
requests that other pages on this machine's other ports make; so with a cookie the browser must say that our own page asks.
Such a port's program sees the cookie, and can send it with whatever headers it likes: so a change also needs the session's key, which
only a page of this very port can read.
No CORS header is ever sent, and no GET changes anything.
"""

from __future__ import annotations

import hmac
from http.cookies import CookieError, SimpleCookie

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ...config.errors import DaemonError
from .answers import error_answer
from .links import Links

PREFIX = "/api/v1"
COOKIE = "deshimmer"
KEY = "X-Deshimmer-Key"
OPEN = {("GET", "/enter"), ("HEAD", "/enter"), ("POST", f"{PREFIX}/session")}
"""What needs neither token nor session: the way to a session."""
_HARMLESS = ("GET", "HEAD")
_OURS = ("same-origin", "none")  # of Sec-Fetch-Site; none: typed in, or a bookmark

_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Content-Security-Policy": "default-src 'self'; img-src 'self' data:; style-src 'self' 'unsafe-inline'; frame-ancestors 'none'; "
    "base-uri 'none'; form-action 'self'",
    "Cache-Control": "no-store",
}
"""On every answer that does not say otherwise itself."""


class Guard:
    """``hosts``: what the Host header may say, with the port."""

    def __init__(self, app: ASGIApp, token: str, hosts: frozenset[str], links: Links) -> None:
        self._app = app
        self._expected = f"Bearer {token}".encode()
        self._hosts = hosts
        self._links = links

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = Headers(scope=scope)
        refusal = self._refusal(scope["method"], scope["path"], headers)
        if refusal is None:
            await self._app(scope, receive, _with_headers(send))
        else:
            await refusal(scope, receive, _with_headers(send))

    def _refusal(self, method: str, path: str, headers: Headers) -> Response | None:
        if headers.get("host", "") not in self._hosts:
            return error_answer(DaemonError("Ask by the address in api.json.", title="Wrong host"), 403, path)
        if hmac.compare_digest(headers.get("authorization", "").encode("latin-1"), self._expected):
            return None
        if (method, path) not in OPEN and not self._may(method, headers):
            return _outside(path, headers)
        if not _is_from_our_page(method, headers):
            return error_answer(DaemonError("This comes from a page that is not deshimmer's.", title="Wrong origin"), 403, path)
        return None

    def _may(self, method: str, headers: Headers) -> bool:
        session = _session(headers)
        return self._links.is_session(session) if method in _HARMLESS else self._links.may_change(session, headers.get(KEY, ""))


def _is_from_our_page(method: str, headers: Headers) -> bool:
    """Whether the browser says so; programs that send neither header have the token."""
    site, origin = headers.get("sec-fetch-site"), headers.get("origin")
    if method in _HARMLESS:
        return site is None or site in _OURS or headers.get("sec-fetch-mode") == "navigate"
    if origin is not None:
        return origin == f"http://{headers['host']}"
    return site == "same-origin"


def _session(headers: Headers) -> str:
    try:
        cookie = SimpleCookie(headers.get("cookie", "")).get(COOKIE)
    except CookieError:
        return ""
    return cookie.value if cookie else ""


def _outside(path: str, headers: Headers) -> Response:
    if path.startswith("/api/") and KEY not in headers:  # a program's call; a page's script names its key, even an empty one
        error = DaemonError("Send the token of api.json as 'Authorization: Bearer ...'.", title="No entry")
    else:
        error = DaemonError("Run 'deshimmer open' in a terminal, or choose 'Open page' in the tray.", title="This page needs a key")
    return error_answer(error, 401, path)


def _with_headers(send: Send) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in _HEADERS.items():
                headers.setdefault(name, value)
        await send(message)

    return sending
