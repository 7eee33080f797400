"""Optical flow in torch: dense inverse search, for many pairs of pictures at once.

The method is that of Kroeger et al., "Fast Optical Flow using Dense Inverse Search" (ECCV 2016), which OpenCV follows on the CPU: patches
are looked for by descent from a coarse picture to finer ones, each also tries what its neighbours found, and what all patches over a
pixel found is averaged. ``refinement`` then makes it smooth where the picture says nothing.

Imports torch: import this module only where torch is known to be there.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor
from torch.nn import functional

from ..bands.trails import SMALL_LINES
from .images import padded_to, sampled
from .refinement import gradients, refined

_PATCH_PX, _SMALL_GUIDES_PATCH_PX, _STRIDE_PX = 8, 16, 4
_ROUNDS, _DESCENTS = 2, 3  # of descending and looking at what neighbours found; steps of a descent
_NOISE = 16.0  # squared gradient of texture that is drawn anew: without it smooth surfaces follow that
_BETTER = 0.95  # of its own cost: what a neighbour found is taken from there on
_SMALLEST_PX = 20  # shorter side of the coarsest picture
_LEAST_PX = 32  # a smaller guide is continued to this size


def flows(here: Tensor, there: Tensor) -> Tensor:
    """For each pixel of guides ``here``, (n, 1, h, w) levels 0-255, where it is in ``there``: (n, 2, h, w) pixels, x then y."""
    height, width = here.shape[2:]
    size = max(_LEAST_PX, height), max(_LEAST_PX, width)
    pairs = [(padded_to(here, size), padded_to(there, size))]
    while len(pairs) == 1 or min(pairs[-1][0].shape[2:]) >= 2 * _SMALLEST_PX:
        pairs.append((functional.avg_pool2d(pairs[-1][0], 2), functional.avg_pool2d(pairs[-1][1], 2)))
    coarsest = pairs[-1][0]
    found = coarsest.new_zeros((coarsest.shape[0], 2, coarsest.shape[2] // 2, coarsest.shape[3] // 2))
    is_small = size[0] < SMALL_LINES
    searched = pairs if is_small else pairs[1:]  # the flow of half the size, enlarged, is as good
    patch_px = _SMALL_GUIDES_PATCH_PX if is_small else _PATCH_PX
    for one, other in reversed(searched):
        found = refined(one, other, _Search(one, other, _doubled(found, one.shape[2:]), patch_px).flow())
    return (found if is_small else _doubled(found, size))[..., :height, :width]


def _doubled(flow: Tensor, size: tuple[int, ...]) -> Tensor:
    """For pictures of twice the size; an odd side's last pixel, which has no half, moves as its neighbour does."""
    return padded_to(functional.interpolate(flow, scale_factor=2.0, mode="bilinear", align_corners=False) * 2, size)


