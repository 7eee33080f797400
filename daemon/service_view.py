"""What there is to see of the service: how it stands, and the end of the daemon's log."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil

from ..config import autostart, service
from . import client, services, show
from .log_file import last_lines, log_file
from .session import OK, Session
from .signals import Interruption

_FOLLOW_EVERY_S = 0.5


def status(session: Session) -> int:
    """The service as its manager sees it, the daemon as its API tells, and the tray at login."""
    record = _record()
    session.result(record)
    if not session.json_lines:
        installed = f"installed ({record['file']})" if record["installed"] else "not installed ('deshimmer service install' does it)"
        tray = "starts at login" if record["tray_at_login"] else "does not start at login"
        show.print_facts(
            [
                ("service", installed),
                (record["manager"], record["state"]),
                ("daemon", _running_words(record)),
                ("API", record["url"]),
                ("tray", tray),
            ]
        )
    return OK


def logs(session: Session, lines: int, *, follow: bool) -> int:
    """The end of the daemon's own log, and what comes until Ctrl-C where it is to be followed."""
    file = log_file()
    session.note(f"{file}{_JOURNAL if services.manager().NAME == 'systemd' else ''}")
    for line in last_lines(lines):
        session.result({"line": line}, line)
    if follow:
        _follow(session, file)
    return OK


_JOURNAL = "; what went wrong before it was opened: journalctl --user --unit=deshimmer"


def _record() -> dict[str, Any]:
    manager = services.manager()
    is_installed = service.is_installed()
    view = manager.view() if is_installed else services.View()
    daemon = client.find()
    return {
        "installed": is_installed,
        "file": str(service.file()),
        "manager": manager.NAME,
        "state": view.state,
        "running": daemon is not None,
        "as_service": None if daemon is None or view.is_active is None else view.pid == daemon.pid,
        "pid": daemon and daemon.pid,
        "since": daemon and _started(daemon.pid),
        "url": daemon and daemon.url,
        "tray_at_login": autostart.is_on(),
    }


def _running_words(record: dict[str, Any]) -> str:
    if not record["running"]:
        return "not running"
    where = ", not as the service" if record["as_service"] is False else ""
    return f"running, process {record['pid']}, since {record['since']}{where}"


def _started(pid: int) -> str | None:
    try:
        return datetime.fromtimestamp(psutil.Process(pid).create_time(), UTC).astimezone().isoformat(timespec="seconds")
    except psutil.Error:
        return None


def _follow(session: Session, file: Path) -> None:
    with Interruption.by_signals():
        for line in _coming(file):
            session.result({"line": line}, line)


def _coming(file: Path) -> Iterator[str]:
    """Lines that are added, also after the log has begun anew."""
    position = file.stat().st_size if file.exists() else 0
    while True:
        time.sleep(_FOLLOW_EVERY_S)
        size = file.stat().st_size if file.exists() else 0
        position = position if size >= position else 0
        if size > position:
            with file.open("rb") as log:
                log.seek(position)
                whole, _, _ = log.read(size - position).rpartition(b"\n")
                position += len(whole) + 1 if whole else 0
            yield from whole.decode(errors="backslashreplace").splitlines()
