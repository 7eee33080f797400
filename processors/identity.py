"""Who a job is: the same content, treated the same way, to the same place, is the same job."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

from .records import Route, to_json

if TYPE_CHECKING:
    from ..config.settings import Settings
    from .records import Request

_ASKED = ("name", "routes", "route", "preset", "strength", "factor", "fps", "slow_motion", "drops_duplicates", "preview", "comparison")


def job_digest(content_digest: str, request: Request, settings: Settings) -> str:
    """12 hex digits over the content, what was asked for, the settings that change the result, and where it goes."""
    asked = to_json(request)
    parts = {
        "content": content_digest,
        "asked": {key: asked[key] for key in _ASKED},
        "output": str(request.output_dir / request.path.name),
        "repair": settings.repair.model_dump(mode="json"),
        "ffmpeg": settings.tools.ffmpeg,
        **({"approved": True} if request.approved else {}),  # absent elsewhere: ids of older jobs stay what they were
        **({"models": settings.models.model_dump(mode="json")} if request.route is Route.INTERPOLATE else {}),
    }
    return hashlib.blake2b(json.dumps(parts, sort_keys=True).encode(errors="surrogateescape"), digest_size=6).hexdigest()
