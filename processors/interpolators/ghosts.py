"""Double images: where both frames, carried to the moment between them, show different things and both of them are seen.

Imports torch: import this module only where torch is known to be there.
"""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional

from .rife_network import Motion, warp

_LEVELS = 20 / 255
_CELLS = 12  # in the height: what is coarser is a change of light, which a blend shows rightly


def doubled(motion: Motion, first: Tensor, second: Tensor) -> float:
    """Share of the picture that is double, 0 to 1. ``first``, ``second``: luma (1, 1, h, w), 0-1, shrunk to the size at which ghosts are seen."""
    found = motion.at_size(*first.shape[2:])
    carried = [_structure(warp(luma, flow)) for luma, flow in ((first, found.first_flow), (second, found.second_flow))]
    seen = 4 * found.first_weight * (1 - found.first_weight) * (carried[0] - carried[1]).abs()
    return float((seen > _LEVELS).float().mean())


def _structure(luma: Tensor) -> Tensor:
    height, width = luma.shape[2:]
    soft = functional.avg_pool2d(luma, 3, 1, 1, count_include_pad=False)
    coarse = functional.avg_pool2d(soft, max(1, height // _CELLS), ceil_mode=True)
    return soft - functional.interpolate(coarse, size=(height, width), mode="bilinear", align_corners=False)
