"""What was found of a clip's prompt, in one form whoever wrote it. All of it is untrusted text."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any


class Source(StrEnum):
    """Who left the prompt, as ``sidecar --json`` names it."""

    DESHIMMER = "deshimmer"
    COMFYUI = "comfyui"
    VHS = "vhs"
    A1111 = "a1111"
    ANIMATEDIFF = "animatediff"
    SDNEXT = "sdnext"
    SWARMUI = "swarmui"
    INVOKEAI = "invokeai"
    FOOOCUS = "fooocus"
    WAN2GP = "wan2gp"
    FRAMEPACK_STUDIO = "framepack_studio"
    MOCHI = "mochi"
    OPEN_SORA = "open_sora"
    DEFORUM = "deforum"
    FILE_NAME = "file_name"


class Severity(StrEnum):
    ERROR = "error"
    WARNING = "warning"
    INFO = "info"


@dataclass(frozen=True)
class StoredPrompt:
    """None where unknown. Names are those of diffusers, whatever the generator called them."""

    source: Source
    prompt: str | None = None
    negative_prompt: str | None = None
    pipeline: str | None = None  # class of diffusers, "CogVideoXPipeline"
    reason: str | None = None  # why there is no pipeline
    model: str | None = None  # as it was written: a name on the Hub, a file, a folder
    revision: str | None = None
    seed: int | None = None
    num_frames: int | None = None
    num_inference_steps: int | None = None
    guidance_scale: float | None = None
    width: int | None = None
    height: int | None = None
    fps: float | None = None
    image: Path | None = None  # for image to video; it lies in the folder of the clip or below its hot folder
    extra: dict[str, Any] = field(default_factory=lambda: {})  # other keywords of the pipeline: numbers, strings, booleans
    sources: dict[str, str] = field(default_factory=lambda: {})  # by field: where it was found, for a person
    has_graph: bool = False  # ComfyUI's graph can be queued again


@dataclass(frozen=True)
class Lint:
    """A parameter that makes flicker, or keeps a clip from being rendered again the same."""

    rule: str  # "svd-noise-aug"
    severity: Severity
    message: str  # one sentence for a person
    field: str  # of StoredPrompt, or a key of ``extra``
    value: Any
    suggested: Any  # what we would use; None where only a person can say
    source: str  # who says so: the article, a model card


@dataclass(frozen=True)
class Stored:
    """What the station ``prompt`` adds to a passage."""

    prompt: StoredPrompt | None
    lint: tuple[Lint, ...] = ()
