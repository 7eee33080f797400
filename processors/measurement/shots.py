"""Cuts that flicker cannot fake, and frames that only repeat the one before.

A cut is judged on structure, not on brightness: after the best motion between two frames is undone, neither their locally
normalised pictures nor their coarse luma correlate. A single odd frame (a flash, a damaged frame) is no cut: the frame after it is
like the one before it.
"""

from __future__ import annotations

import math
import statistics
from collections import deque
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from .. import flow as fl
from .samples import Sample

GUIDE_CORRELATION = 0.33
"""Below it two guides show different scenes: 97 of 100 random pairs of clips lie below; within a clip only scene changes do."""
COARSE_CORRELATION = 0.5
_LEAST_CONTRAST = 3.0  # standard deviation of a guide; a black or blank frame cuts nothing
_PLAIN, _LEAST_LINES = 1.25, 32  # standard deviation of a guide: what the roundings of a ramp with camera noise make is 1
_SAME_SCENE = 0.6  # correlation of guides two frames apart, without motion compensation, across a flash

_LEAST_CHANGE = 0.15  # mean absolute difference in 8-bit levels under which a frame repeats the one before
_LARGEST_REPEAT = 0.5
_REPEAT_SHARE = 0.1  # of the usual change: a held frame that was encoded again differs a little


class Likeness(NamedTuple):
    """How much of a frame's structure the frame before explains, -1 to 1."""

    guide: float
    coarse: float  # not looked at where the guides are alike
    contrast: float  # the smaller standard deviation of the two guides; likewise

    @property
    def is_another_scene(self) -> bool:
        return self.guide < GUIDE_CORRELATION and self.coarse < COARSE_CORRELATION and self.contrast > _LEAST_CONTRAST


def likeness(flow: fl.Flow, carried_cells: NDArray[np.float32], previous: Sample, current: Sample) -> Likeness:
    """``flow`` of the guides; ``carried_cells``: luma of the previous frame along motion, one value a cell."""
    carried = fl.warp(previous.guide.astype(np.float32), flow)
    guide = correlation(carried, current.guide.astype(np.float32))
    is_alike = guide >= GUIDE_CORRELATION
    return Likeness(
        guide=guide,
        coarse=1.0 if is_alike else correlation(carried_cells, current.cells),
        contrast=math.inf if is_alike else min(_deviation(previous.guide), _deviation(current.guide)),
    )


def is_same_scene(one: Sample, other: Sample) -> bool:
    """True for two frames that show nearly the same picture, whatever their brightness. No motion is undone."""
    return correlation(one.guide.astype(np.float32), other.guide.astype(np.float32)) > _SAME_SCENE


def is_plain(sample: Sample) -> bool:
    """True where nothing in the picture has a shape. Of tiny ones nobody can tell: hardly anything differs from a mean over three pixels."""
    return min(sample.guide.shape) >= _LEAST_LINES and _deviation(sample.guide) < _PLAIN


def correlation(one: NDArray[np.float32], other: NDArray[np.float32]) -> float:
    """Pearson's, over all pixels; 1 where both are flat."""
    a, b = one.ravel() - one.mean(), other.ravel() - other.mean()
    energy = float(a @ a) * float(b @ b)
    return float(a @ b) / energy**0.5 if energy > 1e-6 * a.size**2 else 1.0


def _deviation(picture: NDArray[np.uint8]) -> float:
    return float(cv2.meanStdDev(picture)[1][0, 0])


class RepeatFinder:
    """Tells frames that repeat the last frame that did not: exact duplicates, and held frames that were encoded again."""

    def __init__(self) -> None:
        self._changes: deque[float] = deque(maxlen=15)

    def is_repeat(self, change: float) -> bool:
        """``change``: mean absolute difference from the last frame that did not repeat, in display levels."""
        usual = statistics.median(self._changes) if len(self._changes) >= 3 else 0.0
        if change < min(_LARGEST_REPEAT, max(_LEAST_CHANGE, _REPEAT_SHARE * usual)):
            return True
        self._changes.append(change)
        return False
