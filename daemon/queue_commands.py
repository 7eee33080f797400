"""The commands that look at the queue and steer it: status, jobs, show, retry, cancel, approve, pause, resume, snooze, history.

Looking needs no daemon: the queue's own table is read instead.
"""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Any

import typer

from ..config import service
from ..config.errors import WrongUsage
from . import client, show
from .lock import is_state_held
from .session import Session

_UNITS_S = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_DOWN = "The daemon is not running ('{}' starts it); this is what its queue holds."
_SILENT = "'deshimmer watch --once' is at work; this is what the queue holds."
_STATUS_KEYS = (
    *("running", "api", "version", "pid", "paused", "paused_until", "gpu_paused", "gpu_paused_until", "waiting", "snoozed_until"),
    *("page_in_front", "hot_folders", "problems", "counts", "needs_you", "approving", "waiting_for_approval", "writing", "event", "jobs"),
)

JOB_ID = "The job's id, or as much of its beginning as tells it apart."
_PAGE = 1000

JobId = Annotated[str, typer.Argument(metavar="ID", help=JOB_ID, show_default=False)]


class History(StrEnum):
    REBUILD = "rebuild"
    CLEAR = "clear"


def status(session: Session) -> None:
    """What the daemon is doing."""
    daemon = client.find()
    record: dict[str, Any] = dict.fromkeys(_STATUS_KEYS)
    if daemon is None:
        record |= {
            "running": False,
            "waiting": [],
            "hot_folders": [],
            "problems": [],
            "waiting_for_approval": [],
            "writing": [],
            "counts": _stored_counts(session),
            "jobs": [],
        }
    else:
        answer = daemon.get("/status")
        record |= {**answer, "running": True, "jobs": answer["running"]}
    session.result(record)
    if not session.json_lines:
        _show_status(record)


def jobs(
    session: Session,
    state: Annotated[str | None, typer.Option(metavar="STATE", help="queued, running, done, failed or cancelled.")] = None,
    limit: Annotated[int | None, typer.Option(metavar="N", min=1, help="Only the N newest.")] = None,
) -> None:
    """List the jobs, newest first."""
    _require_state(state)
    daemon = client.find()
    found = _stored_jobs(session, state, limit) if daemon is None else _listed_jobs(daemon, state, limit)
    for job in found:
        session.result(job)
    if found and not session.json_lines:
        show.print_table(("id", "state", "doing", "when", "clip"), show.job_rows(found), wraps="clip")
    elif not found:
        session.note("There are no jobs." if state is None else f"There are no jobs that are {state}.")


def show_job(session: Session, job: JobId) -> None:
    """Everything about one job."""
    daemon = client.find()
    if daemon is None:
        from .history import own_receipt
        from .reading import read_job  # here: SQLAlchemy takes a while to import

        _tell_down(session)
        found = read_job(session.settings, job).as_dict()
        record = {"job": found, "receipt": own_receipt(found["receipt"], found["id"])}
    else:
        record = daemon.get(f"/jobs/{in_url(job)}")
    session.result(record)
    if not session.json_lines:
        _show_job(record)


def retry(
    session: Session,
    job: JobId,
    route: Annotated[str | None, typer.Option(metavar="R", help="Treat it by this route instead.")] = None,
) -> None:
    """Do a job again."""
    if route is not None:
        from ..processors.records import Route  # here: pydantic's adapters take a while to import

        if route not in list(Route):
            raise WrongUsage(f"There is no route '{route}'. The routes are: {', '.join(Route)}.")
    _tell_job(session, client.connect().post(f"/jobs/{in_url(job)}/retry", route=route), "queued again as")


def cancel(session: Session, job: JobId) -> None:
    """Stop a job, or take it off the queue."""
    _tell_job(session, client.connect().post(f"/jobs/{in_url(job)}/cancel"), "cancelled")


def approve(session: Session, job: JobId) -> None:
    """Render a job's clip again from its stored prompt, as its receipt offers."""
    _tell_job(session, client.connect().post(f"/jobs/{in_url(job)}/approve"), "to be rendered again as")


def pause(
    session: Session,
    duration: Annotated[
        str | None, typer.Option("--for", metavar="30m", help="Resume by itself after this long: 90s, 30m, 2h, 1h30m.")
    ] = None,
    gpu: Annotated[bool, typer.Option("--gpu", help="Only what uses the GPU.")] = False,
    now: Annotated[
        bool, typer.Option("--now", help="Cut short what runs, to begin it again later. Without: what runs ends its step.")
    ] = False,
) -> None:
    """Pause after the step that runs, until 'resume'."""
    length_s = None if duration is None else seconds(duration)
    answer = client.connect().post("/pause", seconds=length_s, gpu=gpu, now=now)
    what = "work on the GPU is paused" if gpu else "paused"
    session.result(answer, f"{what}{f' for {duration}' if duration else '; deshimmer resume goes on'}")


def resume(
    session: Session,
    gpu: Annotated[bool, typer.Option("--gpu", help="Only end the pause of what uses the GPU.")] = False,
) -> None:
    """Go on after 'pause'."""
    session.result(client.connect().post("/resume", gpu=gpu), "going on")


