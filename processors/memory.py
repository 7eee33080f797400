"""Memory that does not suffice: how it is recognised, and the stepping down from one way of working to the next, which takes less.

Nothing here knows a device: what runs out of memory says so by raising, and is tried again.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

log = logging.getLogger(__name__)
W = TypeVar("W")
T = TypeVar("T")

_OUT_OF_MEMORY = ("out of memory", "can't allocate memory", "not enough memory", "OOM when allocating")


class Ladder(Generic[W]):
    """The ways still open for one clip, the best first. Memory that did not suffice once is not asked for again."""

    def __init__(
        self, ways: Sequence[W], what: str, done: str, exhausted: Callable[[W], Exception], free: Callable[[], None] = lambda: None
    ) -> None:
        """For a person: ``what`` is done ("RIFE on 'cuda' at 3840x2160"), and that it was ``done`` in another way ("computed").

        ``exhausted``: what is raised where even the last way takes too much. ``free`` gives memory back between two ways.
        """
        self._ways = list(ways)
        self._first = ways[0]
        self._what = what
        self._done = done
        self._exhausted = exhausted
        self._free = free

    @property
    def way(self) -> W:
        return self._ways[0]

    def run(self, work: Callable[[W], T]) -> T:
        """Do ``work`` in the best way that there is memory for."""
        while True:
            try:
                return work(self.way)
            except (MemoryError, RuntimeError) as error:  # torch.OutOfMemoryError is a RuntimeError
                if not is_out_of_memory(error):
                    raise
            self._step_down()  # beyond the except block, which holds the frames of what failed, and with them its tensors

    def notes(self) -> tuple[str, ...]:
        """For a person: what was done instead, where memory did not suffice."""
        return () if self.way == self._first else (f"memory did not suffice for {self._what}: {self._done} {self.way}",)

    def _step_down(self) -> None:
        if len(self._ways) == 1:
            raise self._exhausted(self.way)
        given_up = self._ways.pop(0)
        log.warning("out of memory: %s, %s; going on %s", self._what, given_up, self.way)
        self._free()


def is_out_of_memory(error: Exception) -> bool:
    """True for what torch raises on a GPU, on Apple's and on the CPU, for TensorFlow's, and for Python's own."""
    names = {each.__name__ for each in type(error).__mro__}
    return bool(names & {"MemoryError", "OutOfMemoryError"}) or any(words in str(error) for words in _OUT_OF_MEMORY)
