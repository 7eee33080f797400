"""The curves of a diagnosis over time as a picture, for ``diagnose --plot``."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

from ..config.errors import CannotWrite
from ..processors.charts import title
from ..processors.records import Band
from .show import VERDICT_WORDS, one_line

if TYPE_CHECKING:
    from ..processors.api import Finding

_WIDTH, _HEIGHT = 1200, 560
_LEFT, _RIGHT, _TOP, _BOTTOM = 70, 30, 100, 60
_INK, _FAINT, _PAPER = "#222222", "#cccccc", "#ffffff"
_COLOURS = {Band.GLOBAL_LUMA: "#d95f02", Band.LOW_LUMA: "#1b9e77", Band.LOW_CHROMA: "#7570b3", Band.DETAIL: "#666666"}
_SMALL, _LARGE = 15, 22
_LEAST_SCALE = 4.0
"""8-bit levels: a clip that hardly flickers shall not look as if it did."""


@dataclass(frozen=True)
class _Line:
    points: tuple[tuple[float, float], ...]
    colour: str
    width: float = 1.5


@dataclass(frozen=True)
class _Text:
    x: float
    y: float  # of the middle
    text: str
    size: int = _SMALL
    colour: str = _INK


def draw(finding: Finding, output: Path) -> None:
    """Write the curves of the four bands, in 8-bit levels over seconds, as PNG or SVG by the suffix. Raises CannotWrite."""
    marks = list(_marks(finding))
    partial = output.with_name(f".{output.name}.part")
    try:
        if output.suffix.lower() == ".svg":
            partial.write_text(_svg(marks), encoding="utf-8", errors="backslashreplace")
        else:
            _png(marks, partial)
        os.replace(partial, output)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise CannotWrite(f"The plot cannot be written ({error.strerror}). Name another file.", path=output) from None


def _marks(finding: Finding) -> Iterator[_Line | _Text]:
    record = finding.as_dict()
    yield _Text(_LEFT, 30, one_line(Path(finding.path).name), _LARGE)
    yield _Text(
        _LEFT, 58, f"{record['verdict']} ({VERDICT_WORDS[record['verdict']]}), flicker {record['flicker_score']:.2f}. {record['summary']}"
    )
    times = finding.curves["time_s"]
    bands = {band: abs(finding.curves[band]) for band in Band if band in finding.curves}
    longest_s = max(float(times[-1]) if len(times) else 0.0, 1e-6)
    highest = max([_LEAST_SCALE, *(float(curve.max()) for curve in bands.values() if len(curve))])
    across = (_WIDTH - _LEFT - _RIGHT) / longest_s
    up = (_HEIGHT - _TOP - _BOTTOM) / highest
    floor = _HEIGHT - _BOTTOM
    for step in range(5):
        level, second = highest * step / 4, longest_s * step / 4
        yield _Line(((_LEFT, floor - level * up), (_WIDTH - _RIGHT, floor - level * up)), _FAINT, 1)
        yield _Text(20, floor - level * up, f"{level:.1f}")
        yield _Text(_LEFT + second * across - 12, floor + 18, f"{second:.1f} s")
    for index, (band, curve) in enumerate(bands.items()):
        yield _Line(tuple((_LEFT + float(t) * across, floor - float(v) * up) for t, v in zip(times, curve, strict=True)), _COLOURS[band])
        yield _Text(_LEFT + 20 + 200 * index, _HEIGHT - 18, title(band), colour=_COLOURS[band])
    yield _Text(_LEFT + 20 + 200 * len(bands), _HEIGHT - 18, "change against the frame before, 8-bit levels")


def _svg(marks: list[_Line | _Text]) -> str:
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" font-family="sans-serif">',
        f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="{_PAPER}"/>',
    ]
    for mark in marks:
        if isinstance(mark, _Line):
            points = " ".join(f"{x:.1f},{y:.1f}" for x, y in mark.points)
            parts.append(f'<polyline points="{points}" fill="none" stroke="{mark.colour}" stroke-width="{mark.width}"/>')
        else:
            place = f'x="{mark.x:.1f}" y="{mark.y:.1f}" dominant-baseline="middle"'
            parts.append(f'<text {place} font-size="{mark.size}" fill="{mark.colour}">{escape(mark.text)}</text>')
    return "\n".join([*parts, "</svg>\n"])


def _png(marks: list[_Line | _Text], output: Path) -> None:
    from PIL import Image, ImageDraw, ImageFont

    image = Image.new("RGB", (_WIDTH, _HEIGHT), _PAPER)
    pen = ImageDraw.Draw(image)
    for mark in marks:
        if isinstance(mark, _Line):
            pen.line(mark.points, fill=mark.colour, width=round(mark.width))
        else:
            pen.text((mark.x, mark.y), mark.text, fill=mark.colour, anchor="lm", font=ImageFont.load_default(mark.size))
    image.save(output, format="PNG")
