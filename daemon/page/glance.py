"""What the frame around every page says of the daemon."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ..api.control import Control


def glance(control: Control) -> dict[str, Any]:
    """The object of ``/status``."""
    from ..api.status import status

    return status(control)
