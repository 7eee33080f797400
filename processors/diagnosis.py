"""What flickers in a clip, how much, and what to do about it. docs/diagnosis.md says how it is found out."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from ..config.settings import Settings
from . import banding, causes, verdicts
from .flicker import Flicker
from .measuring import Measurement, ShotMeasure, measure
from .records import (
    Band,
    BandReading,
    Clip,
    CodecReading,
    Diagnosis,
    Passage,
    Progress,
    Reading,
    Route,
    Shot,
    Verdict,
)

ARTICLE_MEAN_DIFF = 12.0
CURVES_FILE = "before.npz"

_FLOW_SHARE = 0.95  # of the stage's progress; the rest is CAMBI's


def diagnose_stage(passage: Passage, settings: Settings, progress: Progress) -> Passage:
    """Adds the diagnosis, writes the curves to ``before.npz`` in the work folder, and sets ``clip.frames`` to the decoded count."""
    assert passage.clip is not None
    found, frames = _diagnose(passage.clip, passage.work_folder / CURVES_FILE, progress, settings)
    return replace(passage, clip=replace(passage.clip, frames=frames), diagnosis=found)


def diagnose(clip: Clip, curves: Path | None, progress: Progress, *, settings: Settings | None = None) -> Diagnosis:
    """Measure a clip and judge it. ``curves``: where to write its curves over time (.npz). Raises UnreadableClip, ToolFailed, NotSetUp."""
    return _diagnose(clip, curves, progress, settings or Settings())[0]


def read(
    clip: Clip,
    curves: Path | None,
    progress: Progress,
    *,
    guide: Clip | None = None,
    shots: tuple[Shot, ...] | None = None,
    settings: Settings | None = None,
) -> Reading:
    """Measure a clip without judging it. ``guide`` has the same frames: flow, cuts and repeated frames come from it, which is how a
    candidate is compared with its source. ``shots``: take these instead of looking for cuts.
    """
    found = measure(clip, lambda part: progress(_FLOW_SHARE * part), guide=guide, known=shots)
    return _read(clip, found, curves, settings or Settings())


def _diagnose(clip: Clip, curves: Path | None, progress: Progress, settings: Settings) -> tuple[Diagnosis, int]:
    found = measure(clip, lambda part: progress(_FLOW_SHARE * part))
    reading = _read(clip, found, curves, settings)
    progress(1.0)
    worst = verdicts.faults(verdicts.worst(found.shots))
    amounts = verdicts.amounts(worst, reading.codec)
    verdict = verdicts.verdict(amounts)
    diagnosis = Diagnosis(
        verdict=verdict,
        confidence=round(verdicts.confidence(worst, reading.codec), 3),
        route=first_route(verdict, reading.codec, worst),
        summary=_summary(verdict, reading, worst),
        amounts={kind: round(value, 4) for kind, value in amounts.items()},
        causes=causes.find(clip, found),
        reading=reading,
        shots=tuple(_shot(shot) for shot in found.shots),
        article_verdict=_article_verdict(reading),
        curves=curves,
        flickering=verdicts.flickering_bands(worst),
    )
    return diagnosis, found.frames


def first_route(verdict: Verdict, codec: CodecReading, found: verdicts.Faults) -> Route:
    """DESIGN's table. Codec damage beside flicker is repaired in one go."""
    if verdict in (Verdict.LUMINANCE, Verdict.GENERATIVE):
        return Route.DEBAND_SMOOTH if verdicts.codec_fault(codec) > 1 else Route.SMOOTH
    if verdict is Verdict.CODEC:
        return Route.DEBAND_SMOOTH if found.temporal > 1 else Route.DEBAND
    return Route.KEEP