def snooze(
    session: Session,
    duration: Annotated[str, typer.Argument(metavar="30m", help="For this long: 90s, 30m, 2h, 1h30m; 0 ends it.", show_default=False)],
) -> None:
    """No notifications for a while. Jobs go on."""
    length_s = seconds(duration)
    answer = client.connect().post("/snooze", seconds=length_s)
    session.result(answer, f"no notifications for {duration}" if length_s else "notifications again")


def history(
    session: Session, action: Annotated[History, typer.Argument(help="Find all receipts again, or forget what has ended.")]
) -> None:
    """The list of jobs that have ended: rebuild it from the receipts, or clear it. No result is deleted."""
    answer = client.connect().post(f"/history/{action}")
    session.result(answer, ", ".join(f"{name}: {value}" for name, value in answer.items()))


def seconds(duration: str) -> float:
    """``30m``, ``90s``, ``1h30m`` or plain seconds. Raises WrongUsage."""
    parts = re.findall(r"(\d+(?:\.\d+)?)([smhd]?)", duration)
    if not parts or "".join(number + unit for number, unit in parts) != duration:
        raise WrongUsage(f"A duration is written 90s, 30m, 2h or 1h30m, not '{duration}'.")
    return sum(float(number) * _UNITS_S[unit or "s"] for number, unit in parts)


def _listed_jobs(daemon: client.Client, state: str | None, limit: int | None) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    after: str | None = None
    while limit is None or len(found) < limit:
        page = daemon.get("/jobs", state=state, limit=_PAGE if limit is None else min(_PAGE, limit - len(found)), after=after)
        found += page["jobs"]
        after = page["next"]
        if after is None:
            break
    return found


def _stored_jobs(session: Session, state: str | None = None, limit: int | None = None) -> list[dict[str, Any]]:
    from .reading import read_jobs  # here: SQLAlchemy takes a while to import

    _tell_down(session)
    return [job.as_dict() for job in read_jobs(session.settings, state, limit)]


def _stored_counts(session: Session) -> dict[str, int]:
    from .states import State

    return dict.fromkeys(map(str, State), 0) | Counter(str(job["state"]) for job in _stored_jobs(session))


def _tell_down(session: Session) -> None:
    session.note(_SILENT if is_state_held() else _DOWN.format(service.start_command()))


def _require_state(state: str | None) -> None:
    if state is None:
        return
    from .states import State

    if state not in list(State):
        raise WrongUsage(f"There is no state '{state}'. The states are: {', '.join(State)}.")


def in_url(job: str) -> str:
    if not re.fullmatch(r"[0-9A-Za-z-]+", job):
        raise WrongUsage(f"'{show.one_line(job)}' is no job's id. 'deshimmer jobs' lists them.")
    return job


def _tell_job(session: Session, answer: Mapping[str, Any], words: str) -> None:
    job = answer["job"]
    session.result(answer, f"{show.one_line(job['path'])}: {words} {job['id']}")


def _show_status(record: Mapping[str, Any]) -> None:
    counts = ", ".join(f"{count} {state}" for state, count in record["counts"].items() if count)
    until = record["snoozed_until"]
    facts = [
        ("daemon", f"running, process {record['pid']}" if record["running"] else "not running"),
        ("paused", _paused(record)),
        *(("waiting", each["reason"]) for each in record["waiting"]),
        ("snoozed", f"no notifications until {time.strftime('%H:%M', time.localtime(until))}" if until else None),
        ("jobs", counts or "none"),
    ]
    facts += [("writing", show.writing_words(record["writing"])), ("to approve", _approving(record))]
    facts += [("hot folder", f"{folder['path']} -> {folder['output']}") for folder in record["hot_folders"]]
    for job in record["jobs"]:
        percent = f" {job['progress']:.0%}" if job["progress"] is not None else ""
        facts.append(("now", f"{job['path']}: {show.STAGE_WORDS.get(job['stage'], job['stage'])}{percent}"))
    facts += [("problem", f"{problem['title']} ({problem['path']}): {problem['message']}") for problem in record["problems"]]
    show.print_facts(facts)


def _approving(record: Mapping[str, Any]) -> str | None:
    count = record["approving"]
    return f"{count} {'clip' if count == 1 else 'clips'}: 'deshimmer approve ID' renders one again" if count else None


def _paused(record: Mapping[str, Any]) -> str | None:
    what = "yes" if record["paused"] else ("work on the GPU" if record["gpu_paused"] else None)
    return what and f"{what}, 'deshimmer resume' goes on"


def _show_job(record: Mapping[str, Any]) -> None:
    job: Mapping[str, Any] = record["job"]
    receipt: Mapping[str, Any] = record["receipt"] or {}
    error = receipt.get("error")
    show.print_facts(
        [
            ("id", job["id"]),
            ("clip", job["path"]),
            ("state", job["state"]),
            ("doing", job["stage"] if job["state"] == "running" else None),
            *((key, job[key]) for key in ("outcome", "reason")),
            ("error", f"{error['title']}: {error['message']}" if error else None),
            *((key, job[key]) for key in ("verdict", "route")),
            *((key, receipt.get(key)) for key in ("verified", "output", "comparison", "report")),
            ("receipt", job["receipt"]),
        ]
    )
