"""What a media file holds besides what its pictures show, and how a note names each part of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction

from .parts import WORDS, Kind
from .vobsub import Canvas

ROUNDED = "times are rounded"
FRAME_TIMES = "frame times"
FRAME_RATE = "frame rate"
TIMECODE = "timecode"
CHAPTERS = "chapters"
LAST_FRAME = "the last frame's duration"
PICTURE = "the picture track"


def tag_name(key: str) -> str:
    """How a note names a tag of the file."""
    return f"tag '{key}'"


def canvas_name(track: str) -> str:
    """How a note names the size of a VobSub track's pictures."""
    return f"canvas of {track}"


def colours_name(track: str) -> str:
    return f"colours of {track}"


@dataclass(frozen=True)
class Track:
    """A stream other than the picture that is repaired. Times are ticks of ``time_base``, in the file's order."""

    kind: Kind
    number: int  # among its kind, from 1
    selector: str  # FFmpeg's
    codec: str
    time_base: Fraction  # seconds per tick
    times: tuple[int, ...]  # of its packets
    start: Fraction | None  # seconds: of the first sample that is played, of sound
    trimmed: tuple[int, int]  # samples cut off by a player at its begin and its end
    digest: str  # of its packets' bytes, without what belongs to the container
    language: str | None
    title: str | None
    roles: tuple[str, ...]  # FFmpeg's dispositions: default, forced, comment, ...
    texts: tuple[str, ...] = ()  # of subtitles that are text
    canvas: Canvas | None = None  # of VobSub

    @property
    def name(self) -> str:
        """How a note names it: "audio track 2 (aac)"."""
        return f"{WORDS[self.kind]} {self.number} ({self.codec})"


@dataclass(frozen=True)
class Pictures:
    """When the frames are shown. ``times`` are ticks of ``time_base``, rising."""

    times: tuple[int, ...]
    time_base: Fraction
    declared_rate: Fraction | None  # frames per second, as the container or the codec says
    last_duration: Fraction | None  # seconds
    language: str | None
    title: str | None
    roles: tuple[str, ...]

    def at(self, index: int) -> Fraction:
        """Seconds."""
        return self.times[index] * self.time_base


@dataclass(frozen=True)
class Chapter:
    start: Fraction  # seconds
    end: Fraction
    title: str


@dataclass(frozen=True)
class Inventory:
    container: str  # FFmpeg's demuxer name
    pictures: Pictures
    tracks: tuple[Track, ...] = ()
    chapters: tuple[Chapter, ...] = ()
    timecode: str | None = None
    tags: Mapping[str, str] = field(default_factory=lambda: {})  # by lower-case key, without those that a muxer makes

    def of_kind(self, kind: Kind) -> tuple[Track, ...]:
        return tuple(track for track in self.tracks if track.kind == kind)


@dataclass(frozen=True)
class Difference:
    """What is not as it was. A note that holds ``subject`` excuses it, unless it is ``grave``."""

    subject: str
    detail: str  # one sentence for a person
    grave: bool = False
