"""Detail that is drawn anew for each frame, told from detail that moves, by what residuals have in common over three frames.

The residual of what is drawn anew is ``d_t = n_t - n_(t-1)``, so that ``d_t * d_(t-1)`` is minus its variance, and neither d_(t-2) nor d_(t-3)
have anything in common with d_t. Motion that is missed by much the same part of a pixel in frame after frame, and light that rises or
falls, give all of these products alike, or falling evenly. So ``d_t * (2 d_(t-2) - d_(t-1) - d_(t-3))``, each carried along motion, is the
variance of what is drawn anew, and next to nothing of the rest: it is the covariance of second differences, but carries d_(t-1) only once.

Such a product is as uncertain in a place as the energy of its residual is large, so each place counts by the inverse square of that energy:
quiet places tell, and edges that motion misses do not outvote them.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from .. import flow as fl
from .samples import area, scaled

Plane = NDArray[np.float32]

_TILES = 20  # along the shorter side
_QUIET = np.float32(0.15)  # levels squared: residuals below it are as sure as at it
_STATIC = np.float32(0.01)  # levels squared: less changes in black bars and held parts, which tell nothing
_TRACKED = 0.02  # of the shorter side a frame: motion that hides half of the flicker, as more of it is missed the more there is
_LAGS = 3  # frames
_LEAST_PRODUCTS = 3


@dataclass
class RedrawnMeter:
    """Sums of one shot. Add the residuals of detail, (h, w), in order; read with ``levels``."""

    following: Plane | None = None  # sum of d_t * d_(t-1), one value a tile
    energy: Plane | None = None  # of d_t * d_t
    counted: int = 0
    _earlier: Plane | None = None  # of d_t * (2 d_(t-2) - d_(t-3)), one value a pixel
    _complete: int = 0
    _carried: list[Plane] = field(default_factory=lambda: [])  # the last residuals where the last frame has them, newest first

    def add(self, residual: Plane, motion: fl.Flow, *, begins: bool) -> None:
        """``motion``: back to the frame before; ``begins``: no residual of that one is known."""
        carried = [] if begins else [fl.warp(each, motion) for each in self._carried]
        if carried:
            size = _tiles(residual)
            self.following = _added(self.following, area(residual * carried[0], *size))
            self.energy = _added(self.energy, area(residual * residual, *size))
            self.counted += 1
        if len(carried) == _LAGS:
            apart: Plane = carried[1] + carried[1] - carried[2]
            self._earlier = _added(self._earlier, residual * apart)
            self._complete += 1
        self._carried = [residual, *carried[: _LAGS - 1]]

    def levels(self, moved: float) -> float:
        """Root mean square of what is drawn anew in quiet places, in levels of luma, less what motion hides: ``moved``, shares of the shorter
        side a frame. 0 where too few frames tell, or nothing changes.
        """
        if self._complete < _LEAST_PRODUCTS or self._earlier is None or self.following is None or self.energy is None:
            return 0.0
        energy = self.energy / np.float32(self.counted)
        variance = area(self._earlier / np.float32(self._complete), *_tiles(self._earlier)) - self.following / np.float32(self.counted)
        weights = (energy > _STATIC) / np.square(energy + _QUIET)
        total = float(weights.sum())
        return max(0.0, float((weights * variance).sum()) / total) ** 0.5 / (1 + moved / _TRACKED) if total else 0.0


def _tiles(plane: Plane) -> tuple[int, int]:
    return scaled(plane.shape[::-1], _TILES)


def _added(total: Plane | None, more: Plane) -> Plane:
    if total is None:
        return more
    total += more
    return total
