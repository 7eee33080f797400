"""What is found when an external program is looked for."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Probe:
    name: str
    version: str | None
    ok: bool
    detail: str
    remedy: str | None
    missing: tuple[str, ...] = ()  # parts of it that we need and this one lacks
