"""Marks that a bad repair leaves: halos and ghosts, a tint or a light that stays in some place, and every second frame left as it was.

All compare a result's frame with its source's; none of them rewards calm.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

from .looks import Image, fit

_PLACES_PX = 5  # a place is so many thumbnail pixels wide: a tenth of the width
_CHANCE = 4.0  # standard errors: so far off lies the worst of some hundred places by chance
_HALO_PX, _NEAR_PX = 5, 7
_HALO_LEVELS = 2.0  # that encoding adds
_LOW_SHRINK = 4
_GHOST_HEIGHT_PX = 216
_GHOST_REACH_PX = (4, 30)
_GHOST_LEAST_LEVELS = 2.0  # of structure
_GHOST_DOUBT = 0.01  # of the mean power: frequencies with less tell nothing
_COARSE_PX = (8, 6)
_COARSE_LEVELS = 1.0  # of bends: encoding alone makes up to 0.4
_UNTOUCHED = 0.9
_BOTH_FLICKER = 0.6  # of the wilder half's bends: with fewer only every second frame flickers, and it alone is to be repaired


@dataclass(frozen=True)
class Marks:
    """Levels are on the 8-bit full-range scale. ``None`` where the clip gives nothing to measure by."""

    halo: float | None  # overshoot beside strong edges, in parts of their contrast
    ghost: float | None  # strength of a second image, in parts of the first
    local_luma: float  # lasting change of the worst place, beyond chance
    local_chroma: float
    luma_error: float  # standard error of the mean change, as flicker leaves it
    chroma_error: float
    evenness: float | None  # flicker left in the better half of the frames over that in the other; 1 where both halves were repaired


@dataclass
class Meter:
    count: int = 0
    sums: NDArray[np.float64] | None = None  # (2, rows, columns, 3): change of luma, U, V, and its square
    means: list[tuple[float, float, float]] = field(default_factory=lambda: [])
    overshoot: float = 0.0
    contrast: float = 0.0
    spectra: tuple[NDArray[np.complex128], NDArray[np.float64]] | None = None
    shape: tuple[int, int] = (0, 0)
    looks: int = 0
    recent: deque[tuple[Image, Image]] = field(default_factory=lambda: deque(maxlen=5))
    unrest: NDArray[np.float64] = field(default_factory=lambda: np.zeros((2, 2, 2)))  # (parity, luma and chroma, source and result)
    halves: list[int] = field(default_factory=lambda: [0, 0])

    def add(self, original: Image, result: Image, *, begins: bool) -> None:
        """Thumbnails (rows, columns, 3) of every frame: luma, U, V. ``begins``: it is the first of a shot."""
        change = result - original
        self.count += 1
        self.means.append((float(change[..., 0].mean()), float(change[..., 1].mean()), float(change[..., 2].mean())))
        placed = np.asarray(cv2.blur(change, (_PLACES_PX, _PLACES_PX)), np.float64)
        self.sums = np.stack([placed, placed**2]) + (0 if self.sums is None else self.sums)
        if begins:
            self.recent.clear()
        self.recent.append((_coarse(original), _coarse(result)))
        if len(self.recent) == 5:
            self._compare_halves()

    def look(self, original: Image, result: Image, strong: NDArray[np.bool_]) -> None:
        """Luma at full size of a frame that is looked at closely, and where its ``strong`` edges are."""
        self.looks += 1
        self._look_for_halos(original, result, strong)
        self._look_for_ghosts(_structure(original), _structure(result))

    def conclude(self) -> Marks:
        local = self._local()
        errors = np.std(self.means, axis=0) / self.count**0.5 if self.means else np.zeros(3)
        return Marks(
            halo=self.overshoot / self.contrast if self.contrast > 0 else None,
            ghost=self._ghost(),
            local_luma=float(local[0]),
            local_chroma=float(local[1:].max()),
            luma_error=float(errors[0]),
            chroma_error=float(errors[1:].max()),
            evenness=self._evenness(),
        )

    def _local(self) -> NDArray[np.float64]:
        if self.sums is None:
            return np.zeros(3)
        mean, square = self.sums / self.count
        error = np.sqrt(np.maximum(0, square - mean**2) / self.count)
        return np.maximum(0, np.abs(mean) - _CHANCE * error).max((0, 1))

    def _look_for_halos(self, original: Image, result: Image, strong: NDArray[np.bool_]) -> None:
        """What goes beyond the source's own extremes near an edge, apart from a change of light."""
        change = result - original
        small = cv2.blur(
            cv2.resize(change, [max(1, side // _LOW_SHRINK) for side in reversed(change.shape)], interpolation=cv2.INTER_AREA), (5, 5)
        )
        light = cv2.resize(small, change.shape[::-1], interpolation=cv2.INTER_LINEAR)
        box = np.ones((_HALO_PX, _HALO_PX), np.uint8)
        high, low = cv2.dilate(original, box), cv2.erode(original, box)
        near = cv2.dilate(strong.astype(np.uint8), np.ones((_NEAR_PX, _NEAR_PX), np.uint8)) > 0
        seen, highest, lowest = (result - light)[near], high[near], low[near]
        beyond = np.maximum(0, seen - highest - _HALO_LEVELS) + np.maximum(0, lowest - seen - _HALO_LEVELS)
        self.overshoot += float(beyond.sum())
        self.contrast += float((highest - lowest).sum())

    def _look_for_ghosts(self, original: Image, result: Image) -> None:
        """Cross and power spectrum: together they tell what filter would turn source into result."""
        window = np.outer(np.hanning(original.shape[0]), np.hanning(original.shape[1]))
        mine, theirs = np.fft.rfft2(original * window), np.fft.rfft2(result * window)
        found = theirs * mine.conj(), np.square(np.abs(mine))
        self.spectra = found if self.spectra is None else (self.spectra[0] + found[0], self.spectra[1] + found[1])
        self.shape = original.shape[0], original.shape[1]

    def _ghost(self) -> float | None:
        """The largest value of that filter far from its centre, beyond what the source compared with itself has there."""
        if self.spectra is None or self.spectra[1].sum() / self.looks < (_GHOST_LEAST_LEVELS * self.shape[0] * self.shape[1]) ** 2 / 16:
            return None
        cross, power = self.spectra
        doubt = power + _GHOST_DOUBT * power.mean()
        filters = [np.fft.fftshift(np.fft.irfft2(part / doubt, self.shape)) for part in (cross, power)]
        peaks = [float(each.max()) for each in filters]
        if peaks[0] <= 0:
            return None
        rows, columns = np.indices(self.shape)
        away = np.hypot(rows - self.shape[0] // 2, columns - self.shape[1] // 2)
        ring = (away >= _GHOST_REACH_PX[0]) & (away <= min(_GHOST_REACH_PX[1], min(self.shape) / 2))
        return float((filters[0] / peaks[0] - filters[1] / peaks[1])[ring].max()) if ring.any() else None

    def _compare_halves(self) -> None:
        """Bends over every second frame: steady motion has few, what is drawn anew has many."""
        first, middle, last = self.recent[0], self.recent[2], self.recent[4]
        half = self.count % 2
        self.halves[half] += 1
        for side in (0, 1):
            bend = np.square(first[side] - 2 * middle[side] + last[side])
            self.unrest[half, :, side] += (bend[..., 0].mean(), bend[..., 1:].mean())

    def _evenness(self) -> float | None:
        if min(self.halves) == 0:
            return None
        levels = np.sqrt(self.unrest / np.reshape(self.halves, (2, 1, 1)))
        calmer, wilder = levels[..., 0].min(0), levels[..., 0].max(0)
        judged = (calmer > _COARSE_LEVELS) & (calmer > _BOTH_FLICKER * wilder)
        left = levels[..., 1] / np.maximum(levels[..., 0], 1e-3)  # (parity, luma and chroma)
        worse, better = left.max(0), left.min(0)
        return float(np.where(judged & (worse >= _UNTOUCHED), better / np.maximum(worse, 1e-3), 1.0).min())


def _coarse(thumbnail: Image) -> Image:
    return np.asarray(cv2.resize(thumbnail, _COARSE_PX, interpolation=cv2.INTER_AREA), np.float32)


def _structure(luma: Image) -> Image:
    """Small picture without its low band."""
    small = fit(luma, _GHOST_HEIGHT_PX)
    return np.asarray(small - cv2.GaussianBlur(small, (0, 0), _GHOST_HEIGHT_PX / 18), np.float32)
