"""Curves over time as inline SVG: one small chart for each band, before and after on one scale."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..records import Band
from .pictures import Curves

WIDTH, HEIGHT = 560, 120
_MOST_POINTS = 420
_FLOOR_LEVELS = 1.0
"""No scale ends below this: otherwise a still clip's noise fills its chart."""


@dataclass(frozen=True)
class Chart:
    """Coordinates for the template; x and y in SVG units of ``WIDTH`` by ``HEIGHT``."""

    key: str
    title: str
    hint: str
    before: str  # points of a polyline
    after: str | None
    cuts: tuple[float, ...]  # x
    top: str  # label of the upper edge, levels
    seconds: str  # label of the right edge


_TITLES = {
    Band.GLOBAL_LUMA: ("Whole-frame brightness", "the whole picture jumps"),
    Band.LOW_LUMA: ("Brightness patches", "areas jump lighter or darker"),
    Band.LOW_CHROMA: ("Colour patches", "areas jump in hue"),
    Band.DETAIL: ("Fine detail", "texture is drawn anew in each frame"),
}


def band_charts(before: Curves, after: Curves | None, cuts_s: Sequence[float]) -> tuple[Chart, ...]:
    """A chart for each band that was measured: size of the change against the frame before, along motion, in levels."""
    return tuple(_chart(band, before, after, cuts_s) for band in Band if band in before and before[band].size > 1)


def title(band: Band) -> str:
    return _TITLES[band][0]


def hint(band: Band) -> str:
    return _TITLES[band][1]


def _chart(band: Band, before: Curves, after: Curves | None, cuts_s: Sequence[float]) -> Chart:
    first = np.abs(before[band])
    second = np.abs(after[band]) if after is not None and band in after and after[band].size > 1 else None
    highest = max(_FLOOR_LEVELS, float(first.max()), float(second.max()) if second is not None else 0.0)
    length_s = _length_s(before, first.size)
    cuts = tuple(round(cut / length_s * WIDTH, 1) for cut in cuts_s if 0 < cut < length_s)
    points = None if second is None else _points(second, highest)
    return Chart(band.value, *_TITLES[band], _points(first, highest), points, cuts, f"{highest:.1f}", f"{length_s:.1f} s")


def _length_s(curves: Curves, frames: int) -> float:
    times = curves.get("time_s")
    return float(times[-1]) if times is not None and times.size == frames and times[-1] > 0 else float(max(1, frames - 1))


def _points(values: NDArray[np.float64], highest: float) -> str:
    """The largest value of each bin, so that no spike is lost when a long clip is drawn."""
    bins = np.array_split(values, min(len(values), _MOST_POINTS))
    peaks = np.array([part.max() for part in bins])
    x = np.linspace(0, WIDTH, len(peaks))
    y = HEIGHT - 2 - peaks / highest * (HEIGHT - 6)
    return " ".join(f"{a:.1f},{b:.1f}" for a, b in zip(x, y, strict=True))
