"""Pipelines of all families with random weights, a few MB each, saved in diffusers' format. Built in seconds, without a network."""

from __future__ import annotations

import string
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any


def build(name: str, folder: Path) -> Path:
    """Save the pipeline of class ``name`` under ``folder``, in a folder named after its family."""
    import torch

    target = folder / FOLDERS[name]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.manual_seed(0)
        BUILDERS[name]().save_pretrained(str(target), safe_serialization=True)
    return target


def tokenizer() -> Any:
    from transformers import T5Tokenizer

    return T5Tokenizer(vocab=[("<pad>", 0.0), ("</s>", 0.0), ("<unk>", -2.0), *((letter, -1.0) for letter in "▁" + string.ascii_lowercase)])


def _encoder(umt5: bool = False) -> Any:
    import transformers

    sizes: dict[str, Any] = {"vocab_size": 64, "d_model": 16, "d_ff": 16, "d_kv": 8, "num_heads": 2, "num_layers": 1}
    if umt5:
        return transformers.UMT5EncoderModel(transformers.UMT5Config(**sizes)).eval()
    return transformers.T5EncoderModel(transformers.T5Config(**sizes)).eval()


def _clip(cls: str = "CLIPVisionModelWithProjection", **more: Any) -> Any:
    import transformers

    config = transformers.CLIPVisionConfig(
        hidden_size=16, intermediate_size=16, num_hidden_layers=2, num_attention_heads=2, image_size=224, patch_size=56, projection_dim=16
    )
    return getattr(transformers, cls)(config).eval()


def _cog(name: str) -> Any:
    import diffusers as d

    image = "Image" in name
    transformer = d.CogVideoXTransformer3DModel(
        num_attention_heads=2, attention_head_dim=16, in_channels=8 if image else 4, out_channels=4, time_embed_dim=4, text_embed_dim=16,
        num_layers=2, sample_width=8, sample_height=8, sample_frames=9, patch_size=2, temporal_compression_ratio=4, max_text_seq_length=226,
        use_rotary_positional_embeddings=True, use_learned_positional_embeddings=image,
    )  # fmt: skip
    vae = d.AutoencoderKLCogVideoX(
        down_block_types=("CogVideoXDownBlock3D",) * 4, up_block_types=("CogVideoXUpBlock3D",) * 4, block_out_channels=(8, 8, 8, 8),
        latent_channels=4, layers_per_block=1, norm_num_groups=2, temporal_compression_ratio=4,
    )  # fmt: skip
    return getattr(d, name)(tokenizer(), _encoder(), vae, transformer, d.CogVideoXDDIMScheduler())


def _wan(name: str) -> Any:
    import diffusers as d
    from transformers import CLIPImageProcessor

    image = "Image" in name
    transformer = d.WanTransformer3DModel(
        patch_size=(1, 2, 2), num_attention_heads=2, attention_head_dim=12, in_channels=36 if image else 16, out_channels=16, text_dim=16,
        freq_dim=32, ffn_dim=16, num_layers=2, rope_max_seq_len=32, image_dim=16 if image else None, added_kv_proj_dim=24 if image else None,
    )  # fmt: skip
    vae = d.AutoencoderKLWan(base_dim=4, z_dim=16, dim_mult=[1, 1, 1, 1], num_res_blocks=1, temperal_downsample=[False, True, True])
    parts = {"tokenizer": tokenizer(), "text_encoder": _encoder(umt5=True), "vae": vae, "transformer": transformer}
    if image:
        parts |= {"image_encoder": _clip("CLIPVisionModel"), "image_processor": CLIPImageProcessor(crop_size=224, size=224)}
    return getattr(d, name)(
        **parts, scheduler=d.UniPCMultistepScheduler(prediction_type="flow_prediction", use_flow_sigmas=True, flow_shift=3.0)
    )


def _svd(name: str) -> Any:
    import diffusers as d
    from transformers import CLIPImageProcessor

    unet = d.UNetSpatioTemporalConditionModel(
        block_out_channels=(32, 32), layers_per_block=1, sample_size=8, in_channels=8, out_channels=4, cross_attention_dim=16,
        down_block_types=("CrossAttnDownBlockSpatioTemporal", "DownBlockSpatioTemporal"),
        up_block_types=("UpBlockSpatioTemporal", "CrossAttnUpBlockSpatioTemporal"),
        num_attention_heads=2, projection_class_embeddings_input_dim=24, addition_time_embed_dim=8, num_frames=4,
    )  # fmt: skip
    vae = d.AutoencoderKLTemporalDecoder(
        block_out_channels=(32,) * 4, down_block_types=("DownEncoderBlock2D",) * 4, latent_channels=4, layers_per_block=1
    )
    scheduler = d.EulerDiscreteScheduler(
        prediction_type="v_prediction", use_karras_sigmas=True, sigma_min=0.002, sigma_max=700.0, timestep_type="continuous",
        timestep_spacing="leading", steps_offset=1, beta_schedule="scaled_linear",
    )  # fmt: skip
    return d.StableVideoDiffusionPipeline(vae, _clip(), unet, scheduler, CLIPImageProcessor(crop_size=224, size=224))


def _mochi(name: str) -> Any:
    import diffusers as d
    import torch

    transformer = d.MochiTransformer3DModel(
        patch_size=2, num_attention_heads=2, attention_head_dim=8, num_layers=2, pooled_projection_dim=16, in_channels=12, text_embed_dim=16,
        time_embed_dim=4, max_sequence_length=256,
    )  # fmt: skip
    transformer.pos_frequencies.data = torch.randn(3, 2, 4)
    vae = d.AutoencoderKLMochi(
        latent_channels=12, out_channels=3, encoder_block_out_channels=(32,) * 4, decoder_block_out_channels=(32,) * 4,
        layers_per_block=(1,) * 5,
    )  # fmt: skip
    return d.MochiPipeline(d.FlowMatchEulerDiscreteScheduler(), vae, _encoder(), tokenizer(), transformer)


FOLDERS = {
    "CogVideoXPipeline": "cogvideox-5b",
    "CogVideoXImageToVideoPipeline": "cogvideox-5b-i2v",
    "WanPipeline": "wan2.1-t2v-1.3b",
    "WanImageToVideoPipeline": "wan2.1-i2v-14b-480p",
    "StableVideoDiffusionPipeline": "svd-xt",
    "MochiPipeline": "mochi-1-preview",
}

_MAKERS: dict[str, Callable[[str], Any]] = {"Cog": _cog, "Wan": _wan, "Sta": _svd, "Moc": _mochi}
BUILDERS: dict[str, Callable[[], Any]] = {name: lambda name=name: _MAKERS[name[:3]](name) for name in FOLDERS}
