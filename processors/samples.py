"""A decoded frame reduced to what the diagnosis looks at: a small luma picture, smaller chroma, and a few rows at full size."""

from __future__ import annotations

import re
from typing import NamedTuple

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from . import flow as fl
from . import media
from .records import Clip

LINES = 270
"""Height at which motion and residuals are measured. 360 costs a third more of the whole diagnosis, and ranks the labelled clips alike."""

KEPT_LINES = 384
"""Clips of no more lines are not reduced, so that no fine flicker is lost; a GIF is, for its dither would pass for some."""

GUIDE_LINES = 135
"""Height at which flow is sought; the residuals are taken at ``LINES``."""

CELLS = 27
"""Rows of cells in which the low bands are measured. At 1920x1080 every reduction is by a whole number, which is quick."""

_ROWS = 128
_STRIP_PX = 32
_PLANAR = re.compile(r"(yuvj?4\d\dp|yuva4\d\dp|gray)(9|10|12|14|16)?(le)?")
_FULL_RANGE = 255 / 219
_EXPANDED = np.clip((np.arange(256) - 16) * _FULL_RANGE, 0, 255).round().astype(np.uint8)


class Layout(NamedTuple):
    """Sizes, as (width, height)."""

    picture: tuple[int, int]
    guide: tuple[int, int]
    cells: tuple[int, int]

    @classmethod
    def of(cls, clip: Clip) -> Layout:
        height = clip.height if clip.height <= (LINES if clip.codec == "gif" else KEPT_LINES) else LINES
        width = max(1, round(clip.width * height / clip.height))
        lines = min(GUIDE_LINES, height)
        guide = (max(1, round(width * lines / height)), lines)
        cell_px = max(1, round(height / CELLS))
        return cls((width, height), guide, (max(1, width // cell_px), max(1, height // cell_px)))


class Sample(NamedTuple):
    luma: NDArray[np.uint8]  # (height, width)
    guide: NDArray[np.uint8]  # smaller, locally normalised: flow is measured on it
    chroma: NDArray[np.float32]  # (rows, columns, 2), one value a cell
    rows: NDArray[np.uint8]  # rows of luma at full width, evenly spaced
    strips: NDArray[np.uint8]  # neighbouring rows of luma at full size: three strips, one above the other
    levels: float  # display levels (0-255) in one level of luma
    is_key: bool


def sample(frame: av.VideoFrame, layout: Layout) -> Sample:
    planar = frame if _PLANAR.fullmatch(frame.format.name) else _as_planar(frame)
    y, u, v, alpha = media.planes(planar)
    if frame.interlaced_frame:  # the two fields show two moments: their comb would pass for detail that flickers
        y, u, v, alpha = (None if plane is None else plane[::2] for plane in (y, u, v, alpha))
        assert y is not None
    depth = planar.format.components[0].bits
    luma = _reduced(y, layout.picture, depth)
    chroma = np.dstack([_centred(plane, layout.cells, depth) for plane in (u, v)])
    if alpha is not None:
        luma, chroma = _over_black(luma, chroma, _reduced(alpha, layout.picture, depth))
    full_range = media.is_full_range(planar)
    rows = fl.to_8_bit(y[:: max(1, y.shape[0] // _ROWS)], depth)
    return Sample(
        luma=luma,
        guide=fl.normalised(_reduced(luma, layout.guide, 8)),
        chroma=chroma,
        rows=rows if full_range else np.asarray(cv2.LUT(rows, _EXPANDED), np.uint8),
        strips=_strips(y, depth),
        levels=1.0 if full_range else _FULL_RANGE,
        is_key=bool(frame.key_frame),
    )


def _as_planar(frame: av.VideoFrame) -> av.VideoFrame:
    """RGB, palettes, packed and semi-planar formats as planar YUV of about the same depth; alpha stays."""
    has_alpha = any(component.is_alpha for component in frame.format.components) or frame.format.has_palette
    deep = max(component.bits for component in frame.format.components) > 8
    return frame.reformat(format=f"yuv{'a' if has_alpha else ''}420p{'10le' if deep else ''}")


def _reduced(plane: NDArray[np.uint8] | NDArray[np.uint16], size: tuple[int, int], depth: int) -> NDArray[np.uint8]:
    small = plane
    while small.shape[0] % 2 == small.shape[1] % 2 == 0 and small.shape[0] >= 2 * size[1]:  # halving is many times quicker than quartering
        half = (small.shape[1] // 2, small.shape[0] // 2)
        small = cv2.resize(small, half, interpolation=cv2.INTER_AREA)
    if small.shape != size[::-1]:
        small = cv2.resize(small, size, interpolation=cv2.INTER_AREA)
    return np.ascontiguousarray(fl.to_8_bit(np.asarray(small).reshape(size[::-1]), depth))


def _centred(plane: NDArray[np.uint8] | NDArray[np.uint16] | None, size: tuple[int, int], depth: int) -> NDArray[np.float32]:
    """A chroma plane as one value a cell, in 8-bit levels around 0; gray pictures have none."""
    if plane is None:
        return np.zeros(size[::-1], np.float32)
    coarse = cv2.resize(plane, (size[0] * 2, size[1] * 2), interpolation=cv2.INTER_AREA)  # uint8: two by two keep the fractions
    fine = np.asarray(coarse, np.float32).reshape(size[1] * 2, size[0] * 2) * np.float32(0.5 ** (depth - 8)) - 128
    return np.asarray(cv2.resize(fine, size, interpolation=cv2.INTER_AREA), np.float32).reshape(size[::-1])


def _over_black(
    luma: NDArray[np.uint8], chroma: NDArray[np.float32], alpha: NDArray[np.uint8]
) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """Video black is 16; full-range sources with alpha lie within a few levels of it, which no residual notices."""
    opacity = alpha.astype(np.float32) / 255
    coarse = np.asarray(cv2.resize(opacity, chroma.shape[1::-1], interpolation=cv2.INTER_AREA), np.float32).reshape(chroma.shape[:2])
    return np.asarray((luma.astype(np.float32) - 16) * opacity + 16, np.float32).round().clip(0, 255).astype(np.uint8), chroma * coarse[
        ..., None
    ]


def _strips(y: NDArray[np.uint8] | NDArray[np.uint16], depth: int) -> NDArray[np.uint8]:
    """Three strips of at most 32 rows, at a quarter, half and three quarters of the height; all of a small picture."""
    height = y.shape[0]
    if height <= 3 * _STRIP_PX:
        return fl.to_8_bit(y, depth)
    starts = [min(height - _STRIP_PX, height * part // 4 - _STRIP_PX // 2) // 8 * 8 for part in (1, 2, 3)]
    return np.concatenate([fl.to_8_bit(y[start : start + _STRIP_PX], depth) for start in starts])
