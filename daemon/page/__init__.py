"""The page: HTML over the daemon's API, in the same process and behind the same guard (the session's cookie)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.routing import BaseRoute

if TYPE_CHECKING:
    from ..api.control import Control


def routes(control: Control) -> list[BaseRoute]:
    """What the page serves beside ``/api/v1``."""
    return []
