"""From measurements to a verdict. Each fault is set against the level at which it begins to show; 1 is the border.

The borders were set half-way between the labelled clips that flicker and those that do not, and made clips at 1.5 levels; docs/diagnosis.md
says what each means.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from .flicker import Flicker
from .measuring import ShotMeasure
from .records import Band, CodecReading, Verdict

EXPOSURE_LEVELS = 0.55
LOW_LEVELS = 0.38
CHROMA_LEVELS = 0.42
MID_LEVELS = 0.285
FINE_LEVELS = 0.55
STEP_LEVELS = 4.0
LEAST_STEPS = 2
"""One step alone may be a wanted change."""
CAMBI = 8.0
BLOCKINESS = 0.5
PULSE_LEVELS = 1.6
COHERENT, INCOHERENT = 0.55, 0.4
"""Correlation of a frame's structure with the one before, along motion: above the first things keep their shape, below the second
nothing does.
"""

_SUBSTANTIAL_FRAMES = 24
_SUBSTANTIAL_SHARE = 0.15
_BAND_FRACTION = 0.5  # of the border: bands that flicker this much beside a worse one are treated with it


@dataclass(frozen=True)
class Faults:
    """Each 1 at the border between what a person would pass and would not."""

    global_luma: float = 0.0
    low_luma: float = 0.0
    low_chroma: float = 0.0
    detail: float = 0.0
    steps: float = 0.0
    incoherent_share: float = 0.0  # 0 to 1: how much of it is loss of structure rather than flicker

    @property
    def redrawn(self) -> float:
        return _together(self.low_luma, self.low_chroma, self.detail, self.steps)

    @property
    def temporal(self) -> float:
        return _together(self.global_luma, self.redrawn)

    @property
    def generative(self) -> float:
        return self.redrawn * (1 - self.incoherent_share)

    @property
    def luminance(self) -> float:
        return self.global_luma * (1 - self.incoherent_share)

    @property
    def incoherent(self) -> float:
        return self.temporal * self.incoherent_share

    def band(self, band: Band) -> float:
        return {
            Band.GLOBAL_LUMA: self.global_luma,
            Band.LOW_LUMA: self.low_luma,
            Band.LOW_CHROMA: self.low_chroma,
            Band.DETAIL: self.detail,
        }[band]


def faults(shot: ShotMeasure) -> Faults:
    found: Flicker = shot.flicker
    share = min(1.0, max(0.0, (COHERENT - shot.coherence) / (COHERENT - INCOHERENT)))
    return Faults(
        global_luma=found.exposure.amplitude / (EXPOSURE_LEVELS + found.exposure_doubt),
        low_luma=found.low.visible / LOW_LEVELS,
        low_chroma=found.chroma.visible / CHROMA_LEVELS,
        detail=(found.mid.visible / MID_LEVELS + found.fine.visible / FINE_LEVELS) / 2,
        steps=max(step.jump for step in shot.steps) / STEP_LEVELS if len(shot.steps) >= LEAST_STEPS else 0.0,
        incoherent_share=share,
    )


def worst(shots: Sequence[ShotMeasure]) -> ShotMeasure:
    """The shot that flickers most, of those long enough to be judged; the longest where none is."""
    total = shots[-1].end
    substantial = [shot for shot in shots if shot.end - shot.start >= min(_SUBSTANTIAL_FRAMES, _SUBSTANTIAL_SHARE * total)]
    return max(substantial or [max(shots, key=lambda shot: shot.end - shot.start)], key=lambda shot: faults(shot).temporal)


def codec_fault(codec: CodecReading) -> float:
    return max(banding_fault(codec), blocking_fault(codec), pulse_fault(codec))


def banding_fault(codec: CodecReading) -> float:
    return (codec.cambi or 0.0) / CAMBI


def blocking_fault(codec: CodecReading) -> float:
    return (codec.blockiness or 0.0) / BLOCKINESS


def pulse_fault(codec: CodecReading) -> float:
    return (codec.keyframe_pulse or 0.0) / PULSE_LEVELS


def amount(fault: float) -> float:
    """0 to 1, with 0.5 at the border."""
    return fault / (1 + fault)


def amounts(found: Faults, codec: CodecReading) -> dict[Verdict, float]:
    """One 0-1 scale for all; ``clean`` is what the worst of them leaves."""
    given = {
        Verdict.LUMINANCE: amount(found.luminance),
        Verdict.GENERATIVE: amount(found.generative),
        Verdict.CODEC: amount(codec_fault(codec)),
        Verdict.INCOHERENT: amount(found.incoherent),
    }
    return {Verdict.CLEAN: 1 - max(given.values()), **given}


def verdict(given: dict[Verdict, float]) -> Verdict:
    worst_kind = max((kind for kind in given if kind is not Verdict.CLEAN), key=lambda kind: given[kind])
    return worst_kind if given[worst_kind] > 0.5 else Verdict.CLEAN


def confidence(found: Faults, codec: CodecReading) -> float:
    """0 at the border, 0.5 at one and a half times or two thirds of it, towards 1 beyond."""
    distance = abs(math.log(max(found.temporal, codec_fault(codec), 1e-3)))
    return 1 - 0.5 ** (distance / math.log(1.5))


def flickering_bands(found: Faults) -> tuple[Band, ...]:
    """Bands worth treating, worst first: those over their border, and those near it beside a worse one. A step is one of patches."""
    if found.temporal <= 1:
        return ()
    stepping = (Band.LOW_LUMA, Band.LOW_CHROMA) if found.steps > 1 else ()
    return tuple(band for band in sorted(Band, key=found.band, reverse=True) if found.band(band) > _BAND_FRACTION or band in stepping)


def _together(*parts: float) -> float:
    """A fourth-power sum: the worst decides, several near the border add a little."""
    return sum(part**4 for part in parts) ** 0.25
