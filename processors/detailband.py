"""The detail band: fine texture that is drawn anew for each frame, averaged along motion wherever it is noise.

Carried onto a frame, its neighbours differ from it by flicker or by motion that was not found. What the frame alone shows stands
out from the frames before and from those after alike, so the product of both differences is the energy of its flicker. A neighbour
counts where it differs by no more than that; nothing is averaged where nothing flickers.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from .flow import Flow, resized, warp
from .levels import Plane

_FLOOR = 1.0  # levels squared: what a good encode changes from frame to frame


def smoothed(own: Plane, others: Sequence[tuple[int, Plane, Flow]], tolerance: float = 1.5) -> Plane:
    """``own`` averaged with ``others``: (distance in frames, plane, flow from own to it)."""
    height, width = own.shape
    before: list[Plane] = []
    after: list[Plane] = []
    for distance, plane, way in others:
        carried = warp(plane, resized(way, width, height), interpolation=cv2.INTER_LANCZOS4)
        (after if distance > 0 else before).append(carried - own)
    energy = flicker_energy(before, after)
    expected = 2 * energy + np.float32(_FLOOR)
    sums, weights = np.zeros_like(own), np.ones_like(own)
    for difference in (*before, *after):
        excess = np.maximum(cv2.blur(difference * difference, (7, 7)) / expected - 1, 0) / np.float32(tolerance)
        weight = np.exp(-excess * excess)
        sums += weight * difference
        weights += weight
    return own + sums / weights


def flicker_energy(before: list[Plane], after: list[Plane]) -> Plane:
    """The variance, levels squared, of what the centre frame alone shows, from its neighbours' differences to it."""
    if before and after:
        product = sum(before[1:], before[0]) * sum(after[1:], after[0]) / np.float32(len(before) * len(after))
    else:
        side = before or after
        total = sum(side[1:], side[0])
        product = (total * total - sum(d * d for d in side)) / np.float32(max(1, len(side) * (len(side) - 1)))
    return np.maximum(cv2.blur(product, (21, 21)), 0)
