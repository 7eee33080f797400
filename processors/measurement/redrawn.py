"""Detail that is drawn anew for each frame, told from detail that moves, by what residuals have in common over three frames.

The residual of what is drawn anew is ``d_t = n_t - n_(t-1)``, so that ``d_t * d_(t-1)`` is minus its variance, and neither d_(t-2) nor d_(t-3)
have anything in common with d_t. Motion that is missed by much the same part of a pixel in frame after frame, and light that rises or
falls, give all of these products alike, or each a share of the one before. So ``d_t * (2.5 d_(t-2) - d_(t-1) - 1.5 d_(t-3))``, each carried
along motion, is the variance of what is drawn anew, and next to nothing of the rest: where missed motion is a share ``a`` as much from each
frame to the next, ``-a (1 - a) (1 - 1.5 a)`` of its energy, an eighth at most.

Such a product is as uncertain in a place as the energy of its residual is large, so each place counts by the inverse square of that energy:
quiet places tell, and edges that motion misses do not outvote them. What is missed there too hides more the steeper the picture is, so a
straight line over its squared slope is fitted, and read where there is none. How far the means of a few frames each lie apart says how
uncertain the whole is; twice that is taken off.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import cv2
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
_BLOCK_PRODUCTS = 4  # in a row: encoders treat about as many frames alike
_BLOCKS = 6
_DOUBT = 2  # standard errors


@dataclass
class _Block:
    """Sums over a sixth of the shot, in stretches of a few frames."""

    following: Plane | None = None  # of d_t * d_(t-1), one value a tile
    followed: int = 0
    earlier: Plane | None = None  # of d_t * (2.5 d_(t-2) - 1.5 d_(t-3)), one value a pixel
    complete: int = 0


@dataclass
class RedrawnMeter:
    """Sums of one shot. Add the residuals of detail, (h, w), in order; read with ``levels``."""

    energy: Plane | None = None  # sum of d_t * d_t, one value a tile
    counted: int = 0
    _blocks: list[_Block] = field(default_factory=lambda: [_Block() for _ in range(_BLOCKS)])
    _carried: list[Plane] = field(default_factory=lambda: [])  # the last residuals where the last frame has them, newest first

    @property
    def following(self) -> Plane | None:
        """Sum of d_t * d_(t-1), one value a tile."""
        known = [block.following for block in self._blocks if block.following is not None]
        return np.asarray(np.sum(known, axis=0), np.float32) if known else None

    def add(self, residual: Plane, motion: fl.Flow, *, begins: bool) -> None:
        """``motion``: back to the frame before; ``begins``: no residual of that one is known."""
        carried = [] if begins else [fl.warp(each, motion) for each in self._carried]
        block = self._blocks[self.counted // _BLOCK_PRODUCTS % _BLOCKS]
        if carried:
            size = tiles(residual)
            block.following = _added(block.following, area(residual * carried[0], *size))
            block.followed += 1
            self.energy = _added(self.energy, area(residual * residual, *size))
            self.counted += 1
        if len(carried) == _LAGS:
            apart = np.asarray(cv2.addWeighted(carried[1], 2.5, carried[2], -1.5, 0), np.float32)
            block.earlier = _added(block.earlier, residual * apart)
            block.complete += 1
        self._carried = [residual, *carried[: _LAGS - 1]]

    def levels(self, slope: Plane, moved: float) -> float:
        """Root mean square of what is surely drawn anew in quiet places, in levels of luma, less what motion hides: ``moved``, shares of the
        shorter side a frame. ``slope``: of luma, squared, one value a tile. 0 where too few frames tell, or nothing changes.
        """
        blocks = [block for block in self._blocks if block.complete]
        if self.energy is None or len(blocks) < 2 or sum(block.complete for block in blocks) < _LEAST_PRODUCTS:
            return 0.0
        energy = self.energy / np.float32(self.counted)
        weights = np.asarray((energy > _STATIC) / np.square(energy + _QUIET), np.float32)
        if not weights.any():
            return 0.0
        variances = np.array([_on_the_level(_variances(block), slope, weights) for block in blocks])
        counts = np.array([block.complete for block in blocks])
        error = float(variances.std(ddof=1)) / len(blocks) ** 0.5
        return max(0.0, float(np.average(variances, weights=counts)) - _DOUBT * error) ** 0.5 / (1 + moved / _TRACKED)


def _variances(block: _Block) -> Plane:
    """Of what is drawn anew, levels of luma squared, one value a tile; below zero where missed motion hides it."""
    assert block.following is not None
    assert block.earlier is not None
    earlier = area(block.earlier / np.float32(block.complete), *block.following.shape[::-1])
    return np.asarray(earlier - block.following / np.float32(block.followed), np.float32)


def _on_the_level(variances: Plane, slope: Plane, weights: Plane) -> float:
    """What the variances come to where nothing slopes, by a line of least squares that may only fall; flicker tied to texture rises with it."""
    steeper, more = slope - np.average(slope, weights=weights), variances - np.average(variances, weights=weights)
    spread = float((weights * steeper * steeper).sum())
    fall = min(0.0, float((weights * steeper * more).sum()) / spread) if spread else 0.0
    return float(np.average(variances, weights=weights)) - fall * float(np.average(slope, weights=weights))


def tiles(plane: Plane) -> tuple[int, int]:
    """(columns, rows) of the places in which products of a plane are summed."""
    return scaled(plane.shape[::-1], _TILES)


def _added(total: Plane | None, more: Plane) -> Plane:
    if total is None:
        return more
    total += more
    return total
