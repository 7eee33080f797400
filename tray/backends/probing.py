"""What is really on this desktop: the names on its session bus, and the owner of an X screen's tray."""

from __future__ import annotations

import asyncio
import os

_TIMEOUT_S = 3.0


def bus_names() -> frozenset[str]:
    """Well-known names on the session bus; empty where there is no bus."""
    from dbus_fast import Message
    from dbus_fast.aio import MessageBus
    from dbus_fast.errors import DBusError, InvalidAddressError

    async def ask() -> frozenset[str]:
        bus = await MessageBus().connect()
        try:
            call = Message("org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus", "ListNames")
            reply = await asyncio.wait_for(bus.call(call), _TIMEOUT_S)
            return frozenset(reply.body[0]) if reply else frozenset()
        finally:
            bus.disconnect()

    try:
        return asyncio.run(ask())
    except (OSError, EOFError, TimeoutError, DBusError, InvalidAddressError, ValueError):
        return frozenset()


def has_x_tray() -> bool:
    """Some window has taken on the icons of this X screen (XEmbed)."""
    if not os.environ.get("DISPLAY"):
        return False
    from Xlib import X
    from Xlib.display import Display
    from Xlib.error import ConnectionClosedError, DisplayError, XauthError

    try:
        display = Display()
    except (DisplayError, ConnectionClosedError, XauthError, OSError):
        return False
    try:
        atom = display.intern_atom(f"_NET_SYSTEM_TRAY_S{display.get_default_screen()}")
        return display.get_selection_owner(atom) != X.NONE
    finally:
        display.close()
