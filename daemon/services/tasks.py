"""Windows Task Scheduler: a task of this user that starts the daemon at logon, with no more rights than the user has.

Never run on Windows so far.
"""

from __future__ import annotations

import os
from collections.abc import Sequence

from ...config import service, spawn, templates
from ...config.changes import Change, Remove, Run, Write
from ...config.errors import ToolFailed
from .view import View

NAME = "Task Scheduler"
_TASK = "deshimmer"
_TIMEOUT_S = 10.0


def install(command: Sequence[str]) -> tuple[Change, ...]:
    task = Write(service.file("win32"), task_text(command), "utf-16")  # schtasks reads no other encoding for sure
    return task, _schtasks("/Create", "/XML", str(task.path), "/F"), *start()


def uninstall() -> tuple[Change, ...]:
    if not service.file("win32").exists():
        return ()
    return (
        _schtasks("/End", may_fail=True),
        _schtasks("/Delete", "/F", may_fail=True),
        Remove(service.file("win32")),
    )


def start() -> tuple[Change, ...]:
    return (_schtasks("/Run"),)


def stop() -> tuple[Change, ...]:
    """The task is cut off; the queue stands that, and what was at work goes on at the next start."""
    return (_schtasks("/End"),)


def view() -> View:
    """schtasks speaks the user's language: only whether there is such a task can be told."""
    try:
        spawn.run(("schtasks", "/Query", "/TN", _TASK), timeout_s=_TIMEOUT_S)
    except ToolFailed:
        return View()
    return View(is_active=None, state="registered")


def task_text(command: Sequence[str]) -> str:
    """The trigger names the user: for any user's logon it would take admin rights."""
    user = "\\".join(filter(None, (os.environ.get("USERDOMAIN"), os.environ.get("USERNAME"))))
    return templates.fill(
        "windows/deshimmer-task.xml",
        user=templates.xml_text(user),
        python=templates.xml_text(command[0]),
        arguments=templates.xml_text(templates.windows_command(command[1:])),
    )


def _schtasks(action: str, *options: str, may_fail: bool = False) -> Run:
    return Run(("schtasks", action, "/TN", _TASK, *options), may_fail)
