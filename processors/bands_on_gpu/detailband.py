"""The detail band in torch: ``bands.detailband``, which has the reasons and the numbers, for c planes and n neighbours at once.

Planes are (c, h, w) int16 here, of one frame or of several, put by in the same steps as ``levels.keep`` does. Differences and weights are held
in ``Way.values``, sums in float32.

Imports torch: import this module only where torch is known to be there.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from ..bands import detailband as rules
from ..levels import KEPT_STEPS, ZERO
from .images import boxed, gaussian, laplacian, padded_to, resized, rows_of, sampled, sampled_finely, shrunk, softened
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
    sharpness: Tensor  # (c,)
    is_own: Tensor  # (c,) whether it is the frame itself, which hardly flickers

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
    """Of a frame that has no neighbours."""
    count, height, width = own.shape
    energy = torch.zeros((count, *_half(height, width)), device=own.device)
    return Mean(own, energy, energy.new_zeros(count), torch.ones(count, dtype=torch.bool, device=own.device))


def averaged(own: Tensor, neighbours: Neighbours, way: Way, *, tolerance: float, finely: bool) -> Mean:
    """``own`` averaged along motion with its neighbours: two, or one, which tells no flicker from motion and is hardly heard."""
    found = _differences(own, neighbours, way, finely=finely)
    product, texture, sharpness = _seen(own, found, way)
    energy = _flicker_energy(product, texture, max(2, own.shape[1] // 10 // rules.CELL_PX) | 1) if len(found) > 1 else 0 * product
    before = Mean(own, resized(energy, _half(*own.shape[1:])), sharpness, torch.ones_like(sharpness, dtype=torch.bool))
    return _mean(before, found, neighbours.trust, rules.STILL, way, tolerance)


def averaged_again(before: Mean, neighbours: Neighbours, way: Way, *, tolerance: float, finely: bool) -> Mean:
    """The same of what was averaged before, with neighbours that were so too."""
    found = _differences(before.planes, neighbours, way, finely=finely)
    return _mean(before, found, neighbours.trust, rules.STILL / rules.LEFT, way, tolerance)


def finished(own: Tensor, mean: Mean, way: Way) -> Tensor:
    """The mean with most of the finest detail of the frame itself, and then as sharp as is asked: levels."""
    wholes: list[Tensor] = []
    fines: list[Tensor] = []
    energies = torch.zeros((3, len(own)), device=own.device)
    for rows in _strips(own, way):
        seen, inner = _with_margin(rows, own.shape[1])
        shown = levels(mean.planes[:, seen])
        lost = levels(own[:, seen]) - shown
        whole = shown + rules.FINEST_KEPT * (lost - softened(lost, rules.FINEST_PX))
        fines.append((whole - softened(whole, 1.0))[:, inner])
        wholes.append(whole[:, inner])
        of_whole, of_fine = laplacian(torch.stack((wholes[-1], fines[-1])))
        energies += torch.stack((of_whole * of_whole, of_whole * of_fine, of_fine * of_fine)).sum((2, 3))
    amount = _sharpening(energies / own[0].numel(), mean.sharpness)[:, None, None]
    made = torch.cat([torch.addcmul(whole, amount, fine) for whole, fine in zip(wholes, fines, strict=True)], 1)
    return torch.where(mean.is_own[:, None, None], levels(own), made)


def _differences(own: Tensor, neighbours: Neighbours, way: Way, *, finely: bool) -> Tensor:
    """(n, c, h, w): what the neighbours, carried onto ``own``, have more than it."""
    planes, ways, lighter = (each.flatten(0, 1) for each in (neighbours.planes, neighbours.ways, neighbours.lighter))
    height, width = own.shape[1:]
    there, fetch = levels(planes), sampled_finely if finely else sampled
    scale = there.new_tensor((width / ways.shape[3], height / ways.shape[2])).view(2, 1, 1)
    x, y = (torch.arange(side, device=own.device, dtype=torch.float32) for side in (width, height))
    found = torch.empty((len(neighbours.planes), *own.shape), dtype=way.values, device=own.device)
    for rows in _strips(own, way):
        moved = rows_of(ways, (height, width), rows) * scale
        carried = fetch(there, x + moved[:, 0], y[rows, None] + moved[:, 1]).sub_(rows_of(lighter, (height, width), rows))
        found[:, :, rows] = carried.view(-1, len(own), *carried.shape[2:]) - levels(own[:, rows])
    return found


def _seen(own: Tensor, found: Tensor, way: Way) -> tuple[Tensor, Tensor, Tensor]:
    """Maps of the product of both differences and of the texture, (c, h', w'), and the sharpness that is not flicker's."""
    products: list[Tensor] = []
    textures: list[Tensor] = []
    sharpness = torch.zeros(len(own), device=own.device)
    for rows in _strips(own, way):
        first, second = found[0, :, rows].float(), found[-1, :, rows].float()
        of_own, of_first, of_second = laplacian(torch.stack((levels(own[:, rows]), first, second)))
        sharpness += (of_own * of_own - of_first * of_second).sum((1, 2))
        products.append(_smaller(first * second, rules.CELL_PX))
        textures.append(_smaller((of_own + 0.5 * (of_first + of_second)).square_(), rules.CELL_PX))
    return torch.cat(products, 1), torch.cat(textures, 1), sharpness / own[0].numel()


