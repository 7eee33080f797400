"""The command ``service``: the daemon as a service of this user, and the tray at login."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterable
from enum import StrEnum
from typing import Annotated, Any

import typer

from ..config import autostart, paths, program, service
from ..config.changes import Change, Write, apply, needed
from ..config.errors import DaemonError, SettingsError
from . import service_view, services, show
from .lock import is_state_held
from .session import OK, Session


class Action(StrEnum):
    INSTALL = "install"
    UNINSTALL = "uninstall"
    START = "start"
    STOP = "stop"
    STATUS = "status"
    LOGS = "logs"


def service_command(
    session: Session,
    action: Annotated[Action, typer.Argument(help="What to do with the service.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only print what would be written and run.")] = False,
    tray: Annotated[bool, typer.Option(help="install: the tray starts at login, too.")] = True,
    lines: Annotated[int, typer.Option(metavar="N", min=1, help="logs: so many of the last lines.")] = 50,
    follow: Annotated[bool, typer.Option("--follow", help="logs: go on until Ctrl-C.")] = False,
) -> int:
    """The daemon as a service of this user: starts at login, restarts after a crash. No admin rights."""
    if action is Action.STATUS:
        return service_view.status(session)
    if action is Action.LOGS:
        return service_view.logs(session, lines, follow=follow)
    return _change(session, action, dry_run, tray)


def _change(session: Session, action: Action, dry_run: bool, tray: bool) -> int:
    plan = needed(_PLANS[action](session, tray))
    if not dry_run:
        _require_possible(action)
        apply(plan)
    _tell(session, action, plan, dry_run)
    return OK


def _install(session: Session, tray: bool) -> tuple[Change, ...]:
    require_hot_folders(session)
    options = [] if session.config is None else ["--config", str(session.config.absolute())]
    options += [word for override in session.overrides for word in ("--set", override)]
    changes = services.manager().install(program.argv("daemon", "run", *options))
    return changes + (autostart.changes_on() if tray else ())


def _uninstall(session: Session, tray: bool) -> tuple[Change, ...]:
    return services.manager().uninstall() + autostart.changes_off()


def _start(session: Session, tray: bool) -> tuple[Change, ...]:
    _require_installed()
    return services.manager().start()


def _stop(session: Session, tray: bool) -> tuple[Change, ...]:
    _require_installed()
    return services.manager().stop()


_PLANS: dict[Action, Callable[[Session, bool], tuple[Change, ...]]] = {
    Action.INSTALL: _install,
    Action.UNINSTALL: _uninstall,
    Action.START: _start,
    Action.STOP: _stop,
}
_DONE_WORDS = {
    Action.INSTALL: "The daemon runs as a service and starts at every login. 'deshimmer service status' shows it.",
    Action.UNINSTALL: "The service is gone. These stay, and are yours to delete:",
    Action.START: "started",
    Action.STOP: "stopped; it starts again at the next login",
}


def require_hot_folders(session: Session) -> None:
    if not session.settings.hot_folders:
        raise DaemonError(
            "The settings name no hot folder. 'deshimmer config init' writes a file to add one to, or use 'deshimmer watch DIR'.",
            path=session.config or paths.settings_file(),
            title="There is nothing to watch",
        )


def _require_installed() -> None:
    if not service.is_installed():
        raise DaemonError("Install it with 'deshimmer service install'.", title="The service is not installed")


def _require_possible(action: Action) -> None:
    """Raises NotSetUp where no service manager answers, DaemonError where a daemon in a terminal stands in the way."""
    if not service.is_installed() and action is Action.UNINSTALL:
        return
    view = services.manager().view()
    if action in (Action.INSTALL, Action.START) and is_state_held() and view.is_active is False:
        raise DaemonError(
            "deshimmer runs already, and not as the service. Stop it where it was started (Ctrl-C), then do this again.",
            path=paths.state_dir(),
        )


def _tell(session: Session, action: Action, plan: Iterable[Change], dry_run: bool) -> None:
    record: dict[str, Any] = {"action": action.value, "dry_run": dry_run, "changes": [change.as_dict() for change in plan]}
    if action is Action.UNINSTALL:
        record["kept"] = _kept(session)
    session.result(record)
    if session.json_lines:
        return
    for change in plan:
        present, past = change.VERBS
        session.result({}, f"would {present} {change}" if dry_run else f"{past} {change}")
        if dry_run and isinstance(change, Write):
            session.result({}, textwrap.indent(change.text.rstrip(), "    "))
    session.note(_DONE_WORDS[action] if not dry_run else "Nothing was changed.")
    if action is Action.UNINSTALL:
        show.print_facts((name, ", ".join(value) if isinstance(value, tuple) else value) for name, value in _kept(session).items())


def _kept(session: Session) -> dict[str, str | tuple[str, ...] | None]:
    """All that an uninstallation leaves: data. ``outputs`` is None where the settings cannot be read."""
    try:
        outputs = tuple(str(folder.results) for folder in session.settings.hot_folders)
    except SettingsError:
        outputs = None
    settings = session.config or paths.settings_file()
    return {"settings": str(settings), "state": str(paths.state_dir()), "log": str(paths.log_dir()), "outputs": outputs}
