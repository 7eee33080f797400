"""What the frame around every page says of the daemon."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ..api import Control


def glance(control: Control) -> dict[str, Any]:
    """The object of ``/status``."""
    from ..api import Endpoints

    defaults: dict[str, Any] = {"waiting": [], "gpu_paused": False, "gpu_paused_until": None, "needs_you": 0, "event": 0}
    return {**defaults, **Endpoints(control).status({})}
