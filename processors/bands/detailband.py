"""The detail band: fine texture that is drawn anew for each frame, averaged along motion wherever it is noise.

A frame is averaged with one neighbour on either side, and what came of it with the same of frames farther off: nine frames for the
price of four. Of large frames the second time is at half the size: what is finer than two pixels is averaged over three frames, not nine.

Carried onto a frame, its neighbours differ from it by flicker or by motion that was not found. What the frame alone shows stands out from
both alike, so the product of both differences is the energy of its flicker. Edges that motion misses look like that too, but stand alone,
so no place may flicker much more than its surroundings do. A neighbour counts where it differs by no more than the flicker; nothing is
averaged where nothing flickers.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from typing import NamedTuple, TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from ..levels import Plane, raised, unpacked, unpacked_difference
from .strips import enlarged_rows, strips
from .trails import STEPS_PER_PX, Way

_TASK_STRIPS = 2  # that a thread takes at once
_MARGIN = 8  # rows beside a strip that blurs look at
CELL_PX = 4  # of the maps of energy
ALIKE_PX = 3  # at half the size: over which a carried neighbour is compared
FLOOR = 1.0  # levels squared: what a good encode changes from frame to frame
STILL = 0.25  # levels squared: a plane that nowhere flickers more is left alone
PLAIN = 30.0  # squared Laplacian of a surface without texture
HALVED = 0.75  # of the variance of texture of about a pixel is left at half the size; of white noise a quarter
FINEST_PX = 0.6  # what is finer stays the frame's own: edges alias there, and redrawn texture has little

T = TypeVar("T")
V = TypeVar("V", np.float32, np.uint16)
_local = threading.local()


class Neighbour(NamedTuple):
    plane: NDArray[np.uint16]  # (h, w), as ``levels.keep`` has it
    way: Way  # for each pixel of the centre frame, where it is here; at any size, in steps of its own pixels
    trust: Plane  # 0-1, how sure the way is; at any size
    lighter: Plane | None  # levels that are taken off it once it is carried: light that stays as it is; at any size


class Carried(NamedTuple):
    """Neighbours on the frame under repair."""

    differences: list[Plane]  # levels by which each is above it
    squares: list[Plane]  # of the differences, at half the size
    trusts: list[Plane]  # 0-1, at any size


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
    carried, looks = _carried(own, neighbours, workers, _seen)
    product, texture = (np.concatenate(maps) for maps in zip(*looks, strict=True))
    energy = flicker_energy(product, texture, _box_cells(own)) if len(neighbours) > 1 else np.zeros_like(product)
    energy = _f32(cv2.resize(energy, _half_size(own), interpolation=cv2.INTER_LINEAR))
    if float(energy.max()) < STILL:
        return Mean(own, energy, is_own=True)
    return _mean(own, carried, energy, workers, tolerance)


def averaged_again(before: Mean, neighbours: Sequence[Neighbour], workers: Executor, *, tolerance: float, at_half: bool = False) -> Mean:
    """The same of what was averaged before, with neighbours that were so too; ``at_half``: but for what is finer than two pixels."""
    if before.is_own:
        return before
    if at_half:
        return _averaged_at_half(before, neighbours, workers, tolerance)
    carried, _ = _carried(before.plane, neighbours, workers, _unseen)
    return _mean(before.plane, carried, before.energy, workers, tolerance)


def _averaged_at_half(before: Mean, neighbours: Sequence[Neighbour], workers: Executor, tolerance: float) -> Mean:
    small = Mean(_shrunk(before.plane, 2), np.float32(HALVED) * _shrunk(before.energy, 2))
    around = [neighbour._replace(plane=_shrunk(neighbour.plane, 2)) for neighbour in neighbours]
    change = unpacked_difference(averaged_again(small, around, workers, tolerance=tolerance).plane, small.plane)
    plane = np.empty_like(before.plane)

    def write(rows: slice) -> None:
        near = _near(rows, change)
        raised(before.plane[rows], _doubled(change[near], near, rows, plane.shape), out=plane[rows])

    _strips(plane, workers, write)
    return before._replace(plane=plane)


def excess(own: NDArray[np.uint16], averaged: Mean, workers: Executor) -> Plane:
    """Levels that are to be taken off ``own`` to make it its mean, but for the finest detail, which no two frames carry alike."""
    result = np.empty(own.shape, np.float32)

    def refine(rows: slice) -> None:
        first = max(0, rows.start - _MARGIN)
        seen, inner = slice(first, rows.stop + _MARGIN), slice(rows.start - first, rows.stop - first)
        result[rows] = _blurred(unpacked_difference(own[seen], averaged.plane[seen]), FINEST_PX)[inner]

    _strips(own, workers, refine)
    return result


def flicker_energy(product: Plane, texture: Plane, box_cells: int) -> Plane:
    """The variance, levels squared, of what a frame alone shows, in cells: from the products of its differences to two others, and the
    texture it has.
    """
    box = box_cells, box_cells
    energy = np.maximum(cv2.blur(product, box), 0)
    ground = cv2.blur(texture, box) + np.float32(PLAIN)
    return np.minimum(_capped(energy), _capped(_f32(energy / ground)) * ground)


def _capped(energy: Plane) -> Plane:
    """Energy of at most twice what is usual around, by the geometric mean, which single edges hardly raise."""
    height, width = energy.shape[:2]
    small = _f32(cv2.resize(energy, (max(1, width // 2), max(1, height // 2)), interpolation=cv2.INTER_AREA))
    usual = np.exp(_blurred(np.log(small + np.float32(1e-4)), 5))
    return np.minimum(energy, 2 * _f32(cv2.resize(usual, (width, height), interpolation=cv2.INTER_LINEAR)))


def _carried(
    own: NDArray[np.uint16], neighbours: Sequence[Neighbour], workers: Executor, look: Callable[[NDArray[np.uint16], Plane, Plane], T]
) -> tuple[Carried, list[T]]:
    """The neighbours on ``own``, and what ``look`` makes of each strip of it and of its differences to the first and to the last."""
    found = [_scratch(index, own.shape) for index in range(len(neighbours))]

    def carry(rows: slice) -> tuple[list[Plane], T]:
        differences = [difference[rows] for difference in found]
        for neighbour, difference in zip(neighbours, differences, strict=True):
            _write_difference(difference, own, neighbour, rows)
        squares = [_shrunk(np.square(difference), 2) for difference in differences]
        return squares, look(own[rows], differences[0], differences[-1])

    parts = _strips(own, workers, carry)
    squares = [np.concatenate(strips) for strips in zip(*(squares for squares, _ in parts), strict=True)]
    return Carried(found, squares, [neighbour.trust for neighbour in neighbours]), [look for _, look in parts]


def _scratch(index: int, shape: tuple[int, ...]) -> Plane:
    """A plane that a thread uses again: one that is new is paid for page by page."""
    held: dict[int, Plane] = _local.__dict__.setdefault("planes", {})
    size = shape[0] * shape[1]
    if index not in held or held[index].size < size:
        held[index] = np.empty(size, np.float32)
    return held[index][:size].reshape(shape)


def _write_difference(difference: Plane, own: NDArray[np.uint16], neighbour: Neighbour, rows: slice) -> None:
    """Into rows of what the neighbour, carried onto ``own``, has more than it."""
    scales = [ours / theirs / STEPS_PER_PX for ours, theirs in zip(own.shape, neighbour.way[0].shape, strict=True)]
    across = enlarged_rows(neighbour.way[0], own.shape, rows, scales[1])
    below = enlarged_rows(neighbour.way[1], own.shape, rows, scales[0], rows.start)  # a relative map starts at row 0
    flags = cv2.INTER_CUBIC | cv2.WARP_RELATIVE_MAP
    carried = cv2.remap(neighbour.plane, across, below, flags, borderMode=cv2.BORDER_REPLICATE)
    unpacked_difference(carried, own[rows], out=difference)
    if neighbour.lighter is not None:
        difference -= enlarged_rows(neighbour.lighter, own.shape, rows)


def _seen(own: NDArray[np.uint16], one: Plane, other: Plane) -> tuple[Plane, Plane]:
    """In cells: the product of both differences, and the squared Laplacian of the mean."""
    product = one * other
    mean = _f32(cv2.addWeighted(one, 0.5, other, 0.5, 0))
    mean += unpacked(own)
    texture = _laplacian(mean)
    return _shrunk(product, CELL_PX), _shrunk(np.square(texture, out=texture), CELL_PX)


def _unseen(own: NDArray[np.uint16], one: Plane, other: Plane) -> None:
    """What is asked of planes whose energy is known."""


def _mean(own: NDArray[np.uint16], carried: Carried, energy: Plane, workers: Executor, tolerance: float) -> Mean:
    expected = 2 * energy + np.float32(FLOOR)
    trusts = [_f32(cv2.resize(trust, expected.shape[::-1], interpolation=cv2.INTER_LINEAR)) for trust in carried.trusts]
    mean, left = np.empty_like(own), np.empty_like(energy)

    def write(rows: slice) -> None:
        near = _near(rows, energy)
        weights = [_weight(squares, expected, trust, near, tolerance) for squares, trust in zip(carried.squares, trusts, strict=True)]
        total = sum(weights, np.float32(1))
        noise = sum((np.square(weight) for weight in weights), np.float32(1)) / (total * total)
        left[near] = energy[near] * noise  # strips agree where they meet
        shares = [_doubled(weight / total, near, rows, own.shape) for weight in weights]
        _write_mean(mean[rows], own[rows], [each[rows] for each in carried.differences], shares)

    _strips(own, workers, write)
    return Mean(mean, left)


def _weight(squares: Plane, expected: Plane, trust: Plane, rows: slice, tolerance: float) -> Plane:
    """Rows of how much a neighbour counts, 0-1, at half the size."""
    margin = min(ALIKE_PX // 2, rows.start)
    blurred = cv2.blur(squares[rows.start - margin : rows.stop + ALIKE_PX // 2], (ALIKE_PX, ALIKE_PX))
    excess = _f32(blurred)[margin:][: len(expected[rows])]
    excess /= expected[rows]
    excess -= 1
    np.maximum(excess, 0, out=excess)
    excess *= excess
    excess *= np.float32(-1 / tolerance**2)
    weight = np.exp(excess, out=excess)
    weight *= trust[rows]
    return weight


def _write_mean(mean: NDArray[np.uint16], own: NDArray[np.uint16], differences: Sequence[Plane], shares: Sequence[Plane]) -> None:
    """Into rows of the mean; the shares of the neighbours in it are used up."""
    for share, difference in zip(shares, differences, strict=True):
        share *= difference
    for share in shares[1:]:
        shares[0][...] += share
    raised(own, shares[0], out=mean)


def _near(rows: slice, half: Plane) -> slice:
    """The rows at half the size that rows of a plane are made from."""
    return slice(max(0, rows.start // 2 - 1), min(-(-rows.stop // 2) + 1, len(half)))


def _doubled(half: Plane, held: slice, rows: slice, shape: tuple[int, ...]) -> Plane:
    """Rows of a plane of ``shape``, of which ``half`` holds some rows at half the size; a strip begins at an even row."""
    double = _f32(cv2.resize(half, (shape[1], 2 * len(half)), interpolation=cv2.INTER_LINEAR))
    lacking = rows.stop - 2 * (held.start + len(half))
    if lacking > 0:  # the last of an odd number of rows
        double = _f32(cv2.copyMakeBorder(double, 0, lacking, 0, 0, cv2.BORDER_REPLICATE))
    return double[rows.start - 2 * held.start :][: rows.stop - rows.start]


def _strips(own: NDArray[np.uint16] | Plane, workers: Executor, work: Callable[[slice], T]) -> list[T]:
    """What ``work`` makes of each strip, from the top: each begins at a whole cell and has at least one."""
    parts = list(strips(own.shape, CELL_PX, least=CELL_PX))
    tasks = [parts[first : first + _TASK_STRIPS] for first in range(0, len(parts), _TASK_STRIPS)]

    def done(task: list[slice]) -> list[T]:
        return [work(rows) for rows in task]

    return [each for found in workers.map(done, tasks) for each in found]


def _half_size(own: NDArray[np.uint16]) -> tuple[int, int]:
    """(width, height), as ``_shrunk`` makes it."""
    height, width = own.shape
    return max(1, width // 2), max(1, height // 2)


def _box_cells(own: NDArray[np.uint16]) -> int:
    return max(2, own.shape[0] // 10 // CELL_PX) | 1


def _shrunk(plane: NDArray[V], times: int) -> NDArray[V]:
    """At a whole part of the size; a rest of rows or columns is left out."""
    height, width = (max(1, length // times) for length in plane.shape)
    return np.asarray(cv2.resize(plane[: height * times, : width * times], (width, height), interpolation=cv2.INTER_AREA), plane.dtype)


def _blurred(plane: Plane, sigma: float) -> Plane:
    return _f32(cv2.GaussianBlur(plane, (0, 0), sigma, borderType=cv2.BORDER_REPLICATE))


def _laplacian(plane: Plane) -> Plane:
    return _f32(cv2.Laplacian(plane, cv2.CV_32F, borderType=cv2.BORDER_REPLICATE))


def _f32(values: NDArray[np.floating] | cv2.typing.MatLike) -> Plane:
    return np.asarray(values, np.float32)
