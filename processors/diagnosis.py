"""What flickers in a clip, how much, and what to do about it. docs/diagnosis.md says how it is found out."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from ..config.settings import Settings
from .measurement import causes, evidence, verdicts
from .measurement.flicker import Flicker
from .measurement.measuring import FramePairs, Measurement, ShotMeasure, measure
from .prompts import lint, station
from .records import (
    MAP_PREFIX,
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


def diagnose_stage(passage: Passage, settings: Settings, progress: Progress) -> Passage:
    """Adds the diagnosis, writes the curves to ``before.npz`` in the work folder, and sets ``clip.frames`` to the decoded count. Completes
    the lint of a stored prompt, and says in the summary where that is the cause.
    """
    assert passage.clip is not None
    found, frames = _diagnose(passage.clip, passage.work_folder / CURVES_FILE, progress, settings)
    clip = replace(passage.clip, frames=frames)
    stored = station.completed(passage.stored, found, clip)
    cause = lint.cause(found.verdict, stored.lint) if stored is not None else None
    if cause is not None:
        found = replace(found, summary=f"{found.summary} {cause}")
    return replace(passage, clip=clip, diagnosis=found, stored=stored)


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
    decoded: FramePairs | None = None,
) -> Reading:
    """Measure a clip without judging it. ``guide`` has the same frames: flow, cuts and repeated frames come from it, which is how a
    candidate is compared with its source. ``shots``: take these instead of looking for cuts. ``decoded``: frames of both.
    """
    folder = curves.parent if curves else None
    found = measure(clip, progress, guide=guide, known=shots, settings=settings, folder=folder, decoded=decoded)
    return _read(clip, found, curves)


def _diagnose(clip: Clip, curves: Path | None, progress: Progress, settings: Settings) -> tuple[Diagnosis, int]:
    found = measure(clip, progress, settings=settings, folder=curves.parent if curves else None)
    reading = _read(clip, found, curves)
    progress(1.0)
    decisive = verdicts.worst(found.shots)
    judged = _judged(decisive, reading.codec)
    faults = verdicts.faults(decisive)
    diagnosis = Diagnosis(
        verdict=judged.verdict,
        confidence=judged.confidence,
        route=judged.route,
        summary=evidence.summary(clip, judged.verdict, reading.codec, decisive),
        amounts={kind: round(value, 4) for kind, value in verdicts.amounts(faults, reading.codec).items()},
        causes=causes.find(clip, found, reading.codec),
        reading=reading,
        shots=tuple(_judged(shot, _NO_CODEC) for shot in found.shots),
        article_verdict=_article_verdict(reading),
        curves=curves,
        flickering=verdicts.flickering_bands(faults),
    )
    return diagnosis, found.frames


def first_route(verdict: Verdict, codec: CodecReading, found: verdicts.Faults) -> Route:
    """DESIGN's table. Codec damage beside flicker is repaired in one go."""
    if verdict in (Verdict.LUMINANCE, Verdict.GENERATIVE):
        return Route.DEBAND_SMOOTH if verdicts.codec_fault(codec) > 1 else Route.SMOOTH
    if verdict is Verdict.CODEC:
        return Route.DEBAND_SMOOTH if found.temporal > 1 else Route.DEBAND
    return Route.KEEP


_NO_CODEC = CodecReading(None, None, None)
"""Codec damage is read over the whole clip, not shot by shot."""


def _judged(shot: ShotMeasure, codec: CodecReading) -> Shot:
    faults = verdicts.faults(shot)
    verdict = verdicts.verdict(verdicts.amounts(faults, codec))
    products = shot.counted if shot.pairs else shot.end - shot.start
    return Shot(
        shot.start,
        shot.end,
        verdict,
        _readings(shot.flicker),
        confidence=round(verdicts.confidence(faults, codec, products), 3),
        flicker_score=round(verdicts.amount(faults.temporal), 4),
        route=first_route(verdict, codec, faults),
        still=verdicts.still_bands(faults, shot.counted),
        pulse_frames=_rounded(shot.flicker.exposure.period) if verdicts.pulses(shot.flicker) else None,
    )


def _read(clip: Clip, found: Measurement, curves: Path | None) -> Reading:
    if curves is not None:
        _write_curves(clip, found, curves)
    codec = CodecReading(
        cambi=_rounded(found.cambi),
        blockiness=_rounded(found.blockiness),
        keyframe_pulse=_rounded(found.keyframe_pulse),
        posterisation=_rounded(found.posterisation),
    )
    return Reading(
        bands=_bands(found.shots),
        codec=codec,
        flicker_score=round(verdicts.amount(verdicts.faults(verdicts.worst(found.shots)).temporal), 4),
        article_mean_diff=_rounded(found.mean_diff),
        sharpness=round(found.sharpness, 3),
        motion=round(found.motion, 3),
    )


def _write_curves(clip: Clip, found: Measurement, file: Path) -> None:
    seconds = np.arange(found.frames, dtype=np.float32) / float(clip.frame_rate)
    maps = {f"{MAP_PREFIX}{band}": plane for band, plane in evidence.maps(found.shots).items()}
    np.savez(file, time_s=seconds, **found.curves, **maps)  # pyright: ignore[reportArgumentType]  # the stub takes every key for allow_pickle


def _bands(shots: Sequence[ShotMeasure]) -> dict[Band, BandReading]:
    """Amplitudes as root mean square over the shots, correlations as their mean, both by frames."""
    measured = [shot for shot in shots if shot.pairs] or shots
    each = [_readings(shot.flicker) for shot in measured]
    weights = [shot.end - shot.start for shot in measured]
    return {band: _averaged([readings[band] for readings in each], weights) for band in Band}


def _averaged(readings: Sequence[BandReading], weights: Sequence[int]) -> BandReading:
    energy = sum(weight * reading.amplitude**2 for reading, weight in zip(readings, weights, strict=True)) / sum(weights)
    known = [(reading.correlation, weight) for reading, weight in zip(readings, weights, strict=True) if reading.correlation is not None]
    correlation = sum(value * weight for value, weight in known) / sum(weight for _, weight in known) if known else None
    return BandReading(round(math.sqrt(energy), 3), _rounded(correlation))


def _readings(found: Flicker) -> dict[Band, BandReading]:
    whole = BandReading(round(max(found.exposure.amplitude, found.exposure.pulse), 3), _rounded(found.exposure.correlation))
    parts = {Band.LOW_LUMA: found.low, Band.LOW_CHROMA: found.chroma, Band.DETAIL: found.fine}
    return {Band.GLOBAL_LUMA: whole} | {
        band: BandReading(round(part.amplitude, 3), _rounded(part.correlation)) for band, part in parts.items()
    }


def _article_verdict(reading: Reading) -> str | None:
    """The article's rule: a mean difference over 12 is generative, under it banding is the codec's."""
    if reading.article_mean_diff is None:
        return None
    if reading.article_mean_diff > ARTICLE_MEAN_DIFF:
        return "generative"
    return "codec" if verdicts.banding_fault(reading.codec) > 1 else "clean"


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)
