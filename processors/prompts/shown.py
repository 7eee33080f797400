"""A stored prompt as ``sidecar --json`` prints it, and as report and terminal name its parts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from ..families import table
from ..families.family import Kind
from . import lint
from .stored import Source, Stored, StoredPrompt

_KEYS = (
    *("source", "pipeline", "reason", "model", "prompt", "negative_prompt", "seed", "num_frames"),
    *("num_inference_steps", "guidance_scale", "width", "height", "fps"),
)
_NEEDED = ("pipeline", "model", "prompt", "seed", "num_inference_steps", "guidance_scale", "width", "height", "num_frames", "fps")
"""To render a clip again the same."""
_FROM_IMAGE_ALONE = frozenset({"StableVideoDiffusionPipeline"})
"""Pipelines that take neither a prompt nor guidance_scale."""
_NO_PROMPT = frozenset({"prompt", "guidance_scale"})

NAMES = {
    "prompt": "Prompt",
    "negative_prompt": "Negative prompt",
    "model": "Model",
    "revision": "Revision",
    "pipeline": "Pipeline",
    "seed": "Seed",
    "num_inference_steps": "Steps",
    "guidance_scale": "Guidance",
    "size": "Size",
    "num_frames": "Frames",
    "fps": "Frame rate",
    "image": "First frame",
}
"""As a person reads them, in this order."""
_WITHIN_SIZE = ("width", "height")
_SOURCES = {
    Source.COMFYUI: "ComfyUI",
    Source.VHS: "ComfyUI's VideoHelperSuite",
    Source.A1111: "A1111 or Forge",
    Source.ANIMATEDIFF: "AnimateDiff",
    Source.SDNEXT: "SD.Next",
    Source.SWARMUI: "SwarmUI",
    Source.INVOKEAI: "InvokeAI",
    Source.FOOOCUS: "Fooocus",
    Source.WAN2GP: "Wan2GP",
    Source.FRAMEPACK_STUDIO: "FramePack-Studio",
    Source.MOCHI: "Mochi's command line",
    Source.OPEN_SORA: "Open-Sora",
    Source.DEFORUM: "Deforum",
    Source.FILE_NAME: "the program that named the file",
}


@dataclass(frozen=True)
class Parameter:
    name: str
    value: str
    where: str  # it was found; "" where that is not known


def as_dict(path: str, stored: Stored) -> dict[str, Any]:
    """The object of one clip."""
    prompt = stored.prompt
    return {
        "path": path,
        "found": prompt is not None,
        **{key: getattr(prompt, key, None) for key in _KEYS},
        "extra": dict(prompt.extra) if prompt else {},
        "sources": dict(prompt.sources) if prompt else {},
        "missing": list(missing(prompt)),
        "lint": [lint.as_dict(each) for each in stored.lint],
    }


def missing(prompt: StoredPrompt | None) -> tuple[str, ...]:
    """Fields that a clip needs to be rendered again, and of which nothing is known."""
    family = table.family_of(prompt.model, prompt.pipeline) if prompt else None
    kinds = {kind for kind, name in family.pipelines.items() if prompt and prompt.pipeline in (None, name)} if family else set[Kind]()
    is_prompted = not kinds or (family is not None and not _FROM_IMAGE_ALONE & set(family.pipelines.values()))
    needed = [name for name in _NEEDED if is_prompted or name not in _NO_PROMPT] + (["image"] if kinds == {Kind.IMAGE} else [])
    return tuple(name for name in needed if getattr(prompt, name, None) is None)


def missing_words(prompt: StoredPrompt | None) -> str:
    """The same, for a person."""
    return ", ".join(dict.fromkeys(NAMES.get("size" if name in _WITHIN_SIZE else name, name).lower() for name in missing(prompt)))


def parameters(prompt: StoredPrompt) -> tuple[Parameter, ...]:
    """What is known, in words, and where each was found."""
    return (*_own(prompt), *(_extra(prompt, name, value) for name, value in prompt.extra.items()))


def left_by(prompt: StoredPrompt) -> str:
    """Who left it, for a person."""
    return _SOURCES.get(prompt.source, str(prompt.source))


def _extra(prompt: StoredPrompt, name: str, value: Any) -> Parameter:
    """One that is called as a field of the prompt is (``fps``) has its place under its full name."""
    said = f"{name}, as the model is told" if name in NAMES else name
    return Parameter(said, _said(value), prompt.sources.get(f"extra.{name}" if name in NAMES else name, ""))


def _own(prompt: StoredPrompt) -> Iterator[Parameter]:
    for field, name in NAMES.items():
        value = _size(prompt) if field == "size" else getattr(prompt, field)
        where = [prompt.sources.get(each, "") for each in (_WITHIN_SIZE if field == "size" else (field,))]
        if value is not None:
            yield Parameter(name, _said(value), ", ".join(dict.fromkeys(each for each in where if each)))


def _size(prompt: StoredPrompt) -> str | None:
    if prompt.width is None and prompt.height is None:
        return None
    return f"{prompt.width or '?'} x {prompt.height or '?'}"


def _said(value: Any) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    return f"{value:g}" if isinstance(value, float) else str(value)
