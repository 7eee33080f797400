"""Stable Video Diffusion: it animates one picture, and takes no prompt.

Size and frame counts are the cards'. Parameters, work (each step with its guidance) and the decoder's memory, all frames at once in
bfloat16, are counted on the architecture as diffusers builds it.
"""

from __future__ import annotations

from dataclasses import replace

from .adapter import Adapter
from .family import Family, Kind

XT = Family(
    name="SVD-XT",
    models=("stable-video-diffusion-img2vid-xt*", "svd[-_]xt*"),
    pipelines={Kind.IMAGE: "StableVideoDiffusionPipeline"},
    source="the model card of stabilityai/stable-video-diffusion-img2vid-xt",
    sizes=((1024, 576), (576, 1024)),
    multiple=64,
    frame_step=1,
    frame_offset=0,
    num_frames=25,
    most_frames=25,
    fps=7.0,  # diffusers' default and its examples'; 1.1 was tuned at 6
    steps=25,
    least_steps=20,  # of ComfyUI's example
    guidance=3.0,  # at the last frame; it rises from 1 at the first
    strength=None,
    parameters=1.525,
    encoder_parameters=0.632,
    vae_bytes_per_pixel=2048.0,
    pflop_per_step=0.16,
)

SVD = replace(
    XT,
    name="SVD",
    models=("stable-video-diffusion-img2vid*", "svd", "svd[-_.]*"),
    source="the model card of stabilityai/stable-video-diffusion-img2vid",
    num_frames=14,
    most_frames=14,
    pflop_per_step=0.0896,
)

FAMILIES = (XT, SVD)

_ADAPTER = Adapter(
    (
        "CLIPVisionModelWithProjection",
        "CLIPImageProcessor",
        "CLIPImageProcessorFast",
        "CLIPImageProcessorPil",
        "UNetSpatioTemporalConditionModel",
        "AutoencoderKLTemporalDecoder",
    ),
    guidance="max_guidance_scale",
    uses_fps=True,
)

ADAPTERS = {family.name: _ADAPTER for family in FAMILIES}
