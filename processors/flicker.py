"""The measurement of flicker: residuals along motion, in four bands, and how they follow one another.

``d_t = frame_t - warp(frame_t-1)``. What is drawn anew for every frame leaves d_t and the warped d_t-1 anti-correlated, because
d_t = n_t - n_t-1; then -E[d_t * warp(d_t-1)] is the flicker's own variance. Motion that the flow missed, occlusion and real texture
correlate at zero or above, so they drop out of that product, however large they are.

The products are summed over time in tiles of the picture, so that a clip-long mean decides whether a place flickers.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from statistics import NormalDist
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from . import flow as fl
from .samples import Sample

Plane = NDArray[np.float32]

TILE_PX = 15
_MID_PX = 3  # the middle band: structures of some pixels, which encoders keep and eyes see best
_CELL_BLUR = 1.1  # cells; with cells of a 27th of the height this is sigma = height / 24
_CHROMA_BLUR = 1.1
_DETAIL_BLUR = 2.0  # pixels of the middle band: detail is finer than a fortieth of the height, so that patches do not leak into it
_SURE = 0.12  # correlation of a tile below minus this counts as flicker; it counts fully at twice that
_PLACE_CELLS = 5  # low bands are pooled over so many cells a side: patches are larger than a cell
_LEAST_PRODUCTS = 3  # two in a row may be chance
_TEXTURE_EVERY = 4  # frames
_MASKING = 0.35  # of texture's standard deviation hides as much flicker as one level
_TRACKED_PX = 10.0  # motion per frame (at 270 lines) that halves the sight of fine flicker


class Residual(NamedTuple):
    """One frame less the one before, carried along motion. Planes in luma levels."""

    exposure: float  # shift of the whole frame at its mean level
    low: Plane  # (rows, columns) of cells: what is left of the low band once exposure is taken out
    chroma: Plane  # (rows, columns, 2), less what a change of gain does to chroma
    mid: Plane  # detail at a third of the analysis size
    fine: Plane  # detail at analysis size
    jump: float  # median absolute change of the cells, exposure included


def residual(carried: Plane, previous: Sample, current: Sample, flow: fl.Flow) -> Residual:
    """``carried``: the previous luma along motion."""
    luma = current.luma.astype(np.float32)
    rest = luma - carried
    height, width = luma.shape
    rows, columns = current.chroma.shape[:2]
    cells = _area(rest, columns, rows)
    level = _area(luma, columns, rows)
    level -= level.mean()
    offset, gain = _exposure(cells, level)
    low = _blur(cells - offset - gain * level, _CELL_BLUR)
    medium = _area(rest, max(1, width // _MID_PX), max(1, height // _MID_PX))
    coarse = _blur(medium, _DETAIL_BLUR)
    fine = rest - np.asarray(cv2.resize(coarse, (width, height), interpolation=cv2.INTER_LINEAR), np.float32).reshape(height, width)
    cell_flow = fl.resized(flow, columns, rows)
    chroma = _blur(current.chroma, _CHROMA_BLUR) - fl.warp(_blur(previous.chroma, _CHROMA_BLUR), cell_flow)
    chroma -= _exposure(chroma, current.chroma, has_offset=False)[1] * current.chroma
    return Residual(offset, low, chroma, medium - coarse, fine, float(np.median(np.abs(cells))))


class Products(NamedTuple):
    """Per tile: the product of successive residuals and their mean energy."""

    product: Plane
    energy: Plane


def products(previous: Residual, current: Residual, flow: fl.Flow) -> dict[str, Products]:
    """Means of ``d_t * warp(d_t-1)``: in tiles for detail, in cells for the low bands."""
    height, width = current.fine.shape
    tiles = (max(1, width // TILE_PX), max(1, height // TILE_PX))
    found: dict[str, Products] = {}
    for name, size in (("low", None), ("chroma", None), ("mid", tiles), ("fine", tiles)):
        now: Plane = getattr(current, name)
        product = now * fl.warp(getattr(previous, name), fl.resized(flow, now.shape[1], now.shape[0]))
        energy = now * now
        if now.ndim == 3:
            product, energy = product[..., 0] + product[..., 1], energy[..., 0] + energy[..., 1]
        found[name] = Products(_area(product, *size), _area(energy, *size)) if size else Products(product, energy)
    return found


@dataclass
class Meter:
    """Sums of one shot. ``add`` in order; read with ``bands``."""

    sums: dict[str, Products] = field(default_factory=lambda: {})
    texture: Plane | None = None
    exposures: list[float] = field(default_factory=lambda: [])
    low_rms: list[float] = field(default_factory=lambda: [])
    motion: list[float] = field(default_factory=lambda: [])
    textures: int = 0
    counted: int = 0  # products
    levels: float = 1.0

    def add_pair(self, now: Residual, current: Sample, flow: fl.Flow) -> None:
        self.levels = current.levels
        self.exposures.append(now.exposure)
        self.low_rms.append(float(np.sqrt(np.mean(now.low**2))))
        coarse = fl.resized(flow, now.low.shape[1], now.low.shape[0])
        self.motion.append(float(np.hypot(coarse[..., 0], coarse[..., 1]).mean()) * flow.shape[0] / coarse.shape[0])
        if len(self.motion) % _TEXTURE_EVERY == 1:
            texture = _texture(current.luma)
            self.texture = texture if self.texture is None else self.texture + texture
            self.textures += 1

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
    if meter.counted < _LEAST_PRODUCTS or meter.texture is None:
        return Flicker(_NONE, _NONE, _NONE, _NONE, _NONE, doubt)
    texture = meter.texture / np.float32(meter.textures)
    sight = 1 / (1 + float(np.mean(meter.motion)) / _TRACKED_PX)
    low, chroma = (_band(meter, name, None, 1.0) for name in ("low", "chroma"))
    mid, fine = (_band(meter, name, texture, sight) for name in ("mid", "fine"))
    return Flicker(exposure, low, chroma, mid, fine, doubt)


def _band(meter: Meter, name: str, texture: Plane | None, sight: float) -> BandFlicker:
    product, energy = (plane / np.float32(meter.counted) for plane in meter.sums[name])
    total = float(energy.sum())
    correlation = float(np.clip(product.sum() / total, -1, 1)) if total > 1e-3 * energy.size else None
    if texture is None:
        side = _PLACE_CELLS if meter.counted >= 12 else _PLACE_CELLS + 2  # few frames: larger places, or chance decides
        product, energy = (np.asarray(cv2.blur(plane, (side, side)), np.float32).reshape(plane.shape) for plane in (product, energy))
    sure = np.clip((-product / (energy + 0.02) - _SURE) / _SURE, 0, 1)
    variance = np.maximum(0, -product)
    visible = np.sqrt(variance) * sure
    if texture is not None:
        visible = visible * sight / (1 + _MASKING * np.sqrt(texture))
    return BandFlicker(float(np.sqrt(variance.mean())) * meter.levels, float(visible.mean()) * meter.levels, correlation)


def _exposure_flicker(shifts: NDArray[np.float64]) -> BandFlicker:
    """The second difference of brightness over time: 0 for fades, 6 times the variance for brightness drawn anew each frame.

    The largest twentieth is left out, so that a light that is switched on once is no flicker; the rest is scaled to what all of them
    would be, were they normally distributed.
    """
    if len(shifts) < 2:
        return _NONE
    bends = np.sort(np.diff(shifts) ** 2)
    kept = bends[: len(bends) - (len(bends) // 20 + 1 if len(bends) >= 10 else 0)]
    amplitude = float(np.sqrt(kept.mean() / _share_of_variance(len(kept) / len(bends)) / 6))
    energy = float((shifts**2).sum())
    correlation = float(np.clip((shifts[1:] * shifts[:-1]).sum() / energy, -1, 1)) if energy > 0.01 * len(shifts) else None
    return BandFlicker(amplitude, amplitude, correlation)


def _share_of_variance(kept: float) -> float:
    """Mean square of a normal variable's smallest share ``kept``, over that of the whole."""
    if kept >= 1:
        return 1.0
    normal = NormalDist()
    border = normal.inv_cdf((1 + kept) / 2)
    return 1 - 2 * border * normal.pdf(border) / kept


