"""pystray's xorg backend, mended: for a plain environment on a panel that knows XEmbed only.

As it comes it hears no click (its window does not select ButtonPress), docks again at each new picture, paints on black, and has no menu.
"""

from __future__ import annotations

import logging
from typing import Any

from PIL import Image

from ..icon import Theme
from ..menu import Menu
from . import Backend, Click
from .probing import has_x_tray

_SIZE_PX = 48
_LEFT = 1


def probe() -> str | None:
    return None if has_x_tray() else "no window takes tray icons on this X screen"


def make(click: Click, theme: Theme) -> Backend:
    from .stray import Stray

    class Mended(Stray):
        def show(self, picture: Any, tooltip: str, menu: Menu) -> None:
            self._icon.tree = menu
            super().show(picture, tooltip, menu)

    return Mended(_mended(click), click, theme, _SIZE_PX)


class _OnThePanel:
    """The picture upon what the panel shows behind it."""

    _icon: Image.Image
    _icon_data: Any  # what is painted, where it is made
    _window: Any

    def _assert_icon_data(self, width: int, height: int) -> None:
        if self._icon_data is not None and self._icon_data.size == (width, height):
            return
        side = min(width, height)
        picture = self._icon.resize((side, side), Image.Resampling.LANCZOS)
        ground = self._ground(width, height)
        ground.paste(picture, ((width - side) // 2, (height - side) // 2), picture)
        ground.tostring = ground.tobytes  # type: ignore[attr-defined]  # python-xlib knows Pillow's old name only
        self._icon_data = ground

    def _ground(self, width: int, height: int) -> Image.Image:
        from Xlib import X
        from Xlib.error import XError

        self._window.clear_area()
        try:
            seen = self._window.get_image(0, 0, width, height, X.ZPixmap, 0xFFFFFFFF)
            return Image.frombytes("RGB", (width, height), seen.data, "raw", "BGRX")
        except (XError, ValueError):  # not to be seen at the moment
            return Image.new("RGB", (width, height))


def _mended(click: Click) -> Any:
    from Xlib import X

    from .stray import icon_class
    from .xmenu import XMenu

    original = icon_class("_xorg")

    class Icon(_OnThePanel, original):
        tree: Menu = ()

        def __init__(self, *args: Any, **options: Any) -> None:
            super().__init__(*args, **options)
            logging.getLogger("pystray._xorg").setLevel(logging.CRITICAL)  # it logs as an error that there is no tray at the moment
            self._popup: XMenu | None = None
            mask = X.ExposureMask | X.StructureNotifyMask | X.ButtonPressMask
            self._window.change_attributes(event_mask=mask, background_pixmap=X.ParentRelative)
            self._message_handlers |= {X.MotionNotify: self._to_popup, X.ButtonRelease: self._to_popup, X.KeyPress: self._to_popup}

        def _update_icon(self) -> None:
            if self._systray_manager is None:
                super()._update_icon()
            else:
                self._icon_data = None
                self._draw()
                self._icon_valid = True

        def _on_button_press(self, event: Any) -> None:
            if self._popup is not None and self._popup.is_open:
                self._popup.handle(event)
            elif event.detail == _LEFT:
                self()
            else:
                self._popup = XMenu(self._display, self.tree, event.root_x, event.root_y, click)

        def _on_expose(self, event: Any) -> None:
            self._to_popup(event)
            super()._on_expose(event)

        def _to_popup(self, event: Any) -> None:
            if self._popup is not None and self._popup.is_open:
                self._popup.handle(event)

    return Icon
