"""Frames on their way to the device and back: planes of code values, 16 bits each.

Imports torch: import this module only where torch is known to be there.
"""

from __future__ import annotations

from dataclasses import dataclass

import av
import cv2
import numpy as np
import torch
from torch import Tensor

from .. import media
from ..bands.engine import GUIDE_LINES, Planar
from ..levels import steps_per_level
from .images import boxed, shrunk

Codes = tuple[Tensor, ...]
"""Luma (1, h, w) and chroma (2, h', w') of a frame, int16: the bits of uint16, for which torch has hardly an operation."""

_SMALLEST = 16  # pixels of a frame that only holds tags


@dataclass(frozen=True)
class Tags:
    """What frames of a picture are besides their planes."""

    frame: av.VideoFrame  # a small one, with the format and the colour tags
    steps: int  # code values in a level

    @classmethod
    def of(cls, picture: av.VideoFrame) -> Tags:
        small = av.VideoFrame(_SMALLEST, _SMALLEST, picture.format.name)
        media.tagged_like(picture, small)
        return cls(small, steps_per_level(picture))


def codes(picture: av.VideoFrame, device: str) -> Codes:
    """Of a picture in the working format."""
    y, u, v, _ = media.planes(picture)
    assert u is not None
    assert v is not None
    return tuple(torch.from_numpy(np.stack(planes).view(np.int16)).to(device) for planes in ((y,), (u, v)))


def values(planes: Tensor) -> Tensor:
    """Code values, float32."""
    return planes.int().bitwise_and_(0xFFFF).float()


def levels(planes: Codes, steps: int) -> list[Tensor]:
    """Of one frame, 0-255 with fractions."""
    return [values(plane) / steps for plane in planes]


def put(plane: Tensor, tags: Tags) -> Tensor:
    """Levels as codes. What ``levels`` gave goes back bit for bit."""
    peak = (1 << tags.frame.format.components[0].bits) - 1
    return (plane * tags.steps + 0.5).clamp_(0, peak).int().short()


def guides(luma: Tensor, steps: int) -> Tensor:
    """``flow.guide`` of code values (n, 1, h, w): (n, 1, h', w') levels 0-255."""
    height, width = luma.shape[2:]
    lines = min(GUIDE_LINES, height)
    small = shrunk(luma, (lines, max(1, round(width * lines / height)))).round_() if lines < height else luma
    picture = (small / steps).round_()
    mean = boxed(picture, max(3, lines // 6) | 1, cv2.BORDER_REPLICATE).round_()
    return (1.5 * (picture - mean) + 128).round_().clamp_(0, 255)


def made(frame: av.VideoFrame, tags: Tags, planes: Codes, planar: Planar) -> av.VideoFrame:
    """A frame of the working format with the time of ``frame``, its alpha, and these planes."""
    result = av.VideoFrame(frame.width, frame.height, tags.frame.format.name)
    media.tagged_like(tags.frame, result)
    result.pts = frame.pts
    if frame.time_base is not None:
        result.time_base = frame.time_base
    y, u, v, alpha = media.planes(result)
    shown = [plane for part in planes for plane in part.cpu().numpy().view(np.uint16)]
    for target, plane in zip((y, u, v), shown, strict=True):
        assert target is not None
        target[:] = plane
    opacity = media.planes(planar(frame)).a if alpha is not None else None
    if alpha is not None and opacity is not None:
        alpha[:] = opacity
    return result
