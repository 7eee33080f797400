"""The low bands: how the whole frame's exposure, and patches of brightness and hue, differ from the frames around, along motion.

A frame is compared at a fraction of its size with its neighbours, carried along motion onto it. What most of them agree on is what the
frame should show; the difference becomes a gain and offset for the frame (global), a smooth field of gain and offset (patches of
brightness) and a smooth field of offsets (hue). Detail goes through unchanged.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from .flow import Flow, warp
from .levels import Plane
from .records import Band

LINES = 96
_FLOOR = 0.35  # levels: flicker below this is left alone
_MOST_GAIN = 0.4  # what is wanted beyond it is added, else a glow put into the dark would light up every star
_DARK = 8.0  # levels added before a division by luma
_FORGIVEN = 50.0  # levels squared of flicker that halve any doubt about motion
_LUMA_NOISE = 4.0  # levels of structure that differ without anything being wrong


@dataclass(frozen=True)
class View:
    """A frame at the low bands' size."""

    picture: NDArray[np.float32]  # (h, w, 3) levels of Y, U, V
    structure: Plane  # (h, w) luma less its local mean: what stays when the light flickers


@dataclass(frozen=True)
class Neighbour:
    """Another frame as seen from the one under repair."""

    distance: int  # frames, negative before
    view: View
    there: Flow  # for each pixel here, where it is in that frame; at the view's size
    back: Flow


@dataclass(frozen=True)
class Correction:
    """What a frame lacks, in levels. Exposure: ``gain * Y + offset``; patches: ``local``, which luma gets partly as a gain."""

    gain: float
    offset: float
    local: NDArray[np.float32]  # (h, w, 3) of Y, U, V
    as_gain: float  # the part of luma's patches, 0-1, that scales detail too
    base: Plane  # (h, w) what luma is without detail

    def applied(self, planes: list[Plane], bands: tuple[Band, ...], strength: float = 1.0) -> list[Plane]:
        """The planes with the treated bands corrected; a plane that no treated band touches is returned as it is."""
        luma, part = planes[0], np.float32(strength)
        result = list(planes)
        if Band.GLOBAL_LUMA in bands or Band.LOW_LUMA in bands:
            result[0] = _f32(luma + part * self._luma_change(luma, bands))
        if Band.LOW_CHROMA in bands:
            result[1:] = [_f32(planes[index] + part * _enlarged(self.local[..., index], planes[index])) for index in (1, 2)]
        return result

    def _luma_change(self, luma: Plane, bands: tuple[Band, ...]) -> Plane:
        change = np.float32(self.gain) * luma + np.float32(self.offset)
        if Band.GLOBAL_LUMA not in bands:
            change -= change.mean()
        if Band.LOW_LUMA in bands:
            scaled = _f32(np.clip(self.as_gain * self.local[..., 0] / self.base, -_MOST_GAIN, _MOST_GAIN))
            change += _enlarged(scaled, luma) * luma + _enlarged(_f32(self.local[..., 0] - scaled * self.base), luma)
        return _f32(change)


def view_size(width: int, height: int) -> tuple[int, int]:
    """(width, height) of the low bands' picture of a frame."""
    lines = min(LINES, height)
    return max(1, round(width * lines / height)), lines


