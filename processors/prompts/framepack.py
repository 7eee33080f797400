"""FramePack-Studio: ``{job_id}.json`` beside ``{job_id}_{n}.mp4``."""

from __future__ import annotations

import re
from typing import Any

from . import fields, untrusted
from .place import Place
from .stored import Source, StoredPrompt

_PART = re.compile(r"_\d{1,5}$")
_KEYS = {
    "prompt": "prompt",
    "negative_prompt": "negative_prompt",
    "seed": "seed",
    "num_inference_steps": "steps",
    "guidance_scale": "gs",  # the distilled one; ``cfg`` is the true one
    "width": "resolutionW",
    "height": "resolutionH",
}
_SIGNS = ("latent_window_size", "model_type", "gs", "rs", "total_second_length")
_LEAST_SIGNS = 2
_FPS = 30
_SAMPLING = {"Original": "inverted_anti_drifting", "F1": "vanilla"}
"""What diffusers calls the two models that start from a picture and a prompt alone."""


def beside(place: Place) -> StoredPrompt | None:
    for stem in dict.fromkeys((_PART.sub("", place.path.stem), place.path.stem)):
        given = place.object(f"{stem}.json")
        if sum(sign in given for sign in _SIGNS) >= _LEAST_SIGNS and isinstance(given.get("prompt"), str):
            return _stored(given, f"file {stem}.json")
    return None


def _stored(given: dict[str, Any], where: str) -> StoredPrompt | None:
    kind = untrusted.name(given.get("model_type"))
    values: dict[str, Any] = {field: given.get(key) for field, key in _KEYS.items()} | {
        "model": f"FramePack {kind or ''}".strip(),
        "fps": _FPS,
    }
    guidance = untrusted.number(given.get("cfg"), 0, 1000)
    extra: dict[str, Any] = {} if guidance is None else {"true_cfg_scale": guidance}
    if kind in _SAMPLING:
        extra["sampling_type"] = _SAMPLING[kind]
    reason = None if kind in (*_SAMPLING, None) else f"FramePack's model {kind} starts from more than a picture, which is not stored."
    loras = [name for lora in untrusted.mapping(given.get("loras")) if (name := untrusted.name(lora))]
    return fields.stored(Source.FRAMEPACK_STUDIO, values, where, reason=reason, loras=loras, extra=extra)
