"""Pages of ComfyUI with subgraphs: what is inside is found, with the values that the outer node shows."""

from __future__ import annotations

import copy
import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from deshimmer.processors.prompts import comfyui, comfyui_habits, comfyui_subgraphs, comfyui_workflow
from deshimmer.processors.prompts.place import Place, Texts
from deshimmer.processors.prompts.stored import StoredPrompt

GROUP, INNER = "d2ac71a3-c7a1-48fa-abea-0aa3f97d7bf2", "09ddd894-cfba-4712-a291-4e10ffc061fe"

WIRES = ((1, -10, 0, 2, 1), (2, 1, 0, 5, 0), (3, 2, 0, 5, 1), (4, 3, 0, 5, 2), (5, 4, 0, 5, 3), (6, 5, 0, 6, 0), (7, 6, 0, -20, 0))


def node(
    number: int, kind: str, widgets: Sequence[Any] = (), *, mode: int = 0, proxies: list[list[str]] | None = None, **links: int | None
) -> dict[str, Any]:
    """``links``: by the input's name; a name that begins with w_ is that of a widget."""
    inputs: list[dict[str, Any]] = []
    for key, number_of_link in links.items():
        name = key.removeprefix("w_")
        inputs.append({"name": name, "type": "*", "link": number_of_link} | ({"widget": {"name": name}} if name != key else {}))
    more = {} if proxies is None else {"properties": {"proxyWidgets": proxies}}
    return {"id": number, "type": kind, "mode": mode, "inputs": inputs, "widgets_values": list(widgets), **more}


def link(number: int, origin: int, slot: int, target: int, at: int) -> dict[str, Any]:
    return {"id": number, "origin_id": origin, "origin_slot": slot, "target_id": target, "target_slot": at, "type": "*"}


def subgraph(uid: str, nodes: list[dict[str, Any]], links: list[dict[str, Any]], inputs: list[str], outputs: list[str]) -> dict[str, Any]:
    return {
        "id": uid,
        "name": "Text to Video",
        "inputNode": {"id": -10},
        "outputNode": {"id": -20},
        "inputs": [{"name": name, "type": "*"} for name in inputs],
        "outputs": [{"name": name, "type": "*"} for name in outputs],
        "nodes": nodes,
        "links": links,
    }


def page(
    widgets: list[Any], proxies: list[list[str]] | None, text_link: int | None = None, mode: int = 0, outer_text: bool = True
) -> dict[str, Any]:
    """A page as a template of ComfyUI's has it: all but the saving lies in a subgraph. Numbers of links inside and outside are the same."""
    inside = subgraph(
        GROUP,
        [
            node(1, "UNETLoader", ["wan2.1_t2v_1.3B_fp16.safetensors", "default"]),
            node(2, "CLIPTextEncode", ["the inner fox"], clip=None, w_text=1),
            node(3, "CLIPTextEncode", ["blurry"], clip=None),
            node(4, "EmptyHunyuanLatentVideo", [832, 480, 33, 1]),
            node(5, "KSampler", [7, "randomize", 30, 6.0, "uni_pc", "simple", 1.0], model=2, positive=3, negative=4, latent_image=5),
            node(6, "VAEDecode", samples=6),
        ],
        [link(*row) for row in WIRES],
        ["text"],
        ["IMAGE"],
    )
    outer: dict[str, int | None] = {"w_text": text_link} if outer_text else {}
    return {
        "nodes": [
            node(12, GROUP, widgets, mode=mode, proxies=proxies, **outer),
            node(7, "SaveAnimatedWEBP", ["fox", 16.0, False, 90, "default"], images=1),
            node(8, "PrimitiveStringMultiline", ["a linked fox"]),
        ],
        "links": [[1, 12, 0, 7, 0, "IMAGE"], [2, 8, 0, 12, 0, "STRING"]],
        "definitions": {"subgraphs": [inside]},
    }


def read(content: dict[str, Any]) -> StoredPrompt:
    found = comfyui.carried(
        Texts({"workflow": json.dumps(content)}, "tag {key}"), Place(Path("/nowhere/fox_00001_.webp"), Path("/nowhere"))
    )
    assert found is not None
    return found


def test_what_lies_in_a_subgraph_is_read() -> None:
    found = read(page([], [["2", "text"], ["4", "width"]]))
    assert (found.prompt, found.negative_prompt, found.seed, found.num_frames) == ("the inner fox", "blurry", 7, 33)
    assert (found.num_inference_steps, found.guidance_scale, found.width, found.height, found.fps) == (30, 6.0, 832, 480, 16.0)
    assert (found.model, found.pipeline, found.reason) == ("wan2.1_t2v_1.3B_fp16.safetensors", "WanPipeline", None)
    assert found.sources["seed"] == "KSampler node 12:5, of the tag workflow"  # as the API's form names it
    assert found.has_graph is False


