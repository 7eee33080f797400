"""The way in for a browser: ``POST /link`` makes an address, ``/enter`` hands its code over and goes on with a session: a cookie, and a key.

The code stands behind ``#``, which browsers keep to themselves: it is in no log and in no Referer. The key stays in what the browser
stores for this very port (guard.py says why).
"""

from __future__ import annotations

import base64
import hashlib
from typing import Any

from pydantic import BaseModel, ConfigDict
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from .answers import Answer
from .guard import COOKIE
from .links import Links

_SCRIPT = """
const code = location.hash.slice(1);
history.replaceState(null, "", "/enter");
fetch("/api/v1/session", {method: "POST", headers: {"Content-Type": "application/json"}, body: JSON.stringify({code})})
  .then(async (answer) => {
    const said = await answer.json();
    if (answer.ok) {
      localStorage.setItem("key", said.key);
      location.replace(said.path);
    }
    else document.querySelector("p").textContent = said.error.message;
  })
  .catch(() => { document.querySelector("p").textContent = "deshimmer does not answer. Is it running?"; });
"""
_PAGE = f"""<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>deshimmer</title>
<body><p role="status">Opening deshimmer&hellip;</p><noscript>This page needs JavaScript.</noscript><script>{_SCRIPT}</script></body></html>"""
_HASH = base64.b64encode(hashlib.sha256(_SCRIPT.encode()).digest()).decode()
_POLICY = f"default-src 'none'; script-src 'sha256-{_HASH}'; connect-src 'self'; frame-ancestors 'none'; base-uri 'none'"


class Code(BaseModel):
    model_config = ConfigDict(extra="forbid")
    code: str


def link(links: Links, path: str, base: str) -> dict[str, Any]:
    return {"url": f"{base}/enter#{links.new_code(path)}"}


def session(links: Links, body: Code) -> Response:
    """The session's cookie, which no script can read and no other site makes the browser send, and its key. Raises DaemonError."""
    entered = links.enter(body.code)
    answer = Answer({"path": entered.path, "key": entered.key})
    answer.set_cookie(COOKIE, entered.session, path="/", httponly=True, samesite="strict")
    return answer


async def _enter(_: Request) -> Response:
    return HTMLResponse(_PAGE, headers={"Content-Security-Policy": _POLICY})


ROUTE = Route("/enter", _enter, methods=["GET"])
