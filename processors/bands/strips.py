"""Planes worked on in strips of rows, for the cache's sake and so that threads share the work, and fields enlarged strip by strip."""

from __future__ import annotations

import math
from collections.abc import Iterator

import cv2
import numpy as np
from numpy.typing import NDArray

from ..levels import Plane

PIXELS = 1 << 17  # of a strip
MOST_WHOLE_ROWS = 64  # more are quicker blended than enlarged and cut


def strips(shape: tuple[int, ...], unit: int = 1, least: int = 1) -> Iterator[slice]:
    """Rows of a plane (h, w), from the top: each strip begins at a whole ``unit`` of rows, and has ``least`` rows or more, if there are."""
    height, width = shape
    step = max(1, PIXELS // width // unit) * unit
    yield from cut(height, step, least)


def cut(height: int, step: int, least: int) -> Iterator[slice]:
    """Rows, from the top, ``step`` at a time; the last ones are ``least`` or more, if there are."""
    tops = range(0, max(1, height - least + 1), step)
    for top in tops:
        yield slice(top, height if top == tops[-1] else top + step)


def enlarged_rows(
    field: NDArray[np.float32] | NDArray[np.int16], shape: tuple[int, ...], rows: slice, scale: float = 1, more: float = 0
) -> Plane:
    """``scale * field + more``, enlarged to a plane of ``shape`` (h, w): those rows of it."""
    height, width = shape
    whole = math.gcd(len(field), height)
    ours, theirs = height // whole, len(field) // whole  # the fewest rows of the plane that are whole rows of the field
    if ours > MOST_WHOLE_ROWS:
        return _blended_rows(field, shape, rows, scale, more)
    beside = 0 if field.shape == shape else 1
    first, last = max(0, rows.start // ours - beside), min(whole, -(-rows.stop // ours) + beside)
    part = field[first * theirs : last * theirs]
    part = np.asarray(cv2.addWeighted(part, scale, part, 0, more, dtype=cv2.CV_32F), np.float32).reshape(part.shape)
    if part.shape != ((last - first) * ours, width):
        part = np.asarray(cv2.resize(part, (width, (last - first) * ours), interpolation=cv2.INTER_LINEAR), np.float32)
    return part[rows.start - first * ours :][: rows.stop - rows.start]


def _blended_rows(field: NDArray[np.float32] | NDArray[np.int16], shape: tuple[int, ...], rows: slice, scale: float, more: float) -> Plane:
    """The same where hardly a row of the plane is a whole one of the field."""
    height, width = shape
    lines = np.arange(rows.start, rows.stop, dtype=np.float64)
    places = np.minimum(np.maximum((lines + 0.5) * (len(field) / height) - 0.5, 0.0), len(field) - 1.0)
    above = np.floor(places).astype(np.intp)
    first, last = int(above[0]), min(len(field), int(above[-1]) + 2)
    part = np.asarray(field[first:last], np.float32)
    if part.shape[1] != width:
        part = np.asarray(cv2.resize(part, (width, len(part)), interpolation=cv2.INTER_LINEAR), np.float32).reshape(len(part), width)
    share = np.asarray(scale * (places - above), np.float32)[:, None]
    below = np.minimum(above + 1, last - 1)
    return np.asarray(part[above - first] * (np.float32(scale) - share) + part[below - first] * share + np.float32(more), np.float32)
