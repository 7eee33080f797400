"""What a diagnosis rests on, told for people: where in the frame it flickers, when, and what one would see, in a sentence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from ..records import Band, Clip, CodecReading, Shot, Verdict
from ..reports import pictures
from . import verdicts
from .flicker import NOWHERE, Flicker
from .measuring import ShotMeasure

MAP_LINES = 18
"""Places along the shorter side of a map."""
_WORST_S = 1.0
_LOCAL_SHARE = 0.35  # of the picture that holds nine tenths of the flicker: under it one can say where
_TENTHS = 0.9


class Stretch(NamedTuple):
    start: int  # first frame
    end: int  # one past the last frame


def maps(shots: Sequence[ShotMeasure]) -> dict[Band, NDArray[np.float32]]:
    """Amplitude in display levels, place by place, root mean square over the shots by their frames; bands that were measured nowhere
    are left out. All maps have one size.
    """
    found: dict[Band, NDArray[np.float32]] = {}
    for band, name in ((Band.LOW_LUMA, "low"), (Band.LOW_CHROMA, "chroma"), (Band.DETAIL, "mid")):
        planes = [(shot.end - shot.start, getattr(shot.flicker, name).map) for shot in shots if getattr(shot.flicker, name) is not NOWHERE]
        if planes:
            size = _size(planes[0][1])
            energy = sum(frames * np.square(_fit(plane, size)) for frames, plane in planes)
            found[band] = np.sqrt(np.asarray(energy, np.float32) / np.float32(sum(frames for frames, _ in planes)))
    return found


def worst_stretch(
    curves: Mapping[str, NDArray[np.floating]], frame_rate: float, seconds: float = _WORST_S, *, shots: Sequence[Shot] = ()
) -> Stretch | None:
    """The ``seconds`` in which the bands flicker most, in one of the ``shots`` where any is as long; None in a clip of one frame."""
    strength = pictures.flicker(curves)
    if len(strength) < 2:
        return None
    width = min(len(strength), max(2, round(seconds * frame_rate)))
    sums = np.convolve(strength, np.ones(width), "valid")
    inside = [start for shot in shots for start in range(shot.start, min(shot.end, len(strength)) - width + 1)]
    start = max(inside or range(len(sums)), key=sums.__getitem__)
    return Stretch(start, start + width)


def summary(clip: Clip, verdict: Verdict, codec: CodecReading, shot: ShotMeasure) -> str:
    """One sentence on what a person sees, for the shot that decides."""
    found = verdicts.faults(shot)
    if verdict is Verdict.CLEAN:
        return "Nothing flickers enough to see."
    if verdict is Verdict.INCOHERENT:
        return "Things change their shape from frame to frame: no filter mends that, another prompt or a shorter sequence may."
    if verdict is Verdict.CODEC:
        return max(_CODEC, key=lambda kind: kind[0](codec))[1]
    if verdict is Verdict.LUMINANCE:
        return _exposure(shot.flicker)
    if found.steps >= max(found.low_luma, found.low_chroma, found.detail):
        return "The scene changes its look abruptly and goes on, as at the border between two batches of frames."
    band = max((Band.LOW_LUMA, Band.LOW_CHROMA, Band.DETAIL), key=found.band)
    part = {Band.LOW_LUMA: shot.flicker.low, Band.LOW_CHROMA: shot.flicker.chroma, Band.DETAIL: shot.flicker.fine}[band]
    return f"{_PATCHES[band]}{_place(pictures.upright(part.map, clip))}, {_about(part.amplitude)}."


_CODEC = (
    (verdicts.cambi_fault, "Smooth ramps show bands, as compression to 8 bits makes them."),
    (verdicts.posterised_fault, "Smooth ramps go in coarse steps of several levels, as a palette or a harsh grade makes them."),
    (verdicts.blocking_fault, "The picture breaks into blocks, as strong compression makes them."),
    (verdicts.pulse_fault, "The picture pulses at every key frame, as the encoder starts anew."),
)
_PATCHES = {
    Band.LOW_LUMA: "The brightness of patches changes from frame to frame",
    Band.LOW_CHROMA: "The hue of patches changes from frame to frame",
    Band.DETAIL: "Fine texture is drawn anew in each frame",
}


def _exposure(found: Flicker) -> str:
    if verdicts.pulse_of_exposure(found) > found.exposure.amplitude / verdicts.EXPOSURE_LEVELS:
        return f"The brightness of the whole picture swings up and down, {_about(found.exposure.pulse)}."
    return f"The brightness of the whole picture changes from frame to frame, {_about(found.exposure.amplitude)}."


def _about(levels: float) -> str:
    return f"about {max(1, round(levels))} level{'' if levels < 1.5 else 's'} of 255"


def _place(plane: NDArray[np.float32]) -> str:
    """Where in the frame nine tenths of it are, if they are in a part of it."""
    energy = np.square(plane)
    if min(energy.shape) < 3 or energy.sum() <= 0:
        return ""
    order = np.sort(energy.ravel())[::-1]
    share = float(np.count_nonzero(np.cumsum(order) < _TENTHS * order.sum()) + 1) / order.size
    if share > _LOCAL_SHARE:
        return ""
    rows, columns = energy.sum(1), energy.sum(0)
    down, across = (float(np.average(np.arange(len(line)) + 0.5, weights=line)) / len(line) for line in (rows, columns))
    words = [names[min(2, int(3 * part))] for names, part in ((("top", "", "bottom"), down), (("left", "", "right"), across))]
    return f" at the {' '.join(word for word in words if word)}" if any(words) else " in the middle"


def _size(plane: NDArray[np.float32]) -> tuple[int, int]:
    height, width = plane.shape
    scale = min(1.0, MAP_LINES / min(height, width))
    return max(1, round(width * scale)), max(1, round(height * scale))


def _fit(plane: NDArray[np.float32], size: tuple[int, int]) -> NDArray[np.float32]:
    return np.asarray(cv2.resize(plane, size, interpolation=cv2.INTER_AREA), np.float32).reshape(size[::-1])
