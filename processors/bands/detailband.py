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

from ..flow import Flow
from ..levels import Plane, packed, unpacked, unpacked_difference

_ROWS = 192  # of a strip: planes are worked on in strips, for the cache's sake and so that threads share the work
_MARGIN = 8  # rows beside a strip that blurs look at
CELL_PX = 4  # of the maps of energy
ALIKE_PX = 3  # at half the size: over which a carried neighbour is compared
FLOOR = 1.0  # levels squared: what a good encode changes from frame to frame
SOFTENING = 0.007  # of the squared Laplacian: what carried frames lose alike, which is no flicker
PLAIN = 30.0  # squared Laplacian of a surface without texture
MOST_SHARPENING = 0.5
FINEST_PX, FINEST_KEPT = 0.8, 0.8  # of what an average loses that is finer than this: edges alias there, and redrawn texture has little

T = TypeVar("T")


class Neighbour(NamedTuple):
    plane: NDArray[np.uint16]  # (h, w), as ``levels.keep`` has it
    way: Flow  # for each pixel of the centre frame, where it is here; at the guides' size and in their pixels
    trust: Plane  # 0-1, how sure the way is; at any size
    lighter: Plane | None = None  # levels that are taken off it once it is carried: light that stays as it is; at any size


class Mean(NamedTuple):
    plane: NDArray[np.uint16]
    sharpness: float  # mean squared Laplacian of the frame itself, less that of its flicker


class _Cells(NamedTuple):
    product: Plane  # of both differences
    texture: Plane  # squared Laplacian
    sharpness: float  # sums over the strip
    noise: float


def averaged(own: NDArray[np.uint16], neighbours: Sequence[Neighbour], workers: Executor, *, tolerance: float = 3.0) -> Mean:
    """``own`` (h, w) averaged along motion with its neighbours: two, or one, which tells no flicker from motion and is hardly heard."""
    differences = [_difference(own, neighbour, workers) for neighbour in neighbours]
    parts = _strips(own, workers, lambda rows: _cells(own[rows], differences[0][rows], differences[-1][rows]))
    product, texture = (np.concatenate(maps) for maps in zip(*(part[:2] for part in parts), strict=True))
    energy = flicker_energy(product, texture, _box_cells(own)) if len(neighbours) > 1 else np.zeros_like(product)
    expected = 2 * energy + np.float32(FLOOR)
    mean = np.empty_like(own)

    def write(rows: slice) -> None:
        mean[rows] = _strip(own, differences, [neighbour.trust for neighbour in neighbours], expected, rows, tolerance)

    _strips(own, workers, write)
    return Mean(mean, sum(part.sharpness - part.noise for part in parts) / own.size)


def finished(own: NDArray[np.uint16], mean: NDArray[np.uint16], sharpness: float, workers: Executor) -> Plane:
    """``mean`` with most of the finest detail of the frame itself, which no two frames carry alike, and then as sharp as is asked: an
    average of carried frames is a little soft.
    """
    result, fine = np.empty(own.shape, np.float32), np.empty(own.shape, np.float32)

    def refine(rows: slice) -> NDArray[np.float64]:
        seen, inner = _with_margin(rows, own.shape[0])
        lost = unpacked_difference(own[seen], mean[seen])
        whole = cv2.scaleAdd(lost - _blurred(lost, FINEST_PX), FINEST_KEPT, unpacked(mean[seen]))
        detail = whole - _blurred(_f32(whole), 1.0)
        result[rows], fine[rows] = whole[inner], detail[inner]
        of_whole, of_detail = _laplacian(result[rows]), _laplacian(fine[rows])
        return np.array([(one * two).sum(dtype=np.float64) for one, two in ((of_whole, of_whole), (of_whole, of_detail), (of_detail,) * 2)])

    amount = _sharpening(np.sum(_strips(own, workers, refine), 0) / own.size, sharpness)
    if amount > 0:
        _strips(own, workers, lambda rows: cv2.scaleAdd(fine[rows], amount, result[rows], dst=result[rows]))
    return result


def flicker_energy(product: Plane, texture: Plane, box_cells: int) -> Plane:
    """The variance, levels squared, of what a frame alone shows, in cells: from the products of its differences to two others, and the
    texture it has.
    """
    box = box_cells, box_cells
    energy = np.maximum(cv2.blur(product - np.float32(SOFTENING) * texture, box), 0)
    ground = cv2.blur(texture, box) + np.float32(PLAIN)
    return np.minimum(_capped(energy), _capped(_f32(energy / ground)) * ground)