def _exposure(change: Plane, level: Plane, *, has_offset: bool = True) -> tuple[float, float]:
    """(offset, gain) of ``change = offset + gain * level`` by reweighted least squares: moving things do not pull at it."""
    x, y = level.ravel().astype(np.float64), change.ravel().astype(np.float64)
    offset, gain = float(np.median(y)) if has_offset else 0.0, 0.0
    spread = 1.48 * float(np.median(np.abs(y - offset))) + 0.3
    for _ in range(4):
        weight = 1 / (1 + ((y - offset - gain * x) / (2 * spread)) ** 2)
        weighted = weight * x
        s, sx, sxx = float(weight.sum()), float(weighted.sum()), float(weighted @ x) + 1e-3 * len(x)
        sy, sxy = float(weight @ y), float(weighted @ y)
        if has_offset:
            determinant = s * sxx - sx * sx
            offset, gain = (sy * sxx - sx * sxy) / determinant, (s * sxy - sx * sy) / determinant
        else:
            gain = sxy / sxx
    return offset, gain


def _texture(luma: NDArray[np.uint8]) -> Plane:
    """Variance of detail, one value a tile."""
    detail = np.asarray(luma.astype(np.float32) - np.asarray(cv2.blur(luma, (13, 13)), np.float32).reshape(luma.shape), np.float32)
    height, width = luma.shape
    return _area(detail * detail, max(1, width // TILE_PX), max(1, height // TILE_PX))


def _area(plane: Plane, width: int, height: int) -> Plane:
    return np.asarray(cv2.resize(plane, (width, height), interpolation=cv2.INTER_AREA), np.float32).reshape(height, width, *plane.shape[2:])


def _blur(plane: Plane, sigma: float) -> Plane:
    return np.asarray(cv2.GaussianBlur(plane, (0, 0), sigma), np.float32).reshape(plane.shape)
