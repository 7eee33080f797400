"""The whole frame's brightness over time: how it shifts between two frames, and whether that is flicker, pulsing or a wanted change."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import NormalDist
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Plane = NDArray[np.float32]

_ROUNDS = 3
_PULSE_S = 1.0  # what changes more slowly than over this time is a change of light, and is followed
_TURNS = (3, 6)  # fewer ups and downs may be light that changes and returns; three of each count in full
_UNEVEN = (0.3, 0.55)  # spread of the times between turns over their mean: light that is changed on purpose keeps no time
_TURN = 0.3  # of the standard deviation: smaller ups and downs are no turn
_OUTLIERS = 12  # one value in so many is left out, and three at least, so that neither one flash nor a light switched on is flicker
_LEAST_OUTLIERS = 3


class Exposure(NamedTuple):
    amplitude: float  # display levels, standard deviation of brightness drawn anew for each frame
    pulse: float  # the same of brightness that goes up and down within a second or so; 0 when it keeps no time
    correlation: float | None  # of successive shifts
    period: float | None = None  # of the pulse, in frames


def median(values: NDArray[np.floating]) -> float:
    """The upper median: as good as numpy's for many values, at a third of the time."""
    middle = values.size // 2
    return float(np.partition(values.ravel(), middle)[middle])


def shift(change: Plane, level: Plane) -> tuple[float, float]:
    """(offset, gain) of ``change = offset + gain * level`` by reweighted least squares (Cauchy weights): moving things do not pull at it."""
    x, y = level.ravel(), change.ravel()
    offset, gain = median(y[::2]), 0.0
    spread = _spread(y - np.float32(offset))
    for _ in range(_ROUNDS):
        weight = _weights(y - np.float32(offset) - np.float32(gain) * x, spread)
        weighted = weight * x
        s, sx, sxx = float(weight.sum()), float(weighted.sum()), float(weighted @ x) + 1e-3 * len(x)
        sy, sxy = float(weight @ y), float(weighted @ y)
        determinant = s * sxx - sx * sx
        offset, gain = (sy * sxx - sx * sxy) / determinant, (s * sxy - sx * sy) / determinant
    return offset, gain


def gain(change: Plane, level: Plane) -> float:
    """``gain`` of ``change = gain * level``, in the same way."""
    x, y = level.ravel(), change.ravel()
    found = 0.0
    spread = _spread(y)
    for _ in range(_ROUNDS):
        weighted = _weights(y - np.float32(found) * x, spread) * x
        found = float(weighted @ y) / (float(weighted @ x) + 1e-3 * len(x))
    return found


def read(runs: Sequence[Sequence[float]], frame_rate: float) -> Exposure:
    """``runs``: shifts from frame to frame in display levels, one list for each stretch of frames without a gap.

    The amplitude comes from the second difference of brightness: 0 for fades, 6 times the variance for brightness drawn anew.
    """
    series = [np.asarray(run, np.float64) for run in runs]
    pulse, period = _pulse(series, frame_rate)
    return Exposure(_amplitude(series), pulse, _correlation(series), period)


def _spread(miss: NDArray[np.floating]) -> float:
    """Twice the standard deviation, outliers apart, and a little: every second cell tells it as well as all."""
    return 2 * (1.48 * median(np.abs(miss[::2])) + 0.3)


def _weights(miss: NDArray[np.floating], spread: float) -> NDArray[np.float32]:
    return np.asarray(1 / (1 + np.square(miss / np.float32(spread))), np.float32)


def _amplitude(series: Sequence[NDArray[np.float64]]) -> float:
    """The largest twelfth is left out; the rest is scaled to what all would be, were they normally distributed."""
    bends = np.sort(np.concatenate([np.diff(run) ** 2 for run in series] or [np.zeros(0)]))
    if not len(bends):
        return 0.0
    left_out = max(_LEAST_OUTLIERS, len(bends) // _OUTLIERS) if len(bends) >= 24 else len(bends) // 10
    kept = bends[: len(bends) - left_out]
    return float(np.sqrt(kept.mean() / _share_of_variance(len(kept) / len(bends)) / 6))


def _correlation(series: Sequence[NDArray[np.float64]]) -> float | None:
    energy = sum(float(run @ run) for run in series if len(run) > 1)
    if energy <= 0.01 * sum(map(len, series)):
        return None
    return float(np.clip(sum(float(run[1:] @ run[:-1]) for run in series) / energy, -1, 1))


def _pulse(series: Sequence[NDArray[np.float64]], frame_rate: float) -> tuple[float, float | None]:
    """Standard deviation of brightness about its moving mean, as far as it goes up and down often and at an even pace; and its period."""
    width = max(5, round(_PULSE_S * frame_rate)) | 1
    swings = [_about_its_mean(run, min(width, len(run) | 1)) for run in series if len(run) >= 8]
    if not swings:
        return 0.0, None
    turns = [_turns(swing) for swing in swings]
    gaps = np.concatenate([np.diff(places) for places in turns])
    if not len(gaps):
        return 0.0, None
    often = np.clip((sum(map(len, turns)) - _TURNS[0]) / (_TURNS[1] - _TURNS[0]), 0, 1)
    evenly = np.clip((_UNEVEN[1] - gaps.std() / gaps.mean()) / (_UNEVEN[1] - _UNEVEN[0]), 0, 1)
    squares = np.sort(np.concatenate(swings) ** 2)
    kept = squares[: len(squares) - max(1, len(squares) // _OUTLIERS)]
    pulse = float(often * evenly * np.sqrt(kept.mean()))
    return pulse, 2 * float(gaps.mean()) if pulse > 0 else None


def _about_its_mean(shifts: NDArray[np.float64], width: int) -> NDArray[np.float64]:
    level = np.concatenate(([0.0], np.cumsum(shifts)))
    half = min(width // 2, len(level) - 1)
    mirrored = np.concatenate((2 * level[0] - level[half:0:-1], level, 2 * level[-1] - level[-2 : -half - 2 : -1]))
    return level - np.convolve(mirrored, np.full(2 * half + 1, 1 / (2 * half + 1)), "valid")


def _turns(swing: NDArray[np.float64]) -> NDArray[np.int64]:
    """Places at which a swing crosses its mean."""
    far = np.flatnonzero(np.abs(swing) > _TURN * swing.std())
    crossing = np.flatnonzero(np.diff(np.sign(swing[far])) != 0)
    return far[crossing + 1]


def _share_of_variance(kept: float) -> float:
    """Mean square of a normal variable's smallest share ``kept``, over that of the whole."""
    if kept >= 1:
        return 1.0
    normal = NormalDist()
    border = normal.inv_cdf((1 + kept) / 2)
    return 1 - 2 * border * normal.pdf(border) / kept
