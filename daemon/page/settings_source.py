"""The settings file as the page reads and edits it: the API's own functions, called in-process."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from ...config import paths

if TYPE_CHECKING:
    from ..api.control import Control


class Source(NamedTuple):
    file: str
    text: str
    values: dict[str, Any]  # in force, as JSON has them

    @property
    def seen(self) -> str:
        """Tells one state of the file from another."""
        return hashlib.sha256(self.text.encode()).hexdigest()[:16]


def source(control: Control) -> Source:
    file = paths.settings_file()
    text = file.read_text() if file.exists() else ""
    return Source(str(file), text, control.settings.model_dump(mode="json"))


def edit(control: Control, changes: Mapping[str, Any], hot_folders: Sequence[Mapping[str, Any]] | None) -> None:
    """Change the file, comments kept. Raises SettingsError, and leaves the file as it was, where a value does not fit."""
    raise NotImplementedError
