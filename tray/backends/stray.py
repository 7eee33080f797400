"""What all backends made with pystray share: our menu as pystray's, and a change only of what changed."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable
from importlib import import_module
from typing import Any

from ..icon import Theme, draw
from ..look import Picture
from ..menu import DEFAULT, Action, Entry, Item, Menu
from . import Click

if sys.platform not in ("win32", "darwin"):
    os.environ["PYSTRAY_BACKEND"] = "dummy"  # else the import itself picks one, and raises where there is no display
import pystray

_TITLE_CHARACTERS = 127
"""Windows takes no longer tooltip."""


def icon_class(module: str) -> Any:
    """Of a pystray backend; the import raises where its system is not there."""
    return import_module(f"pystray.{module}").Icon


class Stray:
    """``make_icon``: a class of pystray's. ``retitle``: sets the tooltip where pystray's title is none."""

    def __init__(
        self, make_icon: Callable[..., Any], click: Click, theme: Theme, size_px: int, retitle: Callable[[Any, str], None] | None = None
    ) -> None:
        self._click = click
        self._theme = theme
        self._size_px = size_px
        self._retitle = retitle or _set_title
        self._lock = threading.Lock()
        self._wanted: tuple[Picture, str, Menu] | None = None
        self._shown: tuple[Picture | None, str | None, Menu | None] | None = None  # None: the icon is not there yet
        self._icon = make_icon("deshimmer", title="deshimmer")

    def show(self, picture: Picture, tooltip: str, menu: Menu) -> None:
        with self._lock:
            self._wanted = picture, tooltip, menu
            self._change()

    def run(self) -> None:
        self._icon.run(self._on_ready)

    def stop(self) -> None:
        self._icon.stop()

    def _on_ready(self, icon: Any) -> None:
        """pystray calls it in a thread of its own."""
        with self._lock:
            self._shown = None, None, None
            self._change()
        icon.visible = True

    def _change(self) -> None:
        if self._shown is None or self._wanted is None:
            return
        (picture, tooltip, menu), (former_picture, former_tooltip, former_menu) = self._wanted, self._shown
        self._shown = self._wanted
        if picture != former_picture:
            self._icon.icon = draw(picture, self._size_px, self._theme)
        if tooltip != former_tooltip:
            self._retitle(self._icon, tooltip[:_TITLE_CHARACTERS])
        if menu != former_menu:
            self._icon.menu = pystray.Menu(_default(self._click), *translated(menu, self._click))


def translated(menu: Menu, click: Click) -> list[Any]:
    return [_entry(entry, click) for entry in menu]


def _entry(entry: Entry, click: Click) -> Any:
    if not isinstance(entry, Item):
        return pystray.Menu.SEPARATOR
    text = entry.text.replace("&", "&&") if sys.platform == "win32" else entry.text
    if entry.children:
        return pystray.MenuItem(text, pystray.Menu(*translated(entry.children, click)))
    return pystray.MenuItem(
        text,
        _calling(click, entry.action),
        checked=None if entry.checked is None else _always(entry.checked),
        enabled=entry.enabled,
    )


def _calling(click: Click, action: Action | None) -> Callable[[], None]:
    def call() -> None:
        if action is not None:
            click(action)

    return call


def _always(checked: bool) -> Callable[[Any], bool]:
    return lambda item: checked


def _default(click: Click) -> Any:
    """Unseen: what a click on the icon itself does."""
    return pystray.MenuItem("", _calling(click, DEFAULT), default=True, visible=False)


def _set_title(icon: Any, tooltip: str) -> None:
    icon.title = tooltip
