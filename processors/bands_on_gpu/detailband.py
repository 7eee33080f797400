"""The detail band in torch: ``bands.detailband``, which has the reasons and the numbers, for c planes and n neighbours at once.

Planes are (c, h, w) int16 here, put by in the same steps as ``levels.keep`` does. Differences and weights are held in ``Way.values``, sums in
float32.

Imports torch: import this module only where torch is known to be there.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from ..bands import detailband as rules
from ..levels import KEPT_STEPS, ZERO
from .images import boxed, gaussian, laplacian, resized, rows_of, sampled_finely, shrunk, softened
from .ladder import Way

_MARGIN = 8  # rows beside a strip that blurs look at
_SHIFT = 1 << 15  # of a kept plane, whose steps fill 16 bits
_STRIPS_OF = 4  # rows: cells are whole


@dataclass(frozen=True)
class Neighbours:
    """Each as ``bands.detailband.Neighbour``."""

    planes: Tensor  # (n, c, h, w) int16
    ways: Tensor  # (n, 2, h', w')
    trust: Tensor  # (n, 1, h', w')
    lighter: Tensor | None  # (n, c, h', w')


class Mean(NamedTuple):
    planes: Tensor
    sharpness: Tensor  # (c,)


def kept(levels: Tensor) -> Tensor:
    """Levels, float32, put by."""
    return (levels * KEPT_STEPS + (ZERO * KEPT_STEPS - _SHIFT + 0.5)).floor_().clamp_(-_SHIFT, _SHIFT - 1).short()


def levels(planes: Tensor) -> Tensor:
    """Of what was put by."""
    return planes.float() / KEPT_STEPS + (_SHIFT / KEPT_STEPS - ZERO)


def averaged(own: Tensor, neighbours: Neighbours, way: Way, *, tolerance: float) -> Mean:
    """``own`` averaged along motion with its neighbours: two, or one, which tells no flicker from motion and is hardly heard."""
    strips = list(_strips(own, way))
    found = _differences(own, neighbours, strips, way)
    product, texture, sharpness = _cells(own, found, strips)
    energy = _flicker_energy(product, texture, max(2, own.shape[1] // 10 // rules.CELL_PX) | 1) if len(found) > 1 else 0 * product
    expected = 2 * energy + rules.FLOOR
    return Mean(torch.cat([_mean(own, found, neighbours.trust, expected, rows, tolerance) for rows in strips], 1), sharpness)


def finished(own: Tensor, mean: Tensor, sharpness: Tensor, way: Way) -> Tensor:
    """``mean`` with most of the finest detail of the frame itself, and then as sharp as is asked: levels."""
    wholes: list[Tensor] = []
    fines: list[Tensor] = []
    energies = torch.zeros((3, len(own)), device=own.device)
    for rows in _strips(own, way):
        seen, inner = _with_margin(rows, own.shape[1])
        shown = levels(mean[:, seen])
        lost = levels(own[:, seen]) - shown
        whole = shown + rules.FINEST_KEPT * (lost - softened(lost, rules.FINEST_PX))
        fines.append((whole - softened(whole, 1.0))[:, inner])
        wholes.append(whole[:, inner])
        of_whole, of_fine = laplacian(torch.stack((wholes[-1], fines[-1])))
        energies += torch.stack((of_whole * of_whole, of_whole * of_fine, of_fine * of_fine)).sum((2, 3))
    amount = _sharpening(energies / own[0].numel(), sharpness)[:, None, None]
    return torch.cat([torch.addcmul(whole, amount, fine) for whole, fine in zip(wholes, fines, strict=True)], 1)


def _differences(own: Tensor, neighbours: Neighbours, strips: list[slice], way: Way) -> Tensor:
    """(n, c, h, w): what the neighbours, carried onto ``own``, have more than it."""
    count, _, height, width = neighbours.planes.shape
    there, ways = levels(neighbours.planes), neighbours.ways
    scale = there.new_tensor((width / ways.shape[3], height / ways.shape[2])).view(2, 1, 1)
    x, y = (torch.arange(side, device=own.device, dtype=torch.float32) for side in (width, height))
    found = torch.empty((count, *own.shape), dtype=way.values, device=own.device)
    for rows in strips:
        moved = rows_of(ways, (height, width), rows) * scale
        carried = sampled_finely(there, x + moved[:, 0], y[rows, None] + moved[:, 1])
        if neighbours.lighter is not None:
            carried -= rows_of(neighbours.lighter, (height, width), rows)
        found[:, :, rows] = carried - levels(own[:, rows])
    return found


def _cells(own: Tensor, found: Tensor, strips: list[slice]) -> tuple[Tensor, Tensor, Tensor]:
    """Maps of the product of both differences and of the texture, (c, h', w'), and the sharpness that is not flicker's."""
    products: list[Tensor] = []
    textures: list[Tensor] = []
    sharpness = torch.zeros(len(own), device=own.device)
    for rows in strips:
        first, second = found[0, :, rows].float(), found[-1, :, rows].float()
        of_own, of_first, of_second = laplacian(torch.stack((levels(own[:, rows]), first, second)))
        sharpness += (of_own * of_own - of_first * of_second).sum((1, 2))
        products.append(_smaller(first * second, rules.CELL_PX))
        textures.append(_smaller((of_own + 0.5 * (of_first + of_second)).square_(), rules.CELL_PX))
    return torch.cat(products, 1), torch.cat(textures, 1), sharpness / own[0].numel()


def _mean(own: Tensor, found: Tensor, trust: Tensor, expected: Tensor, rows: slice, tolerance: float) -> Tensor:
    """Rows of the mean."""
    height, width = own.shape[1:]
    seen, inner = _with_margin(rows, height)
    half = height // 2, max(1, width // 2)
    part = slice(seen.start // 2, seen.start // 2 + max(1, (seen.stop - seen.start) // 2))
    apart = _alike(_smaller(found[:, :, seen].square(), 2)).float()
    excess = (apart / rows_of(expected[None], half, part) - 1).clamp_(min=0)
    weights = excess.square_().div_(-(tolerance * tolerance)).exp_() * rows_of(trust, half, part)
    weights = resized(weights.to(found.dtype), (seen.stop - seen.start, width))[:, :, inner]
    sums = (weights.float() * found[:, :, rows]).sum(0)
    return kept(levels(own[:, rows]) + sums / (weights.sum(0, dtype=torch.float32) + 1))


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