@dataclass(frozen=True)
class _Search:
    """The patches of a picture, their pixels as k columns (n, k, p), and what is found of them in the other one."""

    here: Tensor
    there: Tensor
    coarse: Tensor  # (n, 2, h, w): where the search begins
    patch_px: int

    def flow(self) -> Tensor:
        columns = self._columns(self.coarse)
        start = columns.view(len(columns), 2, self.patch_px**2, -1).mean(2)
        best = self._from_neighbours(start, self._cost(start))
        for _ in range(_ROUNDS):
            best = self._from_neighbours(*self._descended(*best))
        far = (best[0] - start).square().sum(1, keepdim=True) > self.patch_px**2
        return self._dense(torch.where(far, start, best[0]))

    def _descended(self, moves: Tensor, cost: Tensor) -> tuple[Tensor, Tensor]:
        """Gauss-Newton from ``moves`` (n, 2, p); the cheapest place on the way."""
        across, down, inverse = self._gradients
        best = moves
        for _ in range(_DESCENTS):
            change = self._change(moves)
            slope = torch.stack(((across * change).sum(1), (down * change).sum(1)), 1)
            step = torch.stack(((inverse[:, :2] * slope).sum(1), (inverse[:, 1:] * slope).sum(1)), 1)
            moves = moves - step.clamp_(-_STRIDE_PX, _STRIDE_PX)
            found = self._cost(moves)
            best, cost = torch.where((found < cost)[:, None], moves, best), torch.minimum(found, cost)
        return best, cost

    def _from_neighbours(self, moves: Tensor, cost: Tensor) -> tuple[Tensor, Tensor]:
        """What costs a patch least of what it and the four around it found."""
        field = functional.pad(moves.view(len(moves), 2, *self._grid), (1, 1, 1, 1), mode="replicate")
        around = field[..., 1:-1, :-2], field[..., 1:-1, 2:], field[..., :-2, 1:-1], field[..., 2:, 1:-1]
        for candidate in (each.flatten(2) for each in around):
            found = self._cost(candidate)
            better = found < _BETTER * cost
            moves, cost = torch.where(better[:, None], candidate, moves), torch.where(better, found, cost)
        return moves, cost

    def _cost(self, moves: Tensor) -> Tensor:
        change = self._change(moves)
        return (change - change.mean(1, keepdim=True)).square_().sum(1)

    def _change(self, moves: Tensor) -> Tensor:
        """(n, k, p): the other picture, where ``moves`` lead, less the patches."""
        x, y = (self._places[:, axis] + moves[:, axis, None] for axis in (0, 1))
        return sampled(self.there, x, y)[:, 0] - self._patches

    def _dense(self, moves: Tensor) -> Tensor:
        """(n, 2, h, w): the mean of all patches over a pixel; one that shows something else there counts less."""
        weights = 1 / self._change(moves).abs_().clamp_(min=1)
        parts = torch.cat((moves[:, 0, None] * weights, moves[:, 1, None] * weights, weights), 1)
        height, width = self._size
        sums = functional.fold(parts, (height, width), self.patch_px, stride=_STRIDE_PX)
        return (sums[:, :2] / sums[:, 2:])[..., : self.here.shape[2], : self.here.shape[3]]

    @cached_property
    def _size(self) -> tuple[int, int]:
        """A whole number of strides."""
        height, width = self.here.shape[2:]
        return height + -height % _STRIDE_PX, width + -width % _STRIDE_PX

    @property
    def _grid(self) -> tuple[int, int]:
        return (self._size[0] - self.patch_px) // _STRIDE_PX + 1, (self._size[1] - self.patch_px) // _STRIDE_PX + 1

    @cached_property
    def _patches(self) -> Tensor:
        return self._columns(self.here)

    @cached_property
    def _gradients(self) -> tuple[Tensor, Tensor, Tensor]:
        """Of the patches, less their mean, for light that differs is no motion; and (n, 3, p) xx, xy and yy of their inverted square."""
        across, down = (part - part.mean(1, keepdim=True) for part in map(self._columns, gradients(self.here)))
        xx, xy, yy = (across * across).sum(1), (across * down).sum(1), (down * down).sum(1)
        noise = _NOISE * self.patch_px**2
        xx, yy = xx + noise, yy + noise
        return across, down, torch.stack((yy, -xy, xx), 1) / (xx * yy - xy * xy)[:, None]

    @cached_property
    def _places(self) -> Tensor:
        """(1, 2, k, p): x and y of the patches' pixels."""
        height, width = self._size
        x = torch.arange(width, device=self.here.device, dtype=self.here.dtype).expand(height, -1)
        y = torch.arange(height, device=self.here.device, dtype=self.here.dtype)[:, None].expand(-1, width)
        return functional.unfold(torch.stack((x, y))[:, None], self.patch_px, stride=_STRIDE_PX)[None]

    def _columns(self, pictures: Tensor) -> Tensor:
        return functional.unfold(padded_to(pictures, self._size), self.patch_px, stride=_STRIDE_PX)
