"""Detail that is drawn anew for each frame, told from detail that moves, by second differences along motion.

What is drawn anew is ``n_t - n_(t-1)`` in a residual and ``e_t = n_t - 2 n_(t-1) + n_(t-2)`` in a residual less the one before it, so that
the mean of ``e_t * e_(t-2)`` is its variance. Motion missed by the same part of a pixel in frame after frame hides the flicker of a
residual, but drops out of ``e``.

That product is as uncertain in a place as the energy of its residual is large, so each place counts by the inverse square of that energy:
quiet places tell, wherever they are, and edges that motion misses do not outvote them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .. import flow as fl
from .samples import area, scaled

Plane = NDArray[np.float32]

_TILES = 20  # along the shorter side
_QUIET = np.float32(0.15)  # levels squared: residuals below it are as sure as at it
_TRACKED = 0.02  # of the shorter side a frame: motion that hides half of the flicker, as more of it is missed the more there is
_LEAST_PRODUCTS = 3


class Redrawn(NamedTuple):
    visible: float  # levels of luma, mean over quiet places, less what motion hides
    map: Plane  # levels of luma, place by place


NOTHING = Redrawn(0.0, np.zeros((1, 1), np.float32))


@dataclass
class RedrawnMeter:
    """Sums of one shot. Add the residuals of detail in order; read with ``found``."""

    _product: Plane | None = None
    _energy: Plane | None = None
    _products: int = 0
    _energies: int = 0
    _residual: Plane | None = None  # the last one
    _bends: list[Plane] = field(default_factory=lambda: [])  # up to two second differences, the last one last

    def add(self, residual: Plane, motion: fl.Flow, *, begins: bool) -> None:
        """``motion``: back to the frame before; ``begins``: no residual of that one is known."""
        if begins or self._residual is None:
            self._residual, self._bends = residual, []
            return
        bend = residual - fl.warp(self._residual, motion)
        carried = [fl.warp(each, motion) for each in self._bends]
        if len(carried) == 2:
            self._product = _added(self._product, bend * carried[0])
            self._products += 1
        self._energy = _added(self._energy, residual * residual)
        self._energies += 1
        self._residual, self._bends = residual, [*carried[-1:], bend]

    def found(self, moved: float) -> Redrawn:
        """``moved``: mean motion a frame, in shares of the shorter side."""
        if self._products < _LEAST_PRODUCTS or self._product is None or self._energy is None:
            return NOTHING
        size = scaled(self._product.shape[::-1], _TILES)
        product = area(self._product / np.float32(self._products), *size)
        energy = area(self._energy / np.float32(self._energies), *size)
        weights = 1 / np.square(energy + _QUIET)
        variance = float((weights * product).sum() / weights.sum())
        return Redrawn(max(0.0, variance) ** 0.5 / (1 + moved / _TRACKED), np.sqrt(np.maximum(np.float32(0), product)))


def _added(total: Plane | None, more: Plane) -> Plane:
    return more if total is None else total + more
