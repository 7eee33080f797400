"""The queue page, whole and in the parts that are drawn anew when an event says so."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from ..gauges import gauges
from . import ended
from .glance import glance
from .rendering import fragment, page, whole_number

if TYPE_CHECKING:
    from ..api.control import Control

RESULTS_A_PAGE = 50
WAITING_A_PAGE = 10


def queue_routes(control: Control) -> list[BaseRoute]:
    return [Route("/", _whole(control)), *(Route(path, _drawn(control, part)) for path, part in _PARTS.items())]


def _whole(control: Control) -> Any:
    def show(request: Request) -> Response:
        def values() -> dict[str, Any]:
            parts = (_waiting, _results, _gauges)
            return {key: value for part in parts for key, value in part(control, request)[1].items() if key != "glance"}

        return page(control, "queue.html", values, nav="queue")

    return show


def _drawn(control: Control, part: Any) -> Any:
    def show(request: Request) -> Response:
        template, values = part(control, request)
        answer = fragment(template, **values)
        if "address" in values:
            answer.headers["HX-Replace-Url"] = values["address"]
        return answer

    return show


def _state(control: Control, _: Request) -> tuple[str, dict[str, Any]]:
    return "state.html", {"glance": glance(control)}


def _problems(control: Control, _: Request) -> tuple[str, dict[str, Any]]:
    return "queue_problems.html", {"glance": glance(control)}


def _running(control: Control, _: Request) -> tuple[str, dict[str, Any]]:
    return "queue_running.html", {"glance": glance(control)}


def _waiting(control: Control, request: Request) -> tuple[str, dict[str, Any]]:
    total = control.jobs.counts()["queued"]
    pages = max(1, -(-total // WAITING_A_PAGE))
    number = min(whole_number(request, "waiting", 1), pages)
    rows = ended.waiting_page(control.jobs.table, number, WAITING_A_PAGE)
    return "queue_waiting.html", {"waiting": rows, "waiting_total": total, "waiting_number": number, "waiting_pages": pages}


def _results(control: Control, request: Request) -> tuple[str, dict[str, Any]]:
    outcome = request.query_params.get("outcome", "")
    wanted = ended.Filter(outcome if outcome in ended.FILTERS else "", request.query_params.get("text", "").strip())
    shown = ended.ended_page(control.jobs.table, wanted, whole_number(request, "page", 1), RESULTS_A_PAGE)
    return "queue_results.html", {
        "results": shown,
        "wanted": wanted,
        "address": results_address(wanted, shown.number),
        "link": partial(results_address, wanted),
        "first": (shown.number - 1) * RESULTS_A_PAGE + 1,
        "total": shown.counts[wanted.outcome],
    }


def _gauges(control: Control, _: Request) -> tuple[str, dict[str, Any]]:
    return "queue_gauges.html", {"gauges": gauges(control.hot_folders(), control.settings), "glance": glance(control)}


def results_address(wanted: ended.Filter, number: int = 1, outcome: str | None = None) -> str:
    """Where the results stand that fit; ``outcome`` takes the filter's place."""
    values = {"outcome": wanted.outcome if outcome is None else outcome, "text": wanted.text, "page": number if number > 1 else ""}
    query = urlencode({key: value for key, value in values.items() if value})
    return f"/?{query}" if query else "/"


_PARTS = {
    "/state": _state,
    "/queue/problems": _problems,
    "/queue/running": _running,
    "/queue/waiting": _waiting,
    "/queue/results": _results,
    "/queue/gauges": _gauges,
}
