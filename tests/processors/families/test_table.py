"""The table of families: it is whole, and names of models lead to the right row."""

from __future__ import annotations

from pathlib import Path

import pytest

from deshimmer.processors.families import page, table
from deshimmer.processors.families.family import Family, Kind

NAMES = {
    "THUDM/CogVideoX-5b": "CogVideoX-5B",
    "zai-org/CogVideoX-5b-I2V": "CogVideoX-5B-I2V",
    "THUDM/CogVideoX-2b": "CogVideoX-2B",
    "THUDM/CogVideoX1.5-5B": "CogVideoX1.5-5B",
    "THUDM/CogVideoX1.5-5B-I2V": "CogVideoX1.5-5B-I2V",
    "CogVideoX_1_5_5b_I2V_bf16.safetensors": "CogVideoX1.5-5B-I2V",
    "/models/models--THUDM--CogVideoX-5b/snapshots/8d6ea3f817438460b25595a120f109b88d5fdfad": "CogVideoX-5B",
    "stabilityai/stable-video-diffusion-img2vid": "SVD",
    "stabilityai/stable-video-diffusion-img2vid-xt-1-1": "SVD-XT",
    "svd.safetensors": "SVD",
    "svd_xt_1_1.safetensors": "SVD-XT",
    "Wan-AI/Wan2.1-T2V-1.3B-Diffusers": "Wan2.1-T2V-1.3B",
    "Wan-AI/Wan2.1-T2V-14B-Diffusers": "Wan2.1-T2V-14B",
    "wan\\wan2.1_i2v_480p_14B_fp16.safetensors": "Wan2.1-I2V-14B-480P",
    "Wan2_1-I2V-14B-720P_fp8_e4m3fn.safetensors": "Wan2.1-I2V-14B-720P",
    "genmo/mochi-1-preview": "Mochi-1",
    "mochi_preview_dit_bf16.safetensors": "Mochi-1",
}


@pytest.mark.parametrize(("model", "name"), NAMES.items())
def test_names_of_models_lead_to_their_family(model: str, name: str) -> None:
    found = table.family_of(model, None)
    assert found is not None
    assert found.name == name


@pytest.mark.parametrize("model", ["svdquant-flux", "stabilityai/stable-diffusion-xl-base-1.0", "", "/"])
def test_other_models_have_none(model: str) -> None:
    assert table.family_of(model, None) is None


@pytest.mark.parametrize(
    "model", ["Wan-AI/Wan2.2-T2V-A14B-Diffusers", "Wan2.1-VACE-14B-diffusers", "alibaba-pai/CogVideoX-Fun-V1.1-5b-InP"]
)
def test_kindred_models_with_other_figures_are_not_taken_for_ours_even_by_their_pipeline(model: str) -> None:
    assert table.family_of(model, "WanPipeline") is None


def test_a_pipeline_alone_means_its_most_used_model() -> None:
    means = {
        "CogVideoXPipeline": "CogVideoX-5B",
        "CogVideoXVideoToVideoPipeline": "CogVideoX-5B",
        "CogVideoXImageToVideoPipeline": "CogVideoX-5B-I2V",
        "WanPipeline": "Wan2.1-T2V-1.3B",
        "WanImageToVideoPipeline": "Wan2.1-I2V-14B-480P",
        "StableVideoDiffusionPipeline": "SVD-XT",
        "MochiPipeline": "Mochi-1",
    }
    for pipeline, name in means.items():
        found = table.family_of(None, pipeline)
        assert found is not None
        assert found.name == name
    assert table.family_of(None, None) is None
    assert table.family_of(None, "FluxPipeline") is None


@pytest.mark.parametrize("family", table.ALL, ids=lambda family: family.name)
def test_figures_agree_among_themselves(family: Family) -> None:
    assert all(side % family.multiple == 0 for size in family.sizes for side in size)
    assert family.nearest_frames(family.num_frames) == family.num_frames <= family.most_frames == family.nearest_frames(family.most_frames)
    assert family.least_steps <= family.steps
    assert (family.strength is not None) == (Kind.VIDEO in family.pipelines)
    assert all(pattern == pattern.lower() for pattern in family.models)


def test_names_are_used_once() -> None:
    assert len({family.name for family in table.ALL}) == len(table.ALL)


def test_the_page_holds_the_families_as_they_are() -> None:
    text = (Path(__file__).resolve().parents[3] / "docs" / "regeneration.md").read_text(encoding="utf-8")
    assert page.families() in text, "put families() of processors/families/page.py into docs/regeneration.md"
