"""Who a job is: the same content, treated the same way, to the same place, is the same job."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ..config.profiles import Profile
from .records import Route, to_json

if TYPE_CHECKING:
    from ..config.settings import Settings
    from .records import Request

_ASKED = ("name", "routes", "route", "preset", "strength", "factor", "fps", "slow_motion", "drops_duplicates", "preview", "comparison")
_WITH_MODELS = (Route.INTERPOLATE, Route.REGENERATE)


def is_of_queue(job_id: str) -> bool:
    """False for a job of ``fix``, which the queue does not know."""
    return job_id.rpartition("-")[2].isdecimal()


def prompt_digest(stored: Mapping[str, Any] | None) -> str | None:
    """Of ``details.stored`` of a receipt; None where nobody looked for a prompt."""
    if stored is None:
        return None
    return hashlib.blake2b(json.dumps(stored.get("prompt"), sort_keys=True).encode(), digest_size=6).hexdigest()


def job_digest(content_digest: str, request: Request, settings: Settings, *, prompt_digest: str | None = None) -> str:
    """12 hex digits over the content, what was asked for, the settings that change the result, and where it goes. ``prompt_digest``: of the stored
    prompt, which counts where the clip is rendered again. A hot folder's policy of regeneration changes no result, and no job.
    """
    asked = to_json(request)
    parts = {
        "content": content_digest,
        "asked": {key: asked[key] for key in _ASKED},
        "output": str(request.output_dir / request.path.name),
        "repair": settings.repair.model_dump(mode="json", exclude={"gpu"}),
        "ffmpeg": settings.tools.ffmpeg,
        **({"models": settings.models.model_dump(mode="json")} if request.route in _WITH_MODELS else {}),
        **({"candidates": request.candidates, "prompt": prompt_digest} if request.route is Route.REGENERATE else {}),
        # absent where they are as ever: ids of older jobs stay what they were
        **({"markers": True} if request.markers else {}),
        **({"approved": True} if request.approved else {}),
        **({"sequences": settings.sequences.model_dump(mode="json")} if request.path.is_dir() else {}),
        **({"profile": request.profile} if request.profile is not Profile.MATCH else {}),
    }
    return hashlib.blake2b(json.dumps(parts, sort_keys=True).encode(errors="surrogateescape"), digest_size=6).hexdigest()
