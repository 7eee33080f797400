"""A decoded frame reduced to what the diagnosis looks at: a glance of every frame; of those looked at closely a small luma picture,
smaller chroma, and a few rows at full size.
"""

from __future__ import annotations

import re
from typing import NamedTuple

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from . import display, media
from . import flow as fl
from .records import Clip

PICTURE_PX = 180
"""Shorter side of the picture that residuals are taken of. 270 told the labelled clips and made detail flicker apart no better, at
twice the cost; at 180 a clip of 360 lines and one of half that size read alike.
"""

GUIDE_PX = 135
"""Shorter side of the picture that flow is sought on; at 90 detail flicker of 8 levels was missed twice as often."""

MID_PX = 60
"""Shorter side of the picture that detail is judged on: structures that encoders keep and eyes see best. 72 and 90 found no more of the
flicker put into clips, and read differently when a clip is halved.
"""

CELLS = 30
"""Cells along the shorter side, in which the low bands are measured: six pixels of the picture each."""

_GLANCE_PX = 128
_STRIP_PX = 32
_PLANAR = re.compile(r"(yuvj?4\d\dp|yuva4\d\dp|gray)(9|10|12|14|16)?(le)?")
_FULL_RANGE = 255 / 219

Levels = NDArray[np.uint8 | np.uint16]


class Layout(NamedTuple):
    """Sizes, as (width, height), and how code values become display levels."""

    picture: tuple[int, int]
    guide: tuple[int, int]
    mid: tuple[int, int]
    cells: tuple[int, int]
    is_pq: bool = False

    @classmethod
    def of(cls, clip: Clip) -> Layout:
        picture = scaled((clip.width, clip.height), PICTURE_PX)
        return cls(picture, scaled(picture, GUIDE_PX), scaled(picture, MID_PX), scaled(picture, CELLS), clip.color.transfer == display.PQ)


def scaled(size: tuple[int, int], shorter_px: int) -> tuple[int, int]:
    """(width, height) with a shorter side of at most ``shorter_px``, the aspect kept."""
    shorter = min(size)
    if shorter <= shorter_px:
        return size
    return max(1, round(size[0] * shorter_px / shorter)), max(1, round(size[1] * shorter_px / shorter))


class Sample(NamedTuple):
    luma: NDArray[np.uint8]  # (height, width)
    guide: NDArray[np.uint8]  # smaller, locally normalised: flow is measured on it
    cells: NDArray[np.float32]  # (rows, columns): luma, one value a cell
    chroma: NDArray[np.float32]  # (rows, columns, 2)
    levels: float  # display levels (0-255) in one level of luma


class Glance(NamedTuple):
    """Every so many pixels of luma, not averaged: enough to tell repeats and sudden changes."""

    luma: NDArray[np.uint8]
    levels: float

    def change(self, other: Glance) -> float:
        """Mean absolute difference in display levels; infinite between pictures of different size."""
        if self.luma.shape != other.luma.shape:
            return float("inf")
        return cv2.norm(self.luma, other.luma, cv2.NORM_L1) / self.luma.size * self.levels


def planar(frame: av.VideoFrame) -> av.VideoFrame:
    """The frame in planar YUV of about its own depth: RGB, palettes, packed and semi-planar formats are converted; alpha stays."""
    if _PLANAR.fullmatch(frame.format.name):
        return frame
    has_alpha = any(component.is_alpha for component in frame.format.components) or frame.format.has_palette
    deep = max(component.bits for component in frame.format.components) > 8
    return frame.reformat(format=f"yuv{'a' if has_alpha else ''}420p{'10le' if deep else ''}")


