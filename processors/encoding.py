"""Encoding: how a result is written. ``picture_codecs`` says how its frames are, ``carrying`` what holds them and what else goes in; of
folders of frames and of animated images ``sequence_codecs`` and ``animated_results`` say both.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import fields
from .animations import animated_results
from .sequences import sequence_codecs
from .writing import carrying, picture_codecs, picture_facts
from .writing.orders import Encoding
from .writing.picture_codecs import Picture

if TYPE_CHECKING:
    from .records import Clip, Treatment


def choose(clip: Clip, treatment: Treatment) -> Encoding:
    """The delivery for this clip and treatment. Raises RouteRefused where the result could not be what the source is."""
    lost = picture_facts.losses(clip)
    frames = sequence_codecs.choose(clip, treatment)
    if frames is not None:
        return _alone(frames.picture, "", sequence_codecs.MUXER, frames.kind, lost)
    animated = animated_results.choose(clip, treatment)
    if animated is not None:
        return _alone(animated, animated_results.suffix(clip), animated_results.MUXERS[clip.container])
    a_movie = animated_results.why_a_movie(clip, treatment)
    picture = picture_codecs.choose(clip, treatment)
    video = fields.options(clip, picture.options)
    carried = carrying.choose(clip, treatment, video, picture.muxers)
    return Encoding(
        carried.suffix,
        carried.muxer,
        picture.pixel_format,
        video | carried.options,
        picture.description,
        carried.streams,
        (
            *picture.notes,
            *fields.notes(clip, video),
            *sequence_codecs.of_alpha(clip, None),
            *lost,
            *carried.lost,
            *((a_movie,) if a_movie else ()),
        ),
        along=carried.along,
        conversion=picture.conversion,
    )


def _alone(picture: Picture, suffix: str, muxer: str, frames_of: str | None = None, lost: tuple[str, ...] = ()) -> Encoding:
    notes = (*picture.notes, *lost)
    return Encoding(suffix, muxer, picture.pixel_format, picture.options, picture.description, notes=notes, frames_of=frames_of)
