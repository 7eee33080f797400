"""Motion between any two near frames of a shot: measured up to ``DIRECT`` frames apart, joined from two measured flows beyond."""

from __future__ import annotations

import threading

import cv2
import numpy as np
from numpy.typing import NDArray

from .flow import Flow, warp

DIRECT = 3  # frames; a flow over more of them is no better than two joined ones, and costs ten times as much
_local = threading.local()


class Trails:
    """Flows between the frames of one shot, each computed once and forgotten with its frames."""

    def __init__(self) -> None:
        self._guides: dict[int, NDArray[np.uint8]] = {}
        self._flows: dict[tuple[int, int], Flow] = {}

    def add(self, place: int, guide: NDArray[np.uint8]) -> None:
        """``guide`` of the frame at ``place`` (see ``flow.guide``), all of one size and at least 32 x 32."""
        self._guides[place] = guide

    def forget_before(self, place: int) -> None:
        for old in [key for key in self._guides if key < place]:
            del self._guides[old]
        for pair in [key for key in self._flows if min(key) < place]:
            del self._flows[pair]

    def flow(self, here: int, there: int) -> Flow:
        """For each pixel of the frame at ``here``, where it is in the frame at ``there``; lengths in pixels of the guides."""
        pair = (here, there)
        if pair not in self._flows:
            self._flows[pair] = self._measured(here, there) if abs(there - here) <= DIRECT else self._joined(here, there)
        return self._flows[pair]

    def _joined(self, here: int, there: int) -> Flow:
        halfway = here + (abs(there - here) + 1) // 2 * (1 if there > here else -1)
        first = self.flow(here, halfway)
        return first + warp(self.flow(halfway, there), first)

    def _measured(self, here: int, there: int) -> Flow:
        return np.asarray(_engine().calc(self._guides[here], self._guides[there], None), np.float32)  # pyright: ignore  # the stub wants a flow


def _engine() -> cv2.DISOpticalFlow:
    """DIS at its medium preset, twice as smooth: redrawn texture is noise to it. One a thread, as it keeps buffers."""
    if not hasattr(_local, "engine"):
        engine = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
        engine.setVariationalRefinementAlpha(40)
        engine.setVariationalRefinementIterations(8)
        _local.engine = engine
    return _local.engine
