"""systemd, the instance of this user: it restarts a daemon that crashed, and one that no longer reports itself alive."""

from __future__ import annotations

import shutil
from collections.abc import Sequence

from ...config import program, service, spawn, templates
from ...config.changes import Change, Remove, Run, Write
from ...config.errors import NotSetUp, ToolFailed
from .view import View

NAME = "systemd"
UNIT = "deshimmer.service"
_TIMEOUT_S = 10.0
_ACTIVE = ("active", "activating", "reloading", "deactivating")


def install(command: Sequence[str]) -> tuple[Change, ...]:
    unit = Write(service.file("linux"), unit_text(command))
    if not unit.is_needed:
        return _systemctl("enable", UNIT), _systemctl("start", UNIT)  # a daemon that runs is not disturbed
    return unit, _systemctl("daemon-reload"), _systemctl("enable", UNIT), _systemctl("restart", UNIT)


def uninstall() -> tuple[Change, ...]:
    if not service.file("linux").exists():
        return ()
    return (
        _systemctl("disable", "--now", UNIT, may_fail=True),
        Remove(service.file("linux")),
        _systemctl("daemon-reload", may_fail=True),
        _systemctl("reset-failed", UNIT, may_fail=True),
    )


def start() -> tuple[Change, ...]:
    return (_systemctl("reset-failed", UNIT, may_fail=True), _systemctl("start", UNIT))


def stop() -> tuple[Change, ...]:
    return (_systemctl("stop", UNIT),)


def view() -> View:
    """Raises NotSetUp where no systemd answers for this user."""
    if shutil.which("systemctl") is None:
        raise NotSetUp("There is no systemd here. Start 'deshimmer run' from your session instead.")
    wanted = "ActiveState,SubState,MainPID,Result,NRestarts"
    try:
        answer = spawn.run(("systemctl", "--user", "show", UNIT, f"--property={wanted}"), timeout_s=_TIMEOUT_S)
    except ToolFailed as error:
        raise NotSetUp(
            f"systemd does not answer for this user. Log in as this user rather than by su or sudo, or let it run without a login: "
            f"'loginctl enable-linger'. {error.message}"
        ) from None
    return _view(dict(line.split("=", 1) for line in answer.decode().splitlines() if "=" in line))


def unit_text(command: Sequence[str]) -> str:
    return templates.fill(
        "linux/deshimmer.service",
        python=templates.systemd_text(command[0]),
        command=templates.systemd_command(command),
        environment=templates.systemd_environment(program.folders_set()),
    )


def _view(facts: dict[str, str]) -> View:
    state = f"{facts['ActiveState']} ({facts['SubState']})"
    if facts["Result"] != "success":
        state += f", because of: {facts['Result']}"
    if facts["NRestarts"] != "0":
        state += f", restarted {facts['NRestarts']} times"
    return View(facts["ActiveState"] in _ACTIVE, int(facts["MainPID"]) or None, state)


def _systemctl(*words: str, may_fail: bool = False) -> Run:
    return Run(("systemctl", "--user", *words), may_fail)
