"""pystray's gtk backend: an XEmbed icon with a real menu, where the system's ``gi`` can be seen."""

from __future__ import annotations

from typing import Any

from ..icon import Theme
from . import Backend, Click
from .gobject import no_gi, without_notifications
from .probing import has_x_tray

_SIZE_PX = 48
"""GTK scales it down to what the tray gives."""


def probe() -> str | None:
    if not has_x_tray():
        return "no window takes tray icons on this X screen"
    return no_gi("Gtk")


def make(click: Click, theme: Theme) -> Backend:
    from .stray import Stray, icon_class

    without_notifications()
    return Stray(icon_class("_gtk"), click, theme, _SIZE_PX, _set_tooltip)


def _set_tooltip(icon: Any, tooltip: str) -> None:
    from gi.repository import GLib  # type: ignore[import-untyped]

    icon.title = "deshimmer"
    GLib.idle_add(icon._status_icon.set_tooltip_text, tooltip)
