"""Real files that generators wrote, each with what it must tell. They lie in ../shared; none is part of the project."""

from __future__ import annotations

import shutil
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from promptmaker import video

from deshimmer.config import spawn
from deshimmer.processors.prompts import finding
from deshimmer.processors.prompts.stored import Source, StoredPrompt

_NEGATIVE = "色调艳丽"


@dataclass(frozen=True)
class Sample:
    prompt: str | None  # its beginning
    numbers: tuple[int | None, ...]  # seed, frames, steps, width, height
    guidance: float | None
    fps: float
    model: str | None
    pipeline: str | None
    negative: str | None = ""  # its beginning; "": empty or none
    source: Source = Source.COMFYUI
    reason: str | None = None  # a part of it
    extra: dict[str, Any] = field(default_factory=lambda: {})
    where: dict[str, str] = field(default_factory=lambda: {})
    nodes: int = 0  # of the graph that can be queued again


SAMPLES: dict[str, Sample] = {
    "comfy_cosmos_predict2.mp4": Sample(
        "The night of the city, from the perspective of the car's front window",
        (954611886223674, 93, 35, 848, 480),
        4.0,
        16.0,
        "cosmos_predict2_2B_video2world_480p_16fps.pt",
        "Cosmos2VideoToWorldPipeline",
        where={
            "prompt": "CLIPTextEncode node 6, of the tag prompt",
            "fps": "CreateVideo node 37, of the tag prompt",
            "image": "LoadImage node 35, of the tag prompt, where it is called Cosmos__00068_.png, which does not lie beside the clip",
        },
        nodes=11,
    ),
    "comfy_hunyuan_t2v.webp": Sample(
        "anime style anime girl with massive fennec ears",
        (1, 73, 20, 848, 480),
        6.0,
        24.0,
        "hunyuan_video_t2v_720p_bf16.safetensors",
        "HunyuanVideoPipeline",
        where={
            "seed": "RandomNoise node 25, of the text prompt",
            "num_inference_steps": "BasicScheduler node 17, of the text prompt",
            "guidance_scale": "FluxGuidance node 26, of the text prompt",
            "graph": "SamplerCustomAdvanced node 13, which SaveAnimatedWEBP node 75 hangs on, of the text prompt",
        },
        nodes=14,
        extra={"flow_shift": 7.0},
    ),
    "comfy_lora_workflow.png": Sample(
        "masterpiece best quality girl",
        (851616030078638, None, 20, 512, 512),
        8.0,
        0.0,
        "v1-5-pruned-emaonly.ckpt",
        None,
        negative="bad hands",
        reason="epiNoiseoffset_v2.safetensors (node 10)",
        nodes=8,
    ),
    "comfy_mochi_t2v.webp": Sample(
        "a fox moving quickly in a beautiful winter scenery nature trees sunset tracking camera",
        (704883238463297, 37, 30, 848, 480),
        4.5,
        24.0,
        "mochi_preview_bf16.safetensors",
        "MochiPipeline",
        where={"num_frames": "EmptyMochiLatentVideo node 21, of the text prompt"},
        nodes=9,
    ),
    "comfy_svd_i2v.webp": Sample(
        None,
        (237514639057514, 14, 20, 1024, 576),
        2.5,
        10.0,
        "svd.safetensors",
        "StableVideoDiffusionPipeline",
        extra={"motion_bucket_id": 127, "noise_aug_strength": 0.0, "fps": 6, "min_guidance_scale": 1.0, "max_guidance_scale": 2.5},
        where={
            "extra.fps": "SVD_img2vid_Conditioning node 12, of the text prompt",
            "noise_aug_strength": "SVD_img2vid_Conditioning node 12, of the text prompt",
            "fps": "SaveAnimatedWEBP node 10, of the text prompt",
        },
        nodes=7,
    ),
    "comfy_wan21_fun_camera_1.3B.mp4": Sample(
        "Origami-style Chinese landscapes",
        (987948718394762, 81, 20, 512, 512),
        6.0,
        16.0,
        "wan2.1_fun_camera_v1.1_14B_bf16.safetensors",
        None,
        negative=_NEGATIVE,
        reason="WanCameraImageToVideo node 56",
        where={"width": "WanCameraEmbedding node 57, of the tag prompt"},
        nodes=15,
        extra={"flow_shift": 8.0},
    ),
    "comfy_wan21_t2v.webp": Sample(
        "a fox moving quickly in a beautiful winter scenery nature trees mountains daytime tracking camera",
        (82628696717253, 33, 30, 832, 480),
        6.0,
        16.0,
        "wan2.1_t2v_1.3B_fp16.safetensors",
        "WanPipeline",
        negative=_NEGATIVE,
        nodes=10,
        extra={"flow_shift": 8.0},
    ),
    "comfy_wan22_14B_i2v.mp4": Sample(
        "The white dragon warrior stands still",
        (668208978090359, 121, 30, 1280, 704),
        5.0,
        24.0,
        "wan2.2_ti2v_5B_fp16.safetensors",
        "WanImageToVideoPipeline",
        negative=_NEGATIVE,
        nodes=12,
        extra={"flow_shift": 5.0},
    ),
    "comfy_wan_ati.mp4": Sample(
        "一个武士",
        (48, 81, 20, 720, 480),
        3.0,
        16.0,
        "Wan2_1-I2V-ATI-14B_fp8_e4m3fn.safetensors",
        None,
        negative="过曝",
        reason="WanTrackToVideo node 248",
        nodes=15,
        extra={"flow_shift": 8.0},
    ),
    "comfy_wan_vace_v2v.mp4": Sample(
        "The girl is dancing in a sea of flowers, slowly moving her hands.",
        (859911411659251, 49, 20, 720, 720),
        4.0,
        16.0,
        "wan2.1_vace_14B_fp16.safetensors",
        None,
        negative="bad quality, blurry, messy, chaotic",
        reason="WanVaceToVideo node 49",
        nodes=16,
        extra={"flow_shift": 8.0},
    ),
    "vhs_comment_noise_warp.mp4": Sample(
        None,
        (None, None, None, None, None),
        None,
        8.0,
        None,
        None,
        source=Source.VHS,
        reason="no sampler",
        where={"fps": "VHS_VideoCombine node 16, of the prompt in the tag comment"},
        nodes=8,
    ),
}


