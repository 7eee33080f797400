"""A stored graph is corrected where it holds what was stored, and nowhere else."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from comfyui_server import GRAPH

from deshimmer.processors.comfyui import correction, user_comfyui
from deshimmer.processors.families.family import Means
from deshimmer.processors.prompts.stored import Source, StoredPrompt
from deshimmer.processors.records import Change, Regeneration


def _wanted(*changes: Change, seed: int | None = 42) -> Regeneration:
    return Regeneration(Means.COMFYUI, StoredPrompt(Source.COMFYUI, seed=seed), changes, "its graph is stored")


def _graph(**nodes: Any) -> dict[str, Any]:
    return {**copy.deepcopy(GRAPH), **{key.removeprefix("n"): node for key, node in nodes.items()}}


def _node(kind: str, **inputs: Any) -> dict[str, Any]:
    return {"class_type": kind, "inputs": inputs}


def test_the_stored_graph_itself_stays_and_its_results_get_our_names() -> None:
    graph = _graph()
    made = user_comfyui.corrected_graph(graph, _wanted())
    assert graph == GRAPH
    assert made["59"]["inputs"]["filename_prefix"] == "deshimmer-59"
    made["59"]["inputs"]["filename_prefix"] = "video/clip"
    assert made == GRAPH


@pytest.mark.parametrize(
    ("change", "node", "name"),
    [
        (
            Change("noise_aug_strength", 0.1, 0.02, "svd-noise-aug"),
            _node("SVD_img2vid_Conditioning", augmentation_level=0.1),
            "augmentation_level",
        ),
        (Change("motion_bucket_id", 200, 127, "svd-motion"), _node("SVD_img2vid_Conditioning", motion_bucket_id=200), "motion_bucket_id"),
        (Change("guidance_scale", 6, 5.0, "guidance"), _node("KSampler", cfg=6.0), "cfg"),
        (Change("num_frames", 100, 81, "frame-count"), _node("WanImageToVideo", length=100), "length"),
        (Change("num_frames", 100, 81, "frame-count"), _node("EmptyLatentImage", batch_size=100), "batch_size"),
        (Change("width", 500, 512, "size"), _node("WanImageToVideo", width=500), "width"),
    ],
)
def test_changes_find_the_inputs_that_hold_the_stored_value(change: Change, node: dict[str, Any], name: str) -> None:
    other = {**node, "inputs": {name: change.before + 1}}
    made = correction.correct(_graph(n1=node, n2=other), _wanted(change), 42, "deshimmer")
    assert made.graph["1"]["inputs"][name] == change.after
    assert made.graph["2"]["inputs"][name] == change.before + 1
    assert made.unapplied == ()


def test_a_batch_of_another_node_is_no_count_of_frames() -> None:
    change = Change("num_frames", 100, 81, "frame-count")
    made = correction.correct(_graph(n1=_node("VAEEncodeBatched", batch_size=100)), _wanted(change), 42, "deshimmer")
    assert (made.graph["1"]["inputs"]["batch_size"], made.unapplied) == (100, (change,))


def test_values_are_followed_to_the_nodes_that_hold_them() -> None:
    graph = _graph(n1=_node("PrimitiveInt", value=30), n2=_node("Seed (rgthree)", seed=-1, control_after_generate="randomize"))
    graph["3"]["inputs"] |= {"steps": ["1", 0], "seed": ["2", 0]}
    made = user_comfyui.corrected_graph(graph, _wanted(Change("num_inference_steps", 30, 50, "steps")))
    assert made["1"]["inputs"]["value"] == 50
    assert made["2"]["inputs"] == {"seed": 42, "control_after_generate": "fixed"}
    assert made["3"]["inputs"]["steps"] == ["1", 0]


def test_two_samplers_share_the_corrected_steps_as_they_shared_the_stored_ones() -> None:
    high = _node("KSamplerAdvanced", noise_seed=42, steps=20, start_at_step=0, end_at_step=10)
    low = _node("KSamplerAdvanced", noise_seed=0, steps=20, start_at_step=10, end_at_step=10000)
    made = user_comfyui.corrected_graph(_graph(n1=high, n2=low), _wanted(Change("num_inference_steps", 20, 40, "steps")))
    assert [made[key]["inputs"][name] for key in "12" for name in ("steps", "start_at_step", "end_at_step")] == [40, 0, 20, 40, 20, 10000]
    assert [made[key]["inputs"]["noise_seed"] for key in "12"] == [42, 0]


def test_another_seed_moves_all() -> None:
    graph = _graph(n1=_node("KSamplerAdvanced", noise_seed=7))
    made = correction.correct(graph, _wanted(), 45, "deshimmer")
    assert (made.graph["3"]["inputs"]["seed"], made.graph["1"]["inputs"]["noise_seed"]) == (45, 10)


def test_without_a_stored_seed_the_graphs_own_stays() -> None:
    wanted = _wanted(seed=None)
    assert correction.first_seed(GRAPH, wanted) == 42
    assert user_comfyui.corrected_graph(GRAPH, wanted)["3"]["inputs"]["seed"] == 42


def test_of_several_pictures_the_one_of_that_name_is_replaced(tmp_path: Any) -> None:
    graph = _graph(n1=_node("LoadImage", image="sub/first.png"), n2=_node("LoadImage", image="last.png"))
    wanted = Regeneration(Means.COMFYUI, StoredPrompt(Source.DESHIMMER, image=tmp_path / "first.png"), (), "")
    made = correction.correct(graph, wanted, 42, "deshimmer", image="deshimmer-abc.png").graph
    assert (made["1"]["inputs"]["image"], made["2"]["inputs"]["image"]) == ("deshimmer-abc.png", "last.png")


def test_a_graph_of_anything_does_no_harm() -> None:
    graph = {"1": "text", "2": {"class_type": 3}, "3": {"inputs": {"seed": "text", "steps": [1, 2, 3], "noise_seed": True}}}
    assert user_comfyui.corrected_graph(graph, _wanted(Change("num_inference_steps", 20, 40, "steps"))) == graph
