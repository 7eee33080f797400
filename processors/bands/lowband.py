"""The low bands: how the whole frame's exposure, and patches of brightness and hue, differ from the frames around, along motion.

A frame is compared at a fraction of its size with its neighbours, carried along motion onto it. What most of them agree on is what the
frame should show; the difference becomes a gain and offset for the frame (global), a smooth field of gain and offset (patches of
brightness) and a smooth field of offsets (hue). Light scales colour as it scales brightness, so chroma follows luma's gain as far as it
is seen to. Detail goes through unchanged.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from ..flow import Flow, miss, squared_length, warp
from ..levels import Plane
from ..records import Band
from .strips import enlarged_rows, strips

LINES = 96
FLOOR = 0.35  # levels: flicker below this is left alone
OWN_WEIGHT = 0.3  # of the frame under repair in the mean: its flicker is what the mean has to be free of
AGREEMENT = 6.0  # variances: a neighbour this far from what most show counts 1/e
MOST_GAIN = 0.4  # what is wanted beyond it is added, else a glow put into the dark would light up every star
SURE_SHARE = 0.2  # of the neighbours, trusted: with it half of what is missing is added, with three times as many nearly all
UNUSUAL, UNUSUAL_LEVELS = 7.0, 7.0  # times the median over the frame, and levels: where half of what is missing is added
NEAR, FAR = 6, 2.5  # frames: up to the middle window's reach all count alike; so many beyond it, a neighbour counts 1/e
DARK = 8.0  # levels added before a division by luma
LUMA_NOISE = 4.0  # levels of structure that differ without anything being wrong
NEUTRAL = np.float32(128)
PLAIN = 100.0  # variance, levels squared: of a picture with less the contrast tells nothing of the gain
CERTAIN_FADE = 3.0  # standard errors of a trend, or a bend, that is taken for a real change of light


@dataclass(frozen=True)
class View:
    """A frame at the low bands' size."""

    layers: NDArray[np.float32]  # (h, w, 4) levels of Y, U, V, and of luma less its local mean: what stays when the light flickers

    @property
    def picture(self) -> NDArray[np.float32]:
        return self.layers[..., :3]

    @property
    def structure(self) -> Plane:
        return self.layers[..., 3]


@dataclass(frozen=True)
class Neighbour:
    """Another frame as seen from the one under repair."""

    distance: int  # frames, negative before
    view: View
    there: Flow  # for each pixel here, where it is in that frame; at the view's size
    back: Flow


@dataclass(frozen=True)
class Correction:
    """What a frame lacks. Y becomes ``Y + gain * Y + offset`` for exposure and ``Y + scale * Y + local`` for patches; chroma is drawn
    from neutral by ``follows`` times the same gains, and moved by ``hues``, where its band is treated.
    """

    gain: float
    offset: float  # levels
    scale: Plane  # (h, w)
    local: Plane  # (h, w) levels
    follows: float  # 0-1
    hues: NDArray[np.float32]  # (h, w, 2) levels of U, V

    def applied(self, planes: list[Plane], bands: tuple[Band, ...], strength: float = 1.0) -> list[Plane]:
        """The planes with the treated bands corrected; a plane that no treated band touches is returned as it is."""
        part = np.float32(strength)
        result = list(planes)
        if Band.GLOBAL_LUMA in bands or Band.LOW_LUMA in bands:  # patches have a mean of their own, which the exposure takes up
            patches = np.float32(Band.LOW_LUMA in bands)
            factor, added = patches * self.scale + np.float32(self.gain), patches * self.local + np.float32(self.offset)
            result[0] = _scaled(planes[0], factor, _f32(added), part)
        if Band.LOW_CHROMA in bands:
            factor = np.float32(self.follows) * (self.scale + np.float32(self.gain))
            hues = _f32(self.hues - (NEUTRAL * factor)[..., None])
            result[1:] = [_scaled(plane, factor, hues[..., index], part) for index, plane in enumerate(planes[1:])]
        return result


def view_size(width: int, height: int) -> tuple[int, int]:
    """(width, height) of the low bands' picture of a frame."""
    lines = min(LINES, height)
    return max(1, round(width * lines / height)), lines


