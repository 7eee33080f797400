"""Flow made smooth where the picture says nothing, and sharp where it does: variational refinement in torch.

What is minimised is Brox et al., "High Accuracy Optical Flow Estimation Based on a Theory for Warping" (ECCV 2004), without its gradient
term, which gains nothing on guides whose local mean is gone. The linear systems are solved by Jacobi's method with Chebyshev's steps, which
needs no order among the pixels.

Imports torch: import this module only where torch is known to be there.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from .images import carried

_DATA, _SMOOTHNESS = 2.5, 20.0  # halves of OpenCV's delta and alpha, as ``trails`` sets them
_ROUNDS, _STEPS = 3, 12
_OVER = 1.8  # of each step after the first
_FLAT = 0.01  # squared gradient of a picture that says nothing
_EPSILON = 1e-6


def gradients(pictures: Tensor) -> tuple[Tensor, Tensor]:
    """Along x and y of (n, 1, h, w), by Sobel's filters, in levels a pixel."""
    around = functional.pad(pictures, (1, 1, 1, 1), mode="replicate")
    down = around[:, :, :-2] + 2 * around[:, :, 1:-1] + around[:, :, 2:]
    across = around[..., :-2] + 2 * around[..., 1:-1] + around[..., 2:]
    return (down[..., 2:] - down[..., :-2]) / 8, (across[:, :, 2:] - across[:, :, :-2]) / 8


def refined(here: Tensor, there: Tensor, flow: Tensor) -> Tensor:
    """``flow`` (n, 2, h, w) from ``here`` to ``there``, (n, 1, h, w), once more."""
    shown = carried(there, flow)
    (x, y), change = gradients((here + shown) / 2), shown - here
    norm = x * x + y * y + _FLAT
    more = torch.zeros_like(flow)
    for _ in range(_ROUNDS):
        left = change + x * more[:, :1] + y * more[:, 1:]
        data = _DATA / (left * left / norm + _EPSILON).sqrt_() / norm
        more = _solved(flow, more, _smoothness(flow + more), data * x * x, data * x * y, data * y * y, data * change * torch.cat((x, y), 1))
    return flow + more


def _smoothness(flow: Tensor) -> Tensor:
    """(n, 1, h, w): how strongly a pixel's flow and those right of it and below it hold together."""
    across = functional.pad(flow[..., 1:] - flow[..., :-1], (0, 1, 0, 0))
    down = functional.pad(flow[..., 1:, :] - flow[..., :-1, :], (0, 0, 0, 1))
    return _SMOOTHNESS / ((across * across + down * down).sum(1, keepdim=True) + _EPSILON).sqrt_()


def _solved(flow: Tensor, more: Tensor, ties: Tensor, xx: Tensor, xy: Tensor, yy: Tensor, pull: Tensor) -> Tensor:
    """``more`` (n, 2, h, w), a few steps nearer to the minimum."""
    right, below = functional.pad(ties[..., :-1], (0, 1, 0, 0)), functional.pad(ties[:, :, :-1], (0, 0, 0, 1))
    left, above = functional.pad(ties[..., :-1], (1, 0, 0, 0)), functional.pad(ties[:, :, :-1], (0, 0, 1, 0))
    total = left + right + above + below
    xx, yy = xx + total + _FLAT**2, yy + total + _FLAT**2
    scale = 1 / (xx * yy - xy * xy)
    xx, xy, yy = xx * scale, xy * scale, yy * scale
    held = functional.pad(flow, (1, 1, 1, 1))
    around = left * held[..., 1:-1, :-2] + right * held[..., 1:-1, 2:] + above * held[..., :-2, 1:-1] + below * held[..., 2:, 1:-1]
    fixed = around - total * flow - pull
    before, over = more, 1.0
    for _ in range(_STEPS):
        held = functional.pad(more, (1, 1, 1, 1))
        sums = torch.addcmul(fixed, left, held[..., 1:-1, :-2]).addcmul_(right, held[..., 1:-1, 2:])
        sums.addcmul_(above, held[..., :-2, 1:-1]).addcmul_(below, held[..., 2:, 1:-1])
        u, v = sums[:, :1], sums[:, 1:]
        aim = torch.cat((yy * u - xy * v, xx * v - xy * u), 1)
        before, more, over = more, torch.lerp(before, aim, over), _OVER
    return more
