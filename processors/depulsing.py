"""Keyframe pulsing: at each key frame the encoder starts anew, and the picture jumps in detail, brightness and grain. What jumped is
carried along motion to the frames on either side, so that the jump becomes a slow ramp and none of it is lost.

A frame and the one before it, carried onto it, differ by the jump, by motion that was not found, and by grain. The last two lie
between any two frames: only what a key frame shows beyond them counts as its jump.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import deque
from collections.abc import Generator, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from itertools import groupby

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from . import media
from .flow import Flow, flow, guide, miss, one_thread, resized, warp
from .levels import Plane, levels, put
from .records import Clip, Diagnosis

RAMP_FRAMES = 8
"""On either side of a key frame."""

_GUIDE_LINES = 270
_BOX_PX = 15
_USUAL = 1.5  # of what frames differ by anyway is taken from the jump's energy
_FLOOR = 0.05  # levels squared
_LARGEST = 14.0  # levels: what differs by more is another thing, not another encoding of it
_MISS_PX = 1.0  # of the guide: a way back that misses by this much is in doubt


@dataclass
class _Seen:
    """A frame, and how it lies to the one before it in the shot."""

    frame: av.VideoFrame
    planes: list[Plane]  # as they came; dropped once the next frame is compared
    guide: NDArray[np.uint8]
    back: Flow | None = None  # for each pixel, where it was in the frame before
    ahead: Flow | None = None  # for each pixel of the frame before, where it is here
    energy: Plane | None = None  # of the difference between both, levels squared


@dataclass
class _Jump:
    """What the frame on the other side of a jump has and the one on this side lacks, and the way there from the frame at hand."""

    lacking: list[Plane]
    way: Flow
    frames: int = 0  # from this side of the jump to the frame at hand

    @property
    def is_spent(self) -> bool:
        return self.frames >= RAMP_FRAMES

    def move_on(self, step: Flow) -> None:
        """To the next frame, whose pixels were at ``step`` in the one at hand."""
        self.way = step + warp(self.way, step)
        self.frames += 1

    def filled(self, planes: list[Plane], strength: float) -> list[Plane]:
        """Half of what is lacking at the jump, nothing at the ramp's end."""
        share = np.float32(strength * 0.5 * (1 - (self.frames + 0.5) / RAMP_FRAMES))
        return [
            np.asarray(plane + share * _carried(lacking, self.way), np.float32) for plane, lacking in zip(planes, self.lacking, strict=True)
        ]


def depulse(clip: Clip, diagnosis: Diagnosis, strength: float = 1.0) -> Generator[av.VideoFrame, None, None]:
    """The clip's frames in ``media.working_format``, same count, pts and time base. ``strength`` 0-1 is the part of each jump that is
    spread. Nothing reaches across a cut.
    """
    pixel_format = media.working_format(clip)
    starts = sorted(shot.start for shot in diagnosis.shots)
    with one_thread(), closing(media.frames(clip)) as decoded:
        keyed = ((bool(frame.key_frame), media.to_format(frame, pixel_format)) for frame in decoded)
        for _, shot in groupby(enumerate(keyed), key=lambda item: bisect_right(starts, item[0])):
            yield from _of_shot((item for _, item in shot), min(1.0, strength))


def _of_shot(frames: Iterable[tuple[bool, av.VideoFrame]], strength: float) -> Iterator[av.VideoFrame]:
    waiting: deque[_Seen] = deque(maxlen=RAMP_FRAMES)
    jumps: list[_Jump] = []
    for is_key, frame in frames:
        now = _Seen(frame, levels(frame), guide(media.planes(frame).y, _GUIDE_LINES, bit_depth=frame.format.components[0].bits))
        if waiting:
            before = waiting[-1]
            jumps = _carried_on(jumps, _relate(before, now))
            if is_key and before.energy is not None:
                _fill_back(waiting, now, before.energy, strength)
                jumps.append(_jump(now.planes, before.planes, *_ways(now), before.energy))
            _fill(now, jumps, strength)
            before.planes = []
        if len(waiting) == RAMP_FRAMES:
            yield waiting.popleft().frame
        waiting.append(now)
    yield from (seen.frame for seen in waiting)


def _relate(before: _Seen, now: _Seen) -> Flow:
    """Find the motion between two frames; the way back."""
    now.back, now.ahead = flow(before.guide, now.guide), flow(now.guide, before.guide)
    now.energy = _energy(_carried(before.planes[0], now.back) - now.planes[0])
    return now.back


def _carried_on(jumps: list[_Jump], step: Flow) -> list[_Jump]:
    for jump in jumps:
        jump.move_on(step)
    return [jump for jump in jumps if not jump.is_spent]


def _fill(now: _Seen, jumps: list[_Jump], strength: float) -> None:
    planes = now.planes
    for jump in jumps:
        planes = jump.filled(planes, strength)
    if jumps:
        put(now.frame, planes)


def _fill_back(waiting: Iterable[_Seen], key: _Seen, usual: Plane, strength: float) -> None:
    """Give the frames before a key frame their part of what it brings."""
    there, back = _ways(key)[::-1]
    past = list(waiting)
    jump = _jump(past[-1].planes, key.planes, there, back, usual)
    for later, seen in zip((None, *past[:0:-1]), reversed(past), strict=True):
        if later is not None:
            jump.move_on(_ways(later)[1])
        put(seen.frame, jump.filled(levels(seen.frame), strength))


def _ways(seen: _Seen) -> tuple[Flow, Flow]:
    """From it to the frame before, and back to it."""
    assert seen.back is not None
    assert seen.ahead is not None
    return seen.back, seen.ahead


def _jump(here: list[Plane], other: list[Plane], there: Flow, back: Flow, usual: Plane) -> _Jump:
    """What ``here`` lacks beside ``other``, which lies ``there``, as far as it is more than ``usual`` energy between frames."""
    differences = [_carried(theirs, there) - mine for mine, theirs in zip(here, other, strict=True)]
    energy = _energy(differences[0])
    sure = np.maximum(0, 1 - np.float32(_USUAL) * usual / energy) * np.exp(-np.square(energy / np.float32(_LARGEST**2)))
    sure = sure * _fitted(np.exp(-miss(there, back) / np.float32(_MISS_PX**2)), sure.shape)
    lacking = [difference * _fitted(sure, difference.shape) for difference in differences]
    return _Jump(lacking, np.zeros_like(there))


def _energy(difference: Plane) -> Plane:
    return np.asarray(cv2.blur(difference * difference, (_BOX_PX, _BOX_PX)), np.float32) + np.float32(_FLOOR)


def _carried(plane: Plane, way: Flow) -> Plane:
    """A plane as another frame has it; ``way`` may be of another size."""
    return warp(plane, resized(way, plane.shape[1], plane.shape[0]), interpolation=cv2.INTER_CUBIC)


def _fitted(field: Plane, shape: tuple[int, ...]) -> Plane:
    return np.asarray(cv2.resize(field, shape[1::-1], interpolation=cv2.INTER_LINEAR), np.float32)
