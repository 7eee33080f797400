"""The detail band: fine texture that is drawn anew for each frame, averaged along motion wherever it is noise.

Carried onto a frame, its neighbours differ from it by flicker or by motion that was not found. What the frame alone shows stands
out from the frames before and from those after alike, so the product of both differences is the energy of its flicker. Edges that
motion misses look like that too, but stand alone, so no place may flicker much more than its surroundings do. A neighbour counts
where it differs by no more than the flicker; nothing is averaged where nothing flickers.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Executor
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from ..flow import Flow, warp
from ..levels import Plane, unpacked

_ROWS = 192  # of a strip: planes are worked on in strips, for the cache's sake and so that threads share the work
_ALIKE_PX = 3  # at half the size: over which a carried neighbour is compared
_FLOOR = 1.0  # levels squared: what a good encode changes from frame to frame
_SOFTENING = 0.007  # of the squared Laplacian: what carried frames lose alike, which is no flicker
_PLAIN = 30.0  # squared Laplacian of a surface without texture
_MOST_SHARPENING = 0.5
_FINEST_PX, _FINEST_KEPT = 0.8, 0.8  # of what an average loses that is finer than this: edges alias there, and redrawn texture has little


class Neighbour(NamedTuple):
    distance: int  # frames, negative before
    planes: NDArray[np.uint16]  # (h, w) luma or (h, w, 2) chroma, as ``levels.keep`` has them
    way: Flow  # for each pixel of the centre frame, where it is here; at the guides' size and in their pixels
    trust: Plane  # 0-1, how sure the way is; at any size


class _Strip(NamedTuple):
    mean: Plane
    noise: float  # sum of squared Laplacian that is flicker
    pixels: int


def smoothed(own: Plane, neighbours: Sequence[Neighbour], workers: Executor, *, tolerance: float = 1.5) -> Plane:
    """``own``, (h, w) luma or (h, w, 2) chroma, averaged with its neighbours (at least one) along motion, and as sharp as it was
    without its flicker.
    """
    height = own.shape[0]
    neighbours = [_in_pixels_of(own, neighbour) for neighbour in sorted(neighbours, key=lambda neighbour: neighbour.distance)]

    def strip(top: int) -> _Strip:
        return _strip(own, neighbours, top, min(top + _ROWS, height), tolerance)

    strips = list(workers.map(strip, range(0, height, _ROWS)))
    mean: Plane = np.concatenate([strip.mean for strip in strips])
    noise = sum(strip.noise for strip in strips) / sum(strip.pixels for strip in strips)
    del strips
    return _sharpened(_with_finest(mean, own), float(np.square(_laplacian(own)).mean()) - noise)


def flicker_energy(own: Plane, before: Sequence[Plane], after: Sequence[Plane], box_px: int) -> Plane:
    """The variance, levels squared, of what ``own`` alone shows, from its neighbours' differences to it."""
    if before and after:
        product = sum(before[1:], before[0]) * sum(after[1:], after[0]) / np.float32(len(before) * len(after))
    else:
        side = before or after
        total = sum(side[1:], side[0])
        product = (total * total - sum(d * d for d in side)) / np.float32(max(1, len(side) * (len(side) - 1)))
    count = np.float32(len(before) + len(after))
    texture = np.square(_laplacian(own + (sum(before) + sum(after)) / count))
    energy = np.maximum(cv2.blur(product - np.float32(_SOFTENING) * texture, (box_px, box_px)), 0)
    ground = cv2.blur(texture, (box_px, box_px)) + np.float32(_PLAIN)
    return np.minimum(_capped(energy), _capped(_f32(energy / ground)) * ground)


