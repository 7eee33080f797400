"""What a codec did to the picture: bands in smooth ramps, edges at the 8-pixel grid, a pulse at key frames."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

LEAST_STAIRS = 0.02
"""Share of stairs under which CAMBI is not asked."""

SOFTENING = 0.4
"""Levels added to the steps beside the grid before steps at the grid are set against them: a step of a tenth of a level in flat
black is no block.
"""

_SPAN_PX = 32
_GRID_PX = 8
_HIGHEST_STEP = 16  # levels
_REACH_PX = 6  # half of what a step is measured over
_STEP = (3, 14)  # levels
_SHARP = 0.75  # of a step happens within five pixels
_TREAD_PX = (8, 120)
_EVERY_ROW = 4
_NEAR = 6  # frames
_UNEVEN, _FEW = 2.2, 3  # of the median absolute deviation: one and a half standard deviations; so many times where only two key frames tell
_MOTION_HIDES = 0.12  # of the change that motion leaves anyway
_SMOOTH = 2.0  # levels a pixel: texture hides the grid


def stairs(luma: NDArray[np.uint8]) -> float:
    """Share of places where luma goes up or down by 1-8 levels within 32 pixels without ever turning: a ramp without noise, which
    8 bits show as bands.
    """
    if luma.shape[1] <= _SPAN_PX:
        return 0.0
    rows = luma[::2]
    path = np.cumsum(cv2.absdiff(rows[:, 1:], rows[:, :-1]), axis=1, dtype=np.uint16)  # wraps, as its differences do
    travelled = path[:, _SPAN_PX - 1 :].copy()
    travelled[:, 1:] -= path[:, : travelled.shape[1] - 1]
    gained = cv2.absdiff(rows[:, _SPAN_PX:], rows[:, :-_SPAN_PX])
    return float(((gained >= 1) & (gained <= 8) & (travelled == gained)).mean())


def grid_gradients(luma: NDArray[np.uint8]) -> tuple[float, float]:
    """Mean horizontal step in smooth places (at the 8-pixel grid, halfway between), in luma levels; 0, 0 where nothing is smooth.

    Steps over ``_HIGHEST_STEP`` are edges of things, which drawn pictures like to set on a grid; they count as none.
    """
    if luma.shape[1] < _GRID_PX:
        return 0.0, 0.0
    steps = cv2.absdiff(luma[:, 1:], luma[:, :-1])
    around = cv2.blur(steps, (7, 1))  # with three neighbours a side
    means: list[float] = []
    for column in (_GRID_PX - 1, _GRID_PX // 2 - 1):
        own = np.ascontiguousarray(steps[:, column::_GRID_PX])
        smooth = (7 * around[:, column::_GRID_PX].astype(np.int16) - own <= 6 * _SMOOTH) & (own <= _HIGHEST_STEP)
        if not smooth.any():
            return 0.0, 0.0
        means.append(float(own[smooth].mean()))
    return means[0], means[1]


def blockiness(looks: Sequence[tuple[float, float]]) -> float | None:
    """Steps at the grid over those beside it, less 1, from what ``grid_gradients`` gave; None where nothing was looked at."""
    if not looks:
        return None
    on, beside = np.mean(looks, axis=0)
    return max(0.0, float(on - beside) / (float(beside) + SOFTENING))


def staircases(luma: NDArray[np.uint8]) -> float:
    """Share of the picture, along its rows, between two sharp steps of 3-14 levels up, or down, with a flat tread between them: a ramp
    posterised so coarsely that CAMBI is blind to it. Soft ramps have no treads, edges of things no second step like the first.
    """
    luma = luma[::_EVERY_ROW]
    height, width = luma.shape
    if width < 4 * _REACH_PX:
        return 0.0
    levels = luma.astype(np.int16)
    tread = np.ones((1, 5), np.uint8)
    is_flat = cv2.dilate(luma, tread) - cv2.erode(luma, tread) <= 1
    rise, near = np.zeros_like(levels), np.zeros_like(levels)
    rise[:, _REACH_PX:-_REACH_PX] = levels[:, 2 * _REACH_PX :] - levels[:, : -2 * _REACH_PX]
    near[:, 2:-2] = levels[:, 4:] - levels[:, :-4]
    is_step = (np.abs(rise) >= _STEP[0]) & (np.abs(rise) <= _STEP[1]) & (np.abs(near) >= _SHARP * np.abs(rise))
    is_step[:, _REACH_PX:-_REACH_PX] &= is_flat[:, : -2 * _REACH_PX] & is_flat[:, 2 * _REACH_PX :]
    covered = sum(_treads(levels[row], rise[row], is_step[row]) for row in range(height) if is_step[row].any())
    return covered / (width * height)


def _treads(levels: NDArray[np.int16], rise: NDArray[np.int16], is_step: NDArray[np.bool_]) -> int:
    """Pixels of one row that lie on treads."""
    borders = np.flatnonzero(np.diff(is_step.astype(np.int8), prepend=0, append=0))
    places = (borders[::2] + borders[1::2] - 1) // 2  # the middle of each step
    heights, gaps = rise[places], np.diff(places)
    lower, higher = np.sort(np.abs(np.stack([heights[:-1], heights[1:]])), axis=0)
    is_alike = (heights[:-1] * heights[1:] > 0) & (2 * lower >= higher) & (gaps >= _TREAD_PX[0]) & (gaps <= _TREAD_PX[1])
    treads = [(int(places[index]), int(places[index + 1])) for index in np.flatnonzero(is_alike)]
    return sum(end - start for start, end in treads if np.ptp(levels[start + 4 : end - 3]) <= 1)


def keyframe_pulse(change: Sequence[float], is_key: Sequence[bool]) -> float | None:
    """How much more the picture jumps at key frames than at the frames near them, in 8-bit levels, less what uneven change and motion
    hide of it; 0 when it does not.

    ``change``: absolute residual along motion of each frame, averaged by its root, so that most of the picture decides and not the few places
    whose motion is missed; NaN where there is none. None with fewer than two key frames
    after the first, or when most frames are key frames.
    """
    values, keys = np.asarray(change, np.float64), np.asarray(is_key, bool)
    at = np.flatnonzero(keys & np.isfinite(values))
    if len(at) < 2 or keys.sum() * 3 > len(keys):
        return None
    others = np.where(keys, np.nan, values)
    around = [others[max(0, i - _NEAR) : i + _NEAR + 1] for i in at]
    near = [(i, each[np.isfinite(each)]) for i, each in zip(at, around, strict=True) if np.isfinite(each).any()]
    if not near:
        return None
    usual = [float(np.median(each)) for _, each in near]
    uneven = float(np.median([np.median(np.abs(each - middle)) for (_, each), middle in zip(near, usual, strict=True)]))
    jump = float(np.median([values[i] - middle for (i, _), middle in zip(near, usual, strict=True)]))
    hidden = _UNEVEN * uneven * (1 if len(near) > 2 else _FEW) + _MOTION_HIDES * float(np.median(usual))
    return max(0.0, jump - hidden)
