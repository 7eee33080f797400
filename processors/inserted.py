"""Inserted frames against the source frames between which they stand: no pulse of brightness or sharpness, no double edges."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass, field
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from . import flow, media
from .looks import Image, fit, look
from .records import Clip, Progress

_HEIGHT_PX = 288
_MOVING_PX = 2.0  # at that height; slower edges are as wide as their step, and a blend of them is right
_PAIRS = 96  # source frame pairs looked at


@dataclass(frozen=True)
class Inserted:
    """``None`` where the clip gives nothing to measure by."""

    pulse: float  # levels: mean brightness of inserted frames less that of their source neighbours
    sharpness: float | None  # of the frame half-way, relative to its neighbours
    follows_motion: float | None  # 1: the frame half-way shows things half-way, 0: it shows both positions at half strength


def measure(candidate: Clip, factor: int, progress: Progress, *, cuts: Iterable[int] = ()) -> Inserted:
    """``cuts`` are first frames of shots, counted in source frames. Frames are streamed."""
    tally = _Tally()
    banned = frozenset(cuts)
    pairs = max(1, candidate.frames // factor)
    window: list[Image] = []
    with closing(media.frames(candidate)) as frames:
        for index, frame in enumerate(frames):
            pair, phase = divmod(index, factor)
            wanted = pair % max(1, pairs // _PAIRS) == 0
            if wanted or (phase == 0 and window):
                window.append(look(frame).luma)
            if phase == 0 and len(window) > factor:
                if pair not in banned:
                    tally.add(window)
                progress(pair / pairs)
                window = window[-1:] if wanted else []
    return tally.conclude()


class _Ghost(NamedTuple):
    along: float  # how far the inserted frame departs from a mere blend, in the direction of the motion
    whole: float  # how far a frame that follows the motion departs from it


@dataclass
class _Tally:
    gaps: list[list[float]] = field(default_factory=lambda: [])
    sharpness: list[tuple[float, float]] = field(default_factory=lambda: [])
    ghosts: list[_Ghost] = field(default_factory=lambda: [])

    def add(self, window: list[Image]) -> None:
        """``window``: a source frame, those inserted after it, the next source frame."""
        means = [float(image.mean()) for image in window]
        steps = len(window) - 1
        self.gaps.append([means[k] - means[0] - (means[steps] - means[0]) * k / steps for k in range(1, steps)])
        if steps % 2:
            return
        first, middle, last = window[0], window[steps // 2], window[-1]
        energies = [float(np.square(cv2.Laplacian(image, cv2.CV_32F)).mean()) for image in (first, middle, last)]
        self.sharpness.append((energies[1], (energies[0] + energies[2]) / 2))
        self.ghosts.append(_ghost(*(fit(image, _HEIGHT_PX) for image in (first, middle, last))))

    def conclude(self) -> Inserted:
        mine, theirs = (sum(values) for values in zip(*self.sharpness, strict=True)) if self.sharpness else (0.0, 0.0)
        along, whole = (sum(values) for values in zip(*self.ghosts, strict=True)) if self.ghosts else (0.0, 0.0)
        return Inserted(
            pulse=float(np.abs(np.mean(self.gaps, axis=0)).max()) if self.gaps else 0.0,
            sharpness=mine / theirs if theirs > 1 else None,
            follows_motion=along / whole if whole > 0 else None,
        )


def _ghost(first: Image, middle: Image, last: Image) -> _Ghost:
    """Compare the frame half-way with a blend and with both neighbours carried half-way by flow, where that flow is large."""
    guides = [flow.guide(np.clip(image, 0, 255).astype(np.uint8), _HEIGHT_PX) for image in (first, last)]
    back = flow.flow(guides[0], guides[1])
    forth = flow.flow(guides[1], guides[0])
    half = np.float32(0.5)
    carried = (flow.warp(first, back * half) + flow.warp(last, forth * half)) / 2
    moving: NDArray[np.bool_] = np.hypot(back[..., 0], back[..., 1]) > _MOVING_PX
    blend = (first + last) / 2
    expected, departure = (carried - blend)[moving], (middle - blend)[moving]
    return _Ghost(float((departure * expected).sum()), float(np.square(expected).sum()))
