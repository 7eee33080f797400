"""CogVideoX. Sizes, frame counts and rates: the table of models in the cards of THUDM/CogVideoX-5b and THUDM/CogVideoX1.5-5B.

Parameters and work are counted on the architectures as diffusers builds them, and so is the decoder's memory, in bfloat16.
diffusers makes any 4n + 1 frames; the cards name the coarser steps that the models were trained in.
"""

from __future__ import annotations

from dataclasses import replace

from .adapter import Adapter
from .family import Family, Kind

_STRENGTH = 0.4
"""Ours, and found nowhere: noise of about two thirds of the picture's own spread, so that shapes stay. Diffusers' 0.8 makes another shot of it."""

_LEAST_STEPS = 35
"""The article's."""

B5 = Family(
    name="CogVideoX-5B",
    models=("cogvideox[-_]5b*",),
    pipelines={Kind.TEXT: "CogVideoXPipeline", Kind.VIDEO: "CogVideoXVideoToVideoPipeline"},
    source="the model card of THUDM/CogVideoX-5b",
    sizes=((720, 480),),
    multiple=16,
    frame_step=8,
    frame_offset=1,
    num_frames=49,
    most_frames=49,
    fps=8.0,
    steps=50,
    least_steps=_LEAST_STEPS,
    guidance=6.0,
    strength=_STRENGTH,
    parameters=5.57,
    encoder_parameters=4.76,
    vae_bytes_per_pixel=934.0,
    pflop_per_step=0.664,
)

B5_IMAGE = replace(
    B5,
    name="CogVideoX-5B-I2V",
    models=("cogvideox[-_]5b[-_]i2v*",),
    pipelines={Kind.IMAGE: "CogVideoXImageToVideoPipeline"},
    source="the model card of THUDM/CogVideoX-5b-I2V",
    strength=None,
)

B2 = replace(
    B5,
    name="CogVideoX-2B",
    models=("cogvideox[-_]2b*",),
    source="the model card of THUDM/CogVideoX-2b",
    parameters=1.69,
    pflop_per_step=0.24,
)

NEWER = replace(
    B5,
    name="CogVideoX1.5-5B",
    models=("cogvideox*1[-._]5*5b*",),
    source="the model card of THUDM/CogVideoX1.5-5B",
    sizes=((1360, 768),),
    frame_step=16,
    num_frames=81,
    most_frames=161,
    fps=16.0,
    vae_bytes_per_pixel=565.0,
    pflop_per_step=2.96,
)

NEWER_IMAGE = replace(
    NEWER,
    name="CogVideoX1.5-5B-I2V",
    models=("cogvideox*1[-._]5*i2v*",),
    pipelines={Kind.IMAGE: "CogVideoXImageToVideoPipeline"},
    source="the model card of THUDM/CogVideoX1.5-5B-I2V",
    sizes=((1360, 768), (768, 1360)),
    least_long_side=768,
    strength=None,
)

FAMILIES = (B5_IMAGE, B5, B2, NEWER_IMAGE, NEWER)
"""The ones with the narrower names stand first."""

_ADAPTER = Adapter(("T5Tokenizer", "T5TokenizerFast", "T5EncoderModel", "AutoencoderKLCogVideoX", "CogVideoXTransformer3DModel"))

ADAPTERS = {
    **{family.name: _ADAPTER for family in FAMILIES},
    NEWER.name: replace(_ADAPTER, video_frames=(8, 5)),  # its transformer takes latent frames in pairs, and video to video adds none
}
