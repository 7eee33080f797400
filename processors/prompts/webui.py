"""Infotexts where the web interfaces leave them: A1111 and Forge, sd-webui-animatediff, SD.Next, Fooocus in its A1111 form."""

from __future__ import annotations

from . import fields, infotext
from .place import Place, Texts
from .stored import Source, StoredPrompt

_KEYS = ("parameters", "comment", "description")
_SDNEXT = "sd.next"
_SDNEXT_SETTING = "App: SD.Next"  # FFmpeg may have put its own name into ``encoder``


def carried(texts: Texts) -> StoredPrompt | None:
    """In a text or tag."""
    for key in _KEYS:
        found = infotext.stored(_source(texts, key), texts.of(key), texts.named(key))
        if found is not None:
            return found
    if texts.of("encoder").lower().startswith(_SDNEXT):
        key = next((key for key in ("description", "comment", "title") if texts.of(key)), "title")
        return fields.stored(Source.SDNEXT, {"prompt": texts.of(key) or None}, texts.named(key))
    return None


def animatediff_file(place: Place) -> StoredPrompt | None:
    """In ``clip.txt``."""
    name = f"{place.path.stem}.txt"
    return infotext.stored(Source.ANIMATEDIFF, place.text(name) or "", f"file {name}")


def sdnext_file(place: Place) -> StoredPrompt | None:
    """In ``clip.mp4.txt``."""
    name = f"{place.path.name}.txt"
    return infotext.stored(Source.SDNEXT, place.text(name) or "", f"file {name}")


def _source(texts: Texts, key: str) -> Source:
    if texts.of("encoder").lower().startswith(_SDNEXT) or _SDNEXT_SETTING in texts.of(key):
        return Source.SDNEXT
    if texts.of("fooocus_scheme"):
        return Source.FOOOCUS
    return Source.ANIMATEDIFF if key != "parameters" or "AnimateDiff:" in texts.of(key) else Source.A1111
