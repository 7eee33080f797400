"""The command ``config``: where the settings are, what they are, whether they are right, and a file to begin with."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from ..config import document, paths
from ..config.errors import CannotWrite, SettingsError
from .session import FAILED, OK, Session


class Action(StrEnum):
    PATH = "path"
    SHOW = "show"
    CHECK = "check"
    INIT = "init"


def config(
    session: Session,
    action: Annotated[Action, typer.Argument(help="Print the file's path, the settings in force, check them, or write a file.")],
) -> int:
    """The settings: where they are, what is in force, whether they are right."""
    return _ACTIONS[action](session)


def _path(session: Session) -> int:
    file = session.config or paths.settings_file()
    session.result({"path": str(file), "exists": file.exists()}, str(file))
    return OK


def _show(session: Session) -> int:
    session.result(session.settings.model_dump(mode="json"), document.effective(session.settings).rstrip())
    return OK


def _check(session: Session) -> int:
    file = session.config or paths.settings_file()
    try:
        folders = session.settings.hot_folders
    except SettingsError as error:
        session.fail(error)
        return FAILED
    exists = file.exists()
    words = f"{file}: right" if exists else f"{file} does not exist: the defaults are in force"
    session.result({"path": str(file), "exists": exists, "ok": True}, f"{words}, {len(folders)} hot folders")
    return OK


def _init(session: Session) -> int:
    file = session.config or paths.settings_file()
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        hot_folder = paths.default_hot_folder()
        with file.open("x", encoding="utf-8") as handle:
            handle.write(document.template(str(hot_folder)))
        hot_folder.mkdir(parents=True, exist_ok=True)
    except FileExistsError:
        raise SettingsError(
            "There is a settings file already, and it is left as it is. Edit it, or name another with --config.", path=file
        ) from None
    except OSError as error:
        raise CannotWrite(f"The settings file cannot be written ({error.strerror}). Name another with --config.", path=file) from None
    session.result({"path": str(file), "exists": True}, str(file))
    return OK


_ACTIONS = {Action.PATH: _path, Action.SHOW: _show, Action.CHECK: _check, Action.INIT: _init}
