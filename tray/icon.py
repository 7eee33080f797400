"""Draws the icon with Pillow, at any size, on a transparent ground.

Every mood has a shape of its own: a calm wave, a ring that fills, two bars, the hands of a clock, a triangle with '!', an octagon
with a cross, a struck-out ring. Colour only repeats what the shape says, and a template (macOS) has none.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from PIL import Image, ImageChops, ImageDraw, ImageFilter

from .look import STEPS, Mood, Picture

_OVER = 8
"""Drawn this much larger and scaled down: Pillow's own lines have no soft edges."""
_UNITS = 24
"""The drawing's own grid: coordinates below are on a square of this side."""


class Theme(StrEnum):
    """What the panel is. A template is black and alpha only: the system colours it."""

    DARK = "dark"
    LIGHT = "light"
    TEMPLATE = "template"


@dataclass(frozen=True)
class _Inks:
    plain: str
    accent: str
    attention: str
    error: str
    halo: str | None  # around everything, so that it also reads on a panel of the other kind


_INKS = {
    Theme.DARK: _Inks("#f2f2f2", "#5ab4ff", "#ffc23d", "#ff6b5e", "#00000090"),
    Theme.LIGHT: _Inks("#2b2b2b", "#0067c0", "#9a6200", "#c42b1c", "#ffffff90"),
    Theme.TEMPLATE: _Inks("#000000", "#000000", "#000000", "#000000", None),
}


def draw(picture: Picture, size_px: int, theme: Theme = Theme.DARK) -> Image.Image:
    """A square RGBA image of ``size_px``."""
    sketch = _Sketch(size_px, _INKS[theme])
    _SHAPES[picture.mood](sketch, picture)
    if picture.badge:
        _badge(sketch)
    return sketch.image()


