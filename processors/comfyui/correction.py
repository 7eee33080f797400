"""A stored ComfyUI graph on its way to be queued again: seeds fixed, parameters corrected, results under a name of ours.

Fields are named as diffusers names them; nodes have names of their own. A value is changed only where it is the one that was stored, so
that the graph's other samplers and sizes stay.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias

from ..records import Change, Regeneration

Graph: TypeAlias = dict[str, Any]
"""ComfyUI's API form: ``{node_id: {"class_type", "inputs"}}``."""

PREFIX = "deshimmer"
_SEEDS = ("seed", "noise_seed")
_SEED_HABIT = "control_after_generate"
_LARGEST_SEED = 2**64
_NAMES: dict[str, tuple[str, ...]] = {
    "noise_aug_strength": ("augmentation_level", "noise_aug_strength"),
    "num_inference_steps": ("steps", "num_inference_steps"),
    "guidance_scale": ("cfg", "guidance", "guidance_scale", "cfg_scale"),
    "num_frames": ("length", "video_frames", "num_frames", "frames", "batch_size"),
    "prompt": ("text", "prompt", "positive_prompt"),
    "negative_prompt": ("text", "negative_prompt"),
}
"""What nodes call a field; any other field has its own name."""

_BORDERS = ("start_at_step", "end_at_step", "start_step", "end_step")
"""Of samplers that share the steps between them: they move with the steps."""

_HELD = ("value", "seed", "int", "float", "number", "Value", "INT", "FLOAT")
"""Inputs of the nodes that hold one value for others."""


class Input(NamedTuple):
    node_id: str
    name: str


@dataclass(frozen=True)
class Corrected:
    graph: Graph
    unapplied: tuple[Change, ...]  # no node holds the value that was stored


def corrected_graph(graph: Graph, regeneration: Regeneration) -> Graph:
    """A copy of the graph with its seeds fixed, the changes made, and results named after ``PREFIX``."""
    return correct(graph, regeneration, regeneration.prompt.seed, PREFIX).graph


def correct(graph: Graph, regeneration: Regeneration, seed: int | None, prefix: str, image: str | None = None) -> Corrected:
    """As ``corrected_graph``, with the seed of this candidate; None: those of the graph. ``image``: what is loaded in place of the first frame."""
    made = copy.deepcopy(graph)
    _fix_seeds(made, regeneration.prompt.seed, seed)
    unapplied = tuple(change for change in regeneration.changes if change.field != "seed" and not _apply(made, change))
    _name_results(made, prefix)
    if image is not None:
        _load(made, image, regeneration.prompt.image.name if regeneration.prompt.image else "")
    return Corrected(made, unapplied)


def first_seed(graph: Graph, regeneration: Regeneration) -> int:
    """The stored seed, else the first that the graph holds, else 0."""
    return _first_held_seed(graph) if regeneration.prompt.seed is None else regeneration.prompt.seed


def _fix_seeds(graph: Graph, stored: int | None, wanted: int | None) -> None:
    """The stored seed becomes the wanted one, and so does each that means "any"; other seeds move as far as the stored one does."""
    stored = _first_held_seed(graph) if stored is None else stored
    wanted = stored if wanted is None else wanted
    for place in dict.fromkeys(_seed_inputs(graph)):
        value = _value(graph, place)
        moved = wanted if value < 0 or value == stored else (value + wanted - stored) % _LARGEST_SEED
        graph[place.node_id]["inputs"][place.name] = moved
    for inputs in _inputs(graph).values():
        if isinstance(inputs.get(_SEED_HABIT), str):
            inputs[_SEED_HABIT] = "fixed"


def _first_held_seed(graph: Graph) -> int:
    return next((value for place in _seed_inputs(graph) if (value := _value(graph, place)) >= 0), 0)


def _seed_inputs(graph: Graph) -> Iterator[Input]:
    for node_id, inputs in _inputs(graph).items():
        for name in _SEEDS:
            if name in inputs:
                yield from _number(graph, Input(node_id, name), lambda value: isinstance(value, int))


def _apply(graph: Graph, change: Change) -> bool:
    names = _NAMES.get(change.field, (change.field,))
    places = [
        found
        for node_id, inputs in _inputs(graph).items()
        for name in names
        if name in inputs and _means(graph, node_id, name)
        for found in _holder(graph, Input(node_id, name), lambda value: _same(value, change.before))
    ]
    for place in dict.fromkeys(places):
        graph[place.node_id]["inputs"][place.name] = change.after
    if change.field == "num_inference_steps":
        _move_borders(graph, {place.node_id for place in places}, change)
    return bool(places)


def _means(graph: Graph, node_id: str, name: str) -> bool:
    """A batch is a count of frames only where an empty latent is made."""
    return name != "batch_size" or "latent" in str(graph[node_id].get("class_type")).lower()


def _move_borders(graph: Graph, nodes: set[str], change: Change) -> None:
    for node_id in nodes:
        inputs = graph[node_id]["inputs"]
        for name in _BORDERS:
            value = inputs.get(name)
            if isinstance(value, int) and 0 < value <= change.before:
                inputs[name] = round(value * change.after / change.before)


def _name_results(graph: Graph, prefix: str) -> None:
    for node_id, inputs in _inputs(graph).items():
        if isinstance(inputs.get("filename_prefix"), str):
            inputs["filename_prefix"] = f"{prefix}-{_plain(node_id)}"


def _load(graph: Graph, image: str, name: str) -> None:
    """The only node that loads a picture, or of several the one that loads this name."""
    loaders = [inputs for node_id, inputs in _inputs(graph).items() if str(graph[node_id].get("class_type")) == "LoadImage"]
    named = [inputs for inputs in loaders if str(inputs.get("image")).replace("\\", "/").rsplit("/", 1)[-1] == name]
    for inputs in named or (loaders if len(loaders) == 1 else []):
        inputs["image"] = image


def _number(graph: Graph, place: Input, fits: Callable[[Any], bool]) -> Iterator[Input]:
    yield from _holder(graph, place, lambda value: not isinstance(value, bool) and fits(value))


def _holder(graph: Graph, place: Input, fits: Callable[[Any], bool]) -> Iterator[Input]:
    """Where the value of an input stands: there, or in the node that it is linked to."""
    value = _value(graph, place)
    if not _is_link(value):
        if fits(value):
            yield place
        return
    held = _inputs(graph).get(str(value[0]), {})
    yield from (Input(str(value[0]), name) for name in _HELD if name in held and not _is_link(held[name]) and fits(held[name]))


def _inputs(graph: Graph) -> dict[str, dict[str, Any]]:
    return {node_id: node["inputs"] for node_id, node in graph.items() if isinstance(node, dict) and isinstance(node.get("inputs"), dict)}


def _value(graph: Graph, place: Input) -> Any:
    return graph[place.node_id]["inputs"][place.name]


def _is_link(value: Any) -> bool:
    match value:
        case [str() | int(), int()]:
            return True
        case _:
            return False


def _same(value: Any, before: Any) -> bool:
    if isinstance(value, bool) or isinstance(before, bool):
        return value is before
    if isinstance(value, (int, float)) and isinstance(before, (int, float)):
        return abs(value - before) < 1e-6
    return value == before


def _plain(node_id: str) -> str:
    return "".join(character if character.isalnum() else "_" for character in node_id)
