"""A diagnosis as one picture, for ``diagnose --plot``: the verdict, when it flickers, and where in the frame."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from ..config.errors import CannotWrite
from ..processors.records import VERDICT_WORDS
from .diagnosis_words import route_words, strength, sureness
from .plot_maps import maps
from .plot_marks import FAINT, GREY, INK, LARGE, PLAIN, SMALL, Area, Mark, Words, fitted, png, svg, wrapped
from .plot_time import timeline
from .show import one_line

if TYPE_CHECKING:
    from ..processors.api import Finding

SIZE = _WIDTH, _HEIGHT = 1200, 900
_MARGIN = 32
_TOP = 160
_MAPS = 330  # px wide
_GAUGE = 240  # px wide
_CAPTION = (
    "Curves: size of the change against the frame before, along motion. Maps: flicker's amplitude. Both in 8-bit levels, of 255; "
    "each has its own scale."
)


def draw(finding: Finding, output: Path) -> None:
    """Write the picture as PNG or SVG, by the suffix. Raises CannotWrite."""
    marks = list(_marks(finding))
    partial = output.with_name(f".{output.name}.part")
    try:
        if output.suffix.lower() == ".svg":
            partial.write_text(svg(marks, SIZE), encoding="utf-8", errors="backslashreplace")
        else:
            png(marks, SIZE, partial)
        os.replace(partial, output)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise CannotWrite(f"The plot cannot be written ({error.strerror}). Name another file.", path=output) from None


def _marks(finding: Finding) -> Iterator[Mark]:
    yield from _head(finding)
    height = _HEIGHT - _TOP - 36
    yield from timeline(finding, _MARGIN, _TOP, _WIDTH - 3 * _MARGIN - _MAPS - 8, height)
    yield from maps(finding, _WIDTH - _MARGIN - _MAPS, _TOP, _MAPS, height)
    yield Words(_MARGIN, _HEIGHT - 18, _CAPTION, SMALL, GREY)


def _head(finding: Finding) -> Iterator[Mark]:
    record = finding.as_dict()
    room = _WIDTH - 3 * _MARGIN - _GAUGE
    verdict, confidence = record["verdict"], record["confidence"]
    yield Words(_MARGIN, 36, fitted(one_line(Path(finding.path).name), LARGE, room), LARGE)
    about = f"{verdict}: {VERDICT_WORDS[verdict].means}   ({confidence:.0%} sure, {sureness(confidence)})"
    yield Words(_MARGIN, 70, about, PLAIN + 3)
    lines = wrapped(record["summary"], PLAIN, room)[:2]
    lines.append(f"Repair: {record['route']}, {route_words(verdict, record['route'])}.")
    for index, line in enumerate(lines):
        yield Words(_MARGIN, 98 + 22 * index, line, PLAIN, INK if index < len(lines) - 1 else GREY)
    score, damage = record["flicker_score"], record["amounts"].get("codec", 0.0)
    yield from _gauge(32, f"Flicker {score:.2f}, {strength(score)}", score, "0 still", "1 unwatchable")
    if verdict == "codec":
        yield from _gauge(100, f"Damage by compression {damage:.2f}", damage, "0 none", "1 most")


def _gauge(y: float, heading: str, part: float, least: str, most: str) -> Iterator[Mark]:
    left, top, right = _WIDTH - _MARGIN - _GAUGE, y + 14, _WIDTH - _MARGIN
    yield Words(left, y, heading, PLAIN)
    yield Area.box(left, top, right, top + 12, FAINT)
    yield Area.box(left, top, left + part * _GAUGE, top + 12, INK)
    yield Words(left, top + 22, least, SMALL, GREY)
    yield Words(right, top + 22, most, SMALL, GREY, "end")
