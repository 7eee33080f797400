"""The curves and maps of a job, small enough for its receipt: what the page draws, after the work folder is gone.

``VERSION`` counts changes of the form; readers pass over a form that they do not know.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..measurement import evidence
from ..records import MAP_PREFIX, Band, Clip, Diagnosis, Passage, Route
from . import pictures

VERSION = 1
MOST_POINTS = 4096
"""Of a curve; of a longer clip each point is the largest value of several frames."""

_STEP_LEVELS = 0.01
_LARGEST = 65535
_MAPPED = (Band.LOW_LUMA, Band.LOW_CHROMA, Band.DETAIL)

Plane = NDArray[np.float32]


def of(passage: Passage) -> dict[str, Any] | None:
    """What a receipt keeps: ``{"version", "frames", "points", "worst", "curves": {band: {"before", "after"}}, "maps": ...}``; None where
    nothing was measured, or its file is gone.

    ``worst`` is [first frame, last frame] of the second that flickers most. Curves are packed, maps ``{"width", "height", "data"}``,
    upright; ``after`` is null where no result was measured frame for frame.
    """
    clip, found = passage.clip, passage.diagnosis
    before = pictures.read_curves(found.curves if found else None)
    if clip is None or found is None or not before:
        return None
    judged = passage.verification
    file = judged.curves if judged and not _changes_rate(passage) else None
    after = pictures.read_curves(file)
    return {
        "version": VERSION,
        "frames": clip.frames,
        "points": min(clip.frames, MOST_POINTS),
        "worst": _worst(before, clip, found),
        "curves": {band: {"before": _curve(before, band), "after": _curve(after, band)} for band in Band if band in before},
        "maps": _maps(clip, found.curves, file),
    }


def unpack(record: Mapping[str, Any]) -> dict[str, Any]:
    """What ``of`` gave, with lists of levels in the place of packed ones."""
    both = ("before", "after")
    curves = {band: {side: _levels(pair[side]) for side in both} for band, pair in record["curves"].items()}
    maps = {
        band: {side: None if pair[side] is None else pair[side] | {"data": _levels(pair[side]["data"])} for side in both}
        for band, pair in record["maps"].items()
    }
    return {**record, "curves": curves, "maps": maps}


def _changes_rate(passage: Passage) -> bool:
    made = passage.candidate
    return made is not None and (made.treatment.route is Route.INTERPOLATE or passage.clip is None or made.frames != passage.clip.frames)


def _worst(curves: pictures.Curves, clip: Clip, found: Diagnosis) -> list[int] | None:
    stretch = evidence.worst_stretch(curves, float(clip.frame_rate), shots=found.shots)
    return None if stretch is None else [stretch.start, stretch.end - 1]


def _curve(curves: pictures.Curves, band: Band) -> str | None:
    if band not in curves:
        return None
    parts = np.array_split(np.abs(curves[band]), min(len(curves[band]), MOST_POINTS))
    return _packed(np.array([part.max() for part in parts]))


def _maps(clip: Clip, before: Path | None, after: Path | None) -> dict[str, Any]:
    old, new = _read_maps(before), _read_maps(after)
    return {band: {"before": _map(old[band], clip), "after": _map(new.get(band), clip)} for band in _MAPPED if band in old}


def _read_maps(file: Path | None) -> dict[Band, Plane]:
    if file is None or not file.is_file():
        return {}
    with np.load(file, allow_pickle=False) as stored:
        return {band: np.asarray(stored[key], np.float32) for band in _MAPPED if (key := f"{MAP_PREFIX}{band}") in stored.files}


def _map(plane: Plane | None, clip: Clip) -> dict[str, Any] | None:
    if plane is None:
        return None
    shown = pictures.upright(plane, clip)
    return {"width": shown.shape[1], "height": shown.shape[0], "data": _packed(shown)}


def _packed(values: NDArray[np.floating]) -> str:
    """Hundredths of a level as little-endian 16-bit numbers, in base64."""
    steps = np.clip(np.rint(np.nan_to_num(values) / _STEP_LEVELS), 0, _LARGEST)
    return base64.b64encode(steps.astype("<u2").tobytes()).decode()


def _levels(packed: str | None) -> list[float] | None:
    if packed is None:
        return None
    return [round(int(step) * _STEP_LEVELS, 2) for step in np.frombuffer(base64.b64decode(packed), "<u2")]
