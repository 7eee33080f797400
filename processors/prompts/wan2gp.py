"""Wan2GP: all its settings as JSON, in ``(c)cmt`` of mp4, COMMENT or DESCRIPTION of mkv."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from . import fields, untrusted
from .place import Texts
from .stored import Source, StoredPrompt

_KEYS = {
    "prompt": "prompt",
    "negative_prompt": "negative_prompt",
    "seed": "seed",
    "num_inference_steps": "num_inference_steps",
    "guidance_scale": "guidance_scale",
    "num_frames": "video_length",
    "fps": "force_fps",
}
_TAGS = ("comment", "description")
_SIGNS = ("video_length", "activated_loras", "model_type", "model_filename", "image_prompt_type")
_LEAST_SIGNS = 2
_KIND = re.compile(r"(text|image) ?2 ?video", re.IGNORECASE)


def carried(texts: Texts) -> StoredPrompt | None:
    for tag in _TAGS:
        given = untrusted.json_object(texts.of(tag)) if texts.of(tag).lstrip().startswith("{") else {}
        if str(given.get("type", "")).startswith(("WanGP", "Wan2GP")) or sum(sign in given for sign in _SIGNS) >= _LEAST_SIGNS:
            return _stored(given, texts.named(tag))
    return None


def _stored(given: Mapping[str, Any], where: str) -> StoredPrompt | None:
    width, height = fields.size(given.get("resolution"))
    values: dict[str, Any] = {field: given.get(key) for field, key in _KEYS.items()} | {"width": width, "height": height}
    values["model"] = _model(given)
    loras = [name for lora in untrusted.items(given.get("activated_loras")) if (name := untrusted.name(lora))]
    return fields.stored(Source.WAN2GP, values, where, loras=loras)


def _model(given: Mapping[str, Any]) -> str | None:
    """Its file, else its name: "WanGP v8 by DeepBeepMeep - Wan2.1 Text2video 14B" ends in it, and is told as "Wan2.1 t2v 14B"; else its short one."""
    _, dash, title = (untrusted.name(given.get("type")) or "").partition(" - ")
    short = _KIND.sub(lambda found: f"{found[1][0].lower()}2v", title.strip()) if dash else None
    return untrusted.name(given.get("model_filename")) or short or untrusted.name(given.get("model_type"))
