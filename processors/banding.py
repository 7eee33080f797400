"""What a codec did to the picture: bands in smooth ramps, edges at the 8-pixel grid, a pulse at key frames."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import cv2
import numpy as np
from numpy.typing import NDArray

from ..config import spawn
from ..config.settings import Settings
from . import ffmpeg, webp
from .records import Clip

LEAST_STAIRS = 0.02
"""Share of stairs under which CAMBI is not asked."""

SOFTENING = 0.4
"""Levels added to the steps beside the grid before steps at the grid are set against them: a step of a tenth of a level in flat
black is no block.
"""

_SPAN_PX = 32
_GRID_PX = 8
_HIGHEST_STEP = 16  # levels
_SMOOTH = 2.0  # levels a pixel: texture hides the grid
_CAMBI_FRAMES = 12
_CAMBI_TIMEOUT_S = 600.0


def stairs(luma: NDArray[np.uint8]) -> float:
    """Share of places where luma goes up or down by 1-8 levels within 32 pixels without ever turning: a ramp without noise, which
    8 bits show as bands.
    """
    if luma.shape[1] <= _SPAN_PX:
        return 0.0
    levels = luma.astype(np.int16)
    path = np.cumsum(np.abs(np.diff(levels, axis=1)), axis=1, dtype=np.int32)
    travelled = path[:, _SPAN_PX - 1 :].copy()
    travelled[:, 1:] -= path[:, : travelled.shape[1] - 1]
    gained = np.abs(levels[:, _SPAN_PX:] - levels[:, :-_SPAN_PX])
    return float(((gained >= 1) & (gained <= 8) & (travelled == gained)).mean())


def grid_gradients(luma: NDArray[np.uint8]) -> tuple[float, float]:
    """Mean horizontal step in smooth places (at the 8-pixel grid, halfway between), in luma levels; 0, 0 where nothing is smooth.

    Steps over ``_HIGHEST_STEP`` are edges of things, which drawn pictures like to set on a grid; they count as none.
    """
    steps = cv2.absdiff(luma[:, 1:], luma[:, :-1])
    around = 7 * cv2.blur(steps, (7, 1)).astype(np.float32) - steps  # six neighbours, three a side
    means: list[float] = []
    for column in (_GRID_PX - 1, _GRID_PX // 2 - 1):
        smooth = (around[:, column::_GRID_PX] <= 6 * _SMOOTH) & (steps[:, column::_GRID_PX] <= _HIGHEST_STEP)
        if not smooth.any():
            return 0.0, 0.0
        means.append(float(steps[:, column::_GRID_PX][smooth].mean()))
    return means[0], means[1]


def keyframe_pulse(change: Sequence[float], is_key: Sequence[bool]) -> float | None:
    """How much more the picture jumps at key frames than at the frames near them, in 8-bit levels; 0 when it does not.

    ``change``: mean absolute residual along motion of each frame, NaN where there is none. None with fewer than two key frames
    after the first, or when most frames are key frames.
    """
    values, keys = np.asarray(change, np.float64), np.asarray(is_key, bool)
    known = np.isfinite(values)
    at = np.flatnonzero(keys & known)
    if len(at) < 2 or keys.sum() * 3 > len(keys):
        return None
    near = [np.nanmedian(np.where(keys, np.nan, values)[max(0, i - 6) : i + 7]) for i in at if (known & ~keys)[max(0, i - 6) : i + 7].any()]
    return max(0.0, float(np.median(values[at]) - np.median(near))) if near else None


def cambi(clip: Clip, settings: Settings, *, folder: Path | None = None, right_half: bool = False) -> float | None:
    """CAMBI of about a dozen frames spread over the clip: 0 no bands, 5 visible, 24 severe. None where FFmpeg cannot decode it.
    ``folder`` takes its temporary files (the system's where it is None). ``right_half``: of that half of the picture alone, where a
    comparison shows the result.

    Raises ToolFailed or NotSetUp.
    """
    if clip.container == webp.CONTAINER or min(clip.width, clip.height) < 64:
        return None
    every = max(1, math.ceil(clip.frames / _CAMBI_FRAMES))
    pixel_format = "yuv420p10le" if clip.bit_depth > 8 else "yuv420p"
    with TemporaryDirectory(prefix="deshimmer-cambi-", dir=folder) as temporary:
        log = Path(temporary) / "cambi.json"
        video = ffmpeg.source(clip.path).video.filter("format", pixel_format)
        halves = (video.filter("crop", "iw/2", "ih", "iw/2", 0) if right_half else video).filter_multi_output("split")
        measured = ffmpeg.graph.filter(
            [halves[0], halves[1]],
            "libvmaf",
            model="",
            feature="name=cambi",
            n_threads=2,
            n_subsample=every,
            log_fmt="json",
            log_path=str(log),
        )
        spawn.run(ffmpeg.arguments(ffmpeg.tool(settings), ffmpeg.graph.output(measured, "-", format="null")), timeout_s=_CAMBI_TIMEOUT_S)
        frames = json.loads(log.read_text())["frames"]
    values = [frame["metrics"]["cambi"] for frame in frames if "cambi" in frame["metrics"]]
    return float(np.mean(values)) if values else None
