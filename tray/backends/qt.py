"""PySide6's tray icon, on request, where a studio has Qt anyway: ``pip install 'deshimmer[qt]'``. It takes far more memory."""

from __future__ import annotations

import os
from importlib.util import find_spec
from typing import Any

from PIL import Image

from ..icon import Theme, draw
from ..look import Picture
from ..menu import DEFAULT, Action, Entry, Item, Menu
from . import Backend, Click

_SIZE_PX = 64


def probe() -> str | None:
    if find_spec("PySide6") is None:
        return "PySide6 is not installed (pip install 'deshimmer[qt]')"
    if os.name == "posix" and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        return "there is no display"
    return None


def make(click: Click, theme: Theme) -> Backend:
    from PySide6 import QtCore, QtGui, QtWidgets  # type: ignore[import-not-found]

    return _Qt(QtCore, QtGui, QtWidgets, click, theme)


class _Qt:
    """The modules come as arguments: nothing of Qt is known where it is not installed."""

    def __init__(self, core: Any, gui: Any, widgets: Any, click: Click, theme: Theme) -> None:
        self._gui, self._widgets, self._click, self._theme = gui, widgets, click, theme
        self._app: Any = widgets.QApplication.instance() or widgets.QApplication(["deshimmer"])
        self._app.setQuitOnLastWindowClosed(False)
        self._icon: Any = widgets.QSystemTrayIcon()
        self._icon.activated.connect(self._on_activated)
        self._root: Any = None
        self._shown: tuple[Picture | None, str, Menu | None] = (None, "", None)
        self._wanted: tuple[Picture, str, Menu] | None = None
        self._timer: Any = core.QTimer()  # Python's signals and our changes come in at its beat
        self._timer.timeout.connect(self._change)
        self._stopped = False

    def show(self, picture: Picture, tooltip: str, menu: Menu) -> None:
        self._wanted = picture, tooltip, menu

    def run(self) -> None:
        self._timer.start(100)
        self._app.exec()
        self._icon.hide()

    def stop(self) -> None:
        self._stopped = True

    def _change(self) -> None:
        if self._stopped:
            self._app.quit()
        if self._wanted is None or self._wanted == self._shown:
            return
        (picture, tooltip, menu), (former_picture, _, former_menu) = self._wanted, self._shown
        self._shown = self._wanted
        if picture != former_picture:
            self._icon.setIcon(self._drawn(picture))
        self._icon.setToolTip(tooltip)
        if menu != former_menu:
            self._root = self._menu(menu)  # kept: Qt does not
            self._icon.setContextMenu(self._root)
        self._icon.show()

    def _drawn(self, picture: Picture) -> Any:
        image: Image.Image = draw(picture, _SIZE_PX, self._theme)
        raw = self._gui.QImage(image.tobytes(), _SIZE_PX, _SIZE_PX, self._gui.QImage.Format.Format_RGBA8888)
        icon = self._gui.QIcon(self._gui.QPixmap.fromImage(raw))
        icon.setIsMask(self._theme is Theme.TEMPLATE)
        return icon

    def _menu(self, menu: Menu, parent: Any = None) -> Any:
        made = self._widgets.QMenu(parent)
        for entry in menu:
            self._add(made, entry)
        return made

    def _add(self, made: Any, entry: Entry) -> None:
        if not isinstance(entry, Item):
            made.addSeparator()
            return
        text = entry.text.replace("&", "&&")
        if entry.children:
            made.addMenu(self._menu(entry.children, made)).setText(text)
            return
        action = made.addAction(text)
        action.setEnabled(entry.enabled)
        action.setCheckable(entry.checked is not None)
        action.setChecked(bool(entry.checked))
        if entry.action is not None:
            action.triggered.connect(self._calling(entry.action))

    def _calling(self, action: Action) -> Any:
        def call(*_: object) -> None:
            self._click(action)

        return call

    def _on_activated(self, reason: Any) -> None:
        if reason == self._widgets.QSystemTrayIcon.ActivationReason.Trigger:
            self._click(DEFAULT)
