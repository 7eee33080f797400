"""Folders that cannot be watched at the moment, and why."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path

from ..config.errors import DaemonError, DeshimmerError

log = logging.getLogger(__name__)


class FolderProblems:
    """By folder, over all hot folders. The log hears of each once, and when it is over."""

    def __init__(self) -> None:
        self._known: dict[Path, DeshimmerError] = {}

    def all(self) -> tuple[DeshimmerError, ...]:
        return tuple(self._known.values())

    def put(self, root: Path, problems: Mapping[Path, DeshimmerError]) -> bool:
        """These are now all below this hot folder. True when they are of other folders than before."""
        former = {path: error for path, error in self._known.items() if path.is_relative_to(root)}
        for path, error in problems.items():
            if path not in former:
                log.warning("%s: %s (%s)", error.title, error.message, path)
        for path in former.keys() - problems.keys():
            log.warning("%s is watched again", path)
        self._known = {path: error for path, error in self._known.items() if path not in former} | dict(problems)
        return former.keys() != problems.keys()


def unreadable(folder: Path, error: OSError) -> DaemonError:
    if isinstance(error, FileNotFoundError):
        return DaemonError(
            "It is not there. Make it, or mount its disk: it is looked for again by itself.", path=folder, title="A hot folder is missing"
        )
    return DaemonError(
        f"It cannot be read ({error.strerror or error}). Give yourself the right to read it: it is tried again by itself.",
        path=folder,
        title="A folder cannot be read",
    )


def without_events(root: Path, error: OSError, rescan_s: float) -> DaemonError:
    return DaemonError(
        f"The system gives no file events for it ({error.strerror or error}), so renders are only noticed every "
        f"{rescan_s:g} s. 'deshimmer doctor' says which limit to raise.",
        path=root,
        title="A hot folder is watched without events",
    )
