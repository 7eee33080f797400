"""The command ``models``: which models are here to render clips again, where they lie, and how one more is entered."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..config import paths
from ..config.errors import DeshimmerError, WrongUsage
from . import show
from .session import FAILED, OK, Session

if TYPE_CHECKING:
    from ..processors.families.store import Installed


class Action(StrEnum):
    LIST = "list"
    PATH = "path"
    ADD = "add"


def models(
    session: Session,
    action: Annotated[Action, typer.Argument(help="List the models that are here, print the folder of our own, or add one.")],
    model: Annotated[
        str | None,
        typer.Argument(metavar="MODEL", help="With add: a folder in diffusers' format, or a name on the Hub.", show_default=False),
    ] = None,
    revision: Annotated[str | None, typer.Option(metavar="R", help="With add: the commit or tag on the Hub.")] = None,
) -> int:
    """The models that can render clips again from their prompts."""
    if (action is Action.ADD) != (model is not None):
        raise WrongUsage("'models add' takes one model, the others none: deshimmer models add FOLDER, or add THUDM/CogVideoX-5b.")
    if action is Action.ADD:
        assert model is not None
        return _add(session, model, revision)
    return _SHOWN[action](session)


def _list(session: Session) -> int:
    from ..processors.families import store

    found = store.installed(session.settings)
    for one in found:
        session.result(_as_dict(one))
    if session.json_lines:
        return OK
    if not found:
        show.print_marked("No model is here. Fetch one with 'deshimmer models add THUDM/CogVideoX-5b', or enter a folder that you have.")
        return OK
    rows = [(show.escaped(one.name), *map(show.escaped, _words(one)), show.escaped(str(one.folder))) for one in found]
    show.print_table(("model", "renders from", "size", "state", "folder"), rows, wraps="folder")
    return OK


def _path(session: Session) -> int:
    folder = paths.models_dir()
    session.result({"path": str(folder), "exists": folder.exists()}, str(folder))
    return OK


def _add(session: Session, model: str, revision: str | None) -> int:
    from ..processors.families import entries, fetching, store

    folder = Path(model).expanduser()
    try:
        if folder.is_dir():
            entered = entries.enter(folder).folder.resolve()
        elif store.is_hub_id(model):
            entered = fetching.fetch(model, revision, session.settings, session.note).resolve()
        else:
            raise WrongUsage(f"There is no folder '{model}', and it is no name on the Hub, such as THUDM/CogVideoX-5b.")
    except WrongUsage:
        raise
    except DeshimmerError as error:
        session.fail(error, path=model)
        return FAILED
    one = next(each for each in store.installed(session.settings) if each.folder.resolve() == entered)
    session.result(_as_dict(one), f"{one.name} is entered: {_words(one)[2]}")
    return OK


_SHOWN: dict[Action, Callable[[Session], int]] = {Action.LIST: _list, Action.PATH: _path}


def _as_dict(one: Installed) -> dict[str, Any]:
    return {
        "name": one.name,
        "folder": str(one.folder),
        "family": None if one.family is None else one.family.name,
        "pipeline": one.pipeline,
        "kinds": list(one.kinds),
        "revision": one.revision,
        "size_bytes": one.size_bytes,
        "ok": one.whole,
        "problem": one.problem,
    }


def _words(one: Installed) -> tuple[str, str, str]:
    """What it renders from, its size, and whether it can be used."""
    state = "of no family that deshimmer renders with" if one.family is None else one.problem or f"ready, as {one.family.name}"
    return ", ".join(one.kinds) or "-", f"{one.size_bytes / 1e9:.1f} GB", state
