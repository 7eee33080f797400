"""pystray on Windows and macOS. Never run there so far."""

from __future__ import annotations

import sys
from typing import Any

from ..icon import Theme
from . import Backend, Click

_SIZE_PX = 64


def probe() -> str | None:
    return None if sys.platform in ("win32", "darwin") else "it is for Windows and macOS"


def make(click: Click, theme: Theme) -> Backend:
    from .stray import Stray, pystray

    icon: Any = pystray.Icon
    return Stray(_template(icon) if theme is Theme.TEMPLATE else icon, click, theme, _SIZE_PX)


def _template(icon: Any) -> Any:
    """macOS colours a template image itself, for light and dark menu bars and while the menu is open."""

    class Template(icon):
        def _assert_image(self) -> None:
            super()._assert_image()
            self._icon_image.setTemplate_(True)
            self._status_item.button().setImage_(self._icon_image)

    return Template
