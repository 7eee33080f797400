"""How the pipelines of a family are told what to render, where they differ. No torch here."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Adapter:
    """Everything else is read off the signature of the pipeline's call."""

    classes: tuple[str, ...]  # that a folder's parts may be of, besides schedulers of diffusers
    guidance: str = "guidance_scale"  # keyword
    full_precision: tuple[str, ...] = ()  # parts that stay in float32 on a GPU
    video_frames: tuple[int, int] | None = None  # (step, offset) of the counts that video to video takes; None: the family's
    shift: str | None = None  # setting of its scheduler that ``flow_shift`` is
    uses_fps: bool = False  # the model is told at which rate its frames will be shown


@dataclass(frozen=True)
class Option:
    """A keyword that a stored prompt may set besides those that have a field of their own, and the values that it may have."""

    kind: type[int] | type[float] | type[bool]
    least: float = 0
    most: float = 1

    def accepts(self, value: object) -> bool:
        if isinstance(value, bool) or self.kind is bool:
            return self.kind is bool and isinstance(value, bool)
        kinds = (int, float) if self.kind is float else (int,)
        return isinstance(value, kinds) and self.least <= value <= self.most  # not so for what is no number


OPTIONS = {
    "max_sequence_length": Option(int, 1, 512),
    "use_dynamic_cfg": Option(bool),
    "eta": Option(float, 0, 1),
    "min_guidance_scale": Option(float, 0, 50),
    "max_guidance_scale": Option(float, 0, 50),
    "motion_bucket_id": Option(int, 0, 1023),
    "noise_aug_strength": Option(float, 0, 10),
    "decode_chunk_size": Option(int, 1, 256),
    "flow_shift": Option(float, 0.1, 100),
}
"""Plain values only, for the prompt is anybody's text: no tensors, no callbacks, no files."""
