"""ComfyUI's graph as its page keeps it (nodes, links, widgets_values), brought to the API's form as far as names are known.

It serves to read the prompt. It is not queued again: the page itself fills in more than is stored here.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from . import comfyui_subgraphs, untrusted
from .comfyui_graph import MOST_NODES, Graph, Node

_NEVER, _BYPASSED = 2, 4  # a node's mode
_AFTER_SEED = ("fixed", "increment", "decrement", "randomize")
_GROUP = re.compile(r"[0-9a-f]{8}-[0-9a-f-]{27}")
_MOST_BYPASSED = 20

WIDGETS: dict[str, tuple[str, ...]] = {
    "KSampler": ("seed", "steps", "cfg", "sampler_name", "scheduler", "denoise"),
    "KSamplerAdvanced": (
        "add_noise",
        "noise_seed",
        "steps",
        "cfg",
        "sampler_name",
        "scheduler",
        "start_at_step",
        "end_at_step",
        "return_with_leftover_noise",
    ),
    "SamplerCustom": ("add_noise", "noise_seed", "cfg"),
    "RandomNoise": ("noise_seed",),
    "BasicScheduler": ("scheduler", "steps", "denoise"),
    "CFGGuider": ("cfg",),
    "FluxGuidance": ("guidance",),
    "CLIPTextEncode": ("text",),
    "UNETLoader": ("unet_name", "weight_dtype"),
    "CheckpointLoaderSimple": ("ckpt_name",),
    "ImageOnlyCheckpointLoader": ("ckpt_name",),
    "UnetLoaderGGUF": ("unet_name",),
    "LoraLoader": ("lora_name", "strength_model", "strength_clip"),
    "LoraLoaderModelOnly": ("lora_name", "strength_model"),
    "LoadImage": ("image",),
    "EmptyLatentImage": ("width", "height", "batch_size"),
    "EmptyHunyuanLatentVideo": ("width", "height", "length", "batch_size"),
    "EmptyMochiLatentVideo": ("width", "height", "length", "batch_size"),
    "EmptyLTXVLatentVideo": ("width", "height", "length", "batch_size"),
    "EmptyCosmosLatentVideo": ("width", "height", "length", "batch_size"),
    "WanImageToVideo": ("width", "height", "length", "batch_size"),
    "Wan22ImageToVideoLatent": ("width", "height", "length", "batch_size"),
    "HunyuanImageToVideo": ("width", "height", "length", "batch_size", "guidance_type"),
    "SVD_img2vid_Conditioning": ("width", "height", "video_frames", "motion_bucket_id", "fps", "augmentation_level"),
    "VideoLinearCFGGuidance": ("min_cfg",),
    "ModelSamplingSD3": ("shift",),
    "CreateVideo": ("fps",),
    "SaveVideo": ("filename_prefix", "format", "codec"),
    "SaveAnimatedWEBP": ("filename_prefix", "fps", "lossless", "quality", "method"),
    "SaveAnimatedPNG": ("filename_prefix", "fps", "compress_level"),
    "SaveWEBM": ("filename_prefix", "codec", "fps", "crf"),
    "PrimitiveNode": ("value",),
    "PrimitiveInt": ("value",),
    "PrimitiveFloat": ("value",),
    "PrimitiveString": ("value",),
    "PrimitiveStringMultiline": ("value",),
}
"""Names of the widgets in their order; what the page itself adds after a seed is left out."""


@dataclass(frozen=True)
class _Input:
    name: str
    link: int | None
    kind: str
    is_widget: bool


_NO_INPUT = _Input("", None, "", False)


@dataclass(frozen=True)
class _PageNode:
    id: str
    kind: str
    mode: int
    inputs: tuple[_Input, ...]
    widgets: Any

    @cached_property
    def linked(self) -> dict[str, _Input]:
        """The first input of each kind that is linked."""
        return {item.kind: item for item in reversed(self.inputs) if item.link is not None}


def of_page(value: Any) -> Graph | None:
    """The graph in JSON's value; None where it is not one in the page's form."""
    given = comfyui_subgraphs.flattened(untrusted.mapping(value))
    listed = untrusted.items(given.get("nodes"))
    if not 0 < len(listed) <= MOST_NODES:
        return None
    nodes = {node.id: node for content in listed if (node := _page_node(content)) is not None}
    links = dict(_links(given.get("links")))
    kept = {node.id: node for node in nodes.values() if node.mode not in (_NEVER, _BYPASSED)}
    made = {node.id: Node(node.id, node.kind, _inputs(node, nodes, links)) for node in kept.values()}
    _join_variables(made)
    return Graph(made) if made else None


def _join_variables(made: dict[str, Node]) -> None:
    """SetNode keeps what it is given under a name, and each GetNode of that name hands it on."""
    kept = {
        node.inputs.get("value"): node.id for node in made.values() if node.kind == "SetNode" and isinstance(node.inputs.get("value"), str)
    }
    for node in made.values():
        name = node.inputs.pop("value", None) if node.kind in ("GetNode", "SetNode") else None
        if node.kind == "GetNode" and isinstance(name, str) and name in kept:
            node.inputs["set"] = [kept[name], 0]


def _page_node(content: Any) -> _PageNode | None:
    given = untrusted.mapping(content)
    node_id, kind, mode = given.get("id"), given.get("type"), given.get("mode")
    if not isinstance(node_id, int | str) or not isinstance(kind, str):
        return None
    shown = "Group" if _GROUP.fullmatch(kind) else untrusted.clean(kind, 200)
    inputs = tuple(_input(untrusted.mapping(item)) for item in untrusted.items(given.get("inputs"))[:MOST_NODES])
    return _PageNode(untrusted.clean(str(node_id), 100), shown, mode if isinstance(mode, int) else 0, inputs, given.get("widgets_values"))


def _input(given: dict[str, Any]) -> _Input:
    link = given.get("link")
    return _Input(str(given.get("name", "")), link if isinstance(link, int) else None, str(given.get("type", "")), "widget" in given)


def _links(value: Any) -> list[tuple[int, tuple[str, int]]]:
    """By a link's number: the node and the slot that it comes from."""
    found: list[tuple[int, tuple[str, int]]] = []
    for item in untrusted.items(value)[: 10 * MOST_NODES]:
        named = untrusted.mapping(item)
        row = [named.get("id"), named.get("origin_id"), named.get("origin_slot")] if named else untrusted.items(item)[:3]
        if len(row) == 3 and isinstance(row[0], int) and isinstance(row[1], int | str) and isinstance(row[2], int):
            found.append((row[0], (str(row[1]), row[2])))
    return found