def _mean(before: Mean, found: Tensor, trust: Tensor, still: float, way: Way, tolerance: float) -> Mean:
    """``before`` and its neighbours, where more than ``still`` levels squared flicker in it."""
    own, energy = before.planes, before.energy
    apart = _alike(torch.cat([_smaller(found[:, :, rows].square(), 2) for rows in _strips(own, way)], 2)).float()
    excess = (apart / (2 * energy + rules.FLOOR) - 1).clamp_(min=0)
    weights = excess.square_().div_(-(tolerance * tolerance)).exp_()
    trusts = resized(trust, _half(*own.shape[1:]))  # (n, b, 1, h', w')
    weights = (weights.view(*trusts.shape[:2], -1, *weights.shape[2:]) * trusts).view_as(weights)
    left = energy * (weights.square().sum(0) + 1) / (weights.sum(0) + 1).square()
    strips = (_rows_of_mean(own, found, weights.to(found.dtype), rows) for rows in _strips(own, way))
    is_still = energy.mean((1, 2)) < still
    keeps = is_still[:, None, None]
    planes = torch.where(keeps, own, torch.cat(list(strips), 1))
    return Mean(planes, torch.where(keeps, energy, left), before.sharpness, before.is_own & is_still)


def _rows_of_mean(own: Tensor, found: Tensor, weights: Tensor, rows: slice) -> Tensor:
    """``weights`` at half the size; a strip begins at an even row."""
    first, last = max(0, rows.start // 2 - 1), min(weights.shape[2], -(-rows.stop // 2) + 1)
    double = padded_to(resized(weights[:, :, first:last], (2 * (last - first), own.shape[2])), (rows.stop - 2 * first, own.shape[2]))
    counts = double[:, :, rows.start - 2 * first : rows.stop - 2 * first].float()
    sums = (counts * found[:, :, rows]).sum(0)
    return kept(levels(own[:, rows]) + sums / (counts.sum(0) + 1))


def _half(height: int, width: int) -> tuple[int, int]:
    return max(1, height // 2), max(1, width // 2)


def _alike(pictures: Tensor) -> Tensor:
    """The mean of ``ALIKE_PX`` around each pixel, as OpenCV's blur takes it."""
    beyond = rules.ALIKE_PX // 2
    mode = "reflect" if min(pictures.shape[2:]) > beyond else "replicate"
    return functional.avg_pool2d(functional.pad(pictures, (beyond,) * 4, mode=mode), rules.ALIKE_PX, 1)


def _flicker_energy(product: Tensor, texture: Tensor, box_cells: int) -> Tensor:
    energy = boxed(product - rules.SOFTENING * texture, box_cells).clamp_(min=0)
    ground = boxed(texture, box_cells) + rules.PLAIN
    capped, share = _capped(torch.stack((energy, energy / ground)))
    return torch.minimum(capped, share * ground)


def _capped(energy: Tensor) -> Tensor:
    height, width = energy.shape[-2:]
    small = shrunk(energy, (max(1, height // 2), max(1, width // 2)))
    usual = gaussian((small + 1e-4).log_(), 5).exp_()
    return torch.minimum(energy, 2 * resized(usual, (height, width)))


def _sharpening(energies: Tensor, target: Tensor) -> Tensor:
    whole, cross, finest = energies.unbind()
    missing = target - whole
    amount = ((cross * cross + finest * missing).clamp(min=0).sqrt() - cross) / finest.clamp(min=1e-12)
    return torch.where(missing > 0, amount, 0).clamp(0, rules.MOST_SHARPENING)


def _smaller(pictures: Tensor, times: int) -> Tensor:
    """At a whole part of the size; a rest of rows or columns is left out."""
    return functional.avg_pool2d(pictures, (min(times, pictures.shape[-2]), min(times, pictures.shape[-1])))


def _strips(planes: Tensor, way: Way) -> Iterator[slice]:
    height = planes.shape[1]
    rows = -(-height // way.strips // _STRIPS_OF) * _STRIPS_OF
    for top in range(0, height, rows):
        yield slice(top, min(top + rows, height))


def _with_margin(rows: slice, height: int) -> tuple[slice, slice]:
    """Rows and what is around them, and where they are in that."""
    first = max(0, rows.start - _MARGIN)
    return slice(first, min(rows.stop + _MARGIN, height)), slice(rows.start - first, rows.stop - first)