def view(planes: Sequence[NDArray[np.uint16]], steps_per_level: int) -> View:
    """Of Y, U and V in code values, each of its own size."""
    size = view_size(planes[0].shape[1], planes[0].shape[0])
    picture = [_shrunk(plane, size) * np.float32(1 / steps_per_level) for plane in planes]
    box = max(3, size[1] // 6) | 1
    return View(np.dstack([*picture, picture[0] - _f32(cv2.blur(picture[0], (box, box), borderType=cv2.BORDER_REPLICATE))]))


def light(planes: Sequence[Plane]) -> NDArray[np.float32]:
    """Y, U and V in levels, each of its own size, at the low bands' size: (h, w, 3)."""
    size = view_size(planes[0].shape[1], planes[0].shape[0])
    return np.dstack([_shrunk(plane, size) for plane in planes])


def without_low(change: Plane) -> Plane:
    """A change of planes (h, w[, 2]) less what of it belongs to the low bands."""
    size = view_size(change.shape[1], change.shape[0])
    return change - _enlarged(_blurred(_shrunk(change, size), size[1] / 16), change)


def correction(here: View, neighbours: list[Neighbour], *, follows_light: bool = True) -> Correction:
    """What ``here`` lacks beside its neighbours (at least one). ``follows_light``: slow changes of the whole frame's light are wanted."""
    lines, columns = here.structure.shape
    distances = np.array([neighbour.distance for neighbour in neighbours])
    differences = np.empty((3, len(distances), lines, columns), np.float32)
    doubts = np.empty((len(distances), lines, columns), np.float32)
    own = _planar(here.layers)
    luma, colour, contrast = own[0], own[1:3], _f32(cv2.blur(np.abs(here.structure), (9, 9)))
    for place, neighbour in enumerate(neighbours):
        carried = _planar(warp(neighbour.view.layers, neighbour.there))
        np.subtract(carried[:3], own[:3], out=differences[:, place])
        doubts[place] = _doubt(carried[3] - own[3], contrast, neighbour)
    reliable = np.exp(np.negative(doubts, out=doubts), out=doubts)
    reliable += np.float32(1e-4)
    if follows_light:
        reliable *= _nearness(distances)[:, None, None]
        slow = _slow_light(distances, differences[..., ::2, ::2], reliable[:, ::2, ::2])
        lightness = luma / max(np.float32(luma.mean()), np.float32(1))  # a fade scales luma
        differences[0] -= slow[0, :, None, None] * lightness
        differences[1:] -= slow[1:, :, None, None]
    wanted, trust = _wanted(differences, reliable)
    gain, offset = _exposure(luma, wanted[0], trust[0])
    shone = _f32(luma + np.float32(gain) * luma + np.float32(offset))
    missing = _f32(wanted[0] - (shone - luma))
    shares = [_blurred(_f32(each / len(neighbours)), lines / 16) for each in trust]
    patches = _believed(missing, trust[0], shares[0])
    base = _blurred(shone, lines / 32) + np.float32(DARK)
    scale = np.clip(_part_as_gain(shone, missing, patches, base, trust[0]) * patches / base, -MOST_GAIN, MOST_GAIN)
    lit = _f32((scale + np.float32(gain)) * (colour - NEUTRAL))
    follows = _follows(wanted[1:], lit, trust[1:])
    unlit = wanted[1:] - np.float32(follows) * lit
    hues = np.dstack([_believed(*each) for each in zip(unlit, trust[1:], shares[1:], strict=True)])
    return Correction(gain, offset, _f32(scale), _f32(patches - scale * base), follows, _f32(hues))


def _doubt(change: Plane, contrast: Plane, neighbour: Neighbour) -> Plane:
    """0 where motion leads back to where it began, to a place of the same structure; above 1 where it does not. ``change`` of structure
    is held against its ``contrast`` around.
    """
    there, lines = neighbour.there, change.shape[0]
    slack = np.float32((lines / 60) ** 2) + np.float32(0.02) * squared_length(there)
    unlike = _f32(cv2.blur(np.abs(change), (5, 5))) / (contrast + np.float32(LUMA_NOISE))
    return _f32(miss(there, neighbour.back) / slack + unlike * unlike)


def _nearness(distances: NDArray[np.int64] | NDArray[np.float32]) -> NDArray[np.float32]:
    """0-1: at a shot's ends neighbours lie far off to one side, and light that changes as the camera turns would bend their mean."""
    return _f32(np.exp(-np.square(np.maximum(np.abs(distances) - NEAR, 0) / FAR)))


def _slow_light(distances: NDArray[np.int64], differences: NDArray[np.float32], reliable: NDArray[np.float32]) -> NDArray[np.float32]:
    """What slow changes of the whole frame's light put into the differences, (3, n) levels, as far as it is certain: a fade, which biases
    the mean at a shot's ends, and then a bend in it, where near frames tell more than all.
    """
    steps = np.append(distances, 0).astype(np.float32)
    levels = (reliable * differences).sum((2, 3)).T / reliable.sum((1, 2))[:, None]
    levels = np.vstack([levels, np.zeros((1, 3), np.float32)])
    apart = steps - steps.mean()
    spread = float(np.square(apart).sum())
    slope = (apart[:, None] * levels).sum(0) / spread
    rest = levels - levels.mean(0) - slope * apart[:, None]
    error = np.sqrt(np.square(rest).sum(0) / max(1, len(steps) - 2) / spread) + 0.02
    fade = np.where(np.abs(slope) > CERTAIN_FADE * error, slope, 0) * steps[:, None]
    return _f32(fade - _bend(steps, levels - fade))[:-1].T


def _bend(steps: NDArray[np.float32], levels: NDArray[np.float32]) -> NDArray[np.float32]:
    """How far near frames lie above all, (3,) levels, less what flicker makes of it by chance; second differences do not see slow change."""
    if len(steps) < 4:
        return np.zeros(3, np.float32)
    ordered = levels[np.argsort(steps)]
    flicker = np.square(2 * ordered[1:-1] - ordered[:-2] - ordered[2:]).mean(0) / 6
    near = np.exp(-np.square(steps / np.float32(1.5)))
    near /= near.sum()
    usual = _nearness(steps)
    usual /= usual.sum()
    bend = ((near - usual)[:, None] * levels).sum(0)
    chance = float(np.square(near - usual).sum()) * flicker
    return _f32(bend * np.maximum(0, 1 - CERTAIN_FADE**2 * chance / (np.square(bend) + 1e-6)))


NOBODY = np.float32(1e-20)
"""Weights fall below what floats hold where a frame differs from all around it and those from each other."""


def _wanted(differences: NDArray[np.float32], reliable: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """From differences (3, n, h, w) and their weights (n, h, w): the mean along motion of what most neighbours agree on, less the frame
    itself, and how many neighbours that were; both (3, h, w).
    """
    lines = differences.shape[2]
    total = reliable.sum(0)
    mean = np.einsum("cnhw,nhw->chw", differences, reliable) / (total + 1)
    weights = differences - mean[:, None]
    np.square(weights, out=weights)
    spreads = np.einsum("cnhw,nhw->chw", weights, reliable) / total
    variance = np.stack([_usual(_f32(spread), lines) for spread in spreads]) + np.float32(0.25)
    narrowness = 1 / (-AGREEMENT * variance)
    weights *= narrowness[:, None]
    np.exp(weights, out=weights)
    weights *= reliable
    own = np.float32(OWN_WEIGHT) * np.exp(np.square(mean) * narrowness)
    trust = weights.sum(1)
    mean = np.einsum("cnhw,cnhw->chw", weights, differences) / np.maximum(trust + own, NOBODY)  # where nobody agrees, the frame stays
    return _f32(mean * (variance / (variance + np.float32(FLOOR**2)))), _f32(trust)


def _usual(variance: Plane, lines: int) -> Plane:
    """Variance of at most what is usual around (geometric mean): what moves too fast to be found, a galloping leg, looks like flicker,
    but is small.
    """
    usual = np.exp(_blurred(np.log(_blurred(variance, lines / 64) + np.float32(0.01)), lines / 8))
    return np.minimum(_blurred(variance, lines / 12), usual)


def _exposure(luma: Plane, wanted: Plane, trust: Plane) -> tuple[float, float]:
    """Gain and offset that give ``luma`` the mean and the deviation of ``luma + wanted``; outliers count less from round to round.

    Deviations are matched, not fitted by least squares: noise in either picture would pass for too little contrast in the other.
    """
    own = _blurred(luma, luma.shape[0] / 24)
    aim = own + _blurred(wanted, luma.shape[0] / 24)
    weights = trust + np.float32(1e-3)
    gain = offset = 0.0
    for _ in range(3):
        total = float(weights.sum())
        mine, theirs = float((weights * own).sum()) / total, float((weights * aim).sum()) / total
        spreads = [float((weights * np.square(part - mean)).sum()) / total for part, mean in ((own, mine), (aim, theirs))]
        gain = min(MOST_GAIN, max(-MOST_GAIN, ((spreads[1] + PLAIN) / (spreads[0] + PLAIN)) ** 0.5 - 1))
        offset = theirs - (1 + gain) * mine
        off = aim - own - gain * own - offset
        weights = _f32(trust / (1 + np.square(off / (2 * float(np.median(np.abs(off))) + 0.5)))) + np.float32(1e-3)
    return gain, offset


def _follows(wanted: NDArray[np.float32], predicted: NDArray[np.float32], trust: NDArray[np.float32]) -> float:
    """The part, 0-1, of luma's gains that colour shows too, by least squares; 0 where nothing tells."""
    energy = float((trust * np.square(predicted)).sum()) + 0.02 * float(trust.sum())
    return min(1.0, max(0.0, float((trust * wanted * predicted).sum()) / energy))


def _part_as_gain(luma: Plane, wanted: Plane, local: Plane, base: Plane, trust: Plane) -> float:
    """How much of the patches scaled the detail in them (shading) rather than lay over it (haze); a half where nothing tells."""
    lines = luma.shape[0]
    missing = wanted - _blurred(wanted, lines / 20)
    target = luma + wanted
    predicted = _blurred(local, lines / 30) / base * (target - _blurred(target, lines / 20))
    doubt = 0.05 * float(trust.sum())
    seen = float((trust * predicted * missing).sum()) + 0.5 * doubt
    return min(1.0, max(0.0, seen / (float((trust * predicted * predicted).sum()) + doubt)))


def _believed(missing: Plane, trust: Plane, share: Plane) -> Plane:
    """The smooth field of what is missing, as far as it is flicker: not where hardly a neighbour can be trusted, ``share`` being the part
    of them, nor what goes far beyond all else in the frame, which is a thing that is there in one frame and not in the next.
    """
    lines = missing.shape[0]
    seen = np.abs(_blurred(missing, lines / 24))
    limit = UNUSUAL * float(np.median(seen)) + np.float32(UNUSUAL_LEVELS)
    odd, unsure = np.square(seen / limit), np.float32(SURE_SHARE) / (share + np.float32(1e-3))
    plausible = 1 / (1 + np.square(np.square(odd)))  # numpy's powers take a hundred times as long
    belief = plausible / (1 + unsure * unsure * unsure)
    around = np.ones((max(3, lines // 10) | 1,) * 2, np.uint8)
    belief = _blurred(_f32(cv2.erode(_f32(belief), around)), lines / 24)
    wide = _blurred(_f32(missing * trust * plausible), lines / 3) / (_blurred(_f32(trust * plausible), lines / 3) + np.float32(1e-3))
    return _f32(belief * _spread(missing, _f32(trust * belief)) + (1 - belief) * wide)


def _spread(values: Plane, trust: Plane) -> Plane:
    """Values smoothed with their trust, those far from what is around them left out; where there is none they come from farther away."""
    lines = values.shape[0]
    smooth = _mean_nearby(values, trust)
    off = np.abs(values - smooth)
    usual = _blurred(off * trust, lines / 12) / (_blurred(trust, lines / 12) + np.float32(1e-3))
    return _mean_nearby(values, _f32(trust / (1 + np.square(off / (1.5 * usual + 0.5)))))


def _mean_nearby(values: Plane, trust: Plane) -> Plane:
    lines = values.shape[0]
    numerator, denominator = np.zeros_like(values), np.full_like(values, 1e-4)
    for sigma, share in ((lines / 64, 1.0), (lines / 15, 0.05), (lines / 4, 0.002)):
        numerator += share * _blurred(_f32(values * trust), sigma)
        denominator += share * _blurred(trust, sigma)
    return _f32(numerator / denominator)


def _blurred(values: NDArray[np.float32], sigma: float) -> NDArray[np.float32]:
    """By a Gaussian; wide ones, whose kernels are long, at a quarter of the size."""
    height, width = values.shape[:2]
    if sigma >= 5 and min(height, width) >= 16:
        small = cv2.resize(values, (-(-width // 4), -(-height // 4)), interpolation=cv2.INTER_AREA)
        return _f32(
            cv2.resize(
                cv2.GaussianBlur(small, (0, 0), sigma / 4, borderType=cv2.BORDER_REPLICATE), (width, height), interpolation=cv2.INTER_LINEAR
            )
        )
    return np.asarray(cv2.GaussianBlur(values, (0, 0), sigma, borderType=cv2.BORDER_REPLICATE), np.float32)


def _f32(values: NDArray[np.floating] | cv2.typing.MatLike) -> NDArray[np.float32]:
    return np.asarray(values, np.float32)


def _planar(layers: NDArray[np.float32]) -> NDArray[np.float32]:
    """(channels, h, w) of (h, w, channels), at twice the speed of numpy."""
    height, width, channels = layers.shape
    return _f32(cv2.transpose(layers.reshape(-1, channels))).reshape(channels, height, width)


def _shrunk(plane: Plane | NDArray[np.uint16], size: tuple[int, int]) -> Plane:
    return np.asarray(cv2.resize(plane, size, interpolation=cv2.INTER_AREA), np.float32)


def _scaled(plane: Plane, factor: Plane, added: Plane, strength: np.float32) -> Plane:
    factor, added = strength * factor, strength * added
    result = np.empty_like(plane)
    for rows in strips(plane.shape):
        np.multiply(enlarged_rows(factor, plane.shape, rows, more=1), plane[rows], out=result[rows])
        result[rows] += enlarged_rows(added, plane.shape, rows)
    return result


def _enlarged(field: Plane, plane: Plane) -> Plane:
    """A field of the low bands' size at the size of ``plane``."""
    return np.asarray(cv2.resize(field, plane.shape[1::-1], interpolation=cv2.INTER_LINEAR), np.float32)
