"""Wan 2.1. Sizes, frames, guidance: the cards of Wan-AI/Wan2.1-*-Diffusers; steps: the defaults of the repository's generate.py.

Parameters, work (each step with its guidance) and the decoder's memory, which is in float32 as diffusers advises, are counted on the
architectures as diffusers builds them.
"""

from __future__ import annotations

from dataclasses import replace

from .adapter import Adapter
from .family import Family, Kind

_LOW, _HIGH = ((832, 480), (480, 832)), ((1280, 720), (720, 1280))

SMALL = Family(
    name="Wan2.1-T2V-1.3B",
    models=("wan*2[._]1*t2v*1[._]3b*",),
    pipelines={Kind.TEXT: "WanPipeline", Kind.VIDEO: "WanVideoToVideoPipeline"},
    source="the model card of Wan-AI/Wan2.1-T2V-1.3B-Diffusers",
    sizes=_LOW,
    multiple=16,
    frame_step=4,
    frame_offset=1,
    num_frames=81,
    most_frames=81,
    fps=16.0,
    steps=50,
    least_steps=20,  # of ComfyUI's examples
    guidance=6.0,  # "we recommend" for this model; 5 is generate.py's default for all
    strength=0.25,  # ours, and found nowhere: with its shift of 3, half of the first latent is noise
    parameters=1.42,
    encoder_parameters=5.68,
    vae_bytes_per_pixel=262.0,
    pflop_per_step=0.566,
)

LARGE = replace(
    SMALL,
    name="Wan2.1-T2V-14B",
    models=("wan*2[._]1*t2v*14b*",),
    source="the model card of Wan-AI/Wan2.1-T2V-14B-Diffusers",
    sizes=(*_HIGH, *_LOW),
    guidance=5.0,
    parameters=14.3,
    pflop_per_step=13.05,
)

IMAGE_LOW = replace(
    LARGE,
    name="Wan2.1-I2V-14B-480P",
    models=("wan*2[._]1*i2v*480p*",),
    pipelines={Kind.IMAGE: "WanImageToVideoPipeline"},
    source="the model card of Wan-AI/Wan2.1-I2V-14B-480P-Diffusers",
    sizes=_LOW,
    steps=40,
    strength=None,
    parameters=16.4,
    encoder_parameters=6.31,
    pflop_per_step=3.37,
)

IMAGE_HIGH = replace(
    IMAGE_LOW,
    name="Wan2.1-I2V-14B-720P",
    models=("wan*2[._]1*i2v*720p*",),
    source="the model card of Wan-AI/Wan2.1-I2V-14B-720P-Diffusers",
    sizes=_HIGH,
    pflop_per_step=13.08,
)

FAMILIES = (SMALL, LARGE, IMAGE_LOW, IMAGE_HIGH)

_ADAPTER = Adapter(
    (
        *("T5Tokenizer", "T5TokenizerFast", "UMT5EncoderModel", "AutoencoderKLWan", "WanTransformer3DModel"),
        *("CLIPVisionModel", "CLIPVisionModelWithProjection", *("CLIPImageProcessor", "CLIPImageProcessorFast", "CLIPImageProcessorPil")),
    ),
    full_precision=("vae", "image_encoder"),
    shift="flow_shift",
)

ADAPTERS = {family.name: _ADAPTER for family in FAMILIES}
