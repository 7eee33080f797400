"""The measurement of flicker: residuals along motion, in four bands, and how they follow one another.

``d_t = frame_t - warp(frame_t-1)``. What is drawn anew for every frame leaves d_t and the warped d_t-1 anti-correlated, because
d_t = n_t - n_t-1; then -E[d_t * warp(d_t-1)] is the flicker's own variance. Motion that the flow missed, occlusion and real texture
correlate at zero or above, so they drop out of that product, however large they are.

The products are summed over time in tiles of the picture, so that a clip-long mean decides whether a place flickers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from .. import flow as fl
from . import exposure
from .redrawn import RedrawnMeter, tiles
from .samples import Layout, Sample, area

Plane = NDArray[np.float32]

_CELL_BLUR = 1.25  # cells; with 30 of them this is sigma = height / 24
_DETAIL_BLUR = 2.0  # pixels of the middle band: detail is finer than a thirtieth of the height, so that patches do not leak into it
_SURE = (0.12, 0.24)  # correlation of a place of the low bands below minus this counts as flicker; below the second it counts fully
_SURE_DETAIL = (0.0, 0.15)  # of detail, much of whose residual is motion missed by parts of a pixel
_PLACE_CELLS = 5  # low bands are pooled over so many cells a side: patches are larger than a cell
_LEAST_PRODUCTS = 3  # two in a row may be chance
_LEAST_GAIN = 0.002  # of the whole frame: less moves detail by a twentieth of a level
_TEXTURE_EVERY = 4  # frames
_TEXTURE_PX = 7  # finer than this is texture
_UNSURE_SHIFT = np.float32(9.0)  # squared gradient, levels a pixel: flatter places are taken as they are
_GRAIN = np.float32(0.17**2)  # levels squared: what camera noise of a level at 360 lines leaves at 60, and nobody sees
_MASKING = 0.35  # of texture's standard deviation hides as much flicker as one level
_TRACKED = 0.008  # of the shorter side a frame: motion that leaves a quarter of the sight of fine flicker


class Motion(NamedTuple):
    """One flow, from the current frame back to the previous one, at the sizes that the bands want."""

    picture: fl.Flow
    mid: fl.Flow
    cells: fl.Flow

    @classmethod
    def of(cls, flow: fl.Flow, layout: Layout) -> Motion:
        picture = fl.resized(flow, *layout.picture)
        mid = fl.resized(picture, *layout.mid)
        return cls(picture, mid, fl.resized(mid, *layout.cells))


class Residual(NamedTuple):
    """One frame less the one before, carried along motion. Planes in luma levels."""

    exposure: float  # shift of the whole frame at its mean level
    tint: tuple[float, float]  # median shift of U and V
    low: Plane  # (rows, columns) of cells: what is left of the low band once exposure is taken out
    chroma: Plane  # (rows, columns, 2), less what a change of gain does to chroma
    mid: Plane  # detail at half the picture's size
    fine: Plane  # detail at the picture's size
    cells: Plane  # change of luma in each cell, exposure included
    flat: Plane  # the same without: ``low`` before it is smoothed, with the edges of tiles in it

    @property
    def jump(self) -> float:
        """Median absolute change of the cells."""
        return exposure.median(np.abs(self.cells))


def residual(carried: Plane, previous: Sample, current: Sample, motion: Motion) -> Residual:
    """``carried``: the previous luma along motion."""
    luma = current.luma
    rest = _settled(luma - carried, luma + carried, motion.mid.shape[:2], current.cells.shape)
    height, width = rest.shape
    medium = area(rest, *motion.mid.shape[1::-1])
    cells = area(medium, *current.cells.shape[::-1])
    level = current.cells - current.cells.mean()
    offset, gain = exposure.shift(cells, level)
    flat = cells - np.float32(offset) - np.float32(gain) * level
    if abs(gain) > _LEAST_GAIN and cv2.norm(flat) < abs(gain) * cv2.norm(level):  # it scales detail, which is no flicker of detail
        rest -= np.float32(gain) * luma
        medium -= np.float32(gain) * area(luma, *motion.mid.shape[1::-1])
    coarse = _blur(medium, _DETAIL_BLUR)
    fine = rest - np.asarray(cv2.resize(coarse, (width, height), interpolation=cv2.INTER_LINEAR), np.float32).reshape(height, width)
    chroma = _blur(current.chroma, _CELL_BLUR) - fl.warp(_blur(previous.chroma, _CELL_BLUR), motion.cells)
    tint = exposure.median(chroma[..., 0]), exposure.median(chroma[..., 1])
    chroma -= np.float32(exposure.gain(chroma, current.chroma)) * current.chroma
    return Residual(offset, tint, _blur(flat, _CELL_BLUR), chroma, medium - coarse, fine, cells, flat)


def _settled(rest: Plane, both: Plane, mid: tuple[int, ...], cells: tuple[int, ...]) -> Plane:
    """The residual less what a leftover shift of each place explains: one step of Lucas and Kanade (1981) after the flow.

    A tenth of a pixel missed at an edge outweighs flicker of several levels. ``both``: the sum of the two frames, whose noise is
    the same in both and so is not taken for a shift. The shift is sought at the size ``mid``, where noise hides it least, over three
    ``cells`` each way. ``rest`` is used up.
    """
    height, width = rest.shape
    x, y, r, xx, xy, yy, xr, yr = _means(area(rest, *mid[::-1]), _slopes(area(both, *mid[::-1])), cells[::-1])
    xx, xy, yy = xx - x * x + _UNSURE_SHIFT, xy - x * y, yy - y * y + _UNSURE_SHIFT
    xr, yr = xr - x * r, yr - y * r
    determinant = xx * yy - xy * xy
    scale = np.float32(width / mid[1])
    for gradient, shift in zip(_slopes(both), ((yy * xr - xy * yr), (xx * yr - xy * xr)), strict=True):
        gradient *= cv2.resize(shift / determinant * scale, (width, height), interpolation=cv2.INTER_LINEAR)
        rest -= gradient
    return rest


def _means(rest: Plane, slopes: tuple[Plane, Plane], size: tuple[int, ...]) -> list[Plane]:
    """The slopes, the residual and their products, as far as a shift is found from them, each a mean around every place."""
    x, y = slopes
    terms = x, y, rest, x * x, x * y, y * y, x * rest, y * rest
    return [_plane(cv2.blur(area(term, *size), (3, 3))).reshape(size[::-1]) for term in terms]


def _slopes(both: Plane) -> tuple[Plane, Plane]:
    """Rise a pixel across and down of the mean of two pictures, of which this is the sum; none at the rim."""
    across, down = np.zeros_like(both), np.zeros_like(both)
    np.subtract(both[:, 2:], both[:, :-2], out=across[:, 1:-1])
    np.subtract(both[2:], both[:-2], out=down[1:-1])
    across *= np.float32(0.25)
    down *= np.float32(0.25)
    return across, down


class Products(NamedTuple):
    """Per place: the product of successive residuals and their mean energy."""

    product: Plane
    energy: Plane


def products(previous: Residual, current: Residual, motion: Motion) -> dict[str, Products]:
    """Means of ``d_t * warp(d_t-1)``: in cells for ``low`` and ``chroma``, in tiles for ``fine``; ``redrawn`` has those of ``mid``."""
    found: dict[str, Products] = {}
    for name, flow in (("low", motion.cells), ("chroma", motion.cells), ("fine", motion.picture)):
        now: Plane = getattr(current, name)
        product = now * fl.warp(getattr(previous, name), flow)
        energy = now * now
        if now.ndim == 3:
            product, energy = product[..., 0] + product[..., 1], energy[..., 0] + energy[..., 1]
        size = None if name in ("low", "chroma") else tiles(now)
        found[name] = Products(area(product, *size), area(energy, *size)) if size else Products(product, energy)
    return found


class Band(NamedTuple):
    """What one shot shows in one band."""

    amplitude: float  # root mean square over the frame, display levels
    visible: float  # what is seen of it: mean over the places that surely flicker; detail: after masking by texture and motion
    correlation: float | None
    map: Plane  # amplitude in display levels, place by place


class Flicker(NamedTuple):
    exposure: exposure.Exposure
    low: Band
    chroma: Band
    mid: Band
    fine: Band
    redrawn: float  # display levels of detail in quiet places
    exposure_doubt: float  # levels: how far missed motion alone can move the exposure


NOWHERE = Band(0.0, 0.0, None, np.zeros((1, 1), np.float32))


@dataclass
class Meter:
    """Sums of one shot. Add in order; read with ``flicker``."""

    sums: dict[str, Products] = field(default_factory=lambda: {})
    redrawn: RedrawnMeter = field(default_factory=RedrawnMeter)
    texture: Plane | None = None
    slope: Plane | None = None  # squared, levels a pixel of the middle band, one value a tile
    moved: Plane | None = None  # length of motion, shares of the shorter side, one value a cell
    low_rms: list[float] = field(default_factory=lambda: [])
    motion: list[float] = field(default_factory=lambda: [])
    textures: int = 0
    counted: int = 0  # products
    levels: float = 1.0

    def add_pair(self, now: Residual, current: Sample, motion: Motion, *, begins: bool) -> None:
        """``begins``: no residual of the frame before is known."""
        self.levels = current.levels
        self.redrawn.add(now.mid, motion.mid, begins=begins)
        self.low_rms.append(float(np.sqrt(np.mean(now.low**2))))
        lengths = np.asarray(np.hypot(motion.cells[..., 0], motion.cells[..., 1]) / np.float32(min(now.low.shape)), np.float32)
        self.moved = lengths if self.moved is None else self.moved + lengths
        self.motion.append(float(lengths.mean()) * min(current.luma.shape))
        if len(self.motion) % _TEXTURE_EVERY == 1:
            texture, slope = _texture(current.luma, tiles(now.mid)), _slope(current.luma, now.mid)
            self.texture = texture if self.texture is None else self.texture + texture
            self.slope = slope if self.slope is None else self.slope + slope
            self.textures += 1

    def add_products(self, found: dict[str, Products]) -> None:
        self.counted += 1
        for name, (product, energy) in found.items():
            if name in self.sums:
                self.sums[name].product[...] += product
                self.sums[name].energy[...] += energy
            else:
                self.sums[name] = Products(product.copy(), energy.copy())

    def flicker(self, exposures: Sequence[Sequence[float]], frame_rate: float) -> Flicker:
        """``exposures``: shifts of the whole frame, display levels, a list for each stretch without a gap; ``frame_rate`` a second."""
        doubt = float(np.mean(self.low_rms)) * self.levels if self.low_rms else 0.0
        whole = exposure.read(exposures, frame_rate)
        if self.counted < _LEAST_PRODUCTS or self.texture is None or self.slope is None or self.moved is None:
            return Flicker(whole, NOWHERE, NOWHERE, NOWHERE, NOWHERE, 0.0, doubt)
        moved = float(self.moved.mean()) / len(self.motion)
        redrawn = self.redrawn.levels(self.slope / np.float32(self.textures), moved) * self.levels
        return Flicker(whole, self._patches("low"), self._patches("chroma"), self._detail("mid"), self._detail("fine"), redrawn, doubt)

    def _patches(self, name: str) -> Band:
        product, energy, correlation = self._means(name)
        side = _PLACE_CELLS if self.counted >= 12 else _PLACE_CELLS + 2  # few frames: larger places, or chance decides
        product, energy = (np.asarray(cv2.blur(plane, (side, side)), np.float32).reshape(plane.shape) for plane in (product, energy))
        amplitude, sure = _surely(product, energy, _SURE)
        return self._band(amplitude, float((amplitude * sure).mean()), correlation)

    def _detail(self, name: str) -> Band:
        product, energy, correlation = self._means(name)
        amplitude, sure = _surely(product, energy, _SURE_DETAIL)
        assert self.texture is not None
        assert self.moved is not None
        size = product.shape[::-1]  # tiles of two pictures of odd sizes may differ by one
        texture = area(self.texture / np.float32(self.textures), *size)
        moved = area(self.moved / np.float32(len(self.motion)), *size)
        seen = (
            np.sqrt(np.maximum(np.float32(0), np.square(amplitude) - _GRAIN))
            * sure
            / (1 + _MASKING * np.sqrt(texture))
            / np.square(1 + moved / _TRACKED)
        )
        return self._band(amplitude, float(seen.mean()), correlation)

    def _means(self, name: str) -> tuple[Plane, Plane, float | None]:
        product, energy = (plane / np.float32(self.counted) for plane in self._sums(name))
        total = float(energy.sum())
        correlation = float(np.clip(product.sum() / total, -1, 1)) if total > 1e-3 * energy.size else None
        return product, energy, correlation

    def _sums(self, name: str) -> Products:
        if name != "mid":
            return self.sums[name]
        assert self.redrawn.following is not None
        assert self.redrawn.energy is not None
        return Products(self.redrawn.following, self.redrawn.energy)

    def _band(self, amplitude: Plane, visible: float, correlation: float | None) -> Band:
        map_ = amplitude * np.float32(self.levels)
        return Band(float(np.sqrt(np.square(map_).mean())), visible * self.levels, correlation, map_)


def _surely(product: Plane, energy: Plane, border: tuple[float, float]) -> tuple[Plane, Plane]:
    """(amplitude in luma levels, how sure it is that it is flicker: 0-1) of each place."""
    sure = np.clip((-product / (energy + np.float32(0.02)) - border[0]) / (border[1] - border[0]), 0, 1)
    return np.sqrt(np.maximum(np.float32(0), -product)), np.asarray(sure, np.float32)


def _plane(values: object) -> Plane:
    return np.asarray(values, np.float32)


def _texture(luma: Plane, tiles: tuple[int, int]) -> Plane:
    """Variance of detail, one value a tile."""
    detail = luma - _plane(cv2.blur(luma, (_TEXTURE_PX, _TEXTURE_PX))).reshape(luma.shape)
    return area(np.square(detail), *tiles)


def _slope(luma: Plane, mid: Plane) -> Plane:
    """Mean squared rise a pixel, at the size of ``mid``, one value a tile."""
    small = area(luma, *mid.shape[::-1])
    across, down = _slopes(small + small)
    return area(_plane(across * across + down * down), *tiles(mid))


def _blur(plane: Plane, sigma: float) -> Plane:
    return np.asarray(cv2.GaussianBlur(plane, (0, 0), sigma), np.float32).reshape(plane.shape)
