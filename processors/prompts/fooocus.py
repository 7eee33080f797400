"""Fooocus: ``parameters`` as JSON beside ``fooocus_scheme``; in JPEG and WebP the user comment of EXIF."""

from __future__ import annotations

from typing import Any

from . import fields, untrusted
from .place import Texts
from .stored import Source, StoredPrompt

_KEYS = {
    "prompt": "prompt",
    "negative_prompt": "negative_prompt",
    "model": "base_model",
    "seed": "seed",
    "num_inference_steps": "steps",
    "guidance_scale": "guidance_scale",
}
_SIGNS = ("fooocus", "base_model")


def carried(texts: Texts) -> StoredPrompt | None:
    text = texts.of("parameters")
    given = untrusted.json_object(text) if text.lstrip().startswith("{") else {}
    if not (texts.of("fooocus_scheme") == _SIGNS[0] or _SIGNS[1] in given or given.get("metadata_scheme") == _SIGNS[0]):
        return None
    width, height = fields.size(given.get("resolution"), ",x*")
    values: dict[str, Any] = {field: given.get(key) for field, key in _KEYS.items()} | {"width": width, "height": height}
    loras = [name for lora in untrusted.items(given.get("loras")) if (name := untrusted.name(next(iter(untrusted.items(lora)), None)))]
    return fields.stored(Source.FOOOCUS, values, texts.named("parameters"), loras=loras)
