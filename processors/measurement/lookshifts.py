"""Shifts of a shot's whole look, brightness and hue together, from frame to frame: which stand out, and whether they stay."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from .measuring import ShotMeasure

_LEAST_PAIRS = 12
_LEAST_LEVELS = 2.0
_STEP_LEVELS = 3.0  # light that a camera sets anew moves less
_ODD_LEVELS = 4.0
_SPREADS = 6.0  # median absolute deviations, as standard deviations
_RATIO = 4.0  # over the usual shift
_EDGE_FRAMES = 8
_MOST_EDGE_SHIFTS = 3  # more in a row are a fade
_ALONE = 0.5  # of the shift, that the shifts beside it may have: a fade goes on
_RETURN = 0.35  # of the shift, that may be left when a frame goes back to the look before
_LEAST_STEPS = 2  # one alone may be a light that is switched on
_MOST_STEPS_SHARE = 0.2  # of the frames: more of them are flicker


class Shift(NamedTuple):
    frame: int  # the first one with the new look
    levels: float


@dataclass(frozen=True)
class Shifts:
    frames: NDArray[np.int64]  # the later frame of each pair
    vectors: NDArray[np.float64]  # (pairs, 3): exposure, U, V in display levels
    stands_out: NDArray[np.bool_]
    begins: NDArray[np.bool_]  # pairs after a gap

    @property
    def edge(self) -> int:
        """Pairs at either end that count as first and last."""
        return min(_EDGE_FRAMES, len(self.frames) // 3)

    @classmethod
    def of(cls, shot: ShotMeasure) -> Self:
        """None of the shifts stands out in a shot of fewer than a dozen pairs."""
        vectors = np.array([(pair.exposure, *pair.tint) for pair in shot.pairs], np.float64).reshape(-1, 3)
        frames = np.array([pair.frame for pair in shot.pairs], np.int64)
        begins = np.array([pair.begins for pair in shot.pairs], np.bool_)
        lengths = np.linalg.norm(vectors, axis=1)
        if len(lengths) < _LEAST_PAIRS:
            return cls(frames, vectors, np.zeros(len(lengths), np.bool_), begins)
        usual = float(np.median(lengths))
        spread = 1.48 * float(np.median(np.abs(lengths - usual)))
        return cls(frames, vectors, lengths > max(_LEAST_LEVELS, usual + _SPREADS * spread, _RATIO * usual), begins)

    def head(self) -> Shift | None:
        """Where the look settles, when the first frames have another one and nothing else in the shot stands out as often."""
        places = self._places()
        edge = [place for place in places if place < self.edge]
        if not edge or len(edge) > _MOST_EDGE_SHIFTS or len(places) - len(edge) > len(edge):
            return None
        last = int(edge[-1])
        return self._shift(self.frames[last], self.vectors[: last + 1].sum(0))

    def tail(self) -> Shift | None:
        """Where the last frames leave the look of the shot."""
        places, border = self._places(), len(self.frames) - self.edge
        edge = [place for place in places if place >= border]
        if not edge or len(edge) > _MOST_EDGE_SHIFTS or len(places) - len(edge) > len(edge):
            return None
        first = int(edge[0])
        return self._shift(self.frames[first], self.vectors[first:].sum(0))

    def steps(self) -> list[Shift]:
        """Changes inside the shot that stay, where there are several."""
        places = [place for place in self._places() if self.edge <= place < len(self.frames) - self.edge]
        found = [Shift(int(self.frames[place]), float(np.linalg.norm(self.vectors[place]))) for place in places if self._stays(place)]
        return found if _LEAST_STEPS <= len(found) <= _MOST_STEPS_SHARE * len(self.frames) else []

    def odd_frames(self) -> list[int]:
        """Frames whose look the next frame takes back, where there are few."""
        places = [place for place in self._places() if self._returns(place) and np.linalg.norm(self.vectors[place]) > _ODD_LEVELS]
        odd = [int(self.frames[place]) for place in places if not (place > 0 and self._returns(place - 1))]
        return odd if len(odd) <= max(1.0, 0.05 * len(self.frames)) else []

    def _places(self) -> list[int]:
        return [int(place) for place in np.flatnonzero(self.stands_out)]

    def _stays(self, place: int) -> bool:
        """True for a change that neither goes on nor is taken back."""
        lengths = np.linalg.norm(self.vectors, axis=1)
        beside = [lengths[place - 1]] * (not self.begins[place]) + [lengths[place + 1]] * (not self.begins[place + 1])
        return bool(lengths[place] > _STEP_LEVELS and max(beside, default=0.0) < _ALONE * lengths[place])

    def _returns(self, place: int) -> bool:
        """True where the next shift undoes this one."""
        if place + 1 >= len(self.vectors) or self.begins[place + 1] or not (self.stands_out[place] and self.stands_out[place + 1]):
            return False
        left = float(np.linalg.norm(self.vectors[place] + self.vectors[place + 1]))
        return left < _RETURN * float(np.linalg.norm(self.vectors[place]))

    def _shift(self, frame: np.int64, vector: NDArray[np.float64]) -> Shift | None:
        levels = float(np.linalg.norm(vector))
        return Shift(int(frame), levels) if levels > _LEAST_LEVELS else None
