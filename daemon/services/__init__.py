"""The service managers: systemd, launchd, Task Scheduler. Each says what is to be written and run; none needs admin rights."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Protocol

from ...config.changes import Change
from ...config.errors import NotSetUp
from . import launchd, systemd, tasks
from .view import View as View


class Manager(Protocol):
    """The changes are worked out against what is there now, so that what is done already is not done again."""

    @property
    def NAME(self) -> str: ...
    def install(self, command: Sequence[str]) -> tuple[Change, ...]: ...
    def uninstall(self) -> tuple[Change, ...]: ...
    def start(self) -> tuple[Change, ...]: ...
    def stop(self) -> tuple[Change, ...]: ...
    def view(self) -> View: ...


MANAGERS: dict[str, Manager] = {"linux": systemd, "darwin": launchd, "win32": tasks}


def manager(platform: str = sys.platform) -> Manager:
    """The one of this system. Raises NotSetUp."""
    if platform not in MANAGERS:
        raise NotSetUp(f"deshimmer knows no service manager for '{platform}'. Start 'deshimmer run' from your session instead.")
    return MANAGERS[platform]
