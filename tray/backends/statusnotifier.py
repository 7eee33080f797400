"""A StatusNotifierItem over D-Bus of our own: KDE, Xfce, LXQt, Cinnamon, GNOME with the AppIndicator extension, Wayland panels.

Needs nothing of the system but the session bus. https://www.freedesktop.org/wiki/Specifications/StatusNotifierItem/
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from typing import Annotated

from dbus_fast import Message, MessageType, PropertyAccess
from dbus_fast.aio import MessageBus
from dbus_fast.annotations import DBusBool, DBusInt32, DBusObjectPath, DBusSignature, DBusStr
from dbus_fast.service import ServiceInterface, dbus_method, dbus_property, dbus_signal
from PIL import Image

from ..icon import Theme, draw
from ..look import Mood, Picture
from ..menu import DEFAULT, Menu
from . import Backend, Click
from .dbusmenu import DbusMenu
from .probing import bus_names

WATCHER = "org.kde.StatusNotifierWatcher"
_ITEM_PATH = "/StatusNotifierItem"
_MENU_PATH = "/MenuBar"
_SIZES_PX = (16, 22, 24, 32, 48)

_Pixmaps = Annotated[list[list[object]], DBusSignature("a(iiay)")]
_ToolTip = Annotated[list[object], DBusSignature("(sa(iiay)ss)")]


def probe() -> str | None:
    return None if WATCHER in bus_names() else "no StatusNotifierWatcher is on the session bus"


def make(click: Click, theme: Theme) -> Backend:
    return StatusNotifier(click, theme)


class StatusNotifier:
    def __init__(self, click: Click, theme: Theme) -> None:
        self._item = _Item(theme, lambda: click(DEFAULT))
        self._menu = DbusMenu(click)
        self._name = f"org.kde.StatusNotifierItem-{os.getpid()}-1"
        self._loop = asyncio.new_event_loop()
        self._stopped = asyncio.Event()

    def show(self, picture: Picture, tooltip: str, menu: Menu) -> None:
        def change() -> None:
            self._item.show(picture, tooltip)
            self._menu.show(menu)

        self._soon(change)

    def run(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._serve())

    def stop(self) -> None:
        self._soon(self._stopped.set)

    def _soon(self, act: Callable[[], object]) -> None:
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(act)

    async def _serve(self) -> None:
        """Ends when stopped, or with the session's bus."""
        bus = await MessageBus().connect()
        bus.export(_ITEM_PATH, self._item)
        bus.export(_MENU_PATH, self._menu)
        await bus.request_name(self._name)

        def on_message(message: Message) -> None:
            is_change = message.message_type is MessageType.SIGNAL and message.member == "NameOwnerChanged"
            if is_change and message.body[0] == WATCHER and message.body[2]:
                bus.send(self._registration())  # the panel was restarted

        bus.add_message_handler(on_message)
        rule = f"type='signal',sender='org.freedesktop.DBus',member='NameOwnerChanged',arg0='{WATCHER}'"
        await bus.call(
            Message("org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus", "AddMatch", signature="s", body=[rule])
        )
        await bus.call(self._registration())
        ends = [asyncio.ensure_future(end) for end in (self._stopped.wait(), bus.wait_for_disconnect())]
        await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        bus.disconnect()

    def _registration(self) -> Message:
        return Message(WATCHER, "/StatusNotifierWatcher", WATCHER, "RegisterStatusNotifierItem", signature="s", body=[self._name])


class _Item(ServiceInterface):
    """Names and order of methods, properties and signals are the specification's."""

    def __init__(self, theme: Theme, activate: Callable[[], None]) -> None:
        super().__init__("org.kde.StatusNotifierItem")
        self._theme = theme
        self._activate = activate
        self._picture = Picture(Mood.DOWN)
        self._tooltip = ""

    def show(self, picture: Picture, tooltip: str) -> None:
        picture, self._picture = self._picture, picture
        tooltip, self._tooltip = self._tooltip, tooltip
        if picture != self._picture:
            self.NewIcon()
        if tooltip != self._tooltip:
            self.NewToolTip()
            self.NewTitle()

    @dbus_method()
    def Activate(self, x: DBusInt32, y: DBusInt32):
        self._activate()

    @dbus_method()
    def SecondaryActivate(self, x: DBusInt32, y: DBusInt32):
        self._activate()

    @dbus_method()
    def ContextMenu(self, x: DBusInt32, y: DBusInt32):
        pass

    @dbus_method()
    def Scroll(self, delta: DBusInt32, orientation: DBusStr):
        pass

    @dbus_property(access=PropertyAccess.READ)
    def Category(self) -> DBusStr:
        return "ApplicationStatus"

    @dbus_property(access=PropertyAccess.READ)
    def Id(self) -> DBusStr:
        return "deshimmer"

    @dbus_property(access=PropertyAccess.READ)
    def Title(self) -> DBusStr:
        return f"deshimmer: {self._tooltip.partition(chr(10))[0]}"

    @dbus_property(access=PropertyAccess.READ)
    def Status(self) -> DBusStr:
        return "Active"  # never NeedsAttention, at which panels blink: the picture says it

    @dbus_property(access=PropertyAccess.READ)
    def WindowId(self) -> DBusInt32:
        return 0

    @dbus_property(access=PropertyAccess.READ)
    def IconName(self) -> DBusStr:
        return ""

    @dbus_property(access=PropertyAccess.READ)
    def IconPixmap(self) -> _Pixmaps:
        return [_pixmap(self._picture, size_px, self._theme) for size_px in _SIZES_PX]

    @dbus_property(access=PropertyAccess.READ)
    def ToolTip(self) -> _ToolTip:
        first, _, rest = self._tooltip.partition("\n")
        return ["", [], f"deshimmer: {first}", rest]

    @dbus_property(access=PropertyAccess.READ)
    def ItemIsMenu(self) -> DBusBool:
        return False

    @dbus_property(access=PropertyAccess.READ)
    def Menu(self) -> DBusObjectPath:
        return _MENU_PATH

    @dbus_signal()
    def NewIcon(self):
        pass

    @dbus_signal()
    def NewTitle(self):
        pass

    @dbus_signal()
    def NewToolTip(self):
        pass


def _pixmap(picture: Picture, size_px: int, theme: Theme) -> list[object]:
    """ARGB, each pixel in network byte order."""
    red, green, blue, alpha = draw(picture, size_px, theme).split()
    return [size_px, size_px, Image.merge("RGBA", (alpha, red, green, blue)).tobytes()]
