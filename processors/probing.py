"""The first stage: what the clip is, what its pictures say of their fields, and whether its profile can hold it.

What cannot be delivered is not worked on.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from ..config.profiles import Profile
from . import fields, media, timing, wholeness
from .records import Route
from .sequences import sequence_codecs
from .writing import coders, encoders, picture_codecs

if TYPE_CHECKING:
    from ..config.settings import Settings
    from .records import Clip, Passage, Progress


def probe_stage(passage: Passage, settings: Settings, progress: Progress) -> Passage:
    """Raises RouteRefused where the profile cannot hold the picture, NotSetUp where its encoder is not here, and what probing raises."""
    request = passage.request
    wholeness.check(request.path)
    clip = fields.judge(media.probe(request.path, sequence_fps=timing.exact_rate(settings.sequences.fps)))
    if request.route is not Route.KEEP:
        _require(clip, request.profile, settings)
    return replace(passage, clip=clip)


def _require(clip: Clip, profile: Profile, settings: Settings) -> None:
    if profile in sequence_codecs.PROFILES:
        sequence_codecs.require(clip, profile)
    elif profile is not Profile.MATCH:
        picture_codecs.require(clip, profile)
        encoders.require(coders.CODERS[profile][0].encoder, settings)