def _read(clip: Clip, found: Measurement, curves: Path | None, settings: Settings) -> Reading:
    if curves is not None:
        seconds = np.arange(found.frames, dtype=np.float32) / float(clip.frame_rate)
        np.savez(curves, time_s=seconds, **found.curves)  # pyright: ignore[reportArgumentType]  # the stub takes every key for allow_pickle
    worth_asking = found.stairs > banding.LEAST_STAIRS
    codec = CodecReading(
        cambi=_rounded(banding.cambi(clip, settings, folder=curves.parent if curves else None)) if worth_asking else 0.0,
        blockiness=_rounded(found.blockiness),
        keyframe_pulse=_rounded(found.keyframe_pulse),
    )
    return Reading(
        bands=_bands(found.shots),
        codec=codec,
        flicker_score=round(verdicts.amount(verdicts.faults(verdicts.worst(found.shots)).temporal), 4),
        article_mean_diff=_rounded(found.mean_diff),
        sharpness=round(found.sharpness, 3),
        motion=round(found.motion, 3),
    )


def _bands(shots: Sequence[ShotMeasure]) -> dict[Band, BandReading]:
    """Amplitudes as root mean square over the shots, correlations as their mean, both by frames."""
    each = [_readings(shot.flicker) for shot in shots]
    weights = [shot.end - shot.start for shot in shots]
    return {band: _averaged([readings[band] for readings in each], weights) for band in Band}


def _averaged(readings: Sequence[BandReading], weights: Sequence[int]) -> BandReading:
    energy = sum(weight * reading.amplitude**2 for reading, weight in zip(readings, weights, strict=True)) / sum(weights)
    known = [(reading.correlation, weight) for reading, weight in zip(readings, weights, strict=True) if reading.correlation is not None]
    correlation = sum(value * weight for value, weight in known) / sum(weight for _, weight in known) if known else None
    return BandReading(round(math.sqrt(energy), 3), _rounded(correlation))


def _readings(found: Flicker) -> dict[Band, BandReading]:
    parts = {Band.GLOBAL_LUMA: found.exposure, Band.LOW_LUMA: found.low, Band.LOW_CHROMA: found.chroma, Band.DETAIL: found.fine}
    return {band: BandReading(round(part.amplitude, 3), _rounded(part.correlation)) for band, part in parts.items()}


def _shot(shot: ShotMeasure) -> Shot:
    nothing = CodecReading(None, None, None)  # codec damage is read over the whole clip
    return Shot(shot.start, shot.end, verdicts.verdict(verdicts.amounts(verdicts.faults(shot), nothing)), _readings(shot.flicker))


def _article_verdict(reading: Reading) -> str | None:
    """The article's rule: a mean difference over 12 is generative, under it banding is the codec's."""
    if reading.article_mean_diff is None:
        return None
    if reading.article_mean_diff > ARTICLE_MEAN_DIFF:
        return "generative"
    return "codec" if verdicts.banding_fault(reading.codec) > 1 else "clean"


def _summary(verdict: Verdict, reading: Reading, found: verdicts.Faults) -> str:
    levels = {band: max(1, round(part.amplitude)) for band, part in reading.bands.items()}
    if verdict is Verdict.CLEAN:
        return "Nothing flickers enough to see."
    if verdict is Verdict.LUMINANCE:
        return f"The brightness of the whole picture changes from frame to frame, {_about(levels[Band.GLOBAL_LUMA])}."
    if verdict is Verdict.INCOHERENT:
        return "Things change their shape from frame to frame: no filter mends that, another prompt or a shorter sequence may."
    if verdict is Verdict.CODEC:
        kinds = (
            (verdicts.banding_fault(reading.codec), "Smooth ramps show bands, as compression to 8 bits makes them."),
            (verdicts.blocking_fault(reading.codec), "The picture breaks into blocks, as strong compression makes them."),
            (verdicts.pulse_fault(reading.codec), "The picture pulses at every key frame, as the encoder starts anew."),
        )
        return max(kinds)[1]
    if found.steps >= max(found.low_luma, found.low_chroma, found.detail):
        return "The scene changes its look abruptly and goes on, as at the border between two batches of frames."
    kind = max((Band.LOW_LUMA, Band.LOW_CHROMA, Band.DETAIL), key=found.band)
    what = {
        Band.LOW_LUMA: "The brightness of patches changes from frame to frame",
        Band.LOW_CHROMA: "The hue of patches changes from frame to frame",
        Band.DETAIL: "Fine texture is drawn anew in each frame",
    }[kind]
    return f"{what}, {_about(levels[kind])}."


def _about(levels: int) -> str:
    return f"about {levels} level{'' if levels == 1 else 's'} of 255"


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)
