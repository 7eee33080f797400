"""What the frame around every page says of the daemon."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ..api.control import Control


def glance(control: Control) -> dict[str, Any]:
    """The object of ``/status``; ``approving``: how many clips would be rendered again, once approved."""
    from ..api.status import status

    seen = status(control)
    return {**seen, "approving": seen.get("approving", len(seen.get("waiting_for_approval", ())))}