def _capped(energy: Plane) -> Plane:
    """Energy of at most twice what is usual around, by the geometric mean, which single edges hardly raise."""
    height, width = energy.shape[:2]
    small = _f32(cv2.resize(energy, (max(1, width // 2), max(1, height // 2)), interpolation=cv2.INTER_AREA))
    usual = np.exp(_blurred(np.log(small + np.float32(1e-4)), 5))
    return np.minimum(energy, 2 * _f32(cv2.resize(usual, (width, height), interpolation=cv2.INTER_LINEAR)))


def _difference(own: NDArray[np.uint16], neighbour: Neighbour, workers: Executor) -> Plane:
    """What the neighbour, carried onto ``own``, has more than it."""
    height, width = own.shape
    across, down = (
        _f32(cv2.resize(lengths * np.float32(scale), (width, height), interpolation=cv2.INTER_LINEAR))
        for lengths, scale in zip(cv2.split(neighbour.way), (width / neighbour.way.shape[1], height / neighbour.way.shape[0]), strict=True)
    )
    found = np.empty(own.shape, np.float32)

    def carry(rows: slice) -> None:
        down[rows] += np.float32(rows.start)  # a relative map starts at row 0
        flags = cv2.INTER_CUBIC | cv2.WARP_RELATIVE_MAP
        carried = cv2.remap(neighbour.plane, across[rows], down[rows], flags, borderMode=cv2.BORDER_REPLICATE)
        found[rows] = unpacked_difference(carried, own[rows])
        if neighbour.lighter is not None:
            found[rows] -= _rows(neighbour.lighter, own.shape, rows)

    _strips(own, workers, carry)
    return found


def _cells(own: NDArray[np.uint16], one: Plane, other: Plane) -> _Cells:
    of_own, of_one, of_other = _laplacian(unpacked(own)), _laplacian(one), _laplacian(other)
    sharpness, noise = float((of_own * of_own).sum()), float((of_one * of_other).sum())
    of_one += of_other
    of_mean = _f32(cv2.scaleAdd(of_one, 0.5, of_own))
    return _Cells(_shrunk(one * other, CELL_PX), _shrunk(of_mean * of_mean, CELL_PX), sharpness, noise)


def _strip(
    own: NDArray[np.uint16], differences: Sequence[Plane], trusts: Sequence[Plane], expected: Plane, rows: slice, tolerance: float
) -> NDArray[np.uint16]:
    """Rows of the mean."""
    seen, inner = _with_margin(rows, own.shape[0])
    shape = own[seen].shape
    small = max(1, shape[0] // 2), max(1, shape[1] // 2)
    likely = _rows(expected, (own.shape[0] // 2, small[1]), slice(seen.start // 2, seen.start // 2 + small[0]))
    sums, weights = np.zeros(own[rows].shape, np.float32), np.ones(own[rows].shape, np.float32)
    for difference, trust in zip(differences, trusts, strict=True):
        apart = cv2.blur(_shrunk(np.square(difference[seen]), 2), (ALIKE_PX, ALIKE_PX))
        excess = np.maximum(apart / likely - 1, 0)
        weight = np.exp(excess * excess / np.float32(-tolerance * tolerance))
        weight *= _rows(trust, (own.shape[0] // 2, small[1]), slice(seen.start // 2, seen.start // 2 + small[0]))
        weight = _f32(cv2.resize(weight, shape[::-1], interpolation=cv2.INTER_LINEAR))[inner]
        weights += weight
        sums += weight * difference[rows]
    sums /= weights
    return packed(unpacked(own[rows]) + sums)


def _strips(own: NDArray[np.uint16], workers: Executor, work: Callable[[slice], T]) -> list[T]:
    height = own.shape[0]
    return list(workers.map(work, [slice(top, min(top + _ROWS, height)) for top in range(0, height, _ROWS)]))


def _with_margin(rows: slice, height: int) -> tuple[slice, slice]:
    """Rows and what is around them, and where they are in that."""
    first = max(0, rows.start - _MARGIN)
    return slice(first, min(rows.stop + _MARGIN, height)), slice(rows.start - first, rows.stop - first)


def _box_cells(own: NDArray[np.uint16]) -> int:
    return max(2, own.shape[0] // 10 // CELL_PX) | 1


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


def _sharpening(energies: NDArray[np.float64], target: float) -> float:
    """How much of the finest detail to add until the squared Laplacian is ``target``; ``energies`` as they are: whole, crossed, finest."""
    whole, cross, finest = energies
    missing = target - whole
    if missing <= 0 or finest == 0:
        return 0.0
    return float(min(MOST_SHARPENING, (np.sqrt(cross * cross + finest * missing) - cross) / finest))


def _blurred(plane: Plane, sigma: float) -> Plane:
    return _f32(cv2.GaussianBlur(plane, (0, 0), sigma, borderType=cv2.BORDER_REPLICATE))


def _laplacian(plane: Plane) -> Plane:
    return _f32(cv2.Laplacian(plane, cv2.CV_32F, borderType=cv2.BORDER_REPLICATE))


def _f32(values: NDArray[np.floating] | cv2.typing.MatLike) -> Plane:
    return np.asarray(values, np.float32)
