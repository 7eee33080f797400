"""Which backend this desktop takes: the first in the system's order that can be used here."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module

from ..icon import Theme
from . import Backend, Click

_ORDER: dict[str, tuple[str, ...]] = {
    "linux": ("statusnotifier", "gtk", "xorg"),
    "darwin": ("native",),
    "win32": ("native",),
}
"""``statusnotifier`` before all: it needs nothing of the system, and takes less memory than any with GTK. ``appindicator`` speaks to
the same panels, without a tooltip and without a click on the icon: on request only.
"""
ASKED_FOR = ("statusnotifier", "appindicator", "gtk", "xorg", "native", "qt")
"""What ``--backend`` takes."""


@dataclass(frozen=True)
class Found:
    name: str
    make: Callable[[Click, Theme], Backend]


@dataclass(frozen=True)
class Refused:
    name: str
    reason: str


def look(asked_for: str | None = None) -> Found | tuple[Refused, ...]:
    """The backend to use, or why none can be used."""
    refused: list[Refused] = []
    for name in (asked_for,) if asked_for else _ORDER.get(sys.platform, _ORDER["linux"]):
        module = import_module(f".{name}", __package__)
        reason = module.probe()
        if reason is None:
            return Found(name, module.make)
        refused.append(Refused(name, reason))
    return tuple(refused)
