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

from .. import display, media
from .. import flow as fl
from ..records import Clip

PICTURE_PX = 120
"""Shorter side of the picture that residuals are taken of. 180 and 270 told the labelled clips and made detail flicker apart no better, at
two and five times the cost; it is twice the picture of detail and four times the cells, which makes means of it cheap.
"""

_SMALL_PX = 180
_SOFT_PX = 0.45
"""Standard deviation of the blur before a frame is reduced, in pixels of the picture. Without it clean pans over photographs
showed seven times as much flicker of detail, which hid what is drawn anew.
"""

GUIDE_PX = 60
"""Shorter side of the picture that flow is sought on, halved once (``FINEST``)."""
FINEST = 1

MID_PX = 60
"""Shorter side of the picture that detail is judged on: structures that encoders keep and eyes see best. 72 and 90 found no more of the
flicker put into clips, and read differently when a clip is halved.
"""

CELLS = 30
"""Cells along the shorter side, in which the low bands are measured: six pixels of the picture each."""

_GLANCE_PX = 128  # columns; half as many rows, as it is the rows that take time to reach
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
        picture = _picture((clip.width, clip.height))
        return cls(picture, scaled(picture, GUIDE_PX), scaled(picture, MID_PX), scaled(picture, CELLS), clip.color.transfer == display.PQ)


def scaled(size: tuple[int, int], shorter_px: int) -> tuple[int, int]:
    """(width, height) with a shorter side of at most ``shorter_px``, the aspect kept."""
    shorter = min(size)
    if shorter <= shorter_px:
        return size
    return max(1, round(size[0] * shorter_px / shorter)), max(1, round(size[1] * shorter_px / shorter))


def _picture(full: tuple[int, int]) -> tuple[int, int]:
    """A clip's own size where it is small: less would only blur it. Else sides that can be halved twice."""
    if min(full) <= _SMALL_PX:
        return full
    width, height = scaled(full, PICTURE_PX)
    return round(width / 4) * 4, round(height / 4) * 4


class Sample(NamedTuple):
    luma: NDArray[np.float32]  # (height, width), 8-bit levels with fractions
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


class Source(NamedTuple):
    """A planar frame, and what is asked of it again and again: to ask FFmpeg takes as long as to look at a small picture."""

    frame: av.VideoFrame
    planes: media.Planes
    depth: int  # bits
    is_full_range: bool


def planar(frame: av.VideoFrame) -> Source:
    """The frame in planar YUV of about its own depth: RGB, palettes, packed and semi-planar formats are converted; alpha stays."""
    if not _PLANAR.fullmatch(frame.format.name):
        has_alpha = any(component.is_alpha for component in frame.format.components) or frame.format.has_palette
        deep = max(component.bits for component in frame.format.components) > 8
        frame = frame.reformat(format=f"yuv{'a' if has_alpha else ''}420p{'10le' if deep else ''}")
    return Source(frame, media.planes(frame), frame.format.components[0].bits, media.is_full_range(frame))


