"""The settings page: the file's values in a form, saved whole or not at all."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData, UploadFile
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from ...config.errors import DeshimmerError, SettingsError
from .rendering import fragment, page, whole_number
from .settings_fields import hot_folder
from .settings_form import Form, form_of, read_sheet, typed

if TYPE_CHECKING:
    from ..api.control import Control
    from ..edits import Edit

_CHANGED = SettingsError(
    "It was changed by somebody else meanwhile: reload this page and make your changes again.", title="The file has changed"
)


def settings_routes(control: Control) -> list[BaseRoute]:
    def show(_: Request) -> Response:
        return page(control, "settings.html", lambda: {"form": form_of(read_sheet(control))}, nav="settings")

    async def save(request: Request) -> Response:
        pairs: list[tuple[str, str | UploadFile]] = [*parse_qsl((await request.body()).decode(), keep_blank_values=True)]
        data = FormData(pairs)
        form = await run_in_threadpool(_saved, control, data)
        return fragment("settings_form.html", form=form)

    return [
        Route("/settings", show),
        Route("/settings", save, methods=["POST"]),
        Route("/settings/hot_folder", _new_folder),
    ]


def _new_folder(request: Request) -> Response:
    return fragment("settings_folder.html", section=hot_folder(whole_number(request, "index", 0), {}))


def _saved(control: Control, data: FormData) -> Form:
    now = read_sheet(control)
    asked = typed(now, data)
    if asked.errors:
        return asked.form
    if data.get("seen") != now.seen:
        return replace(asked.form, error=_CHANGED)
    if not asked.changes and asked.hot_folders is None:
        return replace(form_of(now), saved="Nothing had changed.")
    try:
        edit = control.edit_settings(asked.changes, asked.hot_folders)
    except DeshimmerError as error:
        return replace(asked.form, error=error)
    return replace(form_of(read_sheet(control)), saved=_told(edit))


def _told(edit: Edit) -> str:
    later = f" {', '.join(edit.restart)} will be taken up by the next start of the daemon." if edit.restart else ""
    return f"Saved.{later}"
