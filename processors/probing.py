"""The first stage: what the clip is, what its pictures say of their fields, and whether its profile can hold it.

What cannot be delivered is not worked on.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from . import coders, encoders, fields, media, picture_codecs, timing, wholeness
from .records import Route

if TYPE_CHECKING:
    from ..config.settings import Settings
    from .records import Passage, Progress


def probe_stage(passage: Passage, settings: Settings, progress: Progress) -> Passage:
    """Raises RouteRefused where the profile cannot hold the picture, NotSetUp where its encoder is not here, and what probing raises."""
    request = passage.request
    wholeness.check(request.path)
    clip = fields.judge(media.probe(request.path, sequence_fps=timing.exact_rate(settings.sequences.fps)))
    if request.profile in coders.CODERS and request.route is not Route.KEEP:  # match takes what fits, frames have no encoder to ask for
        picture_codecs.require(clip, request.profile)
        encoders.require(coders.CODERS[request.profile][0].encoder, settings)
    return replace(passage, clip=clip)
