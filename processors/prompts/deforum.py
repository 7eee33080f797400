"""Deforum: ``{timestring}_settings.txt``, which is JSON, beside ``{timestring}.mp4``."""

from __future__ import annotations

import re
from typing import Any

from . import fields, untrusted
from .place import Place
from .stored import Source, StoredPrompt

_KEYS = {
    "model": "sd_model_name",
    "seed": "seed",  # -1 is one that was drawn and not stored
    "num_frames": "max_frames",
    "num_inference_steps": "steps",
    "width": "W",
    "height": "H",
    "fps": "fps",
}
_REASON = "Deforum moves pictures of Stable Diffusion from frame to frame; diffusers has no pipeline for it."
_FIRST = re.compile(r"\s*0\s*:\s*\(\s*([\d.]{1,10})\s*\)")
_NEGATIVE = "--neg"


def beside(place: Place) -> StoredPrompt | None:
    name = f"{place.path.stem}_settings.txt"
    given = place.object(name)
    prompts = untrusted.mapping(given.get("prompts"))
    if not prompts or not any(key in given for key in ("animation_mode", "max_frames")):
        return None
    first = min(prompts, key=_frame, default="0")
    positive, _, negative = str(untrusted.prompt(prompts.get(first)) or "").partition(_NEGATIVE)
    values: dict[str, Any] = {field: given.get(key) for field, key in _KEYS.items()}
    values["prompt"] = _joined(positive, given.get("positive_prompts"))
    values["negative_prompt"] = _joined(negative, given.get("negative_prompts"))
    scale = _FIRST.match(str(given.get("cfg_scale_schedule", ""))[:100])
    values["guidance_scale"] = scale[1] if scale else given.get("scale")
    return fields.stored(Source.DEFORUM, values, _where(values, name, first, len(prompts)), reason=_REASON)


def _where(values: dict[str, Any], name: str, first: str, prompts: int) -> dict[str, str]:
    more = f", the first of {prompts} prompts, at frame {untrusted.name(first)}" if prompts > 1 else ""
    return {field: f"file {name}" + (more if field in ("prompt", "negative_prompt") else "") for field in values}


def _frame(key: str) -> int:
    return int(key) if key.isdecimal() and len(key) < 10 else 1 << 40


def _joined(first: str, second: Any) -> str:
    return ", ".join(part for part in (first.strip(), (untrusted.prompt(second) or "").strip()) if part)
