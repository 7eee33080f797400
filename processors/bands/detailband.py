"""The detail band: fine texture that is drawn anew for each frame, averaged along motion wherever it is noise.

A frame is averaged with one neighbour on either side, and what came of it with the same of frames farther off: nine frames for the
price of four. Carried onto a frame, its neighbours differ from it by flicker or by motion that was not found. What the frame alone shows
stands out from both alike, so the product of both differences is the energy of its flicker. Edges that motion misses look like that too,
but stand alone, so no place may flicker much more than its surroundings do. A neighbour counts where it differs by no more than the
flicker; nothing is averaged where nothing flickers.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from typing import NamedTuple, TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from ..levels import Plane, raised, unpacked, unpacked_difference
from .trails import Way

_ROWS = 128  # of a strip: planes are worked on in strips, for the cache's sake and so that threads share the work
_MARGIN = 8  # rows beside a strip that blurs look at
_CELL_PX = 4  # of the maps of energy
_ALIKE_PX = 3  # at half the size: over which a carried neighbour is compared
_FLOOR = 1.0  # levels squared: what a good encode changes from frame to frame
_STILL = 0.25  # levels squared: a plane that nowhere flickers more is left alone
_PLAIN = 30.0  # squared Laplacian of a surface without texture
_FINEST_PX = 0.6  # what is finer stays the frame's own: edges alias there, and redrawn texture has little

T = TypeVar("T")


class Neighbour(NamedTuple):
    plane: NDArray[np.uint16]  # (h, w), as ``levels.keep`` has it
    way: Way  # for each pixel of the centre frame, where it is here
    trust: Plane  # 0-1, how sure the way is; at any size
    lighter: Plane | None  # levels that are taken off it once it is carried: light that stays as it is; at any size


class Mean(NamedTuple):
    plane: NDArray[np.uint16]
    energy: Plane  # levels squared, at half the size: of what flicker is left in it
    is_own: bool = False  # nothing was to be averaged


def averaged(own: NDArray[np.uint16], neighbours: Sequence[Neighbour], workers: Executor, *, tolerance: float) -> Mean:
    """``own`` (h, w) averaged along motion with its neighbours: two, or one, which tells no flicker from motion and is hardly heard.
    A plane that hardly flickers is returned as it is.
    """
    if not neighbours:
        return Mean(own, np.zeros(_half_size(own)[::-1], np.float32), is_own=True)
    differences = [_difference(own, neighbour, workers) for neighbour in neighbours]
    parts = _strips(own, workers, lambda rows: _seen(own[rows], differences[0][rows], differences[-1][rows]))
    product, texture = (np.concatenate(maps) for maps in zip(*parts, strict=True))
    energy = flicker_energy(product, texture, _box_cells(own)) if len(neighbours) > 1 else np.zeros_like(product)
    energy = _f32(cv2.resize(energy, _half_size(own), interpolation=cv2.INTER_LINEAR))
    if float(energy.max()) < _STILL:
        return Mean(own, energy, is_own=True)
    return _mean(own, differences, [neighbour.trust for neighbour in neighbours], energy, workers, tolerance)


def averaged_again(before: Mean, neighbours: Sequence[Neighbour], workers: Executor, *, tolerance: float) -> Mean:
    """The same of what was averaged before, with neighbours that were so too."""
    if before.is_own:
        return before
    differences = [_difference(before.plane, neighbour, workers) for neighbour in neighbours]
    trusts = [neighbour.trust for neighbour in neighbours]
    return _mean(before.plane, differences, trusts, before.energy, workers, tolerance)


def finished(own: NDArray[np.uint16], averaged: Mean, workers: Executor) -> Plane:
    """The mean with the finest detail of the frame itself, which no two frames carry alike."""
    mean = averaged.plane
    if averaged.is_own:
        return unpacked(own)
    result = np.empty(own.shape, np.float32)

    def refine(rows: slice) -> None:
        first = max(0, rows.start - _MARGIN)
        seen, inner = slice(first, rows.stop + _MARGIN), slice(rows.start - first, rows.stop - first)
        lost = unpacked_difference(own[seen], mean[seen])
        lost -= _blurred(lost, _FINEST_PX)
        np.add(unpacked(mean[rows]), lost[inner], out=result[rows])

    _strips(own, workers, refine)
    return result


def flicker_energy(product: Plane, texture: Plane, box_cells: int) -> Plane:
    """The variance, levels squared, of what a frame alone shows, in cells: from the products of its differences to two others, and the
    texture it has.
    """
    box = box_cells, box_cells
    energy = np.maximum(cv2.blur(product, box), 0)
    ground = cv2.blur(texture, box) + np.float32(_PLAIN)
    return np.minimum(_capped(energy), _capped(_f32(energy / ground)) * ground)


def _capped(energy: Plane) -> Plane:
    """Energy of at most twice what is usual around, by the geometric mean, which single edges hardly raise."""
    height, width = energy.shape[:2]
    small = _f32(cv2.resize(energy, (max(1, width // 2), max(1, height // 2)), interpolation=cv2.INTER_AREA))
    usual = np.exp(_blurred(np.log(small + np.float32(1e-4)), 5))
    return np.minimum(energy, 2 * _f32(cv2.resize(usual, (width, height), interpolation=cv2.INTER_LINEAR)))


def _difference(own: NDArray[np.uint16], neighbour: Neighbour, workers: Executor) -> Plane:
    """What the neighbour, carried onto ``own``, has more than it."""
    found = np.empty(own.shape, np.float32)
    across, down = neighbour.way

    def carry(rows: slice) -> None:
        below = down[rows] + np.float32(rows.start)  # a relative map starts at row 0
        flags = cv2.INTER_CUBIC | cv2.WARP_RELATIVE_MAP
        carried = cv2.remap(neighbour.plane, across[rows], below, flags, borderMode=cv2.BORDER_REPLICATE)
        unpacked_difference(carried, own[rows], out=found[rows])
        if neighbour.lighter is not None:
            found[rows] -= _rows(neighbour.lighter, own.shape, rows)

    _strips(own, workers, carry)
    return found


def _seen(own: NDArray[np.uint16], one: Plane, other: Plane) -> tuple[Plane, Plane]:
    """In cells: the product of both differences, and the squared Laplacian of the mean."""
    mean = _f32(cv2.addWeighted(one, 0.5, other, 0.5, 0))
    mean += unpacked(own)
    return _shrunk(one * other, _CELL_PX), _shrunk(np.square(_laplacian(mean)), _CELL_PX)


def _mean(
    own: NDArray[np.uint16], differences: Sequence[Plane], trusts: Sequence[Plane], energy: Plane, workers: Executor, tolerance: float
) -> Mean:
    expected = 2 * energy + np.float32(_FLOOR)
    weights = [_weight(difference, expected, trust, workers, tolerance) for difference, trust in zip(differences, trusts, strict=True)]
    mean = np.empty_like(own)
    _strips(own, workers, lambda rows: _write_mean(mean[rows], own[rows], [each[rows] for each in differences], weights, rows))
    total = sum(weights, np.float32(1))
    return Mean(mean, energy * sum((np.square(weight) for weight in weights), np.float32(1)) / (total * total))


def _weight(difference: Plane, expected: Plane, trust: Plane, workers: Executor, tolerance: float) -> Plane:
    """0-1, at half the size: how much a neighbour counts."""
    size = expected.shape[::-1]
    squares = np.concatenate(_strips(difference, workers, lambda rows: _shrunk(np.square(difference[rows]), 2)))
    excess = _f32(cv2.blur(squares, (_ALIKE_PX, _ALIKE_PX)))
    excess /= expected
    excess -= 1
    np.maximum(excess, 0, out=excess)
    excess *= excess
    excess *= np.float32(-1 / tolerance**2)
    weight = np.exp(excess, out=excess)
    weight *= cv2.resize(trust, size, interpolation=cv2.INTER_LINEAR)
    return weight


def _write_mean(
    mean: NDArray[np.uint16], own: NDArray[np.uint16], differences: Sequence[Plane], weights: Sequence[Plane], rows: slice
) -> None:
    """Into rows of the mean."""
    counts = [_doubled(weight, rows, own.shape[1]) for weight in weights]
    sums = counts[0] * differences[0]
    total = np.float32(1) + counts[0]
    for count, difference in zip(counts[1:], differences[1:], strict=True):
        total += count
        count *= difference
        sums += count
    sums /= total
    raised(own, sums, out=mean)


def _doubled(half: Plane, rows: slice, width: int) -> Plane:
    """Rows of a plane that is here at half the size; a strip begins at an even row."""
    first, last = max(0, rows.start // 2 - 1), min(half.shape[0], -(-rows.stop // 2) + 1)
    double = _f32(cv2.resize(half[first:last], (width, 2 * (last - first)), interpolation=cv2.INTER_LINEAR))
    begin, lacking = rows.start - 2 * first, rows.stop - 2 * last
    if lacking > 0:  # the last of an odd number of rows
        double = _f32(cv2.copyMakeBorder(double, 0, lacking, 0, 0, cv2.BORDER_REPLICATE))
    return double[begin : begin + rows.stop - rows.start]


def _strips(own: NDArray[np.uint16] | Plane, workers: Executor, work: Callable[[slice], T]) -> list[T]:
    height = own.shape[0]
    return list(workers.map(work, [slice(top, min(top + _ROWS, height)) for top in range(0, height, _ROWS)]))


def _half_size(own: NDArray[np.uint16]) -> tuple[int, int]:
    """(width, height), as ``_shrunk`` makes it."""
    height, width = own.shape
    return max(1, width // 2), max(1, height // 2)


def _box_cells(own: NDArray[np.uint16]) -> int:
    return max(2, own.shape[0] // 10 // _CELL_PX) | 1


def _shrunk(plane: Plane, times: int) -> Plane:
    """At a whole part of the size; a rest of rows or columns is left out."""
    height, width = (max(1, length // times) for length in plane.shape)
    return _f32(cv2.resize(plane[: height * times, : width * times], (width, height), interpolation=cv2.INTER_AREA))


def _rows(field: Plane, shape: tuple[int, int], rows: slice) -> Plane:
    """Rows of a field, of any size, that covers a plane of ``shape``."""
    scale_x, scale_y = field.shape[1] / shape[1], field.shape[0] / shape[0]
    onto = np.array([[scale_x, 0, 0.5 * scale_x - 0.5], [0, scale_y, (rows.start + 0.5) * scale_y - 0.5]])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return _f32(cv2.warpAffine(field, onto, (shape[1], rows.stop - rows.start), flags=flags, borderMode=cv2.BORDER_REPLICATE))


def _blurred(plane: Plane, sigma: float) -> Plane:
    return _f32(cv2.GaussianBlur(plane, (0, 0), sigma, borderType=cv2.BORDER_REPLICATE))


def _laplacian(plane: Plane) -> Plane:
    return _f32(cv2.Laplacian(plane, cv2.CV_32F, borderType=cv2.BORDER_REPLICATE))


def _f32(values: NDArray[np.floating] | cv2.typing.MatLike) -> Plane:
    return np.asarray(values, np.float32)
