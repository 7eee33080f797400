"""From measurements to a verdict. Each fault is set against the level at which it begins to show; 1 is the border.

docs/diagnosis.md says what each border means and where it comes from.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from ..records import Band, CodecReading, Verdict
from .flicker import Flicker
from .measuring import ShotMeasure

EXPOSURE_LEVELS, EXPOSURE_DOUBT = 0.55, 0.05
PULSE_SWING_LEVELS, PULSE_DOUBT = 0.9, 0.2
"""Levels, and the share of missed motion (root mean square of the low band's residual) that is added: it may pass for exposure."""
LOW_LEVELS = 0.38
CHROMA_LEVELS = 0.42
DETAIL_LEVELS, REDRAWN_LEVELS = 0.048, 0.165
"""Of detail as it is seen over the frame, and in quiet places: flicker may be tied to texture, or be weak and everywhere."""
REDRAWN_ANYWAY_LEVELS = 0.12
"""What encoders and cameras draw anew in the quiet places of most steady clips."""
REDRAWN_BESIDE = 0.75
"""Times the whole frame's fault: what exposure and gain alone leave in patches and detail stays under it (at most 0.70 on made clips; encoders
redraw detail when brightness changes); with patches, hue and detail redrawn too it is over it (0.80 and more).
"""
DITHERED = 3.0
"""Palettes draw noise of their own: so much more detail flicker counts as theirs."""
STEP_LEVELS = 4.0
LEAST_STEPS = 2
"""One step alone may be a wanted change."""
CAMBI = 8.0
BLOCKINESS = 0.42
PULSE_LEVELS = 0.2
POSTERISED = 0.02
COHERENT, INCOHERENT = 0.55, 0.4
"""Correlation of a frame's structure with the one before, along motion: above the first things keep their shape, below the second
nothing does.
"""

_BORDER_SPREAD, _RIVAL_SPREAD = 0.25, 0.25  # of the faults' logarithms; docs/benchmarks.md has the reliability that they give
_HALF_SURE_PRODUCTS = 4
_SUBSTANTIAL_FRAMES = 24
_SUBSTANTIAL_SHARE = 0.15
_STILL_FRACTION = 0.25  # of the border: a band with less has nothing to repair
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
        """Where much is redrawn, the whole frame's brightness is drawn anew with it."""
        whole = self.global_luma if self.redrawn > max(1.0, REDRAWN_BESIDE * self.global_luma) else 0.0
        return _together(self.redrawn, whole) * (1 - self.incoherent_share)

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
        global_luma=max(
            found.exposure.amplitude / (EXPOSURE_LEVELS + EXPOSURE_DOUBT * found.exposure_doubt),
            pulse_of_exposure(found),
        ),
        low_luma=found.low.visible / LOW_LEVELS,
        low_chroma=found.chroma.visible / CHROMA_LEVELS,
        detail=max(found.mid.visible / DETAIL_LEVELS, redrawn_fault(found.redrawn)) / (DITHERED if shot.is_dithered else 1),
        steps=max(step.jump for step in shot.steps) / STEP_LEVELS if len(shot.steps) >= LEAST_STEPS else 0.0,
        incoherent_share=share,
    )


def redrawn_fault(levels: float) -> float:
    """In proportion over the border; under it the share of power that is not drawn anew anyway, which changes with each encode and size."""
    if levels >= REDRAWN_LEVELS:
        return levels / REDRAWN_LEVELS
    return max(0.0, levels**2 - REDRAWN_ANYWAY_LEVELS**2) / (REDRAWN_LEVELS**2 - REDRAWN_ANYWAY_LEVELS**2)


def pulses(found: Flicker) -> bool:
    """True where the whole frame swings slowly up and down rather than being drawn anew each frame."""
    return pulse_of_exposure(found) > max(1.0, found.exposure.amplitude / EXPOSURE_LEVELS)


def pulse_of_exposure(found: Flicker) -> float:
    return found.exposure.pulse / (PULSE_SWING_LEVELS + PULSE_DOUBT * found.exposure_doubt)


def worst(shots: Sequence[ShotMeasure]) -> ShotMeasure:
    """The shot that flickers most, of those long enough to be judged; the longest where none is."""
    total = shots[-1].end
    substantial = [shot for shot in shots if shot.end - shot.start >= min(_SUBSTANTIAL_FRAMES, _SUBSTANTIAL_SHARE * total)]
    return max(substantial or [max(shots, key=lambda shot: shot.end - shot.start)], key=lambda shot: faults(shot).temporal)


def codec_fault(codec: CodecReading) -> float:
    """The worst of them. Over its border it counts by its root: damage that stands still must be much worse to be seen as much as flicker."""
    worst_damage = max(banding_fault(codec), blocking_fault(codec), pulse_fault(codec))
    return worst_damage if worst_damage <= 1 else math.sqrt(worst_damage)


def banding_fault(codec: CodecReading) -> float:
    return max(cambi_fault(codec), posterised_fault(codec))


def cambi_fault(codec: CodecReading) -> float:
    return (codec.cambi or 0.0) / CAMBI


def posterised_fault(codec: CodecReading) -> float:
    return (codec.posterisation or 0.0) / POSTERISED


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


def confidence(found: Faults, codec: CodecReading, products: int) -> float:
    """How likely it is that the verdict is right: 0.5 at a border, towards 1 beyond, as the logarithms of the faults tell.

    ``products``: how many pairs of residuals stand behind the faults of flicker, or how many frames that only repeat; few say little.
    """
    kinds = sorted((found.luminance, found.generative, found.incoherent, codec_fault(codec)), reverse=True)
    border = abs(math.log(max(kinds[0], 1e-3)))
    rival = math.log(kinds[0] / max(kinds[1], 1.0)) if kinds[0] > 1 else math.inf
    evidence = 1.0 if codec_fault(codec) >= max(kinds[0], 1.0) else products / (products + _HALF_SURE_PRODUCTS)
    return 1 - 0.5 * math.exp(-evidence * border / _BORDER_SPREAD) - (0.5 * math.exp(-rival / _RIVAL_SPREAD) if kinds[1] > 1 else 0.0)


def flickering_bands(found: Faults) -> tuple[Band, ...]:
    """Bands worth treating, worst first: those over their border, and those near it beside a worse one; detail where patches or hue are
    drawn anew unless it is still, as motion hides most of it from the measurement. A step is one of patches.
    """
    if found.temporal <= 1:
        return ()
    stepping = (Band.LOW_LUMA, Band.LOW_CHROMA) if found.steps > 1 else ()
    least = dict.fromkeys(Band, _BAND_FRACTION)
    if max(found.low_luma, found.low_chroma) > 1:
        least[Band.DETAIL] = _STILL_FRACTION
    return tuple(band for band in sorted(Band, key=found.band, reverse=True) if found.band(band) > least[band] or band in stepping)


def still_bands(found: Faults, products: int) -> tuple[Band, ...]:
    """Bands that surely do not flicker in a shot, even where they do in another. ``products``: see ``confidence``."""
    if products < _HALF_SURE_PRODUCTS or found.steps > _STILL_FRACTION:
        return ()
    return tuple(band for band in Band if found.band(band) < _STILL_FRACTION)


def _together(*parts: float) -> float:
    """A fourth-power sum: the worst decides, several near the border add a little."""
    return sum(part**4 for part in parts) ** 0.25
