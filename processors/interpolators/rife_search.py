"""RIFE's search for motion in pictures that are shrunk or looked at in parts, where memory asks for it (``thrift``).

Imports torch: import this module only where torch is known to be there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import pairwise, product

import torch
from torch import Tensor
from torch.nn import functional

from .rife_network import MULTIPLE_PX, Motion
from .thrift import Way

Network = Callable[[Tensor, Tensor, float], Motion]
"""Two pictures (1, 3, h, w), RGB 0-1, whose sides ``MULTIPLE_PX`` divides, and the moment between them."""

_MARGIN_PX = MULTIPLE_PX  # that a part sees beyond its border; there its motion passes into its neighbour's


def search(network: Network, first: Tensor, second: Tensor, moment: float, way: Way) -> Motion:
    """The motion at ``moment`` between two pictures (1, 3, h, w), RGB of 0-255 in uint8 or of 0-1; its size is theirs by ``way.shrink``."""
    pictures = [_shrunk(picture, way.shrink) for picture in (first, second)]
    height, width = pictures[0].shape[2:]
    padding = (0, -width % MULTIPLE_PX, 0, -height % MULTIPLE_PX)
    padded = [functional.pad(picture, padding, mode="replicate") for picture in pictures]
    del pictures
    found = network(padded[0], padded[1], moment) if way.tiles == (1, 1) else _in_parts(network, padded[0], padded[1], moment, way.tiles)
    return Motion(*(part[..., :height, :width] for part in found))


def _shrunk(picture: Tensor, shrink: int) -> Tensor:
    values = picture.float() / 255 if picture.dtype == torch.uint8 else picture
    return values if shrink == 1 else functional.avg_pool2d(values, shrink, ceil_mode=True, count_include_pad=False)


def _in_parts(network: Network, first: Tensor, second: Tensor, moment: float, tiles: tuple[int, int]) -> Motion:
    columns, rows = (list(_ramps(first.shape[-axis], count, first)) for axis, count in zip((1, 2), tiles, strict=True))
    joined = first.new_zeros((1, 5, *first.shape[2:]))
    for (down, fade), (across, side) in product(rows, columns):
        found = network(first[..., down, across].contiguous(), second[..., down, across].contiguous(), moment)
        joined[..., down, across] += torch.cat(tuple(found), 1) * (fade[:, None] * side)
    return Motion(joined[:, :2], joined[:, 2:4], joined[:, 4:])


def _ramps(length: int, count: int, like: Tensor) -> Iterator[tuple[slice, Tensor]]:
    """Parts of a side, each with its share of every pixel: rising and falling where it overlaps its neighbours, 1 in all."""
    blocks = length // MULTIPLE_PX
    borders = [blocks * part // min(count, blocks) * MULTIPLE_PX for part in range(min(count, blocks) + 1)]
    place = torch.arange(length, device=like.device, dtype=like.dtype) + 0.5
    for start, stop in pairwise(borders):
        part = slice(max(0, start - _MARGIN_PX), min(length, stop + _MARGIN_PX))
        rise = 1.0 if start == 0 else ((place - start) / (2 * _MARGIN_PX) + 0.5).clamp(0, 1)
        fall = 1.0 if stop == length else ((stop - place) / (2 * _MARGIN_PX) + 0.5).clamp(0, 1)
        yield part, (torch.ones_like(place) * rise * fall)[part]
