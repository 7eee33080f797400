"""The stepping down from one way to smooth to the next, where a GPU's memory does not suffice. No job ends by it.

Imports torch: import this module only where torch is known to be there.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

import torch

from .. import memory, torch_devices

T = TypeVar("T")
R = TypeVar("R")


@dataclass(frozen=True)
class Way:
    """How it is computed."""

    moments: int = 16  # at once
    detailed: int = 4  # whose detail is averaged at once
    values: torch.dtype = torch.float16  # of the detail's differences and weights
    strips: int = 1  # that the detail of a plane is averaged in

    def __str__(self) -> str:
        parts = ["few pictures at a time"] * (self != Way())
        parts += [f"in {self.strips} strips"] * (self.strips > 1)
        return ", ".join(parts) or "whole"


WAYS = (Way(), Way(2, 1), Way(1, 1, strips=8))
"""The best first; after the last comes the CPU."""


class GaveUpError(Exception):
    """The GPU cannot do it; its message says why, for a person."""


class Ladder:
    """The ways still open for one clip. Memory that did not suffice once is not asked for again."""

    def __init__(self, device: str, picture: str, ways: Sequence[Way] = WAYS) -> None:
        """``picture`` names the pictures for a person: "3840x2160"."""
        what = f"smoothing on '{device}' at {picture}"
        gave_up, free = GaveUpError(f"memory did not suffice for {what}"), partial(torch_devices.release, device)
        self._device = device
        self._steps = memory.Ladder(ways, what, "computed", lambda last: gave_up, free)

    def each(self, items: Sequence[T], work: Callable[[Sequence[T], Way], Sequence[R]], *, detailed: bool = False) -> list[R]:
        """``work`` done on all items, as many at once as there is memory for. Raises GaveUpError."""
        done: list[R] = []
        while rest := items[len(done) :]:
            done += self.run(partial(_first, work, rest, detailed))
        return done

    def run(self, work: Callable[[Way], T]) -> T:
        """Do ``work`` in the best way that there is memory for. Raises GaveUpError when there is for none."""
        try:
            with torch.inference_mode():
                return self._steps.run(work)
        except NotImplementedError as missing:
            raise GaveUpError(f"PyTorch lacks something on '{self._device}' ({str(missing).partition('.')[0]})") from missing

    def notes(self) -> tuple[str, ...]:
        """For a person: what was done instead, where memory did not suffice."""
        return self._steps.notes()


def _first(work: Callable[[Sequence[T], Way], Sequence[R]], items: Sequence[T], detailed: bool, way: Way) -> Sequence[R]:
    return work(items[: way.detailed if detailed else way.moments], way)
