"""What a service manager says of the daemon."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class View:
    """``is_active``: the manager holds it for running or starting. ``state`` in the manager's own words. None where it does not say."""

    is_active: bool | None = False
    pid: int | None = None
    state: str | None = None
