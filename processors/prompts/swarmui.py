"""SwarmUI: ``clip.swarm.json``, or ``parameters`` in a picture; both hold ``sui_image_params``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from . import fields, untrusted
from .place import Place, Texts
from .stored import Source, StoredPrompt

_KEYS: dict[str, tuple[str, ...]] = {
    "prompt": ("prompt",),
    "negative_prompt": ("negativeprompt",),
    "model": ("videomodel", "model"),  # with a video model, the other one made only the first picture
    "seed": ("seed",),
    "num_inference_steps": ("videosteps", "steps"),
    "guidance_scale": ("videocfg", "cfgscale"),
    "width": ("width",),
    "height": ("height",),
    "num_frames": ("videoframes", "text2videoframes"),
    "fps": ("videofps", "text2videofps"),
}
_EXTRA = {"motion_bucket_id": "videomotionbucket", "noise_aug_strength": "videoaugmentationlevel"}


def beside(place: Place) -> StoredPrompt | None:
    name = f"{place.path.stem}.swarm.json"
    return _stored(place.object(name), f"file {name}")


def carried(texts: Texts) -> StoredPrompt | None:
    text = texts.of("parameters")
    return _stored(untrusted.json_object(text), texts.named("parameters")) if "sui_image_params" in text else None


def _stored(content: Mapping[str, Any], where: str) -> StoredPrompt | None:
    given = untrusted.mapping(content.get("sui_image_params"))
    values = {field: next((given[key] for key in keys if key in given), None) for field, keys in _KEYS.items()}
    extra = {field: value for field, key in _EXTRA.items() if (value := untrusted.number(given.get(key), 0, 1000)) is not None}
    loras = [name for lora in untrusted.items(given.get("loras")) if (name := untrusted.name(lora))]
    from_image = True if "videomodel" in given else None
    return fields.stored(Source.SWARMUI, values, where, loras=loras, from_image=from_image, extra=extra)
