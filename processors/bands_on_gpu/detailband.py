"""The detail band in torch: ``bands.detailband``, which has the reasons and the numbers.

Planes are (h, w) int16 here, put by in the same steps as ``levels.keep`` does. Differences and weights are held in ``Way.values``, sums in float32.

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
from .images import boxed, carried_finely, gaussian, laplacian, resized, rows_of, shrunk, softened
from .ladder import Way

_MARGIN = 8  # rows beside a strip that blurs look at
_SHIFT = 1 << 15  # of a kept plane, whose steps fill 16 bits
_STRIPS_OF = 4  # rows: cells are whole


@dataclass(frozen=True)
class Neighbour:
    """``bands.detailband.Neighbour``."""

    plane: Tensor
    way: Tensor  # (2, h', w')
    trust: Tensor  # (h', w')
    lighter: Tensor | None = None  # (h', w')


class Mean(NamedTuple):
    plane: Tensor
    sharpness: Tensor  # one number


def kept(levels: Tensor) -> Tensor:
    """Levels, (h, w) float32, put by."""
    steps = ((levels + ZERO) * KEPT_STEPS + 0.5).floor_().clamp_(0, 2 * _SHIFT - 1)
    return (steps - _SHIFT).to(torch.int16)


def levels(plane: Tensor) -> Tensor:
    """Of a plane that was put by."""
    return plane.float() / KEPT_STEPS + (_SHIFT / KEPT_STEPS - ZERO)


def averaged(own: Tensor, neighbours: Sequence[Neighbour], way: Way, *, tolerance: float) -> Mean:
    """``own`` averaged along motion with its neighbours: two, or one, which tells no flicker from motion and is hardly heard."""
    strips = list(_strips(own, way))
    differences = [_difference(own, neighbour, strips, way) for neighbour in neighbours]
    product, texture, sharpness = _cells(own, differences[0], differences[-1], strips)
    energy = _flicker_energy(product, texture, max(2, len(own) // 10 // rules.CELL_PX) | 1) if len(neighbours) > 1 else 0 * product
    expected = 2 * energy + rules.FLOOR
    trusts = [neighbour.trust for neighbour in neighbours]
    mean = torch.cat([_mean(own, differences, trusts, expected, rows, tolerance) for rows in strips])
    return Mean(mean, sharpness)


def finished(own: Tensor, mean: Tensor, sharpness: Tensor, way: Way) -> Tensor:
    """``mean`` with most of the finest detail of the frame itself, and then as sharp as is asked: (h, w) levels."""
    wholes: list[Tensor] = []
    fines: list[Tensor] = []
    energies = torch.zeros(3, device=own.device)
    for rows in _strips(own, way):
        seen, inner = _with_margin(rows, len(own))
        shown = levels(mean[seen])
        lost = levels(own[seen]) - shown
        whole = shown + rules.FINEST_KEPT * (lost - softened(lost, rules.FINEST_PX))
        fines.append((whole - softened(whole, 1.0))[inner])
        wholes.append(whole[inner])
        of_whole, of_fine = laplacian(wholes[-1]), laplacian(fines[-1])
        energies += torch.stack([(one * two).sum() for one, two in ((of_whole, of_whole), (of_whole, of_fine), (of_fine, of_fine))])
    amount = _sharpening(energies / own.numel(), sharpness)
    return torch.cat([whole + amount * fine for whole, fine in zip(wholes, fines, strict=True)])


def _difference(own: Tensor, neighbour: Neighbour, strips: list[slice], way: Way) -> Tensor:
    """What the neighbour, carried onto ``own``, has more than it."""
    height, width = own.shape
    there = levels(neighbour.plane)
    scale = there.new_tensor((width / neighbour.way.shape[2], height / neighbour.way.shape[1])).view(2, 1, 1)
    x, y = (torch.arange(side, device=own.device, dtype=torch.float32) for side in (width, height))
    found = torch.empty_like(own, dtype=way.values)
    for rows in strips:
        moved = rows_of(neighbour.way, (height, width), rows) * scale
        carried = carried_finely(there, x + moved[0], y[rows, None] + moved[1])
        if neighbour.lighter is not None:
            carried -= rows_of(neighbour.lighter[None], (height, width), rows)[0]
        found[rows] = carried - levels(own[rows])
    return found


def _cells(own: Tensor, one: Tensor, other: Tensor, strips: list[slice]) -> tuple[Tensor, Tensor, Tensor]:
    """Maps of the product of both differences and of the texture, and the sharpness that is not flicker's."""
    products: list[Tensor] = []
    textures: list[Tensor] = []
    sharpness = torch.zeros((), device=own.device)
    for rows in strips:
        first, second = one[rows].float(), other[rows].float()
        of_own, of_first, of_second = laplacian(levels(own[rows])), laplacian(first), laplacian(second)
        sharpness += (of_own * of_own - of_first * of_second).sum()
        products.append(_smaller(first * second, rules.CELL_PX))
        textures.append(_smaller((of_own + 0.5 * (of_first + of_second)).square_(), rules.CELL_PX))
    return torch.cat(products), torch.cat(textures), sharpness / own.numel()


