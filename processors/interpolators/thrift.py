"""Ways to look for motion, each in less memory than the one before, and the stepping down from one to the next.

Nothing here knows RIFE or a device: what runs out of memory says so by raising, and is tried again.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from ...config.errors import DeshimmerError

log = logging.getLogger(__name__)
T = TypeVar("T")

_FULL_HD_PIXELS = 1920 * 1088
_OUT_OF_MEMORY = ("out of memory", "can't allocate memory", "not enough memory", "OOM when allocating")


@dataclass(frozen=True)
class Way:
    """How motion is looked for."""

    shrink: int = 1  # the network sees pictures of this part of their width and height
    tiles: tuple[int, int] = (1, 1)  # columns and rows that it sees one after the other
    on_cpu: bool = False  # of a machine whose GPU is too small

    def __str__(self) -> str:
        parts = [f"at 1/{self.shrink} of the size"] * (self.shrink > 1)
        parts += [f"in {self.tiles[0] * self.tiles[1]} parts"] * (self.tiles != (1, 1))
        parts += ["on the CPU"] * self.on_cpu
        return ", ".join(parts) or "in whole pictures"


WHOLE = Way()


def ways(device: str, width: int, height: int) -> tuple[Way, ...]:
    """The ways to go on a device, the best first.

    On the CPU, where memory is the editor's and a full search of 4K takes seconds a frame, the search is cheap above 1080p from the start.
    """
    shrink = next(each for each in (2, 4, 8, 16) if width * height <= _FULL_HD_PIXELS * each**2)
    frugal = (Way(shrink), Way(shrink, (2, 2)))
    if device != "cpu":
        return (Way(), *frugal, Way(shrink, (2, 2), on_cpu=True))
    return (Way(), *frugal) if width * height <= _FULL_HD_PIXELS else (frugal[1], Way(2 * shrink, (2, 2)))


class Ladder:
    """The ways still open for one clip. Memory that did not suffice once is not asked for again."""

    def __init__(self, ways: Sequence[Way], picture: str) -> None:
        """``picture`` names the pictures for a person: "RIFE on 'cuda' at 3840x2160"."""
        self._ways = list(ways)
        self._first = ways[0]
        self._picture = picture

    @property
    def way(self) -> Way:
        return self._ways[0]

    def run(self, work: Callable[[Way], T]) -> T:
        """Do ``work`` in the best way that there is memory for. Raises DeshimmerError when there is for none."""
        while True:
            try:
                return work(self.way)
            except (MemoryError, RuntimeError) as error:  # torch.OutOfMemoryError is a RuntimeError
                if not is_out_of_memory(error):
                    raise
                self._step_down()

    def notes(self) -> tuple[str, ...]:
        """For a person: what was done instead, where memory did not suffice."""
        if self.way == self._first:
            return ()
        return (f"memory did not suffice for {self._picture}: motion was looked for {self.way}",)

    def _step_down(self) -> None:
        if len(self._ways) == 1:
            raise DeshimmerError(
                f"There is not enough memory for {self._picture}, even {self.way}. Close other programs that use it, or use --route smooth.",
                title="Not enough memory",
            ) from None
        given_up = self._ways.pop(0)
        log.warning("out of memory: %s, %s; going on %s", self._picture, given_up, self.way)


def is_out_of_memory(error: Exception) -> bool:
    """True for what torch raises on a GPU, on Apple's and on the CPU, for TensorFlow's, and for Python's own."""
    names = {each.__name__ for each in type(error).__mro__}
    return bool(names & {"MemoryError", "OutOfMemoryError"}) or any(words in str(error) for words in _OUT_OF_MEMORY)