def glance(frame: av.VideoFrame, layout: Layout) -> Glance:
    """``frame`` is planar."""
    luma = media.planes(frame).y
    step = max(1, min(luma.shape) // _GLANCE_PX)
    return Glance(_to_display(luma[::step, ::step], frame, layout), _levels(frame, layout))


def sample(frame: av.VideoFrame, layout: Layout) -> Sample:
    """``frame`` is planar."""
    y, u, v, alpha = media.planes(frame)
    if frame.interlaced_frame:  # the two fields show two moments: their comb would pass for detail that flickers
        y, u, v, alpha = (None if plane is None else plane[::2] for plane in (y, u, v, alpha))
        assert y is not None
    depth = frame.format.components[0].bits
    small = _halved(y, layout.picture)
    luma, guide = (_to_display(_shrunk(small, size), frame, layout) for size in (layout.picture, layout.guide))
    chroma = np.dstack([_centred(plane, layout.cells, depth) for plane in (u, v)])
    if alpha is not None:
        luma, chroma = _over_black(luma, chroma, fl.to_8_bit(_shrunk(alpha, layout.picture), depth))
        guide = np.asarray(_shrunk(luma, layout.guide), np.uint8)
    return Sample(
        luma=luma,
        guide=fl.normalised(guide),
        cells=area(area(luma.astype(np.float32), *layout.mid), *layout.cells),
        chroma=chroma,
        levels=_levels(frame, layout),
    )


def strips(frame: av.VideoFrame, *, upright: bool = False) -> NDArray[np.uint8]:
    """Rows of luma at full size, as 8-bit code values: three strips of at most 32 rows, one above the other, at a quarter, half and three
    quarters of the height; all of a small picture. ``upright``: columns instead, turned into rows. ``frame`` is planar.
    """
    y, depth = media.planes(frame).y, frame.format.components[0].bits
    return _strips(y.T if upright else y, depth)


def strips_of_fields(frame: av.VideoFrame) -> NDArray[np.uint8]:
    """The same of each field, one above the other: between the fields of two moments lies a comb."""
    y, depth = media.planes(frame).y, frame.format.components[0].bits
    return np.concatenate([_strips(y[first::2], depth) for first in (0, 1)])


def _strips(lines: Levels, depth: int) -> NDArray[np.uint8]:
    count = lines.shape[0]
    if count <= 3 * _STRIP_PX:
        return np.ascontiguousarray(fl.to_8_bit(lines, depth))
    starts = [min(count - _STRIP_PX, count * part // 4 - _STRIP_PX // 2) // 8 * 8 for part in (1, 2, 3)]
    return np.concatenate([fl.to_8_bit(lines[start : start + _STRIP_PX], depth) for start in starts])


def _levels(frame: av.VideoFrame, layout: Layout) -> float:
    return 1.0 if layout.is_pq or media.is_full_range(frame) else _FULL_RANGE


def _to_display(plane: Levels, frame: av.VideoFrame, layout: Layout) -> NDArray[np.uint8]:
    depth = frame.format.components[0].bits
    if layout.is_pq:
        return display.pq_table(depth, full_range=media.is_full_range(frame))[plane]
    return np.ascontiguousarray(fl.to_8_bit(plane, depth))


def area(plane: NDArray[np.float32], width: int, height: int) -> NDArray[np.float32]:
    """A plane (h, w[, channels]) at another size, each value the mean of what it covers."""
    found = cv2.resize(plane, (width, height), interpolation=cv2.INTER_AREA)
    return np.asarray(found, np.float32).reshape(height, width, *plane.shape[2:])


def _shrunk(plane: Levels, size: tuple[int, int]) -> Levels:
    small = _halved(plane, size)
    if small.shape == size[::-1]:
        return small
    is_near = small.shape[0] < 2 * size[1] and small.shape[1] < 2 * size[0]
    found = cv2.resize(small, size, interpolation=cv2.INTER_LINEAR if is_near else cv2.INTER_AREA)  # linear reaches as far, quicker
    return np.asarray(found, plane.dtype).reshape(size[::-1])


def _halved(plane: Levels, size: tuple[int, int]) -> Levels:
    """The plane halved as often as it stays larger than ``size``: many times quicker than any other step."""
    small = plane
    while small.shape[0] % 2 == small.shape[1] % 2 == 0 and small.shape[0] >= 2 * size[1] and small.shape[1] >= 2 * size[0]:
        small = np.asarray(cv2.resize(small, (small.shape[1] // 2, small.shape[0] // 2), interpolation=cv2.INTER_AREA), plane.dtype)
    return small


def _centred(plane: Levels | None, size: tuple[int, int], depth: int) -> NDArray[np.float32]:
    """A chroma plane as one value a cell, in 8-bit levels around 0; gray pictures have none."""
    if plane is None:
        return np.zeros(size[::-1], np.float32)
    small = _halved(plane, size).astype(np.float32) * np.float32(0.5 ** (depth - 8)) - 128
    return area(small, *size)


def _over_black(
    luma: NDArray[np.uint8], chroma: NDArray[np.float32], alpha: NDArray[np.uint8]
) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """Video black is 16; full-range sources with alpha lie within a few levels of it, which no residual notices."""
    opacity = alpha.astype(np.float32) / np.float32(255)
    coarse = area(opacity, *chroma.shape[1::-1])
    shown = np.rint((luma.astype(np.float32) - 16) * opacity + 16).clip(0, 255).astype(np.uint8)
    return shown, chroma * coarse[..., None]
