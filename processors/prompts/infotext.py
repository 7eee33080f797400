"""The text of Automatic1111's web interface and all that took it over: prompt, negative prompt, one line of settings.

a castle
Negative prompt: people
Steps: 25, Sampler: Euler a, CFG scale: 7, Seed: 1234, Size: 512x768, Model: dreamshaper_8
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

from . import fields, untrusted
from .stored import Source, StoredPrompt

_SETTING = re.compile(r'(\w[\w \-/]{0,60}):\s*("(?:\\.|[^\\"])+"|[^,]*)(?:,|$)')
_LEAST_SETTINGS = 3
"""So many on the last line make it one of settings, as the web interface itself decides."""

_NEGATIVE = "Negative prompt:"
_LORA = re.compile(r"<(?:lora|lyco):([^:>]{1,100})")
_KEYS = {"seed": "Seed", "num_inference_steps": "Steps", "guidance_scale": "CFG scale", "model": "Model", "fps": "FPS"}
_MOTION_KEYS = {"num_frames": "video_length", "fps": "fps"}


@dataclass(frozen=True)
class Infotext:
    prompt: str
    negative_prompt: str
    settings: dict[str, str]


def parse(text: str) -> Infotext | None:
    """None where there is no line of settings: then it is any text."""
    lines = text.replace("\r\n", "\n").strip().split("\n")
    settings = _settings(lines[-1])
    if len(settings) < _LEAST_SETTINGS or "Steps" not in settings:
        return None
    start = next((at for at, line in enumerate(lines[:-1]) if line.strip().startswith(_NEGATIVE)), len(lines) - 1)
    negative = "\n".join(lines[start:-1]).strip().removeprefix(_NEGATIVE)
    return Infotext("\n".join(lines[:start]).strip(), negative.strip(), settings)


def stored(source: Source, text: str, where: str) -> StoredPrompt | None:
    """The prompt in such a text; None where it is none."""
    found = parse(text[: untrusted.MOST_BYTES])
    if found is None:
        return None
    width, height = fields.size(found.settings.get("Size"))
    values: dict[str, Any] = {"prompt": found.prompt, "negative_prompt": found.negative_prompt, "width": width, "height": height}
    values |= {name: found.settings.get(key) for name, key in _KEYS.items()}
    motion = _settings(found.settings.get("AnimateDiff", "").replace(";", ","))
    values |= {name: motion[key] for name, key in _MOTION_KEYS.items() if key in motion}
    reason = "Its pictures are Stable Diffusion's with a motion module, which is not rendered again here." if motion else None
    return fields.stored(source, values, where, loras=_LORA.findall(found.prompt), reason=reason)


def _settings(line: str) -> dict[str, str]:
    return {key.strip(): _unquoted(value) for key, value in _SETTING.findall(line[:20_000])}


def _unquoted(value: str) -> str:
    if not (value.startswith('"') and value.endswith('"')):
        return value.strip()
    try:
        return str(json.loads(value))
    except ValueError:
        return value.strip('"')
