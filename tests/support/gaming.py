"""Results that look calm, or that lost or gained something: what a verification has to refuse."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
from clipmaker import Picture, write

from deshimmer.config import spawn
from deshimmer.config.settings import Settings
from deshimmer.processors import ffmpeg, flow, media

Change = Callable[[list[Picture]], list[Picture]]


def blurred(sigma: float) -> Change:
    return lambda shots: [cv2.GaussianBlur(shot, (0, 0), sigma) for shot in shots]


def frozen(shots: list[Picture]) -> list[Picture]:
    return [shots[0]] * len(shots)


def frozen_half_way(shots: list[Picture]) -> list[Picture]:
    middle = len(shots) // 2
    return shots[:middle] + [shots[middle]] * (len(shots) - middle)


def mean_of_two(shots: list[Picture]) -> list[Picture]:
    return [shots[0], *((before + shot) / 2 for before, shot in pairwise(shots))]


def mean_of_three(shots: list[Picture]) -> list[Picture]:
    """FFmpeg's tmix=frames=3, without its delay."""
    padded = [shots[0], *shots, shots[-1]]
    return [(padded[place] + padded[place + 1] + padded[place + 2]) / 3 for place in range(len(shots))]


def median_of(frames: int) -> Change:
    def made(shots: list[Picture]) -> list[Picture]:
        padded = [*[shots[0]] * (frames // 2), *shots, *[shots[-1]] * (frames // 2)]
        return [np.median(np.stack(padded[place : place + frames]), 0).astype(np.float32) for place in range(len(shots))]

    return made


def every_second(between: Callable[[Picture, Picture], Picture]) -> Change:
    """The others stay as they were."""

    def made(shots: list[Picture]) -> list[Picture]:
        inner = range(1, len(shots) - 1, 2)
        return [between(shots[place - 1], shots[place + 1]) if place in inner else shot for place, shot in enumerate(shots)]

    return made


def along_motion(first: Picture, last: Picture) -> Picture:
    """The frame half-way: both carried half the way by flow."""
    guides = [flow.guide(cv2.cvtColor(shot.clip(0, 255).astype(np.uint8), cv2.COLOR_RGB2GRAY), 360) for shot in (first, last)]
    height, width = first.shape[:2]
    half = np.float32(0.5)
    back, forth = (flow.resized(flow.flow(*pair), width, height) * half for pair in (guides, guides[::-1]))
    channels = [np.ascontiguousarray(first[..., k]) for k in range(3)], [np.ascontiguousarray(last[..., k]) for k in range(3)]
    return (np.dstack([flow.warp(each, back) for each in channels[0]]) + np.dstack([flow.warp(each, forth) for each in channels[1]])) / 2


def minterpolated(folder: Path) -> Change:
    """Every second frame replaced by FFmpeg's minterpolate."""

    def made(shots: list[Picture]) -> list[Picture]:
        half = write(folder / "half.mkv", shots[::2], fps=12, codec="ffv1", pixel_format="bgr0", options={})
        full = folder / "full.mkv"
        wish = "minterpolate=fps=24:mi_mode=mci:mc_mode=aobmc:me_mode=bidir"
        binary = str(ffmpeg.tool(Settings()))
        spawn.run([binary, "-v", "error", "-y", "-i", str(half), "-vf", wish, "-c:v", "ffv1", str(full)], timeout_s=120)
        filled = [np.asarray(frame.to_ndarray(format="rgb24"), np.float32) for frame in media.frames(media.probe(full))]
        return [filled[place] if place % 2 and place < len(filled) else shot for place, shot in enumerate(shots)]

    return made


def sharpened(sigma: float, amount: float) -> Change:
    return lambda shots: [np.clip(shot + amount * (shot - cv2.GaussianBlur(shot, (0, 0), sigma)), 0, 255) for shot in shots]


def doubled(shift_px: int, strength: float = 0.25) -> Change:
    return lambda shots: [(1 - strength) * shot + strength * np.roll(shot, shift_px, 1) for shot in shots]


def trailing(shots: list[Picture]) -> list[Picture]:
    """Each frame with a ghost of the one two before."""
    return [0.7 * shot + 0.3 * shots[max(0, place - 2)] for place, shot in enumerate(shots)]


def tinted(levels: float) -> Change:
    return lambda shots: [np.clip(shot + np.array([levels, 0, -levels], np.float32), 0, 255) for shot in shots]


def tinted_in_one_place(levels: float, radius: float) -> Change:
    """``radius`` in heights."""
    return lambda shots: [
        np.clip(shot + _spot(shot, radius) * np.array([levels, -0.2 * levels, -levels], np.float32), 0, 255) for shot in shots
    ]


def lit_in_one_place(levels: float) -> Change:
    return lambda shots: [np.clip(shot + _spot(shot, 0.18) * np.float32(levels), 0, 255) for shot in shots]


def lit_in_one_frame(levels: float) -> Change:
    def change(shots: list[Picture]) -> list[Picture]:
        middle = len(shots) // 2
        lit = np.clip(shots[middle] + _spot(shots[middle], 0.3) * np.float32(levels), 0, 255)
        return [*shots[:middle], lit, *shots[middle + 1 :]]

    return change


def steady_mean(shots: list[Picture]) -> list[Picture]:
    """One gain a frame, which holds the mean of all frames still whatever enters the picture."""
    mean = float(np.mean([shot.mean() for shot in shots]))
    return [np.clip(shot * np.float32(mean / shot.mean()), 0, 255) for shot in shots]


def _spot(shot: Picture, radius: float) -> Picture:
    height, width = shot.shape[:2]
    rows, columns = np.indices((height, width))
    distance = np.hypot(columns - 0.35 * width, rows - 0.4 * height) / (radius * height)
    return np.exp(-np.square(distance) / 2)[..., None].astype(np.float32)


def frozen_in_one_half(shots: list[Picture]) -> list[Picture]:
    middle = shots[0].shape[1] // 2
    return [np.hstack([shots[0][:, :middle], shot[:, middle:]]) for shot in shots]


def repeating_every(count: int) -> Change:
    return lambda shots: [shots[place - 1] if place % count == count - 1 else shot for place, shot in enumerate(shots)]


def holding_one(shots: list[Picture]) -> list[Picture]:
    middle = len(shots) // 2
    return [*shots[:middle], shots[middle - 1], *shots[middle + 1 :]]


def dropping_one(shots: list[Picture]) -> list[Picture]:
    """As many frames as before: the last one is shown twice."""
    middle = len(shots) // 2
    return [*shots[:middle], *shots[middle + 1 :], shots[-1]]
