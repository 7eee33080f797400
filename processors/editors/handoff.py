"""The hand-off to an editing program: ``clip.markers.edl`` and ``clip.markers.otio`` beside the result (docs/handoff.md)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from .. import timing, work_folders
from ..records import Passage
from . import edl, markers, otio

if TYPE_CHECKING:
    from ..naming import Outputs
    from ..outcome import Ending
    from .ranges import Range


def write(passage: Passage, ending: Ending, names: Outputs, ranges: Sequence[Range]) -> list[tuple[Path, Path]]:
    """Write both into the work folder; (file, place) of each. Nothing where nobody asked for them, of a preview, and where nothing was found.

    They refer to the result where there is one, else to the source.
    """
    clip = passage.clip
    if not passage.request.markers or passage.request.preview or clip is None or not ranges:
        return []
    source = markers.footage(clip.path, clip.path, clip, clip.frames, clip.frame_rate, has_sound=bool(clip.audio))
    shown, treatment = source, None
    made = passage.candidate
    if ending.delivers and made is not None:
        treatment = made.treatment
        rate = timing.frame_rate(clip, treatment)
        has_sound = bool(clip.audio) and not treatment.slow_motion
        shown = markers.footage(made.path, names.result, clip, made.frames, rate, has_sound=has_sound)
    placed = markers.of(ranges, clip, treatment, shown)
    edl_file, otio_file = names.markers
    files = (
        (passage.work_folder / "markers.edl", edl_file, edl.written(shown, placed).encode()),
        (passage.work_folder / "markers.otio", otio_file, otio.written(shown, source, placed, otio_file.parent)),
    )
    for staged, _, content in files:
        work_folders.write_whole(staged, content)
    return [(staged, target) for staged, target, _ in files]
