"""``bands.trails`` in torch: motion between near frames of a shot, measured and joined for many pairs of frames at once.

Imports torch: import this module only where torch is known to be there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import groupby

import torch
from torch import Tensor

from ..bands.trails import FINELY_MEASURED, MEASURED, MISS, STEPS_PER_PX, halfway
from . import search
from .images import carried, resized
from .lowband import miss

Pair = tuple[int, int]
"""The places of two frames: from the first to the second."""

Measure = Callable[[Tensor, Tensor], Tensor]
"""As ``search.flows``."""


class Trails:
    """Flows between the frames of one shot: at the guides' size, where they are ``fine``, and at the smaller ``size`` (height, width)."""

    def __init__(self, size: tuple[int, int], *, fine: bool, measure: Measure = search.flows) -> None:
        self._fine = fine
        self._size = size
        self._measure = measure
        self._measured_at = FINELY_MEASURED if fine else MEASURED
        self._guides: dict[int, Tensor] = {}
        self._flows: dict[Pair, Tensor] = {}
        self._small: dict[Pair, Tensor] = {}

    def add(self, first: int, guides: Tensor, keep: int) -> None:
        """Measure the motion between frames from place ``first`` on, shown by ``guides`` (n, 1, h, w), and those just before each.

        What concerns frames more than ``keep`` before the first is forgotten.
        """
        last = first + len(guides)
        self._guides |= dict(enumerate(guides, first))
        pairs = [pair for place in range(first, last) for pair in self._new_pairs(place)]
        if pairs:
            here, there = (torch.stack([self._guides[pair[side]] for pair in pairs]) for side in (0, 1))
            found = self._measure(here, there)
            self._small |= zip(pairs, self._at_size(found), strict=True)
            if self._fine:
                self._flows |= zip(pairs, (found * float(STEPS_PER_PX)).round_().to(torch.int16), strict=True)
        self._forget(first - keep, last - max(self._measured_at))

    def flows(self, pairs: Sequence[Pair]) -> Tensor:
        """(n, 2, h, w): for each pixel of the frame at ``here``, where it is in the frame at ``there``; in pixels of the guides."""
        wanted = _steps_to(pairs, self._flows)
        known = {pair: self._flows[pair] / float(STEPS_PER_PX) for pair in wanted if pair in self._flows}
        _join(wanted, known)
        return torch.stack([known[pair] for pair in pairs])

    def small_flows(self, pairs: Sequence[Pair]) -> Tensor:
        """The same at ``size``."""
        _join(_steps_to(pairs, self._small), self._small)
        return torch.stack([self._small[pair] for pair in pairs])

    def trust(self, pairs: Sequence[Pair]) -> Tensor:
        """(n, h, w), 0-1 at ``size``: does the way there lead back to where it began?"""
        back = self.small_flows([(there, here) for here, there in pairs])
        return (miss(self.small_flows(pairs), back) / -((MISS * self._size[0]) ** 2)).exp_()

    def _new_pairs(self, place: int) -> Iterable[Pair]:
        for other in (place - apart for apart in self._measured_at):
            if other in self._guides:
                yield place, other
                yield other, place

    def _at_size(self, flows: Tensor) -> Tensor:
        scale = flows.new_tensor((self._size[1] / flows.shape[3], self._size[0] / flows.shape[2]))
        return resized(flows, self._size) * scale.view(2, 1, 1)

    def _forget(self, oldest: int, oldest_guide: int) -> None:
        for known in (self._flows, self._small):
            for pair in [pair for pair in known if min(pair) < oldest]:
                del known[pair]
        for place in [place for place in self._guides if place < oldest_guide]:
            del self._guides[place]


def _steps_to(pairs: Iterable[Pair], known: dict[Pair, Tensor]) -> set[Pair]:
    """The pairs, and those they are joined of as far as they are not known."""
    wanted, ahead = set[Pair](), list(pairs)
    while ahead:
        here, there = pair = ahead.pop()
        if pair not in wanted:
            wanted.add(pair)
            if pair not in known:
                middle = halfway(here, there)
                ahead += (here, middle), (middle, there)
    return wanted


def _join(wanted: set[Pair], known: dict[Pair, Tensor]) -> None:
    """Put the missing ones into ``known``, near ones first: all of a distance at once."""
    missing = sorted(wanted - known.keys(), key=_apart)
    for _, group in groupby(missing, key=_apart):
        pairs = list(group)
        first = torch.stack([known[here, halfway(here, there)] for here, there in pairs])
        then = torch.stack([known[halfway(here, there), there] for here, there in pairs])
        known |= zip(pairs, first + carried(then, first), strict=True)


def _apart(pair: Pair) -> int:
    return abs(pair[1] - pair[0])
