"""The detail band in torch: ``bands.detailband``, which has the reasons and the numbers, for c planes and n neighbours at once.

Planes are (c, h, w) int16 here, of one frame or of several, put by in the same steps as ``levels.keep`` does. Differences and weights are held
in ``Way.values``, sums in float32.

Imports torch: import this module only where torch is known to be there.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from ..bands import detailband as rules
from ..bands.strips import cut
from ..levels import KEPT_STEPS, ZERO
from .images import boxed, gaussian, laplacian, padded_to, resized, rows_of, sampled_finely, shrunk, softened
from .ladder import Way

_MARGIN = 8  # rows beside a strip that blurs look at
_SHIFT = 1 << 15  # of a kept plane, whose steps fill 16 bits
_STRIPS_OF = 4  # rows: cells are whole


@dataclass(frozen=True)
class Neighbours:
    """Each as ``bands.detailband.Neighbour``; b frames have c / b planes each."""

    planes: Tensor  # (n, b, c / b, h, w) int16
    ways: Tensor  # (n, b, 2, h', w')
    trust: Tensor  # (n, b, 1, h', w')
    lighter: Tensor  # (n, b, c / b, h', w'); nought where nothing is taken off


class Mean(NamedTuple):
    """``bands.detailband.Mean`` of c planes."""

    planes: Tensor
    energy: Tensor  # (c, h', w')
    is_own: Tensor  # (c,)

    @classmethod
    def joined(cls, means: Sequence[Mean]) -> Mean:
        return cls(*map(torch.cat, zip(*means, strict=True)))

    def split(self, count: int) -> list[Mean]:
        return [Mean(*parts) for parts in zip(*(each.chunk(count) for each in self), strict=True)]


def kept(levels: Tensor) -> Tensor:
    """Levels, float32, put by."""
    return (levels * KEPT_STEPS + (ZERO * KEPT_STEPS - _SHIFT + 0.5)).floor_().clamp_(-_SHIFT, _SHIFT - 1).short()


def levels(planes: Tensor) -> Tensor:
    """Of what was put by."""
    return planes.float() / KEPT_STEPS + (_SHIFT / KEPT_STEPS - ZERO)


def unaveraged(own: Tensor) -> Mean:
    """Of frames that have no neighbours."""
    energy = torch.zeros((len(own), *_half(*own.shape[1:])), device=own.device)
    return Mean(own, energy, torch.ones(len(own), dtype=torch.bool, device=own.device))


def averaged(own: Tensor, neighbours: Neighbours, way: Way, *, tolerance: float) -> Mean:
    """``own`` averaged along motion with its neighbours: two, or one, which tells no flicker from motion and is hardly heard."""
    found = _differences(own, neighbours, way)
    product, texture = _seen(own, found, way)
    energy = _flicker_energy(product, texture, max(2, own.shape[1] // 10 // rules.CELL_PX) | 1) if len(found) > 1 else 0 * product
    energy = resized(energy, _half(*own.shape[1:]))
    return _mean(Mean(own, energy, energy.amax((1, 2)) < rules.STILL), found, neighbours.trust, way, tolerance)


def averaged_again(before: Mean, neighbours: Neighbours, way: Way, *, tolerance: float, at_half: bool = False) -> Mean:
    """The same of what was averaged before, with neighbours that were so too; ``at_half``: but for what is finer than two pixels."""
    if at_half:
        return _averaged_at_half(before, neighbours, way, tolerance)
    return _mean(before, _differences(before.planes, neighbours, way), neighbours.trust, way, tolerance)


def _averaged_at_half(before: Mean, neighbours: Neighbours, way: Way, tolerance: float) -> Mean:
    small = Mean(_halved(before.planes), rules.HALVED * _smaller(before.energy, 2), before.is_own)
    again = averaged_again(small, replace(neighbours, planes=_halved(neighbours.planes)), way, tolerance=tolerance)
    change = levels(again.planes) - levels(small.planes)
    own = before.planes
    made = [kept(levels(own[:, rows]) + _doubled_rows(change[None], rows, own.shape[2])[0]) for rows in _strips(own, way)]
    return before._replace(planes=torch.cat(made, 1))


def finished(own: Tensor, mean: Mean, way: Way) -> Tensor:
    """The mean with the finest detail of the frame itself: levels."""
    made: list[Tensor] = []
    for rows in _strips(own, way):
        seen, inner = _with_margin(rows, own.shape[1])
        whole = levels(own[:, seen])
        made.append((whole - softened(whole - levels(mean.planes[:, seen]), rules.FINEST_PX))[:, inner])
    return torch.where(mean.is_own[:, None, None], levels(own), torch.cat(made, 1))


def _differences(own: Tensor, neighbours: Neighbours, way: Way) -> Tensor:
    """(n, c, h, w): what the neighbours, carried onto ``own``, have more than it."""
    planes, ways, lighter = (each.flatten(0, 1) for each in (neighbours.planes, neighbours.ways, neighbours.lighter))
    height, width = own.shape[1:]
    there = levels(planes)
    scale = there.new_tensor((width / ways.shape[3], height / ways.shape[2])).view(2, 1, 1)
    x, y = (torch.arange(side, device=own.device, dtype=torch.float32) for side in (width, height))
    found = torch.empty((len(neighbours.planes), *own.shape), dtype=way.values, device=own.device)
    for rows in _strips(own, way):
        moved = rows_of(ways, (height, width), rows) * scale
        carried = sampled_finely(there, x + moved[:, 0], y[rows, None] + moved[:, 1]).sub_(rows_of(lighter, (height, width), rows))
        found[:, :, rows] = carried.view(-1, len(own), *carried.shape[2:]) - levels(own[:, rows])
    return found


def _seen(own: Tensor, found: Tensor, way: Way) -> tuple[Tensor, Tensor]:
    """Maps of the product of both differences, and of the squared Laplacian of the mean: (c, h', w')."""
    products: list[Tensor] = []
    textures: list[Tensor] = []
    for rows in _strips(own, way):
        first, second = found[0, :, rows].float(), found[-1, :, rows].float()
        texture = laplacian((levels(own[:, rows]) + 0.5 * (first + second))[None])[0]
        products.append(_smaller(first * second, rules.CELL_PX))
        textures.append(_smaller(texture.square_(), rules.CELL_PX))
    return torch.cat(products, 1), torch.cat(textures, 1)


def _mean(before: Mean, found: Tensor, trust: Tensor, way: Way, tolerance: float) -> Mean:
    """Of ``before`` and its neighbours, and what is left of its energy, where it is not its own."""
    own, energy, is_own = before
    apart = _alike(torch.cat([_smaller(found[:, :, rows].square(), 2) for rows in _strips(own, way)], 2)).float()
    excess = (apart / (2 * energy + rules.FLOOR) - 1).clamp_(min=0)
    weights = excess.square_().div_(-(tolerance * tolerance)).exp_()
    trusts = resized(trust, _half(*own.shape[1:]))  # (n, b, 1, h', w')
    weights = (weights.view(*trusts.shape[:2], -1, *weights.shape[2:]) * trusts).view_as(weights)
    total = weights.sum(0) + 1
    left = energy * (weights.square().sum(0) + 1) / total.square()
    shares = weights / total
    strips = [_rows_of_mean(own, found, shares.to(found.dtype), rows) for rows in _strips(own, way)]
    keeps = is_own[:, None, None]
    return Mean(torch.where(keeps, own, torch.cat(strips, 1)), torch.where(keeps, energy, left), is_own)


def _rows_of_mean(own: Tensor, found: Tensor, shares: Tensor, rows: slice) -> Tensor:
    """``shares`` of the neighbours at half the size."""
    parts = _doubled_rows(shares, rows, own.shape[2]).float()
    return kept(levels(own[:, rows]) + (parts * found[:, :, rows]).sum(0))


def _doubled_rows(half: Tensor, rows: slice, width: int) -> Tensor:
    """Rows, from an even one on, of planes that ``half`` (n, c, h, w) holds at half the size."""
    first, last = max(0, rows.start // 2 - 1), min(half.shape[2], -(-rows.stop // 2) + 1)
    double = padded_to(resized(half[:, :, first:last], (2 * (last - first), width)), (rows.stop - 2 * first, width))
    return double[:, :, rows.start - 2 * first : rows.stop - 2 * first]


def _half(height: int, width: int) -> tuple[int, int]:
    return max(1, height // 2), max(1, width // 2)


def _alike(pictures: Tensor) -> Tensor:
    """The mean of ``ALIKE_PX`` around each pixel, as OpenCV's blur takes it."""
    beyond = rules.ALIKE_PX // 2
    mode = "reflect" if min(pictures.shape[2:]) > beyond else "replicate"
    return functional.avg_pool2d(functional.pad(pictures, (beyond,) * 4, mode=mode), rules.ALIKE_PX, 1)


