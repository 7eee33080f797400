"""The settings file edited by a program: what is not changed, comments above all, stays as it was written."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import tomlkit
from tomlkit.exceptions import TOMLKitError
from tomlkit.items import AoT, Item, Table, Whitespace

from . import paths, whole
from .errors import CannotWrite, SettingsError
from .settings import HotFolder, Settings, fixed_keys, load_settings

_HOT_FOLDERS = "hot_folders"


@dataclass(frozen=True)
class Source:
    """Where settings in force came from: a file (None: the default one) and ``--set``."""

    named: Path | None = None
    overrides: tuple[str, ...] = ()

    @property
    def file(self) -> Path:
        return self.named or paths.settings_file()

    def text(self) -> str:
        """What the file holds; nothing where there is none. Raises SettingsError."""
        try:
            return self.file.read_text(encoding="utf-8")
        except FileNotFoundError:
            return ""
        except (OSError, UnicodeDecodeError) as error:
            raise SettingsError(f"The settings file cannot be read: {error}.", path=self.file) from None

    def load(self, text: str | None = None) -> Settings:
        """The settings that it gives, with ``text`` in the file. Raises SettingsError."""
        return load_settings(self.named, self.overrides, text=text)

    def fixed(self) -> dict[str, str]:
        """The keys that the file cannot change, and what sets them."""
        return fixed_keys(self.overrides)

    def edit(self, changes: Mapping[str, Any], hot_folders: Sequence[Mapping[str, Any]] | None = None) -> Settings:
        """Change the file, if all of it is right then, and return what it gives. Raises SettingsError or CannotWrite, and changes
        nothing.
        """
        text = edited(self.text(), changes, hot_folders)
        settings = self.load(text)
        _write(self.file, text)
        return settings


def edited(text: str, changes: Mapping[str, Any], hot_folders: Sequence[Mapping[str, Any]] | None = None) -> str:
    """The TOML with values set by dotted key (None removes one) and, where they are given, all hot folders replaced.

    A hot folder whose path is there already keeps its block; defaults are not written where they were not. Raises SettingsError.
    """
    try:
        document = tomlkit.parse(text)
        for key, value in changes.items():
            _set(document, key, value)
        if hot_folders is not None:
            _set_hot_folders(document, hot_folders)
        return tomlkit.dumps(document)
    except (TOMLKitError, ValueError) as error:  # also for a value that TOML cannot say
        raise SettingsError(f"The settings cannot be written so: {error}.") from None


def _set(document: tomlkit.TOMLDocument, key: str, value: Any) -> None:
    *sections, name = key.split(".")
    table: Any = document
    for section in sections:
        if section not in table:
            if value is None:
                return
            table[section] = tomlkit.table()
        table = table[section]
        if not hasattr(table, "setdefault"):
            raise SettingsError(f"'{key}' is not a setting. 'deshimmer config show' lists every key.")
    _put(table, name, value)


def _put(table: Any, name: str, value: Any) -> None:
    if value is None:
        table.pop(name, None)
    elif name not in table:
        tail = _detached(table)
        table[name] = value
        _attach(table, tail)
    elif table[name] != value:
        table[name] = value


def _set_hot_folders(document: tomlkit.TOMLDocument, hot_folders: Sequence[Mapping[str, Any]]) -> None:
    found = cast(object, document.get(_HOT_FOLDERS))
    if not isinstance(found, AoT):  # none, or a list in one line
        document.pop(_HOT_FOLDERS, None)
        if document.body:
            document.add(tomlkit.nl())
        found = tomlkit.aot()
        document[_HOT_FOLDERS] = found
    tails = [_detached(block) for block in found.body]
    above = dict(zip(map(_path, found.body), [[], *tails], strict=False))  # what a person wrote over a block is in the one before
    former = {_path(block): block for block in found.body}
    found.clear()
    for values in hot_folders:
        path = _path(values)
        if len(found):
            _attach(found[-1], above.get(path) or [tomlkit.nl()])
        found.append(_block(former.pop(path, None) or tomlkit.table(), values))
        if len(found) == 1:
            _attach(found[0], above.get(path, []))
    if len(found):
        _attach(found[-1], tails[-1] if tails else [])
    else:
        document.pop(_HOT_FOLDERS)


def _block(block: Table, values: Mapping[str, Any]) -> Table:
    for name in [name for name in block if name not in values]:
        block.pop(name)
    for name, value in values.items():
        field = HotFolder.model_fields.get(name)
        is_default = field is not None and not field.is_required() and _plain(field.get_default()) == value
        is_same = name in block and _expanded(block[name]) == _expanded(value)
        if not is_same and (name in block or not is_default):
            _put(block, name, value)
    return block


def _path(block: Mapping[str, Any]) -> Any:
    return _expanded(block.get("path", ""))


def _expanded(value: Any) -> Any:
    """A path may be written with ``~``."""
    return os.path.expanduser(value) if isinstance(value, str) else value


def _detached(table: Any) -> list[Item]:
    """What stands below a table's last blank line, if that is no key: it was written for what follows. Taken out of the table."""
    body = table.value.body if isinstance(table, Table) else []
    first = 1 + max((index for index, (key, _) in enumerate(body) if key is not None), default=-1)
    blank = [index for index in range(first, len(body)) if isinstance(body[index][1], Whitespace)]
    tail = [item for _, item in body[blank[-1] :]] if blank else []
    del body[len(body) - len(tail) :]
    return tail


def _attach(table: Any, tail: Iterable[Item]) -> None:
    for item in tail:
        table.add(item)


def _plain(value: Any) -> Any:
    return list(cast(tuple[Any, ...], value)) if isinstance(value, tuple) else value


def _write(file: Path, text: str) -> None:
    """Whole or not at all. A link stays a link."""
    target = Path(os.path.realpath(file))
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        whole.write(target, text.encode(), stat.S_IMODE(target.stat().st_mode) if target.exists() else None)
    except OSError as error:
        raise CannotWrite(
            f"The settings file cannot be written ({error.strerror}). Give yourself the right to, or edit it.", path=file
        ) from None