SHOWN: dict[str, tuple[dict[str, Any], tuple[str, int]]] = {
    "by the inner nodes": (page(["an outer fox", 480], [["2", "text"], ["4", "width"]]), ("an outer fox", 480)),
    "by the outer node's inputs": (page(["an outer fox", 480], [["-1", "text"], ["4", "width"]]), ("an outer fox", 480)),
    "without a list": (page(["an outer fox"], None), ("an outer fox", 832)),
    "nobody knows which": (page(["an outer fox"], [["2", "text"], ["4", "width"]]), ("the inner fox", 832)),
    "linked from outside": (page([], [], text_link=2), ("a linked fox", 832)),
    "an input that the outer node does not have": (page([], [], outer_text=False), ("the inner fox", 832)),
}


@pytest.mark.parametrize("name", SHOWN)
def test_values_that_the_outer_node_shows_count(name: str) -> None:
    content, meant = SHOWN[name]
    found = read(content)
    assert (found.prompt, found.width) == meant


def test_two_nodes_of_one_subgraph_have_their_own_values() -> None:
    content = page(["one fox"], [["2", "text"]])
    twin = copy.deepcopy(content["nodes"][0]) | {"id": 13, "widgets_values": ["two foxes"]}
    content["nodes"].append(twin)
    flat = comfyui_workflow.of_page(content)
    assert flat is not None
    texts = {name: flat.value(flat.nodes[name], "text") for name in ("12:2", "13:2")}
    assert {name: found and found.value for name, found in texts.items()} == {"12:2": "one fox", "13:2": "two foxes"}


def test_a_subgraph_in_a_subgraph_is_read_and_hands_on_what_is_shown() -> None:
    content = page([], [])
    inner = content["definitions"]["subgraphs"][0]
    around = subgraph(
        INNER,
        [node(3, GROUP, [], proxies=[["2", "text"], ["5", "seed"]], w_text=1)],
        [link(1, -10, 0, 3, 0), link(2, 3, 0, -20, 0)],
        ["text"],
        ["IMAGE"],
    )
    content["nodes"][0] = node(12, INNER, ["from far out"], proxies=[["-1", "text"]], w_text=None)
    content["definitions"]["subgraphs"] = [inner, around]
    found = read(content)
    assert (found.prompt, found.seed) == ("from far out", 7)
    assert found.sources["seed"].startswith("KSampler node 12:3:5")


def test_a_subgraph_that_is_passed_by_makes_nothing() -> None:
    found = comfyui_workflow.of_page(page([], [], mode=4))
    assert found is not None
    assert sorted(found.nodes) == ["7", "8"]


def test_a_seed_that_is_drawn_inside_is_seen() -> None:
    place = Place(Path("/nowhere/fox.webp"), Path("/nowhere"))
    drawn = comfyui_habits._draws_seeds(page([], []))  # pyright: ignore[reportPrivateUsage]
    assert drawn
    assert comfyui_habits.read(place, None) == ({}, {})


def test_a_page_without_subgraphs_is_left_as_it_is() -> None:
    content = {"nodes": [node(7, "KSampler", [7])], "links": []}
    assert comfyui_subgraphs.flattened(content) is content


HOSTILE: dict[str, dict[str, Any]] = {
    "in itself": {"nodes": [node(1, GROUP)], "definitions": {"subgraphs": [subgraph(GROUP, [node(1, GROUP), node(2, GROUP)], [], [], [])]}},
    "in each other, many times": {
        "nodes": [node(1, GROUP)],
        "definitions": {
            "subgraphs": [
                subgraph(GROUP, [node(number, INNER) for number in range(4000)], [], [], []),
                subgraph(INNER, [node(number, GROUP) for number in range(4000)], [], [], []),
            ]
        },
    },
    "with many inputs, many times": {
        "nodes": [node(number, GROUP) for number in range(4900)],
        "definitions": {
            "subgraphs": [
                subgraph(GROUP, [node(1, "KSampler", **{f"x{number}": 1 for number in range(4000)})], [link(1, -10, 0, 1, 0)], [], [])
            ]
        },
    },
    "links in a circle": {
        "nodes": [node(1, GROUP, x=1), node(2, "SaveVideo", images=1)],
        "links": [[1, 1, 0, 1, 0, "*"]],
        "definitions": {"subgraphs": [subgraph(GROUP, [], [link(1, -10, 0, -20, 0)], ["x"], ["x"])]},
    },
    "no tables": {
        "nodes": [node(1, GROUP)],
        "definitions": {"subgraphs": [3, None, {"id": GROUP, "nodes": [1, {"id": []}], "links": {"a": 1}}]},
    },
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_pages_end_soon(name: str) -> None:
    started = time.monotonic()
    flat = comfyui_subgraphs.flattened(HOSTILE[name])
    assert len(flat["nodes"]) <= 5_000
    assert len(flat["links"]) <= 100_000
    comfyui_workflow.of_page(HOSTILE[name])
    assert time.monotonic() - started < 5
