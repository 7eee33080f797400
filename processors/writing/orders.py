"""What a writer is given: what is to be written, and how. ``encoding.choose`` says how, ``results.write`` finds the writer."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import av

from .carrying import Along

if TYPE_CHECKING:
    from ...config.settings import Settings
    from ..records import Clip, Progress


@dataclass(frozen=True)
class Encoding:
    """How a result is written. ``description`` is for a person."""

    suffix: str
    muxer: str
    pixel_format: str
    options: dict[str, Any]  # FFmpeg's
    description: str
    streams: tuple[str, ...] = ()  # FFmpeg's selectors of what is copied from the source
    notes: tuple[str, ...] = ()
    along: Along = field(default_factory=Along)
    conversion: str = ""  # FFmpeg's filters to ``pixel_format``; nothing: as FFmpeg does it
    frames_of: str | None = None  # the kind of the frames, where the result is a folder of them

    def without_streams(self, reason: str) -> Encoding:
        """The same for pictures that the source's sound and subtitles do not fit; each is named with the reason."""
        left_out = (f"{self.along.names[selector]} is left out: {reason}" for selector in self.streams)
        along = replace(self.along, has_chapters=False)
        chapters = (f"chapters are left out: {reason}",) if self.along.has_chapters else ()
        return replace(self, streams=(), notes=(*self.notes, *left_out, *chapters), along=along)


@dataclass(frozen=True)
class Order:
    """One result to be written to ``output``: ``frames`` in the clip's working format, pts rising.

    ``filters``: FFmpeg's, on their way. ``frame_rate``: frames per second, the clip's where it is None; it says how long the last frame is
    shown. ``expected_frames`` is for ``progress``.
    """

    clip: Clip
    frames: Iterable[av.VideoFrame]
    encoding: Encoding
    output: Path
    settings: Settings
    filters: str | None = None
    frame_rate: Fraction | None = None
    progress: Progress | None = None
    expected_frames: int | None = None

    @property
    def rate(self) -> Fraction:
        return self.frame_rate or self.clip.frame_rate
