"""The endpoints that look."""

from __future__ import annotations

from typing import Any, TypeVar

from ...config.errors import DaemonError
from ...processors.records import Outcome
from .. import history
from ..gauges import gauges
from ..listing import Wanted
from ..log_file import last_lines
from ..states import State
from . import shapes
from .answers import WRONG
from .control import Control
from .endpoints import Endpoint, Query, get, number
from .status import status

E = TypeVar("E", State, Outcome)

_PAGE = 100
_LARGEST_PAGE = 1000
_LOG_LINES = 200


class Reading:
    def __init__(self, control: Control) -> None:
        self._control = control

    def endpoints(self) -> list[Endpoint]:
        return [
            get("/status", "What the daemon is doing", shapes.Status, self.status),
            get("/jobs", "The jobs, newest first, in pages", shapes.Jobs, self.jobs, _FILTERS),
            get("/jobs/{id}", "One job, and its receipt once it has ended", shapes.JobAndReceipt, self.job),
            get("/settings", "The settings in force, and the file as it is", shapes.Settings, self.settings),
            get("/log", "The last lines of the daemon's log", shapes.Lines, self.log, _LINES),
            get("/gauges", "Disks, GPUs, processor and memory", shapes.Gauges, self.gauges),
            get("/finished", "What ended after a number: to catch up after a reset", shapes.Finished, self.finished, _SINCE),
        ]

    def status(self, _: Query) -> dict[str, Any]:
        return status(self._control)

    def jobs(self, query: Query) -> dict[str, Any]:
        limit = number(query, "limit")
        if limit is not None and not 1 <= limit <= _LARGEST_PAGE:
            raise DaemonError(f"limit is a number from 1 to {_LARGEST_PAGE}, not '{limit}'.", title=WRONG)
        wanted = Wanted(_listed(State, "state", query), _listed(Outcome, "outcome", query), query.get("text", ""))
        page = self._control.jobs.page(wanted, limit or _PAGE, query.get("after"))
        return {"jobs": [row.as_dict() for row in page.rows], "next": page.next, "total": page.total}

    def job(self, query: Query) -> dict[str, Any]:
        row = self._control.jobs.get(query["id"])
        return {"job": row.as_dict(), "receipt": history.own_receipt(row.receipt, row.id)}

    def settings(self, _: Query) -> dict[str, Any]:
        return settings(self._control)

    def log(self, query: Query) -> dict[str, Any]:
        lines = number(query, "lines")
        return {"lines": last_lines(_LOG_LINES if lines is None else lines)}

    def gauges(self, _: Query) -> dict[str, Any]:
        return gauges(self._control.hot_folders(), self._control.settings)

    def finished(self, query: Query) -> dict[str, Any]:
        following, summaries = self._control.jobs.finished_since(number(query, "since"))
        return {"next": following, "receipts": summaries}


_FILTERS = {
    "state": f"only these, separated by commas: {', '.join(State)}",
    "outcome": f"only these, separated by commas: {', '.join(Outcome)}",
    "text": "only those with these words in the path or the id",
    "limit": f"jobs on a page, at most {_LARGEST_PAGE}; default {_PAGE}",
    "after": "'next' of the page before",
}
_LINES = {"lines": f"how many; default {_LOG_LINES}"}
_SINCE = {"since": "'next' of the answer before; absent: only the number, no receipts"}


def settings(control: Control) -> dict[str, Any]:
    return {"file": str(control.source.file), "values": control.settings.model_dump(mode="json"), "text": control.source.text()}


def _listed(kind: type[E], name: str, query: Query) -> tuple[E, ...]:
    words = [word for word in query.get(name, "").split(",") if word]
    try:
        return tuple(kind(word) for word in words)
    except ValueError:
        unknown = next(word for word in words if word not in list(kind))
        raise DaemonError(f"There is no {name} '{unknown}'. The {name}s are {', '.join(kind)}.", title=WRONG) from None
