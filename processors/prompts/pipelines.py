"""Which pipeline of diffusers runs a model, told from its name as generators write it."""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Choice:
    pipeline: str | None
    reason: str | None  # why there is none


@dataclass(frozen=True)
class _Row:
    name: str  # pattern of a model's name: lower case, everything but letters, digits and points made a blank
    text: str | None = None  # class of diffusers for text to video
    image: str | None = None  # and for image to video
    is_image: bool | None = None  # what the model starts from, where nothing else tells
    wants: str | None = None  # what it needs that a stored prompt does not hold


_ROWS = (
    _Row(r"\bvace\b", wants="a control video"),
    _Row(r"\bwan.*\b(fun|ati|recam|recammaster|camera|control)\b", wants="a control video or a path of the camera"),
    _Row(
        r"\bwan.*\b(animate|s2v|fantasy|fantasytalking|multitalk|infinitetalk|phantom|flf2v|skyreels)\b",
        wants="more than a prompt and a picture",
    ),
    _Row(r"\bwan.*\bti2v\b|\bti2v\b.*\bwan", "WanPipeline", "WanImageToVideoPipeline"),
    _Row(r"\bwan.*\bi2v\b|\bi2v\b.*\bwan|\bwan.*image ?(to|2) ?video|^i2v\b", "WanImageToVideoPipeline", "WanImageToVideoPipeline", True),
    _Row(r"\bwan ?[\d.]*\b|^t2v\b", "WanPipeline", "WanImageToVideoPipeline", False),
    _Row(r"\bcogvideox?\b.*\b(fun|tora|controlnet)\b", wants="a control video"),
    _Row(r"\bcogvideox?[\d.]*\b.*\bi2v\b", "CogVideoXImageToVideoPipeline", "CogVideoXImageToVideoPipeline", True),
    _Row(r"\bcogvideox?[\d.]*\b", "CogVideoXPipeline", "CogVideoXImageToVideoPipeline", False),
    _Row(r"\bsvd\b|\bstable video diffusion\b", "StableVideoDiffusionPipeline", "StableVideoDiffusionPipeline", True),
    _Row(r"\bmochi\b", "MochiPipeline", None, False),
    _Row(r"\bframepack", "HunyuanVideoFramepackPipeline", "HunyuanVideoFramepackPipeline", True),
    _Row(r"\bhunyuan.*\b(i2v|image to video)\b", "HunyuanVideoImageToVideoPipeline", "HunyuanVideoImageToVideoPipeline", True),
    _Row(r"\bhunyuan.*\b(custom|avatar|foley)\b", wants="more than a prompt and a picture"),
    _Row(r"\bhunyuan ?video\b", "HunyuanVideoPipeline", "HunyuanVideoImageToVideoPipeline", False),
    _Row(r"\bltx ?v(ideo)?\b|\bltx ?v?[\d.]*\b", "LTXPipeline", "LTXImageToVideoPipeline", False),
    _Row(r"\bcosmos ?(predict)? ?2?\b.*\bvideo ?2 ?world\b", "Cosmos2VideoToWorldPipeline", "Cosmos2VideoToWorldPipeline", True),
)
"""The first row whose pattern is in the name holds."""


def choose(model: str | None, *, from_image: bool | None, loras: tuple[str, ...], reason: str | None) -> Choice:
    """The pipeline, or why there is none. ``reason``: one that is known already."""
    if reason:
        return Choice(None, reason)
    if loras:
        return Choice(None, f"It uses LoRAs, which are not rendered again here: {', '.join(loras[:5])}.")
    if not model:
        return Choice(None, "No model is named.")
    row = next((row for row in _ROWS if re.search(row.name, _plain(model))), None)
    if row is None:
        return Choice(None, f"No video model that diffusers runs is known by the name {model}.")
    if row.wants:
        return Choice(None, f"The model {model} needs {row.wants}, which is not stored.")
    wants_image = from_image if from_image is not None else row.is_image
    name = row.image if wants_image else row.text
    return Choice(name, None if name else f"diffusers has no image to video for {model}.")


def _plain(model: str) -> str:
    """``Wan2_1-T2V-14B_fp8.safetensors`` as ``wan2 1 t2v 14b fp8``: words apart from their numbers' marks."""
    last = "/".join(re.split(r"[/\\]", model)[-2:]).lower()
    words = re.sub(r"\.(safetensors|sft|gguf|ckpt|pth?|bin)\b", " ", last)
    return re.sub(r"[^a-z0-9.]+", " ", words).strip()