def glance(source: Source, layout: Layout) -> Glance:
    luma = source.planes.y
    step = max(1, min(luma.shape) // _GLANCE_PX)
    return Glance(_to_display(luma[:: 2 * step, ::step], source, layout), _levels(source, layout))


def sample(source: Source, layout: Layout) -> Sample:
    y, u, v, alpha = source.planes
    if source.frame.interlaced_frame:  # the two fields show two moments: their comb would pass for detail that flickers
        y, u, v, alpha = (None if plane is None else plane[::2] for plane in (y, u, v, alpha))
        assert y is not None
    depth = source.depth
    luma = _reduced(_display_levels(_halved(y, layout.picture), source, layout), layout.picture)
    chroma = np.dstack([_centred(plane, layout.cells, depth) for plane in (u, v)])
    if alpha is not None:
        luma, chroma = _over_black(luma, chroma, _eight_bit(_halved(alpha, layout.picture), depth))
    mid = area(luma, *layout.mid)
    return Sample(
        luma=luma,
        guide=fl.normalised(np.asarray(cv2.convertScaleAbs(area(luma, *layout.guide)), np.uint8)),
        cells=area(mid, *layout.cells),
        chroma=chroma,
        levels=_levels(source, layout),
    )


def strips(source: Source, *, upright: bool = False) -> NDArray[np.uint8]:
    """Rows of luma at full size, as 8-bit code values: three strips of at most 32 rows, one above the other, at a quarter, half and three
    quarters of the height; all of a small picture. ``upright``: columns instead, turned into rows.
    """
    y = source.planes.y
    return _strips(y.T if upright else y, source.depth)


def strips_of_fields(source: Source) -> NDArray[np.uint8]:
    """The same of each field, one above the other: between the fields of two moments lies a comb."""
    return np.concatenate([_strips(source.planes.y[first::2], source.depth) for first in (0, 1)])


def _strips(lines: Levels, depth: int) -> NDArray[np.uint8]:
    count = lines.shape[0]
    if count <= 3 * _STRIP_PX:
        return np.ascontiguousarray(fl.to_8_bit(lines, depth))
    starts = [min(count - _STRIP_PX, count * part // 4 - _STRIP_PX // 2) // 8 * 8 for part in (1, 2, 3)]
    return np.concatenate([fl.to_8_bit(lines[start : start + _STRIP_PX], depth) for start in starts])


def _levels(source: Source, layout: Layout) -> float:
    return 1.0 if layout.is_pq or source.is_full_range else _FULL_RANGE


def _to_display(plane: Levels, source: Source, layout: Layout) -> NDArray[np.uint8]:
    if layout.is_pq:
        return display.pq_table(source.depth, full_range=source.is_full_range)[plane]
    return np.ascontiguousarray(fl.to_8_bit(plane, source.depth))


def _display_levels(plane: Levels, source: Source, layout: Layout) -> NDArray[np.float32]:
    if layout.is_pq:
        return _to_display(plane, source, layout).astype(np.float32)
    return _eight_bit(plane, source.depth)


def _eight_bit(plane: Levels, depth: int) -> NDArray[np.float32]:
    """8-bit levels, with fractions where the plane is deeper."""
    levels = plane.astype(np.float32)
    return levels if depth == 8 else levels * np.float32(0.5 ** (depth - 8))


def area(plane: NDArray[np.float32], width: int, height: int) -> NDArray[np.float32]:
    """A plane (h, w[, channels]) at another size, each value the mean of what it covers."""
    while plane.shape[0] % 2 == plane.shape[1] % 2 == 0 and _is_twice(plane, width, height):  # many times quicker than any other step
        half = cv2.resize(plane, (plane.shape[1] // 2, plane.shape[0] // 2), interpolation=cv2.INTER_AREA)
        plane = np.asarray(half, np.float32).reshape(plane.shape[0] // 2, plane.shape[1] // 2, *plane.shape[2:])
    if plane.shape[:2] == (height, width):
        return plane
    found = cv2.resize(plane, (width, height), interpolation=cv2.INTER_AREA)
    return np.asarray(found, np.float32).reshape(height, width, *plane.shape[2:])


def _reduced(plane: NDArray[np.float32], size: tuple[int, int]) -> NDArray[np.float32]:
    """Brought to ``size``, blurred first: structure finer than its pixels would flicker as it moves across them."""
    if plane.shape == size[::-1]:
        return plane
    across, down = (_SOFT_PX * plane.shape[axis] / size[1 - axis] for axis in (1, 0))
    kernel = 2 * round(2 * across) + 1, 2 * round(2 * down) + 1
    soft = cv2.GaussianBlur(plane, kernel, across, sigmaY=down)
    return np.asarray(cv2.resize(soft, size, interpolation=cv2.INTER_LINEAR), np.float32).reshape(size[::-1])


def _is_twice(plane: NDArray[np.float32], width: int, height: int) -> bool:
    return (plane.shape[0] >= 4 * height and plane.shape[1] >= 4 * width) or plane.shape[:2] == (2 * height, 2 * width)


def _halved(plane: Levels, size: tuple[int, int]) -> Levels:
    """The plane halved as long as it is more than three times ``size``, where levels need no fractions yet."""
    small = plane
    while small.shape[0] % 2 == small.shape[1] % 2 == 0 and small.shape[0] > 3 * size[1] and small.shape[1] > 3 * size[0]:
        small = np.asarray(cv2.resize(small, (small.shape[1] // 2, small.shape[0] // 2), interpolation=cv2.INTER_AREA), plane.dtype)
    return small


def _centred(plane: Levels | None, size: tuple[int, int], depth: int) -> NDArray[np.float32]:
    """A chroma plane as one value a cell, in 8-bit levels around 0; gray pictures have none."""
    if plane is None:
        return np.zeros(size[::-1], np.float32)
    twice = 2 * size[0], 2 * size[1]
    small = _halved(plane[::2] if plane.shape[0] >= 8 * twice[1] else plane, size)
    if small.shape[0] >= 2 * twice[1] and small.shape[1] >= 2 * twice[0]:  # enough pixels, that rounding them anew does not show
        small = np.asarray(cv2.resize(small, twice, interpolation=cv2.INTER_LINEAR), plane.dtype)
    return area(small.astype(np.float32), *size) * np.float32(0.5 ** (depth - 8)) - 128


def _over_black(
    luma: NDArray[np.float32], chroma: NDArray[np.float32], alpha: NDArray[np.float32]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Video black is 16; full-range sources with alpha lie within a few levels of it, which no residual notices."""
    opacity = area(alpha, *luma.shape[::-1]) / np.float32(255)
    coarse = area(opacity, *chroma.shape[1::-1])
    return np.asarray((luma - 16) * opacity + 16, np.float32), np.asarray(chroma * coarse[..., None], np.float32)
