"""Traces of decoding a picture in tiles: straight borders at which the tiles blink apart, or at which a step stays while things move."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Plane = NDArray[np.float32]

_STANDS_OUT = 4.0  # over the median of all lines
_NARROW = 0.5  # of the line's own step, that its neighbours may have: borders of tiles are sharp
_WHOLE = 0.5  # of the energy at the line is one step along all of it; a thing that moves there has less
_BLINK_LEVELS = 0.6
_SEAM_LEVELS = 1.2
_STRAIGHT = 0.85  # of the line's length on which its step has one sign
_HIGHEST_SEAM = 12.0  # levels: more is an edge of something, or of a split screen
_RIM = 0.1  # of the side: what lies nearer to the edge is a border of the picture
_LEAST_WAY = 0.25  # of the shorter side, over the shot: where little moves nobody can tell a seam from an edge
_LEAST_RESIDUALS = 8


class Line(NamedTuple):
    axis: str  # "x": an upright line; "y": a level one
    place: float  # 0 to 1, of the width or height
    levels: float


@dataclass
class TileMeter:
    """Sums of one shot."""

    blinks: list[Plane] = field(default_factory=lambda: [])  # squares of the mean step along each line, one row an axis
    energies: list[Plane] = field(default_factory=lambda: [])  # means of the squared steps
    slopes: list[Plane] = field(default_factory=lambda: [])  # luma slopes that stay, one plane an axis
    residuals: int = 0
    pictures: int = 0

    def add_residual(self, cells: Plane) -> None:
        """``cells`` (rows, columns): what changed in each cell, the whole frame's change taken out."""
        across, down = cells[:, 1:] - cells[:, :-1], cells[1:] - cells[:-1]
        self.blinks = _sum(self.blinks, [np.square(across.mean(0)), np.square(down.mean(1))])
        self.energies = _sum(self.energies, [np.square(across).mean(0), np.square(down).mean(1)])
        self.residuals += 1

    def add_picture(self, picture: Plane) -> None:
        self.slopes = _sum(self.slopes, [picture[:, 1:] - picture[:, :-1], picture[1:] - picture[:-1]])
        self.pictures += 1

    def blink(self, levels: float) -> Line | None:
        """The border at which tiles change apart from each other from frame to frame, most of all. ``levels`` in one luma level."""
        if self.residuals < _LEAST_RESIDUALS:
            return None
        found: list[Line | None] = []
        for axis, sums, energy in zip("xy", self.blinks, self.energies, strict=True):
            steps = np.where(sums > _WHOLE * energy, np.sqrt(sums / self.residuals) * levels, 0)
            found.append(_stands_out(axis, steps, np.sqrt(sums / self.residuals) * levels, _BLINK_LEVELS))
        return _strongest(found)

    def seam(self, levels: float, way: float) -> Line | None:
        """The line on which a small step of brightness stays while the picture moves ``way`` (of the shorter side) in all."""
        if self.pictures < 3 or way < _LEAST_WAY:
            return None
        found: list[Line | None] = []
        for axis, sums in zip("xy", self.slopes, strict=True):
            slopes = (sums if axis == "x" else sums.T) * np.float32(levels / self.pictures)
            steps = slopes.mean(0)
            straight = (slopes * np.sign(steps) > 0.4 * np.abs(steps)).mean(0)
            fits = (straight > _STRAIGHT) & (np.abs(steps) < _HIGHEST_SEAM)
            found.append(_stands_out(axis, np.where(fits, np.abs(steps), 0), np.abs(steps), _SEAM_LEVELS))
        return _strongest(found)


def _sum(old: list[Plane], new: list[Plane]) -> list[Plane]:
    return [one + other for one, other in zip(old, new, strict=True)] if old else new


def _stands_out(axis: str, candidates: NDArray[np.floating], steps: NDArray[np.floating], least: float) -> Line | None:
    """The largest of the candidates, where it is over ``least``, over the usual, and far over the lines beside it."""
    rim = max(2, round(_RIM * len(steps)))
    if len(steps) < 2 * rim + 8:
        return None
    place = rim + int(np.argmax(candidates[rim : len(steps) - rim]))
    step = float(candidates[place])
    beside = max(float(steps[place - 1]), float(steps[place + 1]))
    if step < max(least, _STANDS_OUT * float(np.median(steps))) or beside > _NARROW * step:
        return None
    return Line(axis, (place + 1) / (len(steps) + 1), step)


def _strongest(lines: list[Line | None]) -> Line | None:
    return max((line for line in lines if line is not None), key=lambda line: line.levels, default=None)
