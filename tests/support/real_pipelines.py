"""Pipelines of the real models' size with random weights, built on any device, saved in diffusers' format. Without a network.

The figures are those of the models' own config.json; where none is named, diffusers' defaults are the model's.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import tiny_pipelines

Sizes = dict[str, Any]

_XXL: Sizes = {"d_model": 4096, "d_ff": 10240, "d_kv": 64, "num_heads": 64, "num_layers": 24, "feed_forward_proj": "gated-gelu"}
_SPREAD = 0.02  # standard deviation of weights, as transformers are initialised


@dataclass(frozen=True)
class Real:
    name: str  # on the Hub
    pipeline: str
    encoder: tuple[str, str, Sizes]  # (class of transformers, its configuration's, sizes)
    vae: tuple[str, Sizes]  # (class of diffusers, sizes)
    transformer: tuple[str, Sizes]
    scheduler: tuple[str, Sizes]


COGVIDEOX = Real(
    "THUDM/CogVideoX-5b",
    "CogVideoXPipeline",
    ("T5EncoderModel", "T5Config", {**_XXL, "vocab_size": 32128}),
    ("AutoencoderKLCogVideoX", {"scaling_factor": 0.7}),
    ("CogVideoXTransformer3DModel", {"num_attention_heads": 48, "num_layers": 42, "use_rotary_positional_embeddings": True}),
    (
        "CogVideoXDDIMScheduler",
        {
            "prediction_type": "v_prediction",
            "rescale_betas_zero_snr": True,
            "snr_shift_scale": 1.0,
            "timestep_spacing": "trailing",
        },
    ),
)
WAN = Real(
    "Wan-AI/Wan2.1-T2V-1.3B-Diffusers",
    "WanPipeline",
    ("UMT5EncoderModel", "UMT5Config", {**_XXL, "vocab_size": 256384}),
    ("AutoencoderKLWan", {}),
    ("WanTransformer3DModel", {"num_attention_heads": 12, "num_layers": 30, "ffn_dim": 8960}),
    ("UniPCMultistepScheduler", {"prediction_type": "flow_prediction", "use_flow_sigmas": True, "flow_shift": 3.0}),
)
ALL = (COGVIDEOX, WAN)

_SMALL: Sizes = {"vocab_size": 64, "d_model": 16, "d_ff": 16, "d_kv": 8, "num_heads": 2, "num_layers": 1}
SHRUNK = {
    COGVIDEOX.name: replace(
        COGVIDEOX,
        encoder=("T5EncoderModel", "T5Config", _SMALL),
        vae=("AutoencoderKLCogVideoX", {"block_out_channels": (8, 8, 8, 8), "norm_num_groups": 2, "layers_per_block": 1}),
        transformer=(
            "CogVideoXTransformer3DModel",
            {"num_attention_heads": 2, "attention_head_dim": 16, "num_layers": 2, "text_embed_dim": 16, "time_embed_dim": 4}
            | {"use_rotary_positional_embeddings": True},
        ),
    ),
    WAN.name: replace(
        WAN,
        encoder=("UMT5EncoderModel", "UMT5Config", _SMALL),
        vae=("AutoencoderKLWan", {"base_dim": 4, "dim_mult": [1, 1, 1, 1], "num_res_blocks": 1}),
        transformer=(
            "WanTransformer3DModel",
            {"num_attention_heads": 2, "attention_head_dim": 12, "num_layers": 2, "ffn_dim": 16, "text_dim": 16, "freq_dim": 32},
        ),
    ),
}
"""The same architectures by the same way, of a few MB: what a CPU runs in seconds."""


def networks(real: Real) -> dict[str, Any]:
    """Text encoder, VAE and transformer without memory for their weights."""
    import diffusers
    import transformers
    from accelerate import init_empty_weights

    kind, config, sizes = real.encoder
    with init_empty_weights(include_buffers=False):
        encoder = getattr(transformers, kind)(getattr(transformers, config)(**sizes))
        encoder.set_input_embeddings(encoder.get_input_embeddings())  # one, which building without memory makes two of
        vae, transformer = (getattr(diffusers, name)(**figures) for name, figures in (real.vae, real.transformer))
    return {"text_encoder": encoder, "vae": vae, "transformer": transformer}


def build(real: Real, folder: Path, device: str) -> Path:
    """Save it under ``folder``, in bfloat16, filled on ``device``: a GPU does that in seconds."""
    import diffusers
    import torch

    target = folder / real.name
    torch.manual_seed(0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        parts = networks(real)
        for network in parts.values():
            _fill(network.eval(), device)
        scheduler = getattr(diffusers, real.scheduler[0])(**real.scheduler[1])
        pipe = getattr(diffusers, real.pipeline)(tokenizer=tiny_pipelines.tokenizer(), scheduler=scheduler, **parts)
        pipe.save_pretrained(str(target), safe_serialization=True)
    return target


def _fill(network: Any, device: str) -> None:
    """Weights as at the start of a training: norms are 1, biases 0, the rest is noise. Nothing of it overflows."""
    import torch

    for module in network.modules():
        for name, empty in list(module.named_parameters(recurse=False)):
            filled = torch.empty(empty.shape, dtype=torch.bfloat16, device=device)
            if empty.ndim > 1:
                filled.normal_(0, _SPREAD)
            else:
                filled.fill_(0 if name.endswith("bias") else 1)
            setattr(module, name, torch.nn.Parameter(filled, requires_grad=False))
