"""Motion between any two near frames of a shot: measured up to a few frames apart, joined from two measured flows beyond."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import Executor

import cv2
import numpy as np
from numpy.typing import NDArray

from ..flow import Flow, flow, miss, resized, warp

MEASURED, FINELY_MEASURED = (1,), (1, 3)  # frames apart; joined flows serve beyond, where detail loses by them
SMALL_LINES = 240  # of guides that are searched at their full size
MISS = 1 / 180  # of the height: a way back that misses by this much is half in doubt
STEPS_PER_PX = 64  # of flows as they are kept: finer than any measured flow, and room for 512 px
_local = threading.local()

Way = tuple[NDArray[np.int16], NDArray[np.int16]]
"""A flow at the guides' size, in steps, as two planes, across and down: whatever works on one channel is twice as fast."""


class Trails:
    """Flows between the frames of one shot: at the guides' size, or at the smaller ``size`` (width, height).

    ``fine`` asks for motion that detail can be averaged along, at three times the cost.
    """

    def __init__(self, size: tuple[int, int], workers: Executor, *, fine: bool) -> None:
        self._fine = fine
        self._measured_at = FINELY_MEASURED if fine else MEASURED
        self._size = size
        self._workers = workers
        self._guides: dict[int, NDArray[np.uint8]] = {}
        self._steps: dict[tuple[int, int], NDArray[np.int16]] = {}  # (2, h, w)
        self._small: dict[tuple[int, int], Flow] = {}

    def add(self, place: int, guide: NDArray[np.uint8], keep: int) -> None:
        """Measure the motion between frame ``place``, shown by ``guide`` (see ``flow.guide``), and those just before it.

        What concerns frames more than ``keep`` before it is forgotten.
        """
        self._guides[place] = guide
        pairs = list(self._new_pairs(place))
        for pair, found in zip(pairs, self._workers.map(self._measured, pairs), strict=True):
            if self._fine:
                self._steps[pair] = np.rint(np.moveaxis(found, -1, 0) * np.float32(STEPS_PER_PX)).astype(np.int16)
            self._small[pair] = resized(found, *self._size)
        self._guides.pop(place - max(self._measured_at), None)
        for known in (self._steps, self._small):
            for pair in [pair for pair in tuple(known) if min(pair) < place - keep]:
                del known[pair]

    def way(self, here: int, there: int) -> Way:
        """For each pixel of the frame at ``here``, where it is in the frame at ``there``. Only of fine motion."""
        if abs(there - here) in self._measured_at:
            return self._steps[here, there][0], self._steps[here, there][1]
        middle = halfway(here, there)
        first, then = self.way(here, middle), self.way(middle, there)
        across, down = (steps * np.float32(1 / STEPS_PER_PX) for steps in first)
        flags = cv2.INTER_LINEAR | cv2.WARP_RELATIVE_MAP
        carried = (cv2.remap(steps, across, down, flags, borderMode=cv2.BORDER_REPLICATE) for steps in then)
        x, y = (np.asarray(cv2.add(one, other), np.int16) for one, other in zip(first, carried, strict=True))
        return x, y

    def small_flow(self, here: int, there: int) -> Flow:
        """The same at ``size``."""
        found = self._small.get((here, there))
        if found is None:
            middle = halfway(here, there)
            first = self.small_flow(here, middle)
            found = self._small[here, there] = first + warp(self.small_flow(middle, there), first)
        return found

    def trust(self, here: int, there: int) -> NDArray[np.float32]:
        """0-1 at ``size``: does the way there lead back to where it began? It does not where something is hidden or was not found."""
        way = self.small_flow(here, there)
        return np.exp(-miss(way, self.small_flow(there, here)) / np.float32((MISS * self._size[1]) ** 2))

    def _new_pairs(self, place: int) -> Iterator[tuple[int, int]]:
        for other in (place - apart for apart in self._measured_at):
            if other in self._guides:
                yield place, other
                yield other, place

    def _measured(self, pair: tuple[int, int]) -> Flow:
        here, there = (self._guides[place] for place in pair)
        if not self._fine:
            return flow(there, here)
        return np.asarray(fine_engine(here.shape[0]).calc(here, there, None), np.float32)  # pyright: ignore  # the stub wants a flow to start from


def halfway(here: int, there: int) -> int:
    """The frame that a flow which was not measured is joined at."""
    return here + (abs(there - here) + 1) // 2 * (1 if there > here else -1)


def fine_engine(lines: int) -> cv2.DISOpticalFlow:
    """DIS at its medium preset, smoother, on fewer and larger patches and refined less: redrawn texture is noise to it. One a thread, as
    it keeps buffers. Small guides, of so many ``lines``, are searched at their full size, and on the largest patches, as they cost little.
    """
    engines: dict[bool, cv2.DISOpticalFlow] = _local.__dict__.setdefault("engines", {})
    is_small = lines < SMALL_LINES
    if is_small not in engines:
        engine = engines[is_small] = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
        engine.setFinestScale(0 if is_small else 1)
        engine.setVariationalRefinementAlpha(100 if is_small else 40)
        engine.setVariationalRefinementIterations(5 if is_small else 2)
        engine.setPatchSize(20 if is_small else 12)
        engine.setPatchStride(8)
        engine.setGradientDescentIterations(12 if is_small else 6)
    return engines[is_small]
