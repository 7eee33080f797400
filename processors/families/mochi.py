"""Mochi 1. Figures: the card of genmo/mochi-1-preview and diffusers' defaults.

Parameters, work (each step with its guidance) and the decoder's memory in bfloat16 are counted on the architecture as diffusers builds it.
"""

from __future__ import annotations

from .adapter import Adapter
from .family import Family, Kind

MOCHI = Family(
    name="Mochi-1",
    models=("mochi*",),
    pipelines={Kind.TEXT: "MochiPipeline"},
    source="the model card of genmo/mochi-1-preview",
    sizes=((848, 480),),
    multiple=16,
    frame_step=6,
    frame_offset=1,
    num_frames=85,
    most_frames=163,
    fps=30.0,
    steps=64,
    least_steps=30,  # of ComfyUI's example
    guidance=4.5,
    strength=None,
    parameters=10.03,
    encoder_parameters=4.76,
    vae_bytes_per_pixel=1880.0,
    pflop_per_step=1.21,
)

FAMILIES = (MOCHI,)

ADAPTERS = {MOCHI.name: Adapter(("T5Tokenizer", "T5TokenizerFast", "T5EncoderModel", "AutoencoderKLMochi", "MochiTransformer3DModel"))}
