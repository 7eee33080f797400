"""From a template and values to an answer: the frame around every page, its headers, and the files beside it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import BaseRoute, Mount
from starlette.staticfiles import StaticFiles

from . import words
from .glance import glance

if TYPE_CHECKING:
    from ..api.control import Control

HERE = Path(__file__).parent

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; media-src 'self' blob:; connect-src 'self'; "
        "font-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-store",
}
"""No inline script or style, nothing from elsewhere, no frame around it."""


def page(control: Control, template: str, values: Callable[[], Mapping[str, Any]], *, nav: str = "") -> HTMLResponse:
    """A whole page: ``template`` extends base.html. ``nav`` names the entry of the navigation it belongs to.

    ``values`` are asked for after the number of the last event: what changes meanwhile comes to the page as an event.
    """
    seen = glance(control)
    return fragment(template, nav=nav, glance=seen, **values())


def fragment(template: str, *, status_code: int = 200, **values: Any) -> HTMLResponse:
    """A part of a page, as htmx swaps it in."""
    return HTMLResponse(environment().get_template(template).render(values), status_code=status_code, headers=HEADERS)


@cache
def environment() -> Environment:
    made = Environment(
        loader=FileSystemLoader(HERE), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, auto_reload=False
    )
    made.filters.update(words.FILTERS)
    for name, value in words.GLOBALS.items():
        made.globals[name] = value
    return made


def whole_number(request: Request, name: str, least: int) -> int:
    """A number in the query; ``least`` where there is none, or a lower one."""
    text = request.query_params.get(name, "")
    return max(least, int(text)) if text.isascii() and text.isdecimal() and len(text) < 16 else least


class _Static(StaticFiles):
    """A browser may keep them, but asks each time whether they have changed."""

    def file_response(self, *args: Any, **kwargs: Any) -> Response:
        answer = super().file_response(*args, **kwargs)
        answer.headers["Cache-Control"] = "no-cache"
        return answer


def static_routes() -> list[BaseRoute]:
    """Scripts, styles and icons."""
    return [Mount("/static", _Static(directory=HERE / "static"), name="static")]
