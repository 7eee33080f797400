"""What an edit of the settings changed for the running daemon."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple, Self, cast

from ..config.settings import HotFolder, Settings

NEEDS_RESTART = ("queue.database",)


class Edit(NamedTuple):
    applied: list[str]  # keys in force from now on
    restart: list[str]  # keys that the next start takes up
    overridden: dict[str, str]  # keys that were written but that something else decides, and what

    @classmethod
    def between(cls, former: Settings, now: Settings, changes: Mapping[str, Any], fixed: Mapping[str, str]) -> Self:
        before, after = dict(_leaves(former.model_dump(mode="json"))), dict(_leaves(now.model_dump(mode="json")))
        changed = [key for key in after if after[key] != before[key]]
        return cls(
            [key for key in changed if key not in NEEDS_RESTART],
            [key for key in changed if key in NEEDS_RESTART],
            {key: fixed[key] for key in changes if key in fixed},
        )


def folder_changes(former: Settings, now: Settings) -> tuple[list[HotFolder], set[Path]]:
    """The hot folders to watch from now on, and those to leave. Folders that no settings file named stay as they are."""
    added = [folder for folder in now.hot_folders if folder not in former.hot_folders]
    return added, {folder.path for folder in former.hot_folders} - {folder.path for folder in now.hot_folders}


def _leaves(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in values.items():
        if isinstance(value, dict):
            yield from _leaves(cast(dict[str, Any], value), f"{prefix}{key}.")
        else:
            yield prefix + key, value
