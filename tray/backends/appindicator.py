"""pystray's appindicator backend, on request: a StatusNotifierItem made by the system's own library. It has no tooltip."""

from __future__ import annotations

from ..icon import Theme
from . import Backend, Click
from .gobject import no_gi, without_notifications
from .statusnotifier import probe as no_watcher

_SIZE_PX = 48


def probe() -> str | None:
    return no_watcher() or no_gi("Gtk", "AyatanaAppIndicator3")


def make(click: Click, theme: Theme) -> Backend:
    from .stray import Stray, icon_class

    without_notifications()
    return Stray(icon_class("_appindicator"), click, theme, _SIZE_PX)
