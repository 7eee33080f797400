"""Inserted frames against the source frames between which they stand: no pulse of brightness, colour or sharpness, no double edges."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cached_property
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from .. import flow, interpolation, media, timing
from ..records import Clip, Progress, Treatment
from .looks import Image, Look, fit, look

_HEIGHT_PX = 288
_MOVING_PX = 2.0  # at that height; slower edges are as wide as their step, and a blend of them is right
_STEPS = 96  # from one source picture to the next, that are looked at
_PLACES = 8  # on the way between two source pictures, that are told apart
_HALF_WAY = (Fraction(3, 10), Fraction(7, 10))  # nearer to a neighbour a frame may well look like it
_LEAST_MOTION = 1e4  # levels squared, over a small picture: with less nothing moves that could be double
_REPEAT = 0.12  # of the change between the neighbours: what a coded repeat differs from its neighbour by, beside coding itself
_LEAST_CHANGE, _CERTAIN = 0.5, 4.0  # levels, and times what encoding changes: neighbours must differ by more to tell a repeat


@dataclass(frozen=True)
class Inserted:
    """``None`` where the clip gives nothing to measure by."""

    pulse: float  # levels: the largest distance, over places between source frames, of their mean brightness from that at source frames
    colour_pulse: float  # levels: the same of U or V
    sharpness: float | None  # relative to their neighbours, as far as encoding leaves that to source frames
    follows_motion: float | None  # 1: frames about half-way show things where they then are, 0: they show both positions at once
    repeats: float | None  # part of those frames, where things move, that only repeat a neighbour


def measure(source: Clip, candidate: Clip, treatment: Treatment, progress: Progress, *, cuts: Iterable[int] = ()) -> Inserted:
    """``cuts`` are first frames of shots, counted in source frames. Both clips are decoded once; frames are streamed."""
    tally = _Tally()
    banned = frozenset(cuts)
    every = max(1, source.frames // _STEPS)
    with closing(interpolation.pictures(source, treatment)) as pictures, closing(media.frames(candidate)) as results:
        for number, step in enumerate(timing.steps(pictures, interpolation.timed(source), treatment)):
            shown = [next(results, None) for _ in step.moments]
            if number % every == 0 and step.following is not None and step.next_frame not in banned:
                looks = [(moment.position, look(frame)) for moment, frame in zip(step.moments, shown, strict=True) if frame is not None]
                tally.add(look(step.picture.frame), looks, look(step.following.frame))
            progress(min(1.0, step.next_frame / source.frames))
    return tally.conclude()


class _Ghost(NamedTuple):
    along: float  # how far the inserted frame departs from a mere blend, in the direction of the motion
    whole: float  # how far a frame that follows the motion departs from it


class _Shown(NamedTuple):
    """A frame of the result against the source pictures around it. Mean differences are of small luma, in levels."""

    position: Fraction  # on the way from one to the other
    gap: NDArray[np.float64]  # (luma, U, V): means less those between the neighbours'
    energy: tuple[float, float]  # of sharpness: its own, the neighbours'
    distance: float  # to the nearer neighbour
    change: float  # from one neighbour to the other
    ghost: _Ghost | None  # of frames about half-way


@dataclass
class _Tally:
    shown: list[_Shown] = field(default_factory=lambda: [])

    def add(self, first: Look, frames: list[tuple[Fraction, Look]], last: Look) -> None:
        """``first``, ``last``: source pictures; ``frames``: what is shown from the one to before the other, with its place between them."""
        means, energies = (_means(first), _means(last)), (_energy(first.luma), _energy(last.luma))
        pair = _Pair(fit(first.luma, _HEIGHT_PX), fit(last.luma, _HEIGHT_PX))
        for position, frame in frames:
            part, small = float(position), _fitted(fit(frame.luma, _HEIGHT_PX), pair.first)
            self.shown.append(
                _Shown(
                    position,
                    _means(frame) - means[0] * (1 - part) - means[1] * part,
                    (_energy(frame.luma), energies[0] * (1 - part) + energies[1] * part),
                    min(float(np.abs(small - end).mean()) for end in (pair.first, pair.last)),
                    float(np.abs(pair.last - pair.first).mean()),
                    pair.ghost(small, part) if _HALF_WAY[0] <= position <= _HALF_WAY[1] else None,
                )
            )

    def conclude(self) -> Inserted:
        sources = [each for each in self.shown if not each.position]
        coded = float(np.mean([each.distance for each in sources])) if sources else 0.0
        inserted = [each for each in self.shown if each.position]
        telling = [each for each in inserted if each.ghost is not None and each.change > max(_LEAST_CHANGE, _CERTAIN * coded)]
        repeats = {id(each) for each in telling if each.distance < 1.2 * coded + _REPEAT * each.change}
        made = [each for each in inserted if id(each) not in repeats]
        pulses = _pulses([*sources, *made])
        return Inserted(
            pulse=float(pulses[0]),
            colour_pulse=float(max(pulses[1:])),
            sharpness=_sharpness(sources, made),
            follows_motion=_follows([each.ghost for each in made if each.ghost is not None]),
            repeats=len(repeats) / len(telling) if telling else None,
        )


class _Pair:
    """Two source pictures, small, and the motion between them once it is asked for."""

    def __init__(self, first: Image, last: Image) -> None:
        self.first = first
        self.last = _fitted(last, first)

    @cached_property
    def _flows(self) -> tuple[flow.Flow, flow.Flow]:
        guides = [flow.guide(np.clip(image, 0, 255).astype(np.uint8), _HEIGHT_PX) for image in (self.first, self.last)]
        return flow.flow(guides[0], guides[1]), flow.flow(guides[1], guides[0])

    def ghost(self, shown: Image, part: float) -> _Ghost:
        """Compare a frame with a blend and with both neighbours carried to its place by flow, where that flow is large."""
        back, forth = self._flows
        there, here = np.float32(part), np.float32(1 - part)
        carried = here * flow.warp(self.first, back * there) + there * flow.warp(self.last, forth * here)
        moving: NDArray[np.bool_] = np.hypot(back[..., 0], back[..., 1]) > _MOVING_PX
        blend = here * self.first + there * self.last
        expected, departure = (carried - blend)[moving], (shown - blend)[moving]
        return _Ghost(float((departure * expected).sum()), float(np.square(expected).sum()))


def _pulses(shown: list[_Shown]) -> NDArray[np.float64]:
    """For luma, U and V: how far the mean gap at any place between source frames is from that at source frames."""
    places: dict[int, list[NDArray[np.float64]]] = {}
    for each in shown:
        places.setdefault(round(each.position * _PLACES), []).append(each.gap)
    means = {place: np.mean(gaps, axis=0) for place, gaps in places.items()}
    base = means.pop(0, np.zeros(3))
    return np.max([np.abs(mean - base) for mean in means.values()], axis=0) if means else np.zeros(3)


def _sharpness(sources: list[_Shown], made: list[_Shown]) -> float | None:
    """Energy of inserted frames over that of what is around them, less what encoding takes from source frames."""
    if not made or sum(each.energy[1] for each in made) <= len(made):
        return None
    kept = [sum(each.energy[0] for each in some) / sum(each.energy[1] for each in some) for some in (sources, made) if some]
    return kept[-1] / kept[0] if len(kept) == 2 else kept[0]


def _follows(ghosts: list[_Ghost]) -> float | None:
    along, whole = (sum(values) for values in zip(*ghosts, strict=True)) if ghosts else (0.0, 0.0)
    return along / whole if whole > _LEAST_MOTION * len(ghosts) else None


def _means(frame: Look) -> NDArray[np.float64]:
    return np.array([frame.luma.mean(), *frame.chroma.mean((0, 1))])


def _energy(luma: Image) -> float:
    return float(np.square(cv2.Laplacian(luma, cv2.CV_32F)).mean())


def _fitted(image: Image, like: Image) -> Image:
    """An encoder cuts an odd edge off, which moves the size of the small picture by a pixel."""
    return (
        image if image.shape == like.shape else np.asarray(cv2.resize(image, like.shape[::-1], interpolation=cv2.INTER_LINEAR), np.float32)
    )
