"""What a plot is made of - lines, areas, texts, heat maps - and how it becomes SVG or PNG. Places are pixels from the upper left."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from PIL.Image import Image

INK, GREY, FAINT, PAPER = "#222222", "#666666", "#d8d8d8", "#ffffff"
SMALL, PLAIN, LARGE = 13, 15, 24
_FINE = 2  # PNGs are drawn at so many times their size and shrunk, as Pillow's lines have hard edges
_OTHER_FONT = 1.05
_ANCHORS = {"start": "lm", "middle": "mm", "end": "rm"}


@dataclass(frozen=True)
class Line:
    points: tuple[tuple[float, float], ...]
    colour: str
    width: float = 1.5


@dataclass(frozen=True)
class Area:
    """A filled polygon."""

    points: tuple[tuple[float, float], ...]
    colour: str

    @classmethod
    def box(cls, left: float, top: float, right: float, bottom: float, colour: str) -> Area:
        return cls(((left, top), (right, top), (right, bottom), (left, bottom)), colour)


@dataclass(frozen=True)
class Words:
    x: float
    y: float  # of the middle
    text: str
    size: int = PLAIN
    colour: str = INK
    anchor: str = "start"  # or "middle", "end"


@dataclass(frozen=True)
class Heat:
    """A grid of colours, uint8 (rows, columns, 3), stretched into a box without smoothing."""

    left: int
    top: int
    width: int
    height: int
    pixels: NDArray[np.uint8]


Mark = Line | Area | Words | Heat


def fitted(text: str, size: int, width: float) -> str:
    """The text, or its beginning and end where it is wider than this."""
    if text_width(text, size) <= width:
        return text
    kept = len(text)
    while kept > 2 and text_width(text, size) > width:
        kept -= 1
        text = f"{text[: (kept + 1) // 2]}…{text[len(text) - kept // 2 :]}"
    return text


def wrapped(text: str, size: int, width: float) -> list[str]:
    """Lines no wider than this, broken between words."""
    lines: list[str] = []
    for word in text.split():
        longer = f"{lines[-1]} {word}" if lines else word
        if lines and text_width(longer, size) <= width:
            lines[-1] = longer
        else:
            lines.append(word)
    return lines


def text_width(text: str, size: int) -> float:
    """Pixels, with room for the wider letters of another machine's font, which SVG is shown in."""
    from PIL import ImageFont

    return ImageFont.load_default(size * _FINE).getlength(text) / _FINE * _OTHER_FONT


def svg(marks: Sequence[Mark], size: tuple[int, int]) -> str:
    width, height = size
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="Helvetica, Arial, sans-serif">',
        f'<rect width="{width}" height="{height}" fill="{PAPER}"/>',
        *map(_element, marks),
        "</svg>\n",
    ]
    return "\n".join(parts)


def png(marks: Sequence[Mark], size: tuple[int, int], output: Path) -> None:
    from PIL import Image, ImageDraw, ImageFont

    image = Image.new("RGB", (size[0] * _FINE, size[1] * _FINE), PAPER)
    pen = ImageDraw.Draw(image)
    for mark in marks:
        match mark:
            case Line():
                pen.line(_larger(mark.points), fill=mark.colour, width=max(1, round(mark.width * _FINE)), joint="curve")
            case Area():
                pen.polygon(_larger(mark.points), fill=mark.colour)
            case Words():
                font = ImageFont.load_default(mark.size * _FINE)
                pen.text((mark.x * _FINE, mark.y * _FINE), mark.text, fill=mark.colour, anchor=_ANCHORS[mark.anchor], font=font)
            case Heat():
                image.paste(_stretched(mark, _FINE), (mark.left * _FINE, mark.top * _FINE))
    image.resize(size, Image.Resampling.BOX).save(output, format="PNG", optimize=True)


def _element(mark: Mark) -> str:
    match mark:
        case Line():
            return f'<polyline points="{_points(mark.points)}" fill="none" stroke="{mark.colour}" stroke-width="{mark.width}"/>'
        case Area():
            return f'<polygon points="{_points(mark.points)}" fill="{mark.colour}"/>'
        case Words():
            place = f'x="{mark.x:.1f}" y="{mark.y:.1f}" dominant-baseline="middle" text-anchor="{mark.anchor}"'
            return f'<text {place} font-size="{mark.size}" fill="{mark.colour}">{escape(mark.text)}</text>'
        case Heat():
            buffer = io.BytesIO()
            _stretched(mark, 1).save(buffer, format="PNG")
            place = f'x="{mark.left}" y="{mark.top}" width="{mark.width}" height="{mark.height}"'
            return f'<image {place} href="data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode()}"/>'


def _stretched(mark: Heat, fine: int) -> Image:
    from PIL import Image

    return Image.fromarray(np.ascontiguousarray(mark.pixels)).resize((mark.width * fine, mark.height * fine), Image.Resampling.NEAREST)


def _points(points: Sequence[tuple[float, float]]) -> str:
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in points)


def _larger(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    return [(x * _FINE, y * _FINE) for x, y in points]
