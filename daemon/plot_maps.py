"""Where in the frame it flickers: a heat map for each of the three local bands, as a player shows the picture."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..processors.records import Band
from ..processors.reports.charts import title
from ..processors.reports.pictures import upright
from .plot_marks import FAINT, GREY, PLAIN, SMALL, Heat, Line, Mark, Words
from .plot_scale import LEAST_SCALE, nice_above

if TYPE_CHECKING:
    from ..processors.api import Finding

_BANDS = (Band.LOW_LUMA, Band.LOW_CHROMA, Band.DETAIL)
_SHADES = ("#fffff0", "#d3eeb3", "#80cdbb", "#2fa0c2", "#2259a6", "#0a1f5c")
"""From none to much: each is darker than the one before to every eye and on gray paper."""
_HEADING, _CAPTION, _BAR, _GAP = 26, 24, 10, 18  # heights, px
_LEAST_BAR = 170  # px wide: its numbers need so much


def shades(parts: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Colours, uint8 (..., 3), of values 0 to 1."""
    anchors = np.array([[int(shade[at : at + 2], 16) for at in (1, 3, 5)] for shade in _SHADES], np.float64)
    stops = np.linspace(0, 1, len(anchors))
    return np.stack([np.interp(parts, stops, anchors[:, channel]) for channel in range(3)], axis=-1).round().astype(np.uint8)


def maps(finding: Finding, left: int, top: int, width: int, height: int) -> Iterator[Mark]:
    """Three maps below one another in this box."""
    yield Words(left, top, "Where in the frame, over the whole clip")
    each = (height - _HEADING - 2 * _GAP) // 3
    for index, band in enumerate(_BANDS):
        yield from _map(finding, band, left, top + _HEADING + index * (each + _GAP), width, each)


def _map(finding: Finding, band: Band, left: int, top: int, width: int, height: int) -> Iterator[Mark]:
    across, down = finding.clip.display_size
    room = height - _CAPTION - _BAR - 12 - SMALL
    scale = min(width / across, room / down)
    wide, high = max(1, round(across * scale)), max(1, round(down * scale))
    upper = top + _CAPTION
    plane = finding.maps.get(band)
    if plane is None:
        yield Words(left, top + 8, f"{title(band)}: not measured, too few frames", PLAIN, GREY)
        return
    largest = float(plane.max())
    full = nice_above(max(largest, LEAST_SCALE[band]))
    yield Words(left, top + 8, f"{title(band)}, up to {largest:.1f} levels", PLAIN)
    yield Heat(left, upper, wide, high, shades(upright(plane, finding.clip) / np.float32(full)))
    yield from _outline(left, upper, wide, high)
    yield from _scale(left, upper + high + 6, max(wide, _LEAST_BAR), full)


def _scale(left: int, top: int, width: int, full: float) -> Iterator[Mark]:
    yield Heat(left, top, width, _BAR, shades(np.linspace(0, 1, width, dtype=np.float32)[None]))
    yield from _outline(left, top, width, _BAR)
    middle = top + _BAR + 9
    yield Words(left, middle, "0", SMALL, GREY)
    yield Words(left + width / 2, middle, f"{full / 2:g}", SMALL, GREY, "middle")
    yield Words(left + width, middle, f"{full:g} levels", SMALL, GREY, "end")


def _outline(left: int, top: int, width: int, height: int) -> Iterator[Mark]:
    right, bottom = left + width, top + height
    yield Line(((left, top), (right, top), (right, bottom), (left, bottom), (left, top)), FAINT, 1)