def _mean(own: Tensor, differences: Sequence[Tensor], trusts: Sequence[Tensor], expected: Tensor, rows: slice, tolerance: float) -> Tensor:
    """Rows of the mean."""
    seen, inner = _with_margin(rows, len(own))
    half = len(own) // 2, max(1, own.shape[1] // 2)
    part = slice(seen.start // 2, seen.start // 2 + max(1, (seen.stop - seen.start) // 2))
    likely = rows_of(expected[None], half, part)[0]
    size = seen.stop - seen.start, own.shape[1]
    sums, weights = torch.zeros(own[rows].shape, device=own.device), torch.ones(own[rows].shape, device=own.device)
    for difference, trust in zip(differences, trusts, strict=True):
        apart = _alike(_smaller(difference[seen].square(), 2).float())
        excess = (apart / likely - 1).clamp_(min=0)
        weight = (excess * excess / -(tolerance * tolerance)).exp_() * rows_of(trust[None], half, part)[0]
        weight = resized(weight.to(difference.dtype), size)[inner].float()
        weights += weight
        sums.addcmul_(weight, difference[rows].float())
    return kept(levels(own[rows]) + sums / weights)


def _alike(plane: Tensor) -> Tensor:
    """The mean of ``ALIKE_PX`` around each pixel, as OpenCV's blur takes it."""
    beyond = rules.ALIKE_PX // 2
    mode = "reflect" if min(plane.shape) > beyond else "replicate"
    around = functional.pad(plane[None, None], (beyond,) * 4, mode=mode)
    return functional.avg_pool2d(around, rules.ALIKE_PX, 1)[0, 0]


def _flicker_energy(product: Tensor, texture: Tensor, box_cells: int) -> Tensor:
    energy = boxed(product - rules.SOFTENING * texture, box_cells).clamp_(min=0)
    ground = boxed(texture, box_cells) + rules.PLAIN
    return torch.minimum(_capped(energy), _capped(energy / ground) * ground)


def _capped(energy: Tensor) -> Tensor:
    size = energy.shape[0], energy.shape[1]
    small = shrunk(energy, (max(1, size[0] // 2), max(1, size[1] // 2)))
    usual = gaussian((small + 1e-4).log_(), 5).exp_()
    return torch.minimum(energy, 2 * resized(usual, size))


def _sharpening(energies: Tensor, target: Tensor) -> Tensor:
    whole, cross, finest = energies.unbind()
    missing = target - whole
    amount = ((cross * cross + finest * missing).clamp(min=0).sqrt() - cross) / finest.clamp(min=1e-12)
    return torch.where(missing > 0, amount, 0).clamp(0, rules.MOST_SHARPENING)


def _smaller(plane: Tensor, times: int) -> Tensor:
    """At a whole part of the size; a rest of rows or columns is left out."""
    kernel = min(times, plane.shape[0]), min(times, plane.shape[1])
    return functional.avg_pool2d(plane[None, None], kernel)[0, 0]


def _strips(plane: Tensor, way: Way) -> Iterator[slice]:
    height = len(plane)
    rows = -(-height // way.strips // _STRIPS_OF) * _STRIPS_OF
    for top in range(0, height, rows):
        yield slice(top, min(top + rows, height))


def _with_margin(rows: slice, height: int) -> tuple[slice, slice]:
    """Rows and what is around them, and where they are in that."""
    first = max(0, rows.start - _MARGIN)
    return slice(first, min(rows.stop + _MARGIN, height)), slice(rows.start - first, rows.stop - first)
