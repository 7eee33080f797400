"""The settings as a TOML document with every key explained, written from the model so that it cannot go stale."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from .settings import HotFolder, Settings

_HEAD = """# The settings of deshimmer. Every key is optional; a line that begins with '#' shows a default.
# A hot folder is added by a block [[hot_folders]]; repeat the block for more.
"""


def template(hot_folder: str) -> str:
    """A settings file to begin with: everything commented out but one hot folder."""
    blocks = [_HEAD, "[[hot_folders]]", f"path = {_value(hot_folder)}", *_keys(HotFolder, skip=("path",), commented=True)]
    for name, section in _sections():
        blocks += ["", f"[{name}]", *_keys(section, commented=True)]
    return "\n".join(blocks) + "\n"


def effective(settings: Settings) -> str:
    """The settings in force, whatever they came from."""
    values = settings.model_dump(mode="json")
    lines: list[str] = []
    for hot_folder in values["hot_folders"]:
        lines += ["[[hot_folders]]", *_keys(HotFolder, hot_folder), ""]
    for name, section in _sections():
        lines += [f"[{name}]", *_keys(section, values[name]), ""]
    return "\n".join(lines).rstrip() + "\n"


def _sections() -> Iterator[tuple[str, type[BaseModel]]]:
    for name, field in Settings.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield name, field.annotation


def _keys(
    section: type[BaseModel], values: Mapping[str, Any] | None = None, *, skip: tuple[str, ...] = (), commented: bool = False
) -> Iterator[str]:
    for name, field in section.model_fields.items():
        if name in skip:
            continue
        value = field.get_default() if values is None else values[name]
        text = f"{name} = {_value(value)}" if value is not None else f'{name} = "..."'
        unset = commented or value is None
        yield f"{'# ' if unset else ''}{text}{_comment(field)}"


def _comment(field: FieldInfo) -> str:
    return f"  # {field.description}" if field.description else ""


def _value(value: Any) -> str:
    """TOML for strings, numbers, booleans and lists of them; JSON writes these alike."""
    return json.dumps(value, ensure_ascii=False)
