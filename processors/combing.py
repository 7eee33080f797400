"""Are frames woven of two fields that show different moments? Told from the pictures, because flags are missing, or lie.

Each field is laid against the fields around it: of a whole frame, the two fields fit each other best; of an interlaced one, a field of the
neighbouring frame fits as well, because it is as near in time. Only places that move tell, and noise or flicker adds the same to all three
fits. The idea is that of FFmpeg's idet.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass
from itertools import islice
from typing import NamedTuple

import av
import numpy as np
from numpy.typing import NDArray

from . import media
from .levels import steps_per_level
from .records import Clip

Field = NDArray[np.float32]  # every second line, 8-bit levels

FRAMES = 60
"""Looked at, from the beginning: two seconds show more than one cycle of 3:2 pulldown."""
_WIDEST_PX = 720
_MOVES_LEVELS = 6.0
_LEAST_SHARE = 0.002  # of the picture that has to move
_LEAST_GAP = 0.5  # levels between the fits, without which a frame tells nothing
_COMB = 1.1  # times the misfit of lines further apart; whole frames have 0.3-1.0
_COMBED = 0.5  # of that gap: more is a frame whose own fields fit no better than another frame's
_LEAST_TELLING = 3  # frames
_ENOUGH = 12  # of them, none combed: 3:2 pulldown would have shown four
_MOSTLY, _SOME = 0.75, 0.15  # part of the telling frames that is combed


class Fit(NamedTuple):
    """Mean misfit, in levels, where things move: of a frame's own fields, and of each with the other one of the frame before."""

    own: float
    top_with_before: float
    bottom_with_before: float
    apart: float  # of a field with itself: of lines with those two above and below

    @property
    def combed(self) -> float | None:
        """0 for a whole frame, 1 and more for two moments; None where nothing tells. Vertical motion shifts whole frames so that a
        neighbour's field fits, but their own lines still fit those beside them better than those further off, as combs never do.
        """
        near, far = sorted((self.top_with_before, self.bottom_with_before))
        gap = far - min(near, self.own)
        if gap < _LEAST_GAP:
            return None
        return 1 - (near - self.own) / gap if self.own > _COMB * self.apart else 0.0


@dataclass(frozen=True)
class Scan:
    """What the pictures say. ``telling``: frames in which enough moves."""

    telling: int
    combed: float  # part of them

    @property
    def is_known(self) -> bool:
        return self.telling >= _LEAST_TELLING

    @property
    def is_interlaced(self) -> bool:
        return self.is_known and self.combed >= _MOSTLY

    @property
    def is_mixed(self) -> bool:
        """Whole frames and combed ones in turn: 3:2 pulldown, or material of both kinds."""
        return self.is_known and _SOME <= self.combed < _MOSTLY


def scan(clip: Clip) -> Scan:
    """What the first ``FRAMES`` frames show, or fewer where those show enough."""
    if clip.height < 64 or clip.height % 2:
        return Scan(0, 0.0)
    found: list[bool] = []
    with closing(media.frames(clip)) as frames:
        for fit in fits(islice(frames, FRAMES)):
            if fit.combed is not None:
                found.append(fit.combed > _COMBED)
            if len(found) == _ENOUGH and not any(found):
                break
    return Scan(len(found), sum(found) / max(1, len(found)))


def fits(frames: Iterable[av.VideoFrame]) -> Iterable[Fit]:
    """One for each frame that moves against the one before."""
    before: tuple[Field, Field] | None = None
    for frame in frames:
        now = _fields(frame)
        if before is not None:
            found = _fit(now, before)
            if found is not None:
                yield found
        before = now


def _fit(now: tuple[Field, Field], before: tuple[Field, Field]) -> Fit | None:
    moving = np.maximum(np.abs(now[0] - before[0]), np.abs(now[1] - before[1]))[1:-1] > _MOVES_LEVELS
    if moving.mean() < _LEAST_SHARE:
        return None
    return Fit(_misfit(*now, moving), _misfit(now[0], before[1], moving), _misfit(before[0], now[1], moving), _apart(now, moving))


def _misfit(top: Field, bottom: Field, moving: NDArray[np.bool_]) -> float:
    """How far each line lies from the mean of the lines of the other field above and below it."""
    inner = np.abs(bottom[:-1] - (top[:-1] + top[1:]) / 2)[1:]
    outer = np.abs(top[1:] - (bottom[:-1] + bottom[1:]) / 2)[:-1]
    return float(((inner + outer) / 2)[moving].mean())


def _apart(now: tuple[Field, Field], moving: NDArray[np.bool_]) -> float:
    misfits = [np.abs(field[1:-1] - (field[:-2] + field[2:]) / 2) for field in now]
    return float(((misfits[0] + misfits[1]) / 2)[moving].mean())


def _fields(frame: av.VideoFrame) -> tuple[Field, Field]:
    planar = frame if len(frame.planes) >= 3 and not frame.format.is_rgb else frame.reformat(format="yuv420p")
    luma = media.planes(planar).y
    step = max(1, luma.shape[1] // _WIDEST_PX)
    levels = luma[: luma.shape[0] // 2 * 2, ::step].astype(np.float32) / np.float32(steps_per_level(planar))
    return levels[::2], levels[1::2]