def _numbers(found: StoredPrompt) -> tuple[int | None, ...]:
    return found.seed, found.num_frames, found.num_inference_steps, found.width, found.height


@pytest.mark.parametrize("name", SAMPLES)
def test_a_real_file_tells_its_prompt(shared_clips: Path, name: str) -> None:
    expected, folder = SAMPLES[name], shared_clips / "meta"
    found = finding.find(folder / name, folder)
    assert found is not None
    assert found.source is expected.source
    assert (found.prompt or "").startswith(expected.prompt or "")
    assert (found.prompt is None) == (expected.prompt is None)
    assert (found.negative_prompt or "").startswith(expected.negative or "")
    assert bool(found.negative_prompt) == bool(expected.negative)
    assert _numbers(found) == expected.numbers
    assert (found.guidance_scale, found.fps or 0.0) == (expected.guidance, expected.fps)
    assert (found.model, found.pipeline) == (expected.model, expected.pipeline)
    assert (expected.reason or "") in (found.reason or "")
    assert (found.reason is None) == (found.pipeline is not None)
    assert found.extra == expected.extra
    assert found.image is None
    assert {key: found.sources[key] for key in expected.where} == expected.where
    assert found.has_graph
    assert len(finding.graph(folder / name, folder) or {}) == expected.nodes


def test_every_sample_of_a_clip_is_tested(shared_clips: Path) -> None:
    there = {path.name for path in (shared_clips / "meta").iterdir()}
    assert there == {*SAMPLES, "comfy_wan_t2v_workflow.json", "deforum_default_settings.txt"}


def test_a_graph_of_the_page_beside_the_clip(shared_clips: Path, tmp_path: Path) -> None:
    shutil.copy(shared_clips / "meta" / "comfy_wan_t2v_workflow.json", tmp_path / "fox.json")
    found = finding.find(video(tmp_path / "fox.mp4"), tmp_path)
    assert found is not None
    assert (found.prompt or "").startswith("a fox moving quickly in a beautiful winter scenery nature trees mountains daytime")
    assert (found.negative_prompt or "").startswith(_NEGATIVE)
    assert _numbers(found) == (82628696717253, 33, 30, 832, 480)
    assert (found.guidance_scale, found.fps, found.model) == (6.0, 16.0, "wan2.1_t2v_1.3B_fp16.safetensors")
    assert found.pipeline == "WanPipeline"
    assert found.sources["prompt"] == "CLIPTextEncode node 6, of the file fox.json"
    assert not found.has_graph
    assert finding.graph(tmp_path / "fox.mp4", tmp_path) is None


def test_deforums_settings_beside_the_clip(shared_clips: Path, tmp_path: Path) -> None:
    shutil.copy(shared_clips / "meta" / "deforum_default_settings.txt", tmp_path / "20230812221310_settings.txt")
    found = finding.find(video(tmp_path / "20230812221310.mp4"), tmp_path)
    assert found is not None
    assert found.source is Source.DEFORUM
    assert (
        found.prompt
        == "tiny cute swamp bunny, highly detailed, intricate, ultra hd, sharp photo, crepuscular rays, in focus, 4k, landscape"
    )
    assert found.negative_prompt == "nsfw, nude, nsfw, nude"
    assert _numbers(found) == (None, 120, 25, 512, 512)
    assert (found.guidance_scale, found.fps, found.model) == (7.0, 15.0, "revAnimated_v122.safetensors")
    assert found.pipeline is None
    assert "Deforum" in (found.reason or "")
    assert found.sources["prompt"] == "file 20230812221310_settings.txt, the first of 4 prompts, at frame 0"
    assert "seed" not in found.sources


def test_the_first_frame_of_a_real_graph_where_it_lies_beside_the_clip(shared_clips: Path, tmp_path: Path) -> None:
    clip = Path(shutil.copy(shared_clips / "meta" / "comfy_svd_i2v.webp", tmp_path / "boat.webp"))
    (tmp_path / "mountains.png").write_bytes(b"\x89PNG")
    found = finding.find(clip, tmp_path)
    assert found is not None
    assert found.image == tmp_path / "mountains.png"
    assert found.sources["image"] == "LoadImage node 23, of the text prompt"


def test_finding_needs_neither_torch_nor_diffusers(shared_clips: Path) -> None:
    clip = shared_clips / "meta" / "comfy_wan_ati.mp4"
    code = (
        "import sys; from pathlib import Path; from deshimmer.processors.prompts import finding; "
        f"assert finding.find(Path({str(clip)!r}), Path({str(clip.parent)!r})); "
        "assert not {'torch', 'diffusers', 'transformers'} & set(sys.modules)"
    )
    spawn.run([sys.executable, "-c", code], timeout_s=60)
