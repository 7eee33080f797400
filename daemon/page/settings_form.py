"""The settings page's form: from the file's values to fields, and from what the user typed to changes of the file."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from pydantic import ValidationError
from starlette.datastructures import FormData

from ...config.errors import DeshimmerError, SettingsError
from ...config.settings import HotFolder, Settings
from .settings_fields import Field, Section, Unfit, hot_folder, read, sections, with_form

if TYPE_CHECKING:
    from ..api.control import Control

_FOLDERS = "hot_folders"
_FOLDER_KEY = re.compile(r"hot_folders\.(\d{1,4})\.\w+")


class Sheet(NamedTuple):
    """The settings file as it is, and what it gives."""

    file: str
    text: str
    values: dict[str, Any]  # as JSON has them
    fixed: dict[str, str]  # keys that the file cannot change, and what sets them
    error: DeshimmerError | None = None  # the file is wrong; then the values are those in force
    watched: tuple[str, ...] = ()  # the hot folders that the daemon watches

    @property
    def seen(self) -> str:
        """Tells one state of the file from another."""
        return hashlib.sha256(self.text.encode()).hexdigest()[:16]


class Given(NamedTuple):
    """A hot folder that is not the file's to change, and where it comes from."""

    path: str
    by: str


@dataclass(frozen=True)
class Form:
    file: str
    text: str
    seen: str
    sections: tuple[Section, ...]
    folders: tuple[Section, ...]
    given: tuple[Given, ...] = ()
    folders_fixed: bool = False  # something decides on all hot folders in the file's place
    error: DeshimmerError | None = None
    problems: int = 0
    saved: str = ""


class Typed(NamedTuple):
    """What a form asks for. ``errors``: by field key; with any, nothing is to be saved."""

    form: Form
    changes: dict[str, Any]
    hot_folders: list[dict[str, Any]] | None  # None: as they are
    errors: dict[str, str]


def read_sheet(control: Control) -> Sheet:
    source, error = control.source, None
    try:
        settings = source.load()
    except DeshimmerError as wrong:
        settings, error = control.settings, wrong
    watched = tuple(str(folder.path) for folder in control.hot_folders())
    return Sheet(str(source.file), source.text(), settings.model_dump(mode="json"), source.fixed(), error, watched)


def form_of(sheet: Sheet) -> Form:
    fixed_by = sheet.fixed.get(_FOLDERS)
    folders = () if fixed_by else tuple(hot_folder(index, values) for index, values in enumerate(sheet.values[_FOLDERS]))
    given = tuple(_given(sheet, fixed_by))
    return Form(
        sheet.file, sheet.text, sheet.seen, tuple(sections(sheet.values, sheet.fixed)), folders, given, fixed_by is not None, sheet.error
    )


def _given(sheet: Sheet, fixed_by: str | None) -> Iterable[Given]:
    """Those of ``--set`` or the environment, and those of ``watch DIR``, which no settings name."""
    known = [str(values["path"]) for values in sheet.values[_FOLDERS]]
    yield from (Given(path, f"set by {fixed_by.partition('=')[0]}") for path in known if fixed_by)
    yield from (Given(path, "given on the command line") for path in sheet.watched if path not in known)


def typed(sheet: Sheet, data: FormData) -> Typed:
    """Compare what was typed with what is in force: only what differs becomes a change."""
    standing = form_of(sheet)
    folders = tuple(hot_folder(index, {}) for index in _indices(data))
    fields = [field for section in standing.sections for field in section.fields]
    errors: dict[str, str] = {}
    values = {field.key: value for field, value in _read_all(fields, data, errors) if not field.fixed_by}
    changes = {field.key: values[field.key] for field in fields if field.key in values and _differs(values[field.key], field)}
    wanted = [_folder_values(section, data, errors) for section in folders]
    errors |= _misfits(sheet, changes, wanted, folders, errors)
    form = replace(
        standing,
        sections=tuple(_as_typed(section, data, errors) for section in standing.sections),
        folders=tuple(_as_typed(section, data, errors) for section in folders),
        problems=len(errors),
        error=_of_no_field(errors, (*standing.sections, *folders)),
    )
    is_same = standing.folders_fixed or wanted == [_set(values) for values in sheet.values[_FOLDERS]]
    return Typed(form, changes, None if is_same else wanted, errors)


def _read_all(fields: Iterable[Field], data: FormData, errors: dict[str, str]) -> Iterable[tuple[Field, Any]]:
    for field in fields:
        try:
            yield field, read(field, data)
        except Unfit as unfit:
            errors[field.key] = str(unfit)


def _folder_values(section: Section, data: FormData, errors: dict[str, str]) -> dict[str, Any]:
    read_values = {field.key.rpartition(".")[2]: value for field, value in _read_all(section.fields, data, errors)}
    return _set({name: value for name, value in read_values.items() if value is not None})


def _set(values: Mapping[str, Any]) -> dict[str, Any]:
    """What of a hot folder differs from the defaults: nothing else is written."""
    defaults = {name: _plain(info.get_default()) for name, info in HotFolder.model_fields.items() if not info.is_required()}
    return {name: value for name, value in values.items() if name not in defaults or _plain(value) != defaults[name]}


def _differs(value: Any, field: Field) -> bool:
    return _plain(field.default if value is None else value) != _plain(field.value)


def _plain(value: Any) -> Any:
    return list(cast(tuple[Any, ...], value)) if isinstance(value, tuple) else value


def _misfits(
    sheet: Sheet, changes: Mapping[str, Any], wanted: list[dict[str, Any]], folders: tuple[Section, ...], errors: Mapping[str, str]
) -> dict[str, str]:
    """What the model says to the whole, by field."""
    values = {section.key: dict[str, Any](sheet.values[section.key]) for section in sections(sheet.values, {})}
    for key, value in changes.items():
        section, name = key.split(".", 1)
        if value is None:
            values[section].pop(name, None)
        else:
            values[section][name] = value
    try:
        Settings.model_validate({**values, "hot_folders": wanted})
    except ValidationError as error:
        found = {_key(each["loc"], folders): _sentence(each["msg"]) for each in error.errors()}
        return {key: message for key, message in found.items() if key not in errors}
    return {}


def _of_no_field(errors: Mapping[str, str], shown: Iterable[Section]) -> DeshimmerError | None:
    """What is said beside neither a field nor a section."""
    known = {key for section in shown for key in (section.key, f"hot_folders.{section.key}", *(field.key for field in section.fields))}
    rest = [message for key, message in errors.items() if key not in known]
    return SettingsError(" ".join(rest)) if rest else None


def _key(place: tuple[int | str, ...], folders: tuple[Section, ...]) -> str:
    parts = [str(part) for part in place]
    if len(parts) > 1 and parts[0] == "hot_folders":
        parts[1] = folders[int(parts[1])].key
        return ".".join(parts[:3])
    return ".".join(parts[:2])


def _sentence(message: str) -> str:
    message = message.removeprefix("Value error, ").replace("Input should", "It should")
    return f"{message[:1].upper()}{message[1:]}."


def _as_typed(section: Section, data: FormData, errors: Mapping[str, str]) -> Section:
    fields = tuple(with_form(field, data, errors) for field in section.fields)
    return replace(section, fields=fields, error=errors.get(section.key, errors.get(f"hot_folders.{section.key}", "")))


def _indices(data: FormData) -> list[int]:
    return sorted({int(match[1]) for key in data if (match := _FOLDER_KEY.fullmatch(key))})
