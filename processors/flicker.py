"""The measurement of flicker: residuals along motion, in four bands, and how they follow one another.

``d_t = frame_t - warp(frame_t-1)``. What is drawn anew for every frame leaves d_t and the warped d_t-1 anti-correlated, because
d_t = n_t - n_t-1; then -E[d_t * warp(d_t-1)] is the flicker's own variance. Motion that the flow missed, occlusion and real texture
correlate at zero or above, so they drop out of that product, however large they are.

The products are summed over time in tiles of the picture, so that a clip-long mean decides whether a place flickers.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from . import flow as fl
from .samples import Sample

Plane = NDArray[np.float32]

TILE_PX = 16
_MID_PX = 3  # the middle band: structures of some pixels, which encoders keep and eyes see best
_CELL_BLUR = 1.4  # cells; with cells of a 34th of the height this is sigma = height / 24
_CHROMA_BLUR = 1.0
_SURE = 0.12  # correlation of a tile below minus this counts as flicker; it counts fully at twice that
_PLACE_TILES = 3  # low bands are pooled over so many tiles a side: patches are larger than a tile
_MASKING = 0.35  # of texture's standard deviation hides as much flicker as one level
_TRACKED_PX = 15.0  # motion per frame (at 270 lines) that halves the sight of fine flicker


class Residual(NamedTuple):
    """One frame less the one before, carried along motion. Planes in luma levels."""

    exposure: float  # shift of the whole frame at its mean level
    low: Plane  # (rows, columns) of cells: what is left of the low band once exposure is taken out
    chroma: Plane  # (rows, columns, 2), less what a change of gain does to chroma
    mid: Plane  # detail at a third of the analysis size
    fine: Plane  # detail at analysis size
    jump: float  # median absolute change of the cells, exposure included


def residual(previous: Sample, current: Sample, flow: fl.Flow) -> Residual:
    luma = current.luma.astype(np.float32)
    rest = luma - fl.warp(previous.luma.astype(np.float32), flow)
    height, width = luma.shape
    rows, columns = current.chroma.shape[:2]
    cells = _area(rest, columns, rows)
    level = _area(luma, columns, rows)
    offset, gain = _exposure(cells, level - level.mean())
    low = _blur(cells - offset - gain * (level - level.mean()), _CELL_BLUR)
    fine = rest - np.asarray(cv2.resize(_blur(cells, _CELL_BLUR), (width, height), interpolation=cv2.INTER_LINEAR), np.float32)
    cell_flow = fl.resized(flow, columns, rows)
    chroma = _blur(current.chroma, _CHROMA_BLUR) - fl.warp(_blur(previous.chroma, _CHROMA_BLUR), cell_flow)
    chroma -= _exposure(chroma.ravel(), current.chroma.ravel(), has_offset=False)[1] * current.chroma
    mid = _area(fine, max(1, width // _MID_PX), max(1, height // _MID_PX))
    return Residual(offset, low, chroma, mid, fine, float(np.median(np.abs(cells))))


class Products(NamedTuple):
    """Per tile: the product of successive residuals and their mean energy."""

    product: Plane
    energy: Plane


def products(previous: Residual, current: Residual, flow: fl.Flow) -> dict[str, Products]:
    """Tile means of ``d_t * warp(d_t-1)`` for the planes of a residual."""
    height, width = current.fine.shape
    tiles = (max(1, width // TILE_PX), max(1, height // TILE_PX))
    found: dict[str, Products] = {}
    for name in ("low", "chroma", "mid", "fine"):
        now: Plane = getattr(current, name)
        carried = fl.warp(getattr(previous, name), fl.resized(flow, now.shape[1], now.shape[0]))
        product = now * carried
        energy = np.asarray((now * now + carried * carried) * 0.5, np.float32)
        if now.ndim == 3:
            product, energy = (np.asarray(plane.sum(2), np.float32) for plane in (product, energy))
        found[name] = Products(_area(product, *tiles), _area(energy, *tiles))
    return found


@dataclass
class Meter:
    """Sums of one shot. ``add`` in order; read with ``bands``."""

    sums: dict[str, Products] = field(default_factory=lambda: {})
    texture: Plane | None = None
    exposures: list[float] = field(default_factory=lambda: [])
    low_rms: list[float] = field(default_factory=lambda: [])
    motion: list[float] = field(default_factory=lambda: [])
    counted: int = 0  # products
    levels: float = 1.0

    def add_pair(self, now: Residual, current: Sample, flow: fl.Flow) -> None:
        self.levels = current.levels
        self.exposures.append(now.exposure)
        self.low_rms.append(float(np.sqrt(np.mean(now.low**2))))
        self.motion.append(float(np.sqrt((flow**2).sum(2)).mean()))
        texture = _texture(current.luma)
        self.texture = texture if self.texture is None else self.texture + texture

    def add_products(self, found: dict[str, Products]) -> None:
        self.counted += 1
        for name, (product, energy) in found.items():
            if name in self.sums:
                self.sums[name].product[...] += product
                self.sums[name].energy[...] += energy
            else:
                self.sums[name] = Products(product.copy(), energy.copy())

    def bands(self) -> Flicker:
        return _read(self)


class BandFlicker(NamedTuple):
    amplitude: float  # root mean square over the frame, display levels
    visible: float  # mean over the frame's places; detail: after masking by texture and motion
    correlation: float | None


class Flicker(NamedTuple):
    exposure: BandFlicker
    low: BandFlicker
    chroma: BandFlicker
    mid: BandFlicker
    fine: BandFlicker
    exposure_doubt: float  # levels: how far missed motion alone can move the exposure


_NONE = BandFlicker(0.0, 0.0, None)


def _read(meter: Meter) -> Flicker:
    doubt = 0.05 * float(np.mean(meter.low_rms)) * meter.levels if meter.low_rms else 0.0
    exposure = _exposure_flicker(np.array(meter.exposures) * meter.levels)
    if not meter.counted or meter.texture is None:
        return Flicker(exposure, _NONE, _NONE, _NONE, _NONE, doubt)
    texture = meter.texture / np.float32(len(meter.motion))
    sight = 1 / (1 + float(np.mean(meter.motion)) / _TRACKED_PX)
    none = np.zeros_like(texture)
    low, chroma = (_band(meter, name, none, 1.0, _PLACE_TILES) for name in ("low", "chroma"))
    mid, fine = (_band(meter, name, texture, sight, 1) for name in ("mid", "fine"))
    return Flicker(exposure, low, chroma, mid, fine, doubt)


def _band(meter: Meter, name: str, texture: Plane, sight: float, place_tiles: int) -> BandFlicker:
    product, energy = (plane / np.float32(meter.counted) for plane in meter.sums[name])
    total = float(energy.sum())
    correlation = float(np.clip(product.sum() / total, -1, 1)) if total > 1e-3 * energy.size else None
    if place_tiles > 1:
        side = place_tiles if meter.counted >= 12 else place_tiles + 2  # few frames: larger places, or chance decides
        product, energy = (np.asarray(cv2.blur(plane, (side, side)), np.float32).reshape(plane.shape) for plane in (product, energy))
    sure = np.clip((-product / (energy + 0.02) - _SURE) / _SURE, 0, 1)
    variance = np.maximum(0, -product)
    visible = np.sqrt(variance) * sure / (1 + _MASKING * np.sqrt(texture))
    return BandFlicker(float(np.sqrt(variance.mean())) * meter.levels, float(visible.mean()) * meter.levels * sight, correlation)


def _exposure_flicker(shifts: NDArray[np.float64]) -> BandFlicker:
    """The second difference of brightness over time: 0 for fades, 6 times the variance for brightness drawn anew each frame.

    The largest twentieth is left out, so that a light that is switched on once is no flicker.
    """
    if len(shifts) < 2:
        return _NONE
    bends = np.sort(np.diff(shifts) ** 2)
    kept = bends[: len(bends) - (len(bends) // 20 + 1 if len(bends) >= 10 else 0)]
    amplitude = float(np.sqrt(kept.mean() / 6))
    energy = float((shifts**2).sum())
    correlation = float(np.clip((shifts[1:] * shifts[:-1]).sum() / energy, -1, 1)) if energy > 0.01 * len(shifts) else None
    return BandFlicker(amplitude, amplitude, correlation)


def _exposure(change: Plane, level: Plane, *, has_offset: bool = True) -> tuple[float, float]:
    """(offset, gain) of ``change = offset + gain * level`` by reweighted least squares: moving things do not pull at it."""
    x, y = level.ravel().astype(np.float64), change.ravel().astype(np.float64)
    weight = np.ones_like(x)
    offset = gain = 0.0
    for _ in range(3):
        s, sx, sxx = weight.sum(), (weight * x).sum(), (weight * x * x).sum() + 1e-3 * len(x)
        sy, sxy = (weight * y).sum(), (weight * x * y).sum()
        if has_offset:
            determinant = s * sxx - sx * sx
            offset, gain = (sy * sxx - sx * sxy) / determinant, (s * sxy - sx * sy) / determinant
        else:
            gain = sxy / sxx
        error = np.abs(y - offset - gain * x)
        spread = 1.48 * float(np.median(error)) + 0.3
        weight = 1 / (1 + (error / (2 * spread)) ** 2)
    return float(offset), float(gain)


def _texture(luma: NDArray[np.uint8]) -> Plane:
    """Variance of detail, one value a tile."""
    detail = np.asarray(luma.astype(np.float32) - np.asarray(cv2.blur(luma, (13, 13)), np.float32).reshape(luma.shape), np.float32)
    height, width = luma.shape
    return _area(detail * detail, max(1, width // TILE_PX), max(1, height // TILE_PX))


def _area(plane: Plane, width: int, height: int) -> Plane:
    return np.asarray(cv2.resize(plane, (width, height), interpolation=cv2.INTER_AREA), np.float32).reshape(height, width, *plane.shape[2:])


def _blur(plane: Plane, sigma: float) -> Plane:
    return np.asarray(cv2.GaussianBlur(plane, (0, 0), sigma), np.float32).reshape(plane.shape)
