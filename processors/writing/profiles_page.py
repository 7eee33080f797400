"""Profiles as tables for people: what docs/profiles.md holds."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ...config.profiles import Profile
from . import coders
from .coders import Coder, Family
from .picture_needs import Layout

_HEAD = "| profile | codec | encoder and settings | depth | chroma | transparency | full range | container |\n|---|---|---|---|---|---|---|---|\n"
_MATCH_HEAD = "| the source is | the result is the first of these that holds its picture | after debanding |\n|---|---|---|\n"
_HARDWARE_HEAD = "| profile | codec | settings | depth | chroma | transparency |\n|---|---|---|---|---|---|\n"
_SUFFIXES = {"mp4": "mp4", "mov": "mov", "matroska": "mkv", "webm": "webm", "mpegts": "ts"}


def table() -> str:
    """Markdown, a row for each codec of a profile that needs no hardware."""
    rows = ((profile, coder) for profile, choices in coders.CODERS.items() if not profile.is_hardware for coder in choices)
    return _HEAD + "".join(_line(_cells(profile, coder)) for profile, coder in rows)


def hardware_table() -> str:
    """The same for those that do."""
    rows = ((profile, coder) for profile, choices in coders.CODERS.items() if profile.is_hardware for coder in choices)
    return _HARDWARE_HEAD + "".join(_line(tuple(_cells(profile, coder))[:6]) for profile, coder in rows)


def match_table() -> str:
    """What ``match`` makes of each family of codecs."""
    return _MATCH_HEAD + "".join(_line(_family_cells(family)) for family in (*coders.FAMILIES, coders.OTHERS))


def _cells(profile: Profile, coder: Coder) -> Iterator[str]:
    layouts = [Layout.of(name) for name in coder.formats]
    yield f"`{profile}`"
    yield coder.title
    yield coder.settings if coder.encoder == profile else f"{coder.encoder}, {coder.settings}"
    yield _joined(str(depth) for depth in sorted({min(layout.depth, coder.most_depth) for layout in layouts}))
    yield _joined(dict.fromkeys(layout.sampling for layout in layouts))
    yield "yes" if any(layout.has_alpha for layout in layouts) else "no"
    yield coder.full_range
    own = [muxer for muxer in coder.muxers[1:] if muxer in _SUFFIXES]
    yield _SUFFIXES[coder.muxers[0]] + (f", or the source's own of {_joined(_SUFFIXES[muxer] for muxer in own)}" if own else "")


def _family_cells(family: Family) -> tuple[str, str, str]:
    whole = ", every frame by itself" if family.is_intra and not all(coder.is_intra for coder in family.coders) else ""
    return family.name, _titles(family.coders) + whole, _titles(family.debanded) or "the same"


def _titles(choices: Iterable[Coder]) -> str:
    return _joined(dict.fromkeys(coder.title for coder in choices))


def _joined(parts: Iterable[str]) -> str:
    return ", ".join(parts)


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |\n"
