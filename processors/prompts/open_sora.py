"""Open-Sora: ``clip.txt`` with nothing but the prompt.

Any text may lie there, so that it counts only where nothing else tells more.
"""

from __future__ import annotations

from . import fields, untrusted
from .place import Place
from .stored import Source, StoredPrompt

_NO_PROSE = "{[<"
"""JSON and markup begin with these."""


def beside(place: Place) -> StoredPrompt | None:
    name = f"{place.path.stem}.txt"
    text = place.text(name)
    if text is None or len(text) > untrusted.MOST_PROMPT or not text.strip() or text.lstrip()[0] in _NO_PROSE or name == place.path.name:
        return None
    reason = "A text beside the clip names no model."
    return fields.stored(Source.OPEN_SORA, {"prompt": text}, f"file {name}", reason=reason)
