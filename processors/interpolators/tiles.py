"""Pictures worked on in overlapping tiles, whose seams are blended, where a whole one does not fit into memory."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import product

import numpy as np
from numpy.typing import NDArray

Picture = NDArray[np.float32]
"""``(height, width, channels)``."""

_OVERLAP = 8  # a tile shares at least this part of its side with the next one


def in_tiles(work: Callable[..., Picture], pictures: Sequence[Picture], side_px: int) -> Picture:
    """What ``work`` makes of ``pictures``, all of one size, looking at no more than ``side_px`` x ``side_px`` of them at once.

    ``work`` takes as many pictures as there are and returns one of their size. Where tiles overlap, one fades into the next.
    """
    height, width = pictures[0].shape[:2]
    if max(height, width) <= side_px:
        return work(*pictures)
    made, total = np.zeros_like(pictures[0]), np.zeros((height, width, 1), np.float32)
    for top, left in product(starts(height, side_px), starts(width, side_px)):
        place = slice(top, top + side_px), slice(left, left + side_px)
        tile = work(*(picture[place] for picture in pictures))
        share = _ramp(tile.shape[0])[:, None, None] * _ramp(tile.shape[1])[None, :, None]
        made[place] += tile * share
        total[place] += share
    return made / total


def starts(length: int, side: int) -> list[int]:
    """Where tiles of ``side`` begin that cover ``length`` evenly, each sharing at least an eighth with the next."""
    if length <= side:
        return [0]
    count = 1 + -(-(length - side) // (side - side // _OVERLAP))
    return [round(index * (length - side) / (count - 1)) for index in range(count)]


def _ramp(length: int) -> NDArray[np.float32]:
    """A tile's say from border to border: little at both, rising over an eighth of it to 1."""
    distance = np.minimum(np.arange(length), np.arange(length)[::-1]) + 1
    return np.minimum(distance / max(1, length // _OVERLAP), 1).astype(np.float32)
