"""``gi``, the system's own binding to GTK, which no package of ours can bring."""

from __future__ import annotations

import os
from importlib import import_module
from typing import Any

_TYPELIBS = {"Gtk": ("3.0", "gir1.2-gtk-3.0"), "AyatanaAppIndicator3": ("0.1", "gir1.2-ayatanaappindicator3-0.1")}
_LINE = "sudo apt-get install -y python3-gi gir1.2-gtk-3.0 gir1.2-ayatanaappindicator3-0.1"


class _NoNotifier:
    """In the place of pystray's own notifications, which ask the bus for a server at start and at the end and fail where there is none."""

    def hide(self) -> None:
        pass


def without_notifications() -> None:
    """Before an icon of pystray's on GTK is made: notifications are not its business (``notify``)."""
    notifications: Any = import_module("pystray._util.notify_dbus")
    notifications.Notifier = _NoNotifier


def no_gi(*libraries: str) -> str | None:
    """None when all of these can be used; else what is missing, and the line that brings it."""
    os.environ.setdefault("GDK_GL", "disable")  # a menu needs no OpenGL, whose software driver alone takes 35 MB
    try:
        import gi  # type: ignore[import-untyped]

        for library in libraries:
            gi.require_version(library, _TYPELIBS[library][0])
    except (ImportError, ValueError) as error:
        return f"{error} ({_LINE}; docs/tray.md says how a virtual environment sees it)"
    return None if os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY") else "there is no display"