class _Sketch:
    """Shapes in units of the grid; ``hole`` takes away what was drawn before."""

    def __init__(self, size_px: int, inks: _Inks) -> None:
        self.inks = inks
        self.size_px = size_px
        self._scale = size_px * _OVER / _UNITS
        side = size_px * _OVER
        self._ink = Image.new("RGBA", (side, side), _clear(inks.plain))
        self.thin = max(2.0, 1.5 * _UNITS / size_px)  # in units: at least one and a half pixels

    def ring(self, radius: float, width: float, ink: str, part: float = 1.0, alpha: int = 255) -> None:
        """An arc from the top on, clockwise."""
        box = self._box(12 - radius, 12 - radius, 12 + radius, 12 + radius)
        self._stamp(lambda pen, fill: pen.arc(box, -90, -90 + 360 * part, fill, round(width * self._scale)), ink, alpha)

    def disc(self, x: float, y: float, radius: float, ink: str | None) -> None:
        box = self._box(x - radius, y - radius, x + radius, y + radius)
        self._stamp(lambda pen, fill: pen.ellipse(box, fill), ink)

    def polygon(self, points: list[tuple[float, float]], ink: str | None) -> None:
        scaled = [(x * self._scale, y * self._scale) for x, y in points]
        self._stamp(lambda pen, fill: pen.polygon(scaled, fill), ink)

    def line(self, points: list[tuple[float, float]], width: float, ink: str | None) -> None:
        """With round ends and joints."""
        scaled = [(x * self._scale, y * self._scale) for x, y in points]
        half = width * self._scale / 2

        def stroke(pen: ImageDraw.ImageDraw, fill: int) -> None:
            pen.line(scaled, fill, round(2 * half), joint="curve")
            for x, y in (scaled[0], scaled[-1]):
                pen.ellipse((x - half, y - half, x + half, y + half), fill)

        self._stamp(stroke, ink)

    def image(self) -> Image.Image:
        drawn = self._ink.resize((self.size_px, self.size_px), Image.Resampling.BOX)
        if self.inks.halo is None:
            return drawn
        blurred = drawn.getchannel("A").filter(ImageFilter.GaussianBlur(max(0.6, self.size_px / 40)))
        red, green, blue, strength = _rgba(self.inks.halo)
        ground = Image.new("RGBA", drawn.size, (red, green, blue, 0))
        ground.putalpha(blurred.point([min(255, 2 * alpha) * strength // 255 for alpha in range(256)]))
        return Image.alpha_composite(ground, drawn)

    def _box(self, left: float, top: float, right: float, bottom: float) -> tuple[float, float, float, float]:
        return left * self._scale, top * self._scale, right * self._scale - 1, bottom * self._scale - 1

    def _stamp(self, shape: Callable[[ImageDraw.ImageDraw, int], None], ink: str | None, alpha: int = 255) -> None:
        mask = Image.new("L", self._ink.size)
        shape(ImageDraw.Draw(mask), alpha if ink is not None else 255)
        if ink is None:
            self._ink.putalpha(ImageChops.subtract(self._ink.getchannel("A"), mask))
        else:
            alphas = ImageChops.lighter(self._ink.getchannel("A"), mask)
            self._ink.paste(Image.new("RGBA", self._ink.size, ink), mask=mask.point([0] + [255] * 255))
            self._ink.putalpha(alphas)


def _idle(sketch: _Sketch, _: Picture) -> None:
    sketch.ring(10.5, sketch.thin, sketch.inks.plain)
    _wave(sketch, sketch.inks.plain)


def _working(sketch: _Sketch, picture: Picture) -> None:
    width = max(3.5, 2 * _UNITS / sketch.size_px)
    sketch.ring(11, width, sketch.inks.plain, alpha=90)
    if picture.step is not None:
        sketch.ring(11, width, sketch.inks.accent, picture.step / STEPS)
    _wave(sketch, sketch.inks.accent, reach=4.2)


def _paused(sketch: _Sketch, _: Picture) -> None:
    sketch.ring(10.5, sketch.thin, sketch.inks.plain)
    for x in (9.2, 14.8):
        sketch.line([(x, 8.5), (x, 15.5)], max(2.6, sketch.thin), sketch.inks.plain)


def _waiting(sketch: _Sketch, _: Picture) -> None:
    sketch.ring(10.5, sketch.thin, sketch.inks.plain)
    sketch.line([(12, 6.5), (12, 12.5), (16, 14.5)], sketch.thin, sketch.inks.plain)


def _attention(sketch: _Sketch, _: Picture) -> None:
    sketch.polygon([(12, 1.5), (23.3, 21.5), (0.7, 21.5)], sketch.inks.attention)
    sketch.line([(12, 9), (12, 14.2)], 2.6, None)
    sketch.disc(12, 18.1, 1.5, None)


def _error(sketch: _Sketch, _: Picture) -> None:
    corners = [math.radians(22.5 + 45 * corner) for corner in range(8)]
    sketch.polygon([(12 + 11.6 * math.cos(angle), 12 + 11.6 * math.sin(angle)) for angle in corners], sketch.inks.error)
    sketch.line([(8, 8), (16, 16)], 2.8, None)
    sketch.line([(16, 8), (8, 16)], 2.8, None)


def _down(sketch: _Sketch, _: Picture) -> None:
    sketch.ring(10.5, sketch.thin, sketch.inks.plain, alpha=150)
    sketch.line([(3.5, 20.5), (20.5, 3.5)], sketch.thin * 2.6, None)
    sketch.line([(3, 21), (21, 3)], sketch.thin, sketch.inks.plain)


def _badge(sketch: _Sketch) -> None:
    sketch.disc(18.2, 18.2, 7.2, None)
    sketch.disc(18.2, 18.2, 5.6, sketch.inks.attention)
    sketch.line([(18.2, 15.6), (18.2, 18.4)], 1.8, None)
    sketch.disc(18.2, 21.1, 1.0, None)


_SHAPES: dict[Mood, Callable[[_Sketch, Picture], None]] = {
    Mood.IDLE: _idle,
    Mood.WORKING: _working,
    Mood.PAUSED: _paused,
    Mood.WAITING: _waiting,
    Mood.ATTENTION: _attention,
    Mood.ERROR: _error,
    Mood.DOWN: _down,
}


def _wave(sketch: _Sketch, ink: str, reach: float = 5.6) -> None:
    steps = 24
    points = [(12 + reach * (2 * i / steps - 1), 12 - reach * 0.5 * math.sin(2 * math.pi * i / steps)) for i in range(steps + 1)]
    sketch.line(points, sketch.thin, ink)


def _rgba(colour: str) -> tuple[int, int, int, int]:
    red, green, blue, *rest = (int(colour[place : place + 2], 16) for place in range(1, len(colour), 2))
    return red, green, blue, rest[0] if rest else 255


def _clear(colour: str) -> tuple[int, int, int, int]:
    return (*_rgba(colour)[:3], 0)
