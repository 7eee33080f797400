"""Markers for an editor: each frame range of a receipt as a place in the delivered file, with a name, a note and a colour."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

from .. import timing
from ..records import Clip, Treatment
from ..reports import charts
from ..sequences import frame_folders
from ..sequences.frame_folders import Sequence
from . import timecodes
from .ranges import Range
from .timecodes import Start

_REPAIRED, _FOUND, _UNMEASURED = "green", "red", "yellow"
_COLOURS = {True: _REPAIRED, False: _FOUND, None: _UNMEASURED}
_STATES = {True: "repaired", False: "found", None: "found, not measured in the result"}
_LEVELS = "{:.2g} levels"
_AMOUNTS = {
    **dict.fromkeys(("first_frames", "last_frames", "batch_step", "tile_blink", "tile_seam", "keyframe_pulse", "palette_dither"), _LEVELS),
    "banding": "CAMBI {:.1f}",
    "posterisation": "{:.1%} of the picture",
    "blocking": "blockiness {:.2f}",
}
_VARIABLE = "Its frame rate varies: markers count frames, and an editing program that shows it at a constant rate may show them elsewhere."


@dataclass(frozen=True)
class Marker:
    frame: int  # of the delivered file, from 0
    frames: int
    name: str
    note: str  # begins with a letter
    colour: str
    record: dict[str, Any]  # the range as the receipt has it


@dataclass(frozen=True)
class Footage:
    """A file that markers refer to."""

    path: Path  # where it will lie
    frames: int
    start: Start
    has_sound: bool
    remark: str | None = None
    sequence: Sequence | None = None  # of its pictures, where ``path`` is a folder of them

    @property
    def rate(self) -> Fraction:
        return self.start.counting.rate


def footage(path: Path, lies_at: Path, clip: Clip, frames: int, rate: Fraction, *, has_sound: bool) -> Footage:
    """``path`` is the file, which will be delivered to ``lies_at``. ``clip`` is its source. Raises ClipError."""
    rate = timing.exact_average(rate, frames)
    remark = _VARIABLE if clip.variable_frame_rate else None
    sequence = frame_folders.find(path) if path.is_dir() else None
    return Footage(lies_at, frames, timecodes.start(path, rate), has_sound, remark, sequence)


def of(ranges: Iterable[Range], clip: Clip, treatment: Treatment | None, shown: Footage) -> tuple[Marker, ...]:
    """``treatment``: what made the file; None for the source itself."""
    made: list[Marker] = []
    for each in ranges:
        start = min(_placed(each.start_frame, clip, treatment), shown.frames - 1)
        end = min(max(start + 1, _placed(each.end_frame + 1, clip, treatment)), shown.frames)
        made.append(Marker(start, end - start, _name(each), _note(each, shown), _COLOURS[each.repaired], asdict(each)))
    return tuple(made)


def _placed(frame: int, clip: Clip, treatment: Treatment | None) -> int:
    """The frame of the file in which a frame of the source begins to be shown."""
    if treatment is None:
        return frame
    if treatment.fps is not None and not treatment.slow_motion:
        return math.ceil(frame / clip.frame_rate * treatment.fps)
    return frame * timing.frame_count(clip, treatment) // max(1, clip.frames)


def _name(found: Range) -> str:
    what = f"Flicker, {charts.title(found.band).lower()}" if found.band else found.what.replace("_", " ").capitalize()
    return f"{what}: {_STATES[found.repaired]}"


def _note(found: Range, shown: Footage) -> str:
    several = f"Frames {found.start_frame} to {found.end_frame}"
    place = f"Frame {found.start_frame}" if found.start_frame == found.end_frame else several
    words = [f"{place} of the source{_amount(found)}.", found.cause or "", shown.remark or ""]
    return " ".join(word for word in words if word)


def _amount(found: Range) -> str:
    form = _LEVELS if found.band else _AMOUNTS.get(found.what)
    if form is None:
        return ""
    return f", {form.format(found.amount)}" + (f", {form.format(found.after)} in the result" if found.after is not None else "")
