"""Encoding: how a result is written. ``picture_codecs`` says how its frames are, ``carrying`` what holds them and what else goes in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from . import carrying, picture_codecs, sequence_codecs

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
    frames_of: str | None = None  # the kind of the frames, where the result is a folder of them


def choose(clip: Clip, treatment: Treatment) -> Encoding:
    """The delivery for this clip and treatment. Raises RouteRefused where the result could not be what the source is."""
    frames = sequence_codecs.choose(clip, treatment)
    if frames is not None:
        picture = frames.picture
        return Encoding(
            "",
            sequence_codecs.MUXER,
            picture.pixel_format,
            picture.options,
            picture.description,
            notes=picture.notes,
            frames_of=frames.kind,
        )
    picture = picture_codecs.choose(clip, treatment)
    carried = carrying.choose(clip, treatment, picture.options)
    return Encoding(
        carried.suffix,
        carried.muxer,
        picture.pixel_format,
        picture.options | carried.options,
        picture.description,
        carried.streams,
        (*picture.notes, *carried.lost),
    )
