"""InvokeAI: ``invokeai_metadata`` in a picture, or as a tag."""

from __future__ import annotations

from typing import Any

from . import fields, untrusted
from .place import Texts
from .stored import Source, StoredPrompt

_KEYS = {
    "prompt": "positive_prompt",
    "negative_prompt": "negative_prompt",
    "seed": "seed",
    "num_inference_steps": "steps",
    "guidance_scale": "cfg_scale",
    "width": "width",
    "height": "height",
    "num_frames": "num_frames",
    "fps": "fps",
}


def carried(texts: Texts) -> StoredPrompt | None:
    given = untrusted.json_object(texts.of("invokeai_metadata"))
    values: dict[str, Any] = {field: given.get(key) for field, key in _KEYS.items()}
    values["model"] = _name(given.get("model"))
    loras = [
        _name(untrusted.mapping(lora).get("model")) or _name(untrusted.mapping(lora).get("lora"))
        for lora in untrusted.items(given.get("loras"))
    ]
    return fields.stored(Source.INVOKEAI, values, texts.named("invokeai_metadata"), loras=[name or "without a name" for name in loras])


def _name(model: Any) -> str | None:
    given = untrusted.mapping(model)
    return untrusted.name(given.get("name")) or untrusted.name(given.get("model_name")) or untrusted.name(model)