def _capped(energy: Plane) -> Plane:
    """Energy of at most twice what is usual around, by the geometric mean, which single edges hardly raise."""
    height, width = energy.shape[:2]
    small = _f32(cv2.resize(energy, (max(1, width // 8), max(1, height // 8)), interpolation=cv2.INTER_AREA))
    usual = np.exp(cv2.GaussianBlur(np.log(small + np.float32(1e-4)), (0, 0), 5, borderType=cv2.BORDER_REPLICATE))
    return np.minimum(energy, 2 * _f32(cv2.resize(usual, (width, height), interpolation=cv2.INTER_LINEAR)))


def _box_px(own: Plane) -> int:
    return max(9, own.shape[0] // 10) | 1


def _differences(own: Plane, neighbours: Sequence[Neighbour], first: int, last: int, box_px: int) -> tuple[list[Plane], list[Plane]]:
    """What rows of the neighbours before and after, carried onto ``own``, differ from it."""
    centre = own[first:last]
    before = [_carried(n, own.shape, first, last) - centre for n in neighbours if n.distance < 0]
    after = [_carried(n, own.shape, first, last) - centre for n in neighbours if n.distance > 0]
    if not (before and after):  # a fade would stand out from one side: only what is finer than the box counts there
        before, after = ([_f32(d - cv2.blur(d, (box_px, box_px))) for d in side] for side in (before, after))
    return before, after


def _strip(own: Plane, neighbours: Sequence[Neighbour], top: int, bottom: int, tolerance: float) -> _Strip:
    box_px = _box_px(own)
    margin = box_px // 2 + 4
    first, last = max(0, top - margin), min(own.shape[0], bottom + margin)
    centre = own[first:last]
    before, after = _differences(own, neighbours, first, last, box_px)
    expected = _halved(2 * flicker_energy(centre, before, after, box_px) + np.float32(_FLOOR))
    sums, weights = np.zeros_like(centre), np.ones_like(centre)
    for difference, neighbour in zip((*before, *after), neighbours, strict=True):
        excess = np.maximum(cv2.blur(_halved(difference * difference), (_ALIKE_PX, _ALIKE_PX)) / expected - 1, 0)
        weight = _f32(cv2.resize(np.exp(excess * excess / np.float32(-tolerance * tolerance)), centre.shape[1::-1]))
        trust = _rows(neighbour.trust, own.shape, first, last)
        weight *= trust if own.ndim == 2 else trust[..., None]
        sums += weight * difference
        weights += weight
    inner = slice(top - first, bottom - first)
    one, other = _nearest_two(before, after)
    noise = float((_laplacian(one)[inner] * _laplacian(other)[inner]).sum())
    return _Strip(_f32(centre + sums / weights)[inner].copy(), noise, centre[inner].size)


def _nearest_two(before: list[Plane], after: list[Plane]) -> tuple[Plane, Plane]:
    if before and after:
        return before[-1], after[0]
    side = after or before[::-1]
    return side[0], side[min(1, len(side) - 1)]


def _carried(neighbour: Neighbour, shape: tuple[int, ...], first: int, last: int) -> Plane:
    """Rows ``first`` to ``last`` of the neighbour as the centre frame has them."""
    way = _rows(neighbour.way, shape, first, last).copy()
    way[..., 1] += np.float32(first)  # a relative map starts at row 0
    return unpacked(warp(neighbour.planes, way, interpolation=cv2.INTER_CUBIC))


def _in_pixels_of(own: Plane, neighbour: Neighbour) -> Neighbour:
    """Its way, measured at another size, in pixels of ``own``."""
    way = neighbour.way.copy()
    for axis, scale in enumerate((own.shape[1] / way.shape[1], own.shape[0] / way.shape[0])):
        way[..., axis] *= np.float32(scale)
    return neighbour._replace(way=way)


def _halved(plane: Plane) -> Plane:
    """At half the size, for what is blurred all the same."""
    height, width = plane.shape[:2]
    return _f32(cv2.resize(plane, (-(-width // 2), -(-height // 2)), interpolation=cv2.INTER_AREA))


def _rows(field: Plane, shape: tuple[int, ...], first: int, last: int) -> Plane:
    """Rows ``first`` to ``last`` of a field, of any size, that covers a plane of ``shape``."""
    if field.shape[:2] == shape[:2]:
        return field[first:last]
    scale_x, scale_y = field.shape[1] / shape[1], field.shape[0] / shape[0]
    onto = np.array([[scale_x, 0, 0.5 * scale_x - 0.5], [0, scale_y, (first + 0.5) * scale_y - 0.5]])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return _f32(cv2.warpAffine(field, onto, (shape[1], last - first), flags=flags, borderMode=cv2.BORDER_REPLICATE))


def _with_finest(mean: Plane, own: Plane) -> Plane:
    """``mean`` with most of the finest detail of the frame itself, which no two frames carry alike."""
    lost = own - mean
    return _f32(mean + np.float32(_FINEST_KEPT) * (lost - cv2.GaussianBlur(lost, (0, 0), _FINEST_PX, borderType=cv2.BORDER_REPLICATE)))


def _sharpened(mean: Plane, target: float) -> Plane:
    """``mean`` with its finest detail raised until its squared Laplacian is ``target``: an average of carried frames is a little soft."""
    fine = mean - cv2.GaussianBlur(mean, (0, 0), 1.0, borderType=cv2.BORDER_REPLICATE)
    of_mean, of_fine = _laplacian(mean), _laplacian(fine)
    square, cross = float(np.square(of_fine).mean()), float((of_mean * of_fine).mean())
    missing = target - float(np.square(of_mean).mean())
    if missing <= 0 or square == 0:
        return mean
    amount = (np.sqrt(cross * cross + square * missing) - cross) / square
    return _f32(mean + min(amount, _MOST_SHARPENING) * fine)


def _f32(values: NDArray[np.floating] | cv2.typing.MatLike) -> Plane:
    return np.asarray(values, np.float32)


def _laplacian(plane: Plane) -> Plane:
    return np.asarray(cv2.Laplacian(plane, cv2.CV_32F, borderType=cv2.BORDER_REPLICATE), np.float32)
