"""A menu drawn with Pillow in plain X windows, for a panel and an environment that bring none."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from PIL import Image, ImageDraw, ImageFont
from Xlib import XK, X
from Xlib.display import Display

from ..menu import Entry, Item, Menu
from . import Click

_ROW_PX, _SEPARATOR_PX, _SIDE_PX, _EDGE_PX, _FONT_PX = 26, 9, 30, 4, 14
_GROUND, _CHOSEN, _INK, _FAINT = "#2a2d33", "#3b6ea5", "#f0f0f0", "#9aa0a8"
_MASK = X.ButtonPressMask | X.ButtonReleaseMask | X.PointerMotionMask


@dataclass
class _Level:
    """One window: the menu, or a submenu beside its row."""

    menu: Menu
    window: Any
    gc: Any
    left: int
    top: int
    width: int
    height: int
    chosen: int | None = None

    def row_at(self, x: int, y: int) -> int | None:
        top = self.top + _EDGE_PX
        if not self.left <= x < self.left + self.width:
            return None
        for number, entry in enumerate(self.menu):
            if top <= y < top + _height(entry):
                return number
            top += _height(entry)
        return None

    def holds(self, x: int, y: int) -> bool:
        return self.left <= x < self.left + self.width and self.top <= y < self.top + self.height


class XMenu:
    """Open from its making until a choice, Escape or a click elsewhere. Every X event goes to ``handle``."""

    def __init__(self, display: Display, menu: Menu, x: int, y: int, click: Click) -> None:
        self._display = display
        self._click = click
        self._font = _font()
        self._levels: list[_Level] = []
        self._open(menu, x, y)
        root = self._levels[0].window
        root.grab_pointer(True, _MASK, X.GrabModeAsync, X.GrabModeAsync, X.NONE, X.NONE, X.CurrentTime)
        root.grab_keyboard(True, X.GrabModeAsync, X.GrabModeAsync, X.CurrentTime)
        display.flush()

    @property
    def is_open(self) -> bool:
        return bool(self._levels)

    def handle(self, event: Any) -> None:
        handler = {
            X.MotionNotify: self._on_motion,
            X.ButtonPress: self._on_press,
            X.ButtonRelease: self._on_release,
            X.KeyPress: self._on_key,
            X.Expose: self._on_expose,
        }.get(event.type)
        if handler is not None:
            handler(event)
            self._display.flush()

    def _on_motion(self, event: Any) -> None:
        depth = self._depth_at(event)
        if depth is not None:
            self._choose(depth, self._levels[depth].row_at(event.root_x, event.root_y))

    def _on_press(self, event: Any) -> None:
        if self._depth_at(event) is None:
            self._close(0)

    def _on_release(self, event: Any) -> None:
        depth = self._depth_at(event)
        if depth is not None:
            self._choose(depth, self._levels[depth].row_at(event.root_x, event.root_y))
            self._take(depth)

    def _on_key(self, event: Any) -> None:
        keysym = self._display.keycode_to_keysym(event.detail, 0)
        depth = len(self._levels) - 1
        if keysym == XK.XK_Escape or (keysym == XK.XK_Left and depth > 0):
            self._close(0 if keysym == XK.XK_Escape else depth)
        elif keysym in (XK.XK_Down, XK.XK_Up):
            self._step(depth, 1 if keysym == XK.XK_Down else -1)
        elif keysym in (XK.XK_Return, XK.XK_KP_Enter, XK.XK_Right):
            self._enter(depth, takes=keysym != XK.XK_Right)

    def _on_expose(self, event: Any) -> None:
        for level in self._levels:
            if level.window.id == event.window.id:
                self._draw(level)

    def _depth_at(self, event: Any) -> int | None:
        """The deepest window under the pointer."""
        return next((d for d in reversed(range(len(self._levels))) if self._levels[d].holds(event.root_x, event.root_y)), None)

    def _choose(self, depth: int, row: int | None, *, opens: bool = True) -> None:
        level = self._levels[depth]
        if level.chosen == row:
            return
        self._close(depth + 1)
        level.chosen = row
        self._draw(level)
        if opens:
            self._open_below(depth)

    def _open_below(self, depth: int) -> None:
        level = self._levels[depth]
        item = _item(level)
        if item is not None and item.children and len(self._levels) == depth + 1:
            top = level.top + _EDGE_PX + sum(_height(entry) for entry in level.menu[: level.chosen])
            self._open(item.children, level.left + level.width, top - _EDGE_PX, level.left)

    def _step(self, depth: int, by: int) -> None:
        level = self._levels[depth]
        rows = [number for number, entry in enumerate(level.menu) if isinstance(entry, Item) and entry.enabled]
        if rows:
            place = rows.index(level.chosen) + by if level.chosen in rows else (0 if by > 0 else -1)
            self._choose(depth, rows[place % len(rows)], opens=False)

    def _enter(self, depth: int, *, takes: bool) -> None:
        self._open_below(depth)
        if len(self._levels) > depth + 1:
            self._step(depth + 1, 1)
        elif takes:
            self._take(depth)

    def _take(self, depth: int) -> None:
        item = _item(self._levels[depth])
        if item is not None and item.action is not None:
            self._close(0)
            self._click(item.action)

    def _open(self, menu: Menu, x: int, y: int, beside: int | None = None) -> None:
        """``beside``: the left edge of the window it belongs to, on whose other side it opens where there is no room."""
        screen = self._display.screen()
        width = 2 * _SIDE_PX + max(int(self._font.getlength(entry.label)) for entry in menu if isinstance(entry, Item))
        height = 2 * _EDGE_PX + sum(map(_height, menu))
        if x + width > screen.width_in_pixels:
            x = max(0, screen.width_in_pixels - width if beside is None else beside - width)
        y = max(0, min(y, screen.height_in_pixels - height))
        window = screen.root.create_window(
            x, y, width, height, 0, screen.root_depth, override_redirect=True, event_mask=_MASK | X.ExposureMask | X.KeyPressMask
        )
        level = _Level(menu, window, window.create_gc(), x, y, width, height)
        self._levels.append(level)
        window.map()
        self._draw(level)
        self._display.sync()  # mapped, so that it can be grabbed

    def _close(self, depth: int) -> None:
        for level in self._levels[depth:]:
            level.window.destroy()
        del self._levels[depth:]
        if depth == 0:
            self._display.ungrab_pointer(X.CurrentTime)
            self._display.ungrab_keyboard(X.CurrentTime)

    def _draw(self, level: _Level) -> None:
        image = Image.new("RGB", (level.width, level.height), _GROUND)
        pen = ImageDraw.Draw(image)
        pen.rectangle((0, 0, level.width - 1, level.height - 1), outline=_FAINT)
        top = _EDGE_PX
        for number, entry in enumerate(level.menu):
            self._draw_row(pen, level, entry, top, chosen=number == level.chosen)
            top += _height(entry)
        image.tostring = image.tobytes  # type: ignore[attr-defined]  # python-xlib knows Pillow's old name only
        level.window.put_pil_image(level.gc, 0, 0, image)

    def _draw_row(self, pen: ImageDraw.ImageDraw, level: _Level, entry: Entry, top: int, *, chosen: bool) -> None:
        if not isinstance(entry, Item):
            pen.line((8, top + _SEPARATOR_PX // 2, level.width - 9, top + _SEPARATOR_PX // 2), "#50555d")
            return
        if chosen and entry.enabled:
            pen.rectangle((_EDGE_PX, top, level.width - _EDGE_PX - 1, top + _ROW_PX - 1), _CHOSEN)
        middle, ink = top + _ROW_PX // 2, _INK if entry.enabled else _FAINT
        pen.text((_SIDE_PX, middle), entry.label, ink, self._font, "lm")
        if entry.children:
            right = level.width - 14
            pen.polygon([(right, middle - 4), (right + 5, middle), (right, middle + 4)], ink)
        if entry.checked is not None:
            pen.rectangle((10, middle - 5, 20, middle + 5), outline=ink)
        if entry.checked:
            pen.line([(12, middle), (15, middle + 3), (21, middle - 6)], ink, 2)


def _item(level: _Level) -> Item | None:
    entry = None if level.chosen is None else level.menu[level.chosen]
    return entry if isinstance(entry, Item) else None


def _height(entry: Entry) -> int:
    return _ROW_PX if isinstance(entry, Item) else _SEPARATOR_PX


def _font() -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """A system's font knows more letters than Pillow's own."""
    for name in ("NotoSans-Regular.ttf", "DejaVuSans.ttf"):
        try:
            return ImageFont.truetype(name, _FONT_PX)
        except OSError:
            continue
    return ImageFont.load_default(_FONT_PX)
