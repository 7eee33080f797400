"""Ways to look for motion, each in less memory than the one before."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ...config.errors import DeshimmerError
from ..memory import Ladder

_FULL_HD_PIXELS = 1920 * 1088


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


def ladder(ways: Sequence[Way], picture: str) -> Ladder[Way]:
    """Of one clip. ``picture`` names the pictures for a person: "RIFE on 'cuda' at 3840x2160". Raises DeshimmerError where none suffices."""

    def exhausted(last: Way) -> DeshimmerError:
        return DeshimmerError(
            f"There is not enough memory for {picture}, even {last}. Close other programs that use it, or use --route smooth.",
            title="Not enough memory",
        )

    return Ladder(ways, picture, "motion was looked for", exhausted)
