"""Walks through ComfyUI's graphs: what is found through links, primitives and joins, and where they lead nowhere."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest

from deshimmer.processors.prompts import comfyui, comfyui_graph, comfyui_workflow
from deshimmer.processors.prompts.place import Place, Texts
from deshimmer.processors.prompts.stored import StoredPrompt

Nodes = dict[str, tuple[str, dict[str, Any]]]

_BASE: Nodes = {
    "1": ("UNETLoader", {"unet_name": "wan2.1_t2v_1.3B_fp16.safetensors"}),
    "2": ("CLIPTextEncode", {"text": "a fox", "clip": ["9", 0]}),
    "3": ("CLIPTextEncode", {"text": "blurry", "clip": ["9", 0]}),
    "4": ("EmptyHunyuanLatentVideo", {"width": 832, "height": 480, "length": 33, "batch_size": 1}),
    "5": (
        "KSampler",
        {"seed": 7, "steps": 30, "cfg": 6.0, "model": ["1", 0], "positive": ["2", 0], "negative": ["3", 0], "latent_image": ["4", 0]},
    ),
    "6": ("VAEDecode", {"samples": ["5", 0]}),
    "7": ("SaveAnimatedWEBP", {"filename_prefix": "fox", "fps": 16.0, "images": ["6", 0]}),
    "9": ("CLIPLoader", {"clip_name": "umt5"}),
}


def _api(nodes: Nodes) -> dict[str, Any]:
    return {node_id: {"class_type": kind, "inputs": inputs} for node_id, (kind, inputs) in nodes.items()}


def _read(nodes: Nodes | dict[str, Any], name: str = "fox_00001_.webp", key: str = "prompt") -> StoredPrompt:
    graph = _api(nodes) if key == "prompt" else nodes
    found = comfyui.carried(Texts({key: json.dumps(graph)}, "tag {key}"), Place(Path("/nowhere") / name, Path("/nowhere")))
    assert found is not None
    return found


def _with(**changes: Any) -> Nodes:
    """The base with nodes replaced (``n5=(kind, inputs)``), or inputs of a node changed (``n5={...}``)."""
    nodes = dict(_BASE)
    for name, change in changes.items():
        node_id = name.removeprefix("n")
        nodes[node_id] = change if isinstance(change, tuple) else (nodes[node_id][0], nodes[node_id][1] | change)
    return nodes


def test_the_base_is_read_whole() -> None:
    found = _read(_BASE)
    assert (found.prompt, found.negative_prompt, found.seed, found.num_frames) == ("a fox", "blurry", 7, 33)
    assert (found.num_inference_steps, found.guidance_scale, found.width, found.height, found.fps) == (30, 6.0, 832, 480, 16.0)
    assert (found.pipeline, found.reason, found.has_graph) == ("WanPipeline", None, True)
    assert found.sources["graph"] == "KSampler node 5, which SaveAnimatedWEBP node 7 hangs on, of the tag prompt"


SHIFTS: dict[str, tuple[Nodes, float | None, str]] = {
    "on the way to the model": (
        _with(n5={"model": ["20", 0]}, n20=("ModelSamplingSD3", {"shift": 8.0, "model": ["1", 0]})),
        8.0,
        "ModelSamplingSD3 node 20",
    ),
    "linked": (
        _with(
            n5={"model": ["20", 0]},
            n20=("ModelSamplingSD3", {"shift": ["21", 0], "model": ["1", 0]}),
            n21=("PrimitiveFloat", {"value": 5}),
        ),
        5,
        "PrimitiveFloat node 21",
    ),
    "in the wrapper's sampler": (_with(n5=("WanVideoSampler", _BASE["5"][1] | {"shift": 5.0})), 5.0, "WanVideoSampler node 5"),
    "out of range": (_with(n5={"model": ["20", 0]}, n20=("ModelSamplingSD3", {"shift": -1, "model": ["1", 0]})), None, ""),
    "none": (_BASE, None, ""),
}


@pytest.mark.parametrize("name", SHIFTS)
def test_the_shift_of_the_noise_is_read(name: str) -> None:
    nodes, shift, source = SHIFTS[name]
    found = _read(nodes)
    assert found.extra.get("flow_shift") == shift
    assert found.model == "wan2.1_t2v_1.3B_fp16.safetensors"
    assert found.sources.get("flow_shift", "").startswith(source)


TEXTS: dict[str, tuple[Nodes, str | None]] = {
    "a text of another node": (_with(n2={"text": ["20", 0]}, n20=("PrimitiveStringMultiline", {"value": "a linked fox"})), "a linked fox"),
    "through a reroute": (
        _with(n2={"text": ["20", 0]}, n20=("Reroute", {"": ["21", 0]}), n21=("Text Multiline", {"text": "a rerouted fox"})),
        "a rerouted fox",
    ),
    "joined": (
        _with(
            n2={"text": ["20", 0]},
            n20=("StringConcatenate", {"string_a": ["21", 0], "string_b": "in snow", "delimiter": ", "}),
            n21=("StringConstantMultiline", {"string": "a fox"}),
        ),
        "a fox, in snow",
    ),
    "joined twice over": (
        _with(
            n2={"text": ["20", 0]},
            n20=("Text Concatenate", {"delimiter": " ", "text_a": ["21", 0], "text_b": ["21", 0]}),
            n21=("JoinStrings", {"string1": "one", "string2": "two", "delimiter": "-"}),
        ),
        "one-two one-two",
    ),
    "a wildcard that was filled in": (
        _with(n2={"text": ["20", 0]}, n20=("ImpactWildcardProcessor", {"wildcard_text": "a {fox|cat}", "populated_text": "a cat"})),
        "a cat",
    ),
    "through guidance and control": (
        _with(
            n5={"positive": ["20", 0], "negative": ["20", 1]},
            n20=("ControlNetApplyAdvanced", {"positive": ["21", 0], "negative": ["3", 0]}),
            n21=("FluxGuidance", {"guidance": 3.5, "conditioning": ["2", 0]}),
        ),
        "a fox",
    ),
    "combined": (
        _with(n5={"positive": ["20", 0]}, n20=("ConditioningCombine", {"conditioning_1": ["2", 0], "conditioning_2": ["3", 0]})),
        "a fox",
    ),
    "a node that nobody knows": (_with(n2={"text": ["20", 0]}, n20=("MagicPrompter", {"model": ["1", 0], "amount": 3})), None),
}


@pytest.mark.parametrize("name", TEXTS)
def test_a_text_is_found(name: str) -> None:
    nodes, expected = TEXTS[name]
    found = _read(nodes)
    assert found.prompt == expected
    assert found.negative_prompt == "blurry"
    assert found.seed == 7


def test_numbers_are_found_through_primitives() -> None:
    nodes = _with(
        n5={"seed": ["20", 0], "steps": ["21", 0]},
        n4={"length": ["22", 0], "width": ["23", 0]},
        n20=("PrimitiveInt", {"value": 123}),
        n21=("Reroute", {"": ["24", 0]}),
        n24=("INTConstant", {"value": 12}),
        n22=("SomeMath", {"expression": "a*16+1", "x": ["20", 0]}),
        n23=("SizePicker", {"width": 640, "height": 352}),
    )
    found = _read(nodes)
    assert (found.seed, found.num_inference_steps, found.width, found.height, found.num_frames) == (123, 12, 640, 480, None)
    assert found.sources["seed"] == "PrimitiveInt node 20, of the tag prompt"
    assert found.pipeline is None
    assert "SizePicker node 23" in (found.reason or "")


def test_of_several_samplers_the_one_that_the_clip_hangs_on() -> None:
    nodes = _with(
        n30=("CLIPTextEncode", {"text": "a still life", "clip": ["9", 0]}),
        n31=("KSampler", {"seed": 1, "steps": 4, "cfg": 1.0, "model": ["1", 0], "positive": ["30", 0], "latent_image": ["4", 0]}),
        n32=("VAEDecode", {"samples": ["31", 0]}),
        n33=("SaveImage", {"filename_prefix": "still", "images": ["32", 0]}),
    )
    found = _read(nodes)
    assert (found.prompt, found.seed) == ("a fox", 7)
    assert found.pipeline == "WanPipeline"
    assert _read(nodes, "still_00001_.png").sources["graph"].startswith("KSampler node 5")  # video before pictures


def test_of_several_videos_the_one_with_the_clips_name() -> None:
    nodes = _with(
        n30=("CLIPTextEncode", {"text": "a cat", "clip": ["9", 0]}),
        n31=("KSampler", {"seed": 1, "steps": 4, "cfg": 1.0, "model": ["1", 0], "positive": ["30", 0], "latent_image": ["4", 0]}),
        n32=("VAEDecode", {"samples": ["31", 0]}),
        n33=("SaveAnimatedWEBP", {"filename_prefix": "video\\cat", "fps": 8, "images": ["32", 0]}),
    )
    assert _read(nodes, "cat_00002_.webp").prompt == "a cat"
    assert _read(nodes, "fox_00002_.webp").prompt == "a fox"


def test_two_samplers_that_go_on_from_each_other() -> None:
    shared = {"steps": 20, "cfg": 3.5, "positive": ["2", 0], "negative": ["3", 0]}
    nodes = _with(
        n1=("UNETLoader", {"unet_name": "wan2.2_t2v_high_noise_14B_fp16.safetensors"}),
        n11=("UNETLoader", {"unet_name": "wan2.2_t2v_low_noise_14B_fp16.safetensors"}),
        n12=("KSamplerAdvanced", shared | {"add_noise": "enable", "noise_seed": 42, "model": ["1", 0], "latent_image": ["4", 0]}),
        n5=("KSamplerAdvanced", shared | {"add_noise": "disable", "noise_seed": 0, "model": ["11", 0], "latent_image": ["12", 0]}),
    )
    found = _read(nodes)
    assert (found.seed, found.num_inference_steps, found.guidance_scale, found.num_frames) == (42, 20, 3.5, 33)
    assert found.model == "wan2.2_t2v_high_noise_14B_fp16.safetensors"
    assert found.sources["seed"] == "KSamplerAdvanced node 12, of 2 samplers that go on from each other, of the tag prompt"
    assert found.pipeline == "WanPipeline"


def test_two_samplers_of_which_each_starts_anew_have_no_pipeline() -> None:
    nodes = _with(n12=_BASE["5"], n5={"latent_image": ["12", 0], "denoise": 0.5})
    found = _read(nodes)
    assert found.prompt == "a fox"
    assert found.pipeline is None
    assert "KSampler node 12" in (found.reason or "")


def test_a_custom_sampler_with_its_guider_noise_and_scheduler() -> None:
    nodes = _with(
        n5=(
            "SamplerCustomAdvanced",
            {"noise": ["20", 0], "guider": ["21", 0], "sampler": ["22", 0], "sigmas": ["23", 0], "latent_image": ["4", 0]},
        ),
        n20=("RandomNoise", {"noise_seed": 2**64 - 1}),
        n21=("CFGGuider", {"cfg": 3.0, "model": ["24", 0], "positive": ["2", 0], "negative": ["3", 0]}),
        n22=("KSamplerSelect", {"sampler_name": "euler"}),
        n23=("BasicScheduler", {"steps": 28, "scheduler": "simple", "denoise": 1.0, "model": ["24", 0]}),
        n24=("ModelSamplingSD3", {"shift": 8.0, "model": ["1", 0]}),
    )
    found = _read(nodes)
    assert (found.prompt, found.negative_prompt, found.seed) == ("a fox", "blurry", 2**64 - 1)
    assert (found.num_inference_steps, found.guidance_scale, found.num_frames) == (28, 3.0, 33)
    assert (found.model, found.pipeline) == ("wan2.1_t2v_1.3B_fp16.safetensors", "WanPipeline")


WRAPPERS: dict[str, tuple[Nodes, tuple[Any, ...]]] = {
    "WanVideoWrapper": (
        {
            "1": ("WanVideoModelLoader", {"model": "Wan2_1-T2V-14B_fp8_e4m3fn.safetensors"}),
            "2": ("WanVideoTextEncode", {"positive_prompt": "a fox", "negative_prompt": "blurry", "t5": ["8", 0]}),
            "3": ("WanVideoEmptyEmbeds", {"width": 832, "height": 480, "num_frames": 81}),
            "4": (
                "WanVideoSampler",
                {"model": ["1", 0], "text_embeds": ["2", 0], "image_embeds": ["3", 0], "steps": 30, "cfg": 6.0, "seed": 5},
            ),
            "5": ("WanVideoDecode", {"samples": ["4", 0]}),
            "6": ("VHS_VideoCombine", {"frame_rate": 16, "images": ["5", 0]}),
            "8": ("LoadWanVideoT5TextEncoder", {"model_name": "umt5"}),
        },
        ("a fox", "blurry", 5, 81, 30, 6.0, 832, 480, 16.0, "Wan2_1-T2V-14B_fp8_e4m3fn.safetensors", "WanPipeline"),
    ),
    "CogVideoXWrapper": (
        {
            "1": ("DownloadAndLoadCogVideoModel", {"model": "THUDM/CogVideoX-5b"}),
            "2": ("CogVideoTextEncode", {"prompt": "a fox", "clip": ["8", 0]}),
            "3": ("CogVideoTextEncode", {"prompt": "blurry", "clip": ["8", 0]}),
            "4": (
                "CogVideoSampler",
                {
                    "model": ["1", 0],
                    "positive": ["2", 0],
                    "negative": ["3", 0],
                    "samples": ["7", 0],
                    "num_frames": 49,
                    "steps": 50,
                    "cfg": 6.0,
                    "seed": 5,
                },
            ),
            "5": ("CogVideoDecode", {"samples": ["4", 0]}),
            "6": ("VHS_VideoCombine", {"frame_rate": 8, "images": ["5", 0]}),
            "7": ("EmptyLatentImage", {"width": 720, "height": 480, "batch_size": 1}),
            "8": ("CLIPLoader", {"clip_name": "t5xxl", "type": "sd3"}),
        },
        ("a fox", "blurry", 5, 49, 50, 6.0, 720, 480, 8.0, "THUDM/CogVideoX-5b", "CogVideoXPipeline"),
    ),
    "HunyuanVideoWrapper": (
        {
            "1": ("HyVideoModelLoader", {"model": "hunyuan_video_720_cfgdistill_fp8_e4m3fn.safetensors"}),
            "2": ("HyVideoTextEncode", {"prompt": "a fox", "text_encoders": ["8", 0]}),
            "4": (
                "HyVideoSampler",
                {
                    "model": ["1", 0],
                    "hyvid_embeds": ["2", 0],
                    "width": 512,
                    "height": 320,
                    "num_frames": 85,
                    "steps": 30,
                    "embedded_guidance_scale": 6.0,
                    "seed": 5,
                },
            ),
            "5": ("HyVideoDecode", {"samples": ["4", 0]}),
            "6": ("VHS_VideoCombine", {"frame_rate": 24, "images": ["5", 0]}),
            "8": ("DownloadAndLoadHyVideoTextEncoder", {"llm_model": "llava"}),
        },
        ("a fox", None, 5, 85, 30, 6.0, 512, 320, 24.0, "hunyuan_video_720_cfgdistill_fp8_e4m3fn.safetensors", "HunyuanVideoPipeline"),
    ),
    "MochiWrapper": (
        {
            "1": ("DownloadAndLoadMochiModel", {"model": "mochi_preview_dit_fp8_e4m3fn.safetensors"}),
            "2": ("MochiTextEncode", {"prompt": "a fox", "clip": ["8", 0]}),
            "3": ("MochiTextEncode", {"prompt": "blurry", "clip": ["8", 0]}),
            "4": (
                "MochiSampler",
                {
                    "model": ["1", 0],
                    "positive": ["2", 0],
                    "negative": ["3", 0],
                    "width": 848,
                    "height": 480,
                    "num_frames": 49,
                    "steps": 50,
                    "cfg": 4.5,
                    "seed": 5,
                },
            ),
            "5": ("MochiDecode", {"samples": ["4", 0]}),
            "6": ("VHS_VideoCombine", {"frame_rate": 24, "images": ["5", 0]}),
            "8": ("CLIPLoader", {"clip_name": "t5xxl", "type": "sd3"}),
        },
        ("a fox", "blurry", 5, 49, 50, 4.5, 848, 480, 24.0, "mochi_preview_dit_fp8_e4m3fn.safetensors", "MochiPipeline"),
    ),
}


@pytest.mark.parametrize("name", WRAPPERS)
def test_nodes_of_the_wrappers(name: str) -> None:
    nodes, expected = WRAPPERS[name]
    found = _read(nodes)
    assert expected == (
        found.prompt,
        found.negative_prompt,
        found.seed,
        found.num_frames,
        found.num_inference_steps,
        found.guidance_scale,
        found.width,
        found.height,
        found.fps,
        found.model,
        found.pipeline,
    )


WITHOUT_PIPELINE: dict[str, tuple[Nodes, str]] = {
    "a LoRA": (
        _with(n5={"model": ["20", 0]}, n20=("LoraLoaderModelOnly", {"lora_name": "ink.safetensors", "model": ["1", 0]})),
        "ink.safetensors (node 20)",
    ),
    "a custom node": (_with(n7={"images": ["20", 0]}, n20=("RIFE VFI", {"frames": ["6", 0]})), "RIFE VFI node 20"),
    "a start from a video": (_with(n5={"denoise": 0.4}), "denoise 0.4"),
    "a model that nobody knows": (_with(n1={"unet_name": "flux1-dev.safetensors"}), "flux1-dev"),
    "no model": (_with(n5={"model": ["99", 0]}), "No model"),
    "no sampler": ({"7": _BASE["7"], "6": ("LoadVideo", {"file": "a.mp4"})}, "no sampler"),
}


@pytest.mark.parametrize("name", WITHOUT_PIPELINE)
def test_what_diffusers_cannot_render_says_why(name: str) -> None:
    nodes, reason = WITHOUT_PIPELINE[name]
    found = _read(nodes)
    assert found.pipeline is None
    assert reason in (found.reason or "")
    assert found.has_graph


def test_a_custom_node_in_a_branch_that_the_clip_does_not_hang_on_is_no_hindrance() -> None:
    assert _read(_with(n50=("SomethingOdd", {"image": ["6", 0]}))).pipeline == "WanPipeline"


def test_a_circle_ends() -> None:
    nodes = _with(
        n2={"text": ["20", 0]},
        n20=("StringConcatenate", {"string_a": ["21", 0], "string_b": ["20", 0]}),
        n21=("Reroute", {"": ["21", 0]}),
        n5={"positive": ["22", 0], "latent_image": ["5", 0], "model": ["23", 0], "seed": ["24", 0]},
        n22=("FluxGuidance", {"conditioning": ["22", 0], "guidance": ["22", 0]}),
        n23=("ModelSamplingSD3", {"model": ["23", 0]}),
        n24=("PrimitiveInt", {"value": ["24", 0]}),
    )
    found = _read(nodes)
    assert (found.prompt, found.seed, found.model) == (None, None, None)
    assert found.negative_prompt == "blurry"


def test_texts_that_name_each_other_over_and_over_stay_small() -> None:
    laughs: Nodes = {
        str(100 + at): ("StringConcatenate", {f"string_{side}": [str(101 + at), 0] for side in "abcdefgh"} | {"delimiter": ""})
        for at in range(40)
    }
    nodes = _with(n2={"text": ["100", 0]}) | laughs | {"140": ("PrimitiveString", {"value": "ha" * 50})}
    start = time.perf_counter()
    found = _read(nodes)
    assert len(found.prompt or "") <= 20_000
    assert time.perf_counter() - start < 2


def test_thousands_of_nodes_are_walked_in_a_moment() -> None:
    latents: Nodes = {
        str(1000 + at): ("LatentSomething", {"samples": [str(1001 + at), 0], "image": [str(1001 + at), 0], "pixels": ["5", 0]})
        for at in range(4000)
    }
    start = time.perf_counter()
    found = _read(_with(n5={"latent_image": ["1000", 0]}) | latents)
    assert found.seed == 7
    assert time.perf_counter() - start < 2


@pytest.mark.parametrize(
    "value",
    [{}, [], 5, {"a": 1}, {"1": {"class_type": 5, "inputs": {}}}, {str(at): {"class_type": "A", "inputs": {}} for at in range(5001)}],
)
def test_what_is_no_graph_is_none(value: Any) -> None:
    assert comfyui_graph.of_api(value) is None
    assert comfyui_workflow.of_page(value) is None


def _page(**modes: int) -> dict[str, Any]:
    """The base as the page keeps it, with a reroute, a primitive and a LoRA."""

    def node(at: int, kind: str, inputs: list[tuple[str, str, int | None]], widgets: Any) -> dict[str, Any]:
        listed = [{"name": name, "type": of, "link": link} for name, of, link in inputs]
        return {"id": at, "type": kind, "mode": modes.get(f"n{at}", 0), "inputs": listed, "widgets_values": widgets}

    return {
        "nodes": [
            node(1, "UNETLoader", [], ["wan2.1_t2v_1.3B_fp16.safetensors", "default"]),
            node(2, "CLIPTextEncode", [("clip", "CLIP", None), ("text", "STRING", 8)], ["overridden"]),
            node(20, "PrimitiveNode", [], ["a fox", "fixed"]),
            node(4, "EmptyHunyuanLatentVideo", [], [832, 480, 33, 1]),
            node(21, "Reroute", [("", "*", 4)], None),
            node(22, "LoraLoaderModelOnly", [("model", "MODEL", 1)], ["ink.safetensors", 1.0]),
            node(
                5,
                "KSampler",
                [("model", "MODEL", 9), ("positive", "CONDITIONING", 2), ("latent_image", "LATENT", 5)],
                [7, "randomize", 30, 6, "euler", "simple", 1],
            ),
            node(7, "VHS_VideoCombine", [("images", "IMAGE", 6)], {"frame_rate": 24, "filename_prefix": "fox"}),
            node(6, "VAEDecode", [("samples", "LATENT", 7)], []),
        ],
        "links": [
            [1, 1, 0, 22, 0, "MODEL"],
            [2, 2, 0, 5, 1, "CONDITIONING"],
            [4, 4, 0, 21, 0, "*"],
            {"id": 5, "origin_id": 21, "origin_slot": 0, "target_id": 5, "target_slot": 3, "type": "LATENT"},
            [6, 6, 0, 7, 0, "IMAGE"],
            [7, 5, 0, 6, 0, "LATENT"],
            [8, 20, 0, 2, 1, "STRING"],
            [9, 22, 0, 5, 0, "MODEL"],
        ],
    }


def test_a_graph_of_the_page_is_walked_as_the_queued_one() -> None:
    found = _read(_page(), key="workflow")
    assert (found.prompt, found.seed, found.num_inference_steps, found.guidance_scale) == ("a fox", 7, 30, 6.0)
    assert (found.width, found.height, found.num_frames, found.fps) == (832, 480, 33, 24.0)
    assert (found.model, found.pipeline) == ("wan2.1_t2v_1.3B_fp16.safetensors", None)
    assert "ink.safetensors" in (found.reason or "")
    assert not found.has_graph


def test_a_bypassed_node_of_the_page_hands_on_its_input() -> None:
    assert _read(_page(n22=4), key="workflow").pipeline == "WanPipeline"


def test_a_muted_node_of_the_page_is_not_there() -> None:
    found = _read(_page(n22=2), key="workflow")
    assert (found.model, found.reason) == (None, "No model is named.")


def test_a_group_of_the_page_is_named_as_what_hinders() -> None:
    page = _page()
    page["nodes"][-1]["type"] = "8b15b1c4-6b5d-4c1f-9d5b-2f2b3c4d5e6f"
    assert "Group node 6" in (_read(page, key="workflow").reason or "")


def test_variables_of_the_page_are_followed() -> None:
    page = _page(n22=4)
    page["nodes"] += [
        {"id": 40, "type": "SetNode", "inputs": [{"name": "LATENT", "type": "LATENT", "link": 4}], "widgets_values": ["empty"]},
        {"id": 41, "type": "GetNode", "inputs": [], "widgets_values": ["empty"]},
    ]
    page["links"][3] = [5, 41, 0, 5, 3, "LATENT"]
    found = _read(page, key="workflow")
    assert (found.width, found.num_frames, found.pipeline) == (832, 33, "WanPipeline")


def test_a_request_to_the_api_beside_the_clip(tmp_path: Path) -> None:
    (tmp_path / "fox.json").write_text(json.dumps({"client_id": "1", "prompt": _api(_BASE)}))
    place = Place(tmp_path / "fox.mp4", tmp_path)
    found = comfyui.beside(place)
    assert found is not None
    assert (found.prompt, found.has_graph) == ("a fox", True)
    assert comfyui.api_graph(place) == _api(_BASE)
