"""Excerpts: a short stretch of a clip that stands for it, so that a repair can be seen or tried at little cost.

An excerpt is a ``Clip`` itself, of the same file: whatever takes a clip takes it, and decodes these frames alone.
"""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from itertools import islice
from pathlib import Path

from ..config.settings import Settings
from . import diagnosis, media
from .measurement import evidence
from .measurement.evidence import Stretch
from .records import Cause, Clip, Diagnosis, Excerpt, Passage, Progress, Shot
from .reports import pictures

LENGTH_S = 2
_PREROLL_FRAMES = 16
"""A key frame may be followed by frames that are shown before it and cannot be decoded from there; no codec reorders by more."""


def is_due(passage: Passage) -> bool:
    """A preview shows an excerpt of what there is to show."""
    clip = passage.clip
    return passage.request.preview and passage.treatment is not None and clip is not None and clip.excerpt is None


def excerpt_stage(passage: Passage, settings: Settings, progress: Progress) -> Passage:
    """From here on the passage is about its clip's worst moment only. Raises UnreadableClip, ToolFailed, NotSetUp."""
    assert passage.clip is not None
    assert passage.diagnosis is not None
    clip, found = worst(passage.clip, passage.diagnosis, passage.work_folder / "excerpt.npz", settings, progress)
    return replace(passage, clip=clip, diagnosis=found)


def worst(clip: Clip, found: Diagnosis, curves: Path, settings: Settings, progress: Progress) -> tuple[Clip, Diagnosis]:
    """The ``LENGTH_S`` seconds in which the clip flickers most, inside one shot where one is as long; and its diagnosis, which is the
    clip's but for readings, shots and causes. ``curves``: where to write those of the excerpt.
    """
    known = pictures.read_curves(found.curves)
    stretch = evidence.worst_stretch(known, float(clip.frame_rate), LENGTH_S, shots=found.shots) or Stretch(0, clip.frames)
    part, shots = of(clip, stretch), _shots(found.shots, stretch)
    reading = diagnosis.read(part, curves, progress, shots=shots, settings=settings)
    return part, replace(found, reading=reading, shots=shots, causes=_causes(found.causes, stretch), curves=curves)


def of(clip: Clip, stretch: Stretch) -> Clip:
    """These frames of a clip as a clip of their own, without sound."""
    first = stretch.start
    stamps = media.stamps(clip)
    wanted = stamps[first : stretch.end]
    if wanted and first > _PREROLL_FRAMES:
        part = _cut(clip, first, wanted, stamps[first - _PREROLL_FRAMES])
        if tuple(frame.pts for frame in media.frames(part)) == wanted:
            return part
    with closing(media.frames(clip)) as decoded:
        shown = tuple(int(frame.pts or 0) for frame in islice(decoded, first, stretch.end))
    return _cut(clip, first, shown, None)


def _cut(clip: Clip, first: int, pts: tuple[int, ...], seek_pts: int | None) -> Clip:
    return replace(media.timed(clip, len(pts), pts), audio=(), excerpt=Excerpt(first, pts[0], seek_pts))


def _shots(shots: tuple[Shot, ...], stretch: Stretch) -> tuple[Shot, ...]:
    return tuple(
        replace(shot, start=max(shot.start, stretch.start) - stretch.start, end=min(shot.end, stretch.end) - stretch.start)
        for shot in shots
        if shot.start < stretch.end and shot.end > stretch.start
    )


def _causes(causes: tuple[Cause, ...], stretch: Stretch) -> tuple[Cause, ...]:
    return tuple(
        replace(
            cause,
            start_frame=max(cause.start_frame, stretch.start) - stretch.start,
            end_frame=min(cause.end_frame, stretch.end - 1) - stretch.start,
        )
        for cause in causes
        if cause.start_frame < stretch.end and cause.end_frame >= stretch.start
    )
