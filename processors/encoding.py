"""Encoding: how a result is written. ``picture_codecs`` says how its frames are, ``carrying`` what holds them and what else goes in."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from . import carrying, picture_codecs
from .carrying import Along

if TYPE_CHECKING:
    from .records import Clip, Treatment


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

    def without_streams(self, reason: str) -> Encoding:
        """The same for pictures that the source's sound and subtitles do not fit; each is named with the reason."""
        left_out = (f"{self.along.names[selector]} is left out: {reason}" for selector in self.streams)
        along = replace(self.along, has_chapters=False)
        chapters = (f"chapters are left out: {reason}",) if self.along.has_chapters else ()
        return replace(self, streams=(), notes=(*self.notes, *left_out, *chapters), along=along)


def choose(clip: Clip, treatment: Treatment) -> Encoding:
    """The delivery for this clip and treatment. Raises RouteRefused where the result could not be what the source is."""
    picture = picture_codecs.choose(clip, treatment)
    carried = carrying.choose(clip, treatment, picture.options, picture.muxers)
    return Encoding(
        carried.suffix,
        carried.muxer,
        picture.pixel_format,
        picture.options | carried.options,
        picture.description,
        carried.streams,
        (*picture.notes, *carried.lost),
        along=carried.along,
        conversion=picture.conversion,
    )
