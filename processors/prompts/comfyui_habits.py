"""What a graph of ComfyUI tells beyond its parameters: whether it decoded in tiles, and whether it draws another seed for every run."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from . import comfyui_subgraphs, untrusted
from .comfyui_graph import MOST_NODES
from .place import Place

_TILING_INPUTS = ("enable_vae_tiling", "vae_tiling", "tiled_vae")
_DRAWN = "randomize"


def read(place: Place, graph: dict[str, Any] | None) -> tuple[dict[str, Any], dict[str, str]]:
    """Further values of a prompt's ``extra``, and where each was found. ``graph``: in the API's form."""
    extra: dict[str, Any] = {}
    sources: dict[str, str] = {}
    tiled = _tiled(graph or {})
    if tiled is not None:
        extra["vae_tiling"], sources["vae_tiling"] = True, tiled
    for texts in (place.picture, place.own):
        if "control_after_generate" not in extra and _draws_seeds(untrusted.json_object(texts.of("workflow"))):
            extra["control_after_generate"], sources["control_after_generate"] = _DRAWN, texts.named("workflow")
    return extra, sources


def _tiled(graph: dict[str, Any]) -> str | None:
    """The node that decodes in tiles."""
    for node_id, node in graph.items():
        kind, inputs = str(node["class_type"]), untrusted.mapping(node["inputs"])
        decodes = "decode" in kind.lower()
        if decodes and ("tiled" in kind.lower() or any(inputs.get(name) is True for name in _TILING_INPUTS)):
            return f"{kind} node {node_id}"
    return None


def _draws_seeds(page: dict[str, Any]) -> bool:
    """A widget ``randomize`` follows a number: that is the seed's, in a node that runs."""
    nodes = [untrusted.mapping(node) for node in untrusted.items(comfyui_subgraphs.flattened(page).get("nodes"))[:MOST_NODES]]
    return any(node.get("mode", 0) == 0 and _has_drawn_seed(untrusted.items(node.get("widgets_values"))) for node in nodes)


def _has_drawn_seed(values: list[Any]) -> bool:
    return any(after == _DRAWN and isinstance(before, int) for before, after in pairwise(values))
