"""What is known of a family of video models without loading it: limits, habits, costs. No torch here."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Means(StrEnum):
    DIFFUSERS = "diffusers"
    COMFYUI = "comfyui"


class Kind(StrEnum):
    """What a pipeline starts from, besides the prompt."""

    TEXT = "text"  # nothing: the shot is rolled again
    IMAGE = "image"  # a first frame
    VIDEO = "video"  # the clip itself, at a low strength: its content stays


@dataclass(frozen=True)
class Family:
    """One model, or models that differ in nothing that is asked here."""

    name: str  # "CogVideoX-5B", for a person
    models: tuple[str, ...]  # globs of what ``StoredPrompt.model`` or the folder's last part may hold, lower case
    pipelines: dict[Kind, str]  # classes of diffusers
    source: str  # whose figures these are: a model card
    sizes: tuple[tuple[int, int], ...]  # (width, height) that it was trained for, its own first
    multiple: int  # both sides are a multiple of this
    frame_step: int  # frame counts are n * frame_step + frame_offset; 1 and 0: any
    frame_offset: int
    num_frames: int  # its own
    most_frames: int  # beyond which it was not trained
    fps: float
    steps: int  # its own
    least_steps: int
    guidance: float
    strength: float | None  # of video to video that keeps the shot's content; None without
    parameters: float  # of the denoiser, in thousand millions
    encoder_parameters: float  # of text or image encoder
    vae_bytes_per_pixel: float  # of decoding, whole: times width x height x frames
    pflop_per_step: float  # at its own size and frames, guidance included
    least_long_side: int | None = None  # where it was trained for any longer side from this to its own, the shorter one its own

    def is_native(self, size: tuple[int, int]) -> bool:
        """Whether it was trained for it."""
        least = self.least_long_side
        return size in self.sizes or (
            least is not None
            and min(size) == min(self.sizes[0])
            and least <= max(size) <= max(self.sizes[0])
            and max(size) % self.multiple == 0
        )

    def nearest_frames(self, frames: int) -> int:
        """The count that the model makes of ``frames``: the next lower one that it can, and at least one step."""
        steps = max(1, (frames - self.frame_offset) // self.frame_step)
        return steps * self.frame_step + self.frame_offset
