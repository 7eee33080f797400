"""Every family that can be rendered again, and which of them a stored prompt means."""

from __future__ import annotations

import re
from fnmatch import fnmatchcase

from . import cogvideox, mochi, svd, wan
from .adapter import Adapter
from .family import Family

_MODULES = (cogvideox, svd, wan, mochi)

ALL: tuple[Family, ...] = tuple(family for module in _MODULES for family in module.FAMILIES)

ADAPTERS: dict[str, Adapter] = {name: adapter for module in _MODULES for name, adapter in module.ADAPTERS.items()}
"""By the family's name."""

_OTHERS = ("wan*2[._]2*", "wan*fun*", "*vace*", "*flf2v*", "*skyreels*", "cogvideox*fun*", "cogvideox*control*")
"""Models of the same pipelines whose figures are not these."""

_PARTS = re.compile(r"[/\\]|--")
"""Between the parts of a path, of a name on the Hub, and of a folder of the Hub's cache ("models--THUDM--CogVideoX-5b")."""


def family_of(model: str | None, pipeline: str | None) -> Family | None:
    """The family of ``model`` (a name on the Hub, a file, a folder); where its name tells none, the most used one of ``pipeline``."""
    parts = [part for part in reversed(_PARTS.split((model or "").lower())) if part]
    if any(fnmatchcase(part, pattern) for part in parts for pattern in _OTHERS):
        return None
    named = (family for part in parts for family in ALL if any(fnmatchcase(part, pattern) for pattern in family.models))
    of_class = (family for family in ALL if pipeline in family.pipelines.values())
    return next(named, None) or next(of_class, None)