def _flicker_energy(product: Tensor, texture: Tensor, box_cells: int) -> Tensor:
    energy = boxed(product, box_cells).clamp_(min=0)
    ground = boxed(texture, box_cells) + rules.PLAIN
    capped, share = _capped(torch.stack((energy, energy / ground)))
    return torch.minimum(capped, share * ground)


def _capped(energy: Tensor) -> Tensor:
    height, width = energy.shape[-2:]
    small = shrunk(energy, (max(1, height // 2), max(1, width // 2)))
    usual = gaussian((small + 1e-4).log_(), 5).exp_()
    return torch.minimum(energy, 2 * resized(usual, (height, width)))


def _smaller(pictures: Tensor, times: int) -> Tensor:
    """At a whole part of the size; a rest of rows or columns is left out."""
    return functional.avg_pool2d(pictures, (min(times, pictures.shape[-2]), min(times, pictures.shape[-1])))


def _halved(planes: Tensor) -> Tensor:
    """What was put by, (..., h, w), put by at half the size."""
    small = kept(_smaller(levels(planes.flatten(0, -3)), 2))
    return small.view(*planes.shape[:-2], *small.shape[1:])


def _strips(planes: Tensor, way: Way) -> Iterator[slice]:
    height = planes.shape[1]
    rows = -(-height // way.strips // _STRIPS_OF) * _STRIPS_OF
    yield from cut(height, rows, _STRIPS_OF)


def _with_margin(rows: slice, height: int) -> tuple[slice, slice]:
    """Rows and what is around them, and where they are in that."""
    first = max(0, rows.start - _MARGIN)
    return slice(first, min(rows.stop + _MARGIN, height)), slice(rows.start - first, rows.stop - first)
