"""The first stage: what the clip is, and whether the profile that was asked for can hold it. What cannot be delivered is not worked on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..config.profiles import Profile
from . import coders, encoders, media, picture_codecs
from .records import Route

if TYPE_CHECKING:
    from ..config.settings import Settings
    from .records import Passage, Progress


def probe_stage(passage: Passage, settings: Settings, progress: Progress) -> Passage:
    """Raises RouteRefused where the profile cannot hold the picture, NotSetUp where its encoder is not here, and what probing raises."""
    passage = media.probe_stage(passage, settings, progress)
    request = passage.request
    assert passage.clip is not None
    if request.profile is not Profile.MATCH and request.route is not Route.KEEP:
        picture_codecs.require(passage.clip, request.profile)
        encoders.require(coders.CODERS[request.profile][0].encoder, settings)
    return passage
