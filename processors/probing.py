"""The first stage: what the file is, whether it is whole, and what its pictures say of their fields."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from . import fields, media, wholeness
from .records import Passage, Progress

if TYPE_CHECKING:
    from ..config.settings import Settings


def probe_stage(passage: Passage, settings: Settings, progress: Progress) -> Passage:
    """Raises MissingClip, IncompleteClip, RefusedClip, UnreadableClip or ChangingClip."""
    path = passage.request.path
    wholeness.check(path)
    return replace(passage, clip=fields.judge(media.probe(path)))
