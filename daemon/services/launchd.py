"""launchd, the agents of this user: it starts the daemon at login and again when it crashed. Never run on a Mac so far."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence

from ...config import paths, program, service, spawn, templates
from ...config.changes import Change, Remove, Run, Write
from ...config.errors import ToolFailed
from .view import View

NAME = "launchd"
_LABEL = "deshimmer.daemon"
_TIMEOUT_S = 10.0


def install(command: Sequence[str]) -> tuple[Change, ...]:
    agent = Write(service.file("darwin"), agent_text(command))
    is_loaded = view().state is not None
    if is_loaded and not agent.is_needed:
        return start()
    unload = (_launchctl("bootout", _target()),) if is_loaded else ()
    return (agent, *unload, _launchctl("bootstrap", _domain(), str(agent.path)))


def uninstall() -> tuple[Change, ...]:
    if not service.file("darwin").exists():
        return ()
    return (_launchctl("bootout", _target(), may_fail=True), Remove(service.file("darwin")))


def start() -> tuple[Change, ...]:
    return (_launchctl("kickstart", _target()),)


def stop() -> tuple[Change, ...]:
    """SIGTERM: the daemon ends with code 0, after which KeepAlive leaves it alone until the next login."""
    return (_launchctl("kill", "SIGTERM", _target()),)


def view() -> View:
    try:
        answer = spawn.run(("launchctl", "print", _target()), timeout_s=_TIMEOUT_S).decode(errors="replace")
    except ToolFailed:
        return View()
    state, pid = (re.search(rf"^\s*{key} = (.+)$", answer, re.MULTILINE) for key in ("state", "pid"))
    return View(pid is not None, int(pid[1]) if pid else None, state[1] if state else "loaded")


def agent_text(command: Sequence[str]) -> str:
    return templates.fill(
        "macos/deshimmer.daemon.plist",
        arguments=templates.plist_array(command),
        environment=templates.plist_dict(program.folders_set()),
        errors=templates.xml_text(str(paths.log_dir() / "service.log")),
    )


def _domain() -> str:
    return f"gui/{os.getuid()}"


def _target() -> str:
    return f"{_domain()}/{_LABEL}"


def _launchctl(*words: str, may_fail: bool = False) -> Run:
    return Run(("launchctl", *words), may_fail)
