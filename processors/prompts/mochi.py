"""Mochi's own command line: ``output_{time}.json`` beside ``output_{time}.mp4``."""

from __future__ import annotations

from typing import Any

from . import fields, untrusted
from .place import Place
from .stored import Source, StoredPrompt

_SAME = ("prompt", "negative_prompt", "seed", "num_frames", "num_inference_steps", "width", "height")
_SIGNS = ("sigma_schedule", "cfg_schedule")
_FPS = 30  # of its save_video


def beside(place: Place) -> StoredPrompt | None:
    name = f"{place.path.stem}.json"
    given = place.object(name)
    if not all(sign in given for sign in _SIGNS) or not isinstance(given.get("prompt"), str):
        return None
    values: dict[str, Any] = {field: given.get(field) for field in _SAME}
    scales = untrusted.items(given.get("cfg_schedule"))
    values |= {"guidance_scale": scales[0] if scales else None, "model": "genmo/mochi-1-preview", "fps": _FPS}
    return fields.stored(Source.MOCHI, values, f"file {name}")