def _inputs(node: _PageNode, nodes: dict[str, _PageNode], links: dict[int, tuple[str, int]]) -> dict[str, Any]:
    values = _widgets(node)
    for item in node.inputs:
        source = _source(item, nodes, links)
        if source is not None:
            values[item.name] = list(source)
    return values


def _source(item: _Input, nodes: dict[str, _PageNode], links: dict[int, tuple[str, int]]) -> tuple[str, int] | None:
    """Through bypassed nodes, which hand on their first input of the same kind."""
    for _ in range(_MOST_BYPASSED):
        source = None if item.link is None else links.get(item.link)
        node = None if source is None else nodes.get(source[0])
        if node is None or node.mode == _NEVER:
            return None
        if node.mode != _BYPASSED:
            return source
        item = node.linked.get(item.kind, _NO_INPUT)
    return None


def _widgets(node: _PageNode) -> dict[str, Any]:
    named = untrusted.mapping(node.widgets)
    if named:
        return dict(named)
    names = WIDGETS.get(node.kind) or tuple(item.name for item in node.inputs if item.is_widget)
    values = untrusted.items(node.widgets)
    without = [value for at, value in enumerate(values) if not (at and value in _AFTER_SEED and isinstance(values[at - 1], int | float))]
    return dict(zip(names or ("value",), without, strict=False))
