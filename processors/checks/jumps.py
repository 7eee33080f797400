"""How much places change from frame to frame along motion, before and after: a repair that takes content for light adds such changes.

Flicker of the whole frame that falls says nothing of its places: where trees enter the picture, one gain a frame holds the mean still and
makes everything else pulse.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import cv2
import numpy as np

from .. import flow
from .looks import Image

_PLACE = 24  # of the height: the standard deviation of the Gaussian that a place is seen through
_PART = 0.9  # the quantile over places: what a tenth of the picture exceeds


@dataclass(frozen=True)
class Jumps:
    """Levels on the 8-bit full-range scale, of brightness. All 0 where no two frames could be compared."""

    before: float  # mean absolute change of a place from one frame to the next
    after: float
    worst: float  # by how much more than the source's at least a tenth of the picture changes, in the worst frame; can be negative
    worst_frame: int


@dataclass
class Meter:
    found: list[tuple[int, float, float, float]] = field(default_factory=lambda: [])

    def add(self, number: int, vectors: flow.Flow, before: tuple[Image, Image], now: tuple[Image, Image]) -> None:
        """Luma of the frame before and of frame ``number``, each of (source, result), at one size; ``vectors`` lead back along motion."""
        along = flow.resized(vectors, *now[0].shape[1::-1])
        mine, theirs = (_change(earlier, later, along) for earlier, later in zip(before, now, strict=True))
        added = float(np.quantile((theirs - mine)[::4, ::4], _PART))
        self.found.append((number, float(mine.mean()), float(theirs.mean()), added))

    def conclude(self) -> Jumps:
        if not self.found:
            return Jumps(0.0, 0.0, 0.0, 0)
        worst = max(self.found, key=lambda one: one[3])
        return Jumps(float(np.mean([one[1] for one in self.found])), float(np.mean([one[2] for one in self.found])), worst[3], worst[0])


def _change(earlier: Image, later: Image, along: flow.Flow) -> Image:
    change = later - flow.warp(earlier, along)
    return np.abs(np.asarray(cv2.GaussianBlur(change, (0, 0), change.shape[0] / _PLACE), np.float32))
