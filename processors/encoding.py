"""Encoding: how a result is written. ``picture_codecs`` says how its frames are, ``carrying`` what holds them and what else goes in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from . import carrying, fields, picture_codecs, picture_facts

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


def choose(clip: Clip, treatment: Treatment) -> Encoding:
    """The delivery for this clip and treatment. Raises RouteRefused where the result could not be what the source is."""
    lost = picture_facts.losses(clip)
    picture = picture_codecs.choose(clip, treatment)
    video = fields.options(clip, picture.options)
    carried = carrying.choose(clip, treatment, video)
    return Encoding(
        carried.suffix,
        carried.muxer,
        picture.pixel_format,
        video | carried.options,
        picture.description,
        carried.streams,
        (*picture.notes, *lost, *carried.lost),
    )
