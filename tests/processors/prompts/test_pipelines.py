"""Which pipeline a model's name means, as names are found in the wild."""

from __future__ import annotations

import pytest

from deshimmer.processors.prompts import pipelines

NAMES: dict[str, str | None] = {
    "wan2.1_t2v_1.3B_fp16.safetensors": "WanPipeline",
    "Wan2_1-T2V-14B_fp8_e4m3fn.safetensors": "WanPipeline",
    "Wan-AI/Wan2.1-T2V-1.3B-Diffusers": "WanPipeline",
    "wan2.1_i2v_480p_14B_fp16.safetensors": "WanImageToVideoPipeline",
    "wan2.2_i2v_high_noise_14B_fp8_scaled.safetensors": "WanImageToVideoPipeline",
    "wan2.2_ti2v_5B_fp16.safetensors": "WanPipeline",
    "wan2.1_vace_14B_fp16.safetensors": None,
    "Wan2_1-I2V-ATI-14B_fp8_e4m3fn.safetensors": None,
    "wan2.1_fun_control_1.3B_bf16.safetensors": None,
    "THUDM/CogVideoX-5b": "CogVideoXPipeline",
    "THUDM/CogVideoX-2b": "CogVideoXPipeline",
    "THUDM/CogVideoX1.5-5B-I2V": "CogVideoXImageToVideoPipeline",
    "THUDM/CogVideoX-5b-I2V": "CogVideoXImageToVideoPipeline",
    "CogVideoX_5b_fun.safetensors": None,
    "svd.safetensors": "StableVideoDiffusionPipeline",
    "svd_xt_1_1.safetensors": "StableVideoDiffusionPipeline",
    "stabilityai/stable-video-diffusion-img2vid-xt": "StableVideoDiffusionPipeline",
    "mochi_preview_bf16.safetensors": "MochiPipeline",
    "genmo/mochi-1-preview": "MochiPipeline",
    "hunyuan_video_t2v_720p_bf16.safetensors": "HunyuanVideoPipeline",
    "hunyuan_video_image_to_video_720p_bf16.safetensors": "HunyuanVideoImageToVideoPipeline",
    "ltx-video-2b-v0.9.5.safetensors": "LTXPipeline",
    "v1-5-pruned-emaonly.ckpt": None,
    "flux1-dev.safetensors": None,
    "swansong.safetensors": None,
    "": None,
}


@pytest.mark.parametrize("name", NAMES)
def test_a_name_means_a_pipeline_or_says_why_not(name: str) -> None:
    choice = pipelines.choose(name, from_image=None, loras=(), reason=None)
    assert choice.pipeline == NAMES[name]
    assert (choice.reason is None) == (choice.pipeline is not None)


@pytest.mark.parametrize(
    ("name", "from_image", "expected"),
    [
        ("wan2.2_ti2v_5B_fp16.safetensors", True, "WanImageToVideoPipeline"),
        ("hunyuan_video_t2v_720p_bf16.safetensors", False, "HunyuanVideoPipeline"),
        ("mochi_preview_bf16.safetensors", True, None),
        ("svd.safetensors", False, "StableVideoDiffusionPipeline"),
    ],
)
def test_what_it_starts_from_decides(name: str, from_image: bool, expected: str | None) -> None:
    assert pipelines.choose(name, from_image=from_image, loras=(), reason=None).pipeline == expected


def test_loras_and_what_is_known_already_stand_against_it() -> None:
    assert "ink" in (pipelines.choose("svd", from_image=None, loras=("ink",), reason=None).reason or "")
    assert pipelines.choose("svd", from_image=None, loras=(), reason="It cannot be.") == pipelines.Choice(None, "It cannot be.")