def view(planes: list[Plane]) -> View:
    size = view_size(planes[0].shape[1], planes[0].shape[0])
    picture = np.dstack([_shrunk(plane, size) for plane in planes])
    luma = picture[..., 0]
    box = max(3, size[1] // 6) | 1
    return View(picture, luma - np.asarray(cv2.blur(luma, (box, box), borderType=cv2.BORDER_REPLICATE), np.float32))


def without_low(change: Plane) -> Plane:
    """A change of planes (h, w[, 2]) less what of it belongs to the low bands."""
    size = view_size(change.shape[1], change.shape[0])
    return change - _enlarged(_blurred(_shrunk(change, size), size[1] / 16), change)


def correction(here: View, neighbours: list[Neighbour]) -> Correction:
    """What ``here`` lacks beside its neighbours (at least one)."""
    lines, columns = here.structure.shape
    distances = np.array([neighbour.distance for neighbour in neighbours] + [0])
    differences = np.zeros((len(distances), lines, columns, 3), np.float32)
    doubts = np.zeros((len(distances), lines, columns), np.float32)
    for place, neighbour in enumerate(neighbours):
        differences[place] = warp(neighbour.view.picture, neighbour.there) - here.picture
        doubts[place] = _doubt(here, neighbour)
    order = np.argsort(distances)
    distances, differences = distances[order], differences[order]
    reliable = np.exp(-doubts[order] / (1 + _least_flicker(differences) / _FORGIVEN))
    flicker = _flicker(differences, reliable)
    differences = _without_trend(distances, differences, reliable, flicker)
    weights = reliable[..., None] * _agreement(differences, flicker)
    wanted = _f32(_wanted(distances, differences, weights, flicker) * (flicker / (flicker + _FLOOR**2)))
    trust = weights.sum(0)
    luma = here.picture[..., 0]
    gain, offset = _exposure(luma, wanted[..., 0], trust[..., 0])
    wanted[..., 0] -= gain * luma + offset
    local = np.dstack([_spread(wanted[..., index], trust[..., index]) for index in range(3)])
    base = _blurred(luma, lines / 20) + _DARK
    return Correction(gain, offset, local, _part_as_gain(luma, wanted[..., 0], local[..., 0], base, trust[..., 0]), base)


def _doubt(here: View, neighbour: Neighbour) -> Plane:
    """0 where motion leads back to where it began, to a place of the same structure; above 1 where it does not."""
    other, there, back = neighbour.view, neighbour.there, neighbour.back
    lines = here.structure.shape[0]
    miss = np.square(there + warp(back, there)).sum(2)
    slack = (lines / 60) ** 2 + 0.02 * np.square(there).sum(2)
    change = cv2.blur(np.abs(warp(other.structure, there) - here.structure), (5, 5))
    contrast = cv2.blur(np.abs(here.structure), (9, 9))
    return _f32(miss / slack + np.square(change / (contrast + _LUMA_NOISE)))


def _least_flicker(differences: NDArray[np.float32]) -> float:
    """The variance of luma's flicker, levels squared, that three quarters of the frame exceed: under it a missed edge matters less."""
    luma = differences[..., 0]
    if len(luma) < 3:
        return float(np.percentile(np.square(luma), 25)) / 2
    return float(np.percentile(np.square(luma[1:-1] * 2 - luma[:-2] - luma[2:]).mean(0), 25)) / 6


def _flicker(differences: NDArray[np.float32], reliable: NDArray[np.float32]) -> NDArray[np.float32]:
    """Variance, levels squared, of what changes from frame to frame and back: second differences do not see slow change.

    It is never more than is usual around (geometric mean): what moves too fast to be found, a galloping leg, looks like flicker, but
    is small.
    """
    if len(differences) < 3:
        return np.mean(np.square(differences), 0) / 2
    bends = differences[1:-1] * 2 - differences[:-2] - differences[2:]
    weights = np.minimum(np.minimum(reliable[:-2], reliable[2:]), reliable[1:-1])[..., None] + 1e-3
    variance = _f32((np.square(bends) * weights).sum(0) / weights.sum(0) / 6)
    lines = differences.shape[1]
    usual = np.exp(_blurred(np.log(_blurred(variance, lines / 64) + np.float32(0.01)), lines / 8))
    return np.minimum(_blurred(variance, lines / 12), usual)


def _without_trend(
    distances: NDArray[np.int64], differences: NDArray[np.float32], reliable: NDArray[np.float32], flicker: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Differences less a steady change of light (a fade), where it is more than flicker makes by chance: at a shot's ends it would bias."""
    weights = reliable[..., None]
    total = weights.sum(0) + 1e-6
    steps = distances[:, None, None, None].astype(np.float32)
    apart = steps - (weights * steps).sum(0) / total
    spread = (weights * np.square(apart)).sum(0) + 1e-3
    slope = (weights * apart * differences).sum(0) / spread
    energy = _blurred(_f32(np.square(slope)), differences.shape[1] / 6)
    certain = np.maximum(0, 1 - 4 * flicker / spread / (energy + 1e-6))
    return _f32(differences - certain * slope * steps)


def _agreement(differences: NDArray[np.float32], flicker: NDArray[np.float32]) -> NDArray[np.float32]:
    """Weights that leave out frames far from what most show."""
    middle = np.asarray(np.median(differences, 0), np.float32)
    spread = 18 * flicker + 1
    return np.exp(-np.square(differences - middle) / spread) + np.float32(1e-6)


def _wanted(
    distances: NDArray[np.int64], differences: NDArray[np.float32], weights: NDArray[np.float32], flicker: NDArray[np.float32]
) -> NDArray[np.float32]:
    """The mean along motion, shortened where the light really changes."""
    near = np.exp(-np.square(distances / 1.5))[:, None, None, None].astype(np.float32)
    total, near_weights = weights.sum(0), weights * near
    long = (weights * differences).sum(0) / total
    short = (near_weights * differences).sum(0) / near_weights.sum(0)
    slow = short - long
    chance = np.square(near_weights / near_weights.sum(0) - weights / total).sum(0) * flicker
    energy = _blurred(np.square(slow), differences.shape[1] / 6)
    return _f32(long + np.maximum(0, 1 - 4 * chance / (energy + 1e-6)) * slow)


def _exposure(luma: Plane, wanted: Plane, trust: Plane) -> tuple[float, float]:
    """Gain and offset that turn ``luma`` into ``luma + wanted``, fitted with weights; outliers count less from round to round.

    Both are blurred first, as an average along motion is softer than a frame, and the frame is fitted on the average: the other way
    round the frame's own flicker would pass for too much contrast.
    """
    wanted = _blurred(wanted, luma.shape[0] / 24)
    target = _blurred(luma, luma.shape[0] / 24) + wanted
    weights = trust + 1e-3
    slope = offset = 0.0
    for _ in range(3):
        total = float(weights.sum())
        mean_x, mean_y = float((weights * target).sum()) / total, -float((weights * wanted).sum()) / total
        apart = target - mean_x
        variance = float((weights * apart * apart).sum()) / total
        slope = -float((weights * apart * (wanted + mean_y)).sum()) / total / (variance + 30)
        slope = min(_MOST_GAIN, max(-_MOST_GAIN / 2, slope))
        offset = mean_y - slope * mean_x
        miss = wanted + slope * target + offset
        weights = trust / (1 + np.square(miss / (2 * float(np.median(np.abs(miss))) + 0.5))) + 1e-3
    return 1 / (1 + slope) - 1, -offset / (1 + slope)


def _part_as_gain(luma: Plane, wanted: Plane, local: Plane, base: Plane, trust: Plane) -> float:
    """How much of the patches scaled the detail in them (shading) rather than lay over it (haze); a half where nothing tells."""
    lines = luma.shape[0]
    missing = wanted - _blurred(wanted, lines / 20)
    target = luma + wanted
    predicted = _blurred(local, lines / 30) / base * (target - _blurred(target, lines / 20))
    doubt = 0.05 * float(trust.sum())
    seen = float((trust * predicted * missing).sum()) + 0.5 * doubt
    return min(1.0, max(0.0, seen / (float((trust * predicted * predicted).sum()) + doubt)))


def _spread(values: Plane, trust: Plane) -> Plane:
    """Values smoothed with their trust, those far from what is around them left out; where there is none they come from farther away."""
    lines = values.shape[0]
    smooth = _mean_nearby(values, trust)
    miss = np.abs(values - smooth)
    usual = _blurred(miss * trust, lines / 12) / (_blurred(trust, lines / 12) + np.float32(1e-3))
    return _mean_nearby(values, _f32(trust / (1 + np.square(miss / (1.5 * usual + 0.5)))))


def _mean_nearby(values: Plane, trust: Plane) -> Plane:
    lines = values.shape[0]
    numerator, denominator = np.zeros_like(values), np.full_like(values, 1e-4)
    for sigma, share in ((lines / 60, 1.0), (lines / 15, 0.05), (lines / 4, 0.002)):
        numerator += share * _blurred(_f32(values * trust), sigma)
        denominator += share * _blurred(trust, sigma)
    return _f32(numerator / denominator)


def _blurred(values: NDArray[np.float32], sigma: float) -> NDArray[np.float32]:
    return np.asarray(cv2.GaussianBlur(values, (0, 0), sigma, borderType=cv2.BORDER_REPLICATE), np.float32)


def _f32(values: NDArray[np.floating]) -> NDArray[np.float32]:
    return np.asarray(values, np.float32)


def _shrunk(plane: Plane, size: tuple[int, int]) -> Plane:
    return np.asarray(cv2.resize(plane, size, interpolation=cv2.INTER_AREA), np.float32)


def _enlarged(field: Plane, plane: Plane) -> Plane:
    """A field of the low bands' size at the size of ``plane``."""
    return np.asarray(cv2.resize(field, plane.shape[1::-1], interpolation=cv2.INTER_LINEAR), np.float32)
