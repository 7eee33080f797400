"""The ways to show an icon and its menu on a desktop, behind one small interface.

A backend is a module with ``probe() -> str | None`` (None: it can be used here; else why not, in words) and ``make(click, theme)``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from ..icon import Theme
from ..look import Picture
from ..menu import Action, Menu

Click = Callable[[Action], None]
"""What a backend calls, in any thread, for a click; it returns at once."""


class Backend(Protocol):
    """All may be called from any thread, before and during ``run``."""

    def show(self, picture: Picture, tooltip: str, menu: Menu) -> None:
        """Show this from now on; what is as before is left alone."""
        ...

    def run(self) -> None:
        """Blocks until ``stop``; in the main thread, as some systems want it."""
        ...

    def stop(self) -> None: ...


class Way(Protocol):
    """A module of this folder."""

    def probe(self) -> str | None: ...
    def make(self, click: Click, theme: Theme) -> Backend: ...
