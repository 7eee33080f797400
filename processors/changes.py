"""Streams that change half-way: size, pixel format or colours. No result could hold both, so that nothing is scaled in silence."""

from __future__ import annotations

import av

from ..config.errors import ChangingClip
from . import colors
from .records import Clip


def require_as_begun(frame: av.VideoFrame, clip: Clip) -> None:
    """Raises ChangingClip. Tags that come or go do not count, those that contradict do."""
    began = {"size": (clip.width, clip.height), "pixel format": clip.pixel_format}
    now = {"size": (frame.width, frame.height), "pixel format": frame.format.name}
    seen = colors.tags(frame)
    for name in ("primaries", "transfer", "matrix", "range"):
        before, after = getattr(clip.color, name), getattr(seen, name)
        if before is not None and after is not None:
            began[name], now[name] = before, after
    for name, value in now.items():
        if value != began[name]:
            at = float((frame.pts or 0) * clip.time_base)
            raise ChangingClip(
                f"Its {name} changes from {_shown(began[name])} to {_shown(value)} at {at:.2f} s. Export it anew with one {name}.",
                path=clip.path,
            )


def _shown(value: str | tuple[int, int]) -> str:
    return value if isinstance(value, str) else f"{value[0]}x{value[1]}"
