"""From the node that wrote the clip back to all that made it: sampler, prompt, model, size, frames, image."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import islice
from pathlib import PurePath
from typing import Any

from . import comfyui_nodes as nodes
from . import comfyui_text, untrusted
from .comfyui_graph import Graph, Node, Value

_LATENT_INPUTS = ("latent_image", "latent", "samples", "image_embeds", "positive", "latents")
_PICTURE_INPUTS = ("start_image", "init_image", "image", "first_frame", "pixels", "images", "input_image")
_MOST_OF_LATENT = 100
_SIZED = ("length", "num_frames", "video_frames", "frames", "batch_size")
_NO_SIZE = ("TextEncode", "KSampler", "SamplerCustom")
_EXTRA = {"motion_bucket_id": ("motion_bucket_id", 0, 1000), "noise_aug_strength": ("augmentation_level", 0, 100), "fps": ("fps", 1, 1000)}
"""Keywords of Stable Video Diffusion, by ComfyUI's names and with their limits."""

_WHOLE = ("motion_bucket_id", "fps")
_RISING_GUIDANCE = "VideoLinearCFGGuidance"  # from frame to frame
_SHIFTED = "ModelSamplingSD3"  # Wan's and others' noise, moved towards the start; the video wrapper's sampler has it itself
_EXTRA_KIND = "SVD_img2vid_Conditioning"
_FPS_INPUTS = ("fps", "frame_rate", "framerate")


@dataclass
class Walk:
    """What was found, by the fields' names: values as they stand there, and the nodes that hold them."""

    end: Node | None
    sampler: Node | None = None
    values: dict[str, Any] = field(default_factory=lambda: {})
    nodes: dict[str, str] = field(default_factory=lambda: {})
    extra: dict[str, Any] = field(default_factory=lambda: {})
    loras: tuple[str, ...] = ()
    picture: str | None = None  # name of the first frame's file
    from_image: bool | None = None
    reason: str | None = None

    def take(self, name: str, found: Value | None, note: str = "") -> None:
        if found is not None and name not in self.values:
            self.values[name] = found.value
            self.nodes[name] = f"{found.node}{note}"


def walk(graph: Graph, file_name: str) -> Walk:
    """All that the graph tells of the clip with this name."""
    end = _end(graph, file_name)
    upstream = list(graph.upstream(end)) if end else list(graph.nodes.values())
    found = Walk(end, next(filter(nodes.is_sampler, upstream), None))
    _frame_rate(graph, found, upstream)
    if found.sampler is None:
        found.reason = "The graph holds no sampler that is known."
        return found
    chain = _chain(graph, found.sampler)
    _sampling(graph, found, chain)
    _model(graph, found, chain)
    _size(graph, found, chain[-1])
    _picture(graph, found, chain[-1])
    found.loras = nodes.loras(upstream)
    found.reason = _reason(graph, found, chain, upstream)
    return found


def _end(graph: Graph, file_name: str) -> Node | None:
    """The node that wrote the clip: video before pictures, then by the clip's name and its kind of file, then what is kept."""
    path = PurePath(file_name)

    def rank(node: Node) -> tuple[bool, ...]:
        prefix = graph.value(node, "filename_prefix")
        base = PurePath(str(prefix.value).replace("\\", "/")).name if prefix else ""
        return (
            node.kind in nodes.VIDEO_ENDS or "VideoCombine" in node.kind,
            bool(base) and path.stem.startswith(base),
            nodes.SUFFIXES.get(node.kind, "") == path.suffix.lower(),
            node.inputs.get("save_output") is not False,
            node.kind not in nodes.PICTURE_ENDS,
        )

    return max(filter(nodes.is_end, graph.nodes.values()), key=rank, default=None)


def _frame_rate(graph: Graph, found: Walk, upstream: list[Node]) -> None:
    for node in upstream:
        if nodes.is_end(node) or node.kind == "CreateVideo":
            found.take("fps", graph.value(node, *_FPS_INPUTS))


def _chain(graph: Graph, sampler: Node) -> list[Node]:
    """Samplers of which each goes on from the next one's noise, as Wan 2.2 and KSamplerAdvanced split their steps; the first step's last."""
    chain = [sampler]
    while chain[-1].inputs.get("add_noise") in ("disable", False) and len(chain) < 10:
        before = graph.link(chain[-1], "latent_image") or graph.link(chain[-1], "samples")
        if before is None or not nodes.is_sampler(before.node) or before.node in chain:
            break
        chain.append(before.node)
    return chain


def _sampling(graph: Graph, found: Walk, chain: list[Node]) -> None:
    last, first = chain[0], chain[-1]
    note = f", of {len(chain)} samplers that go on from each other" if len(chain) > 1 else ""
    for role, name in ((comfyui_text.POSITIVE, "prompt"), (comfyui_text.NEGATIVE, "negative_prompt")):
        found.take(name, comfyui_text.prompt(graph, last, role))
    noise = graph.link(first, "noise")
    found.take("seed", graph.value(first, "seed", "noise_seed"), note)
    if noise is not None:
        found.take("seed", graph.value(noise.node, "noise_seed", "seed"))
    found.take("num_inference_steps", graph.value(last, "steps"), note)
    if (sigmas := graph.link(last, "sigmas")) is not None:
        for node in graph.upstream(sigmas.node, lambda _, name: "sigmas" in name):
            found.take("num_inference_steps", graph.value(node, "steps"))
    guider = graph.link(last, "guider")
    for node in [guider.node] if guider else [last]:
        found.take("guidance_scale", graph.value(node, "embedded_guidance_scale", "cfg", "cfg_conds", "guidance_scale"), note)
    for node in comfyui_text.guidance_nodes(graph, last):
        found.take("guidance_scale", graph.value(node, "guidance"))


def _model(graph: Graph, found: Walk, chain: list[Node]) -> None:
    for sampler in reversed(chain):
        _shift(graph, found, sampler)
        guider = graph.link(sampler, "guider")
        start = graph.link(guider.node if guider else sampler, "model") or graph.link(sampler, "pipeline")
        for node in graph.upstream(start.node, lambda _, name: name in ("model", "unet", "pipeline", "model1")) if start else ():
            if node.kind == _RISING_GUIDANCE and (least := graph.value(node, "min_cfg")):
                _add(found, "min_guidance_scale", node, untrusted.number(least.value, 0, 1000))
                _add(found, "max_guidance_scale", node, untrusted.number(found.values.get("guidance_scale"), 0, 1000))
            if node.kind == _SHIFTED:
                _shift(graph, found, node)
            name = nodes.loaded(graph, node)
            if name is not None:
                found.take("model", Value(name, node))
                return


def _shift(graph: Graph, found: Walk, node: Node) -> None:
    value = graph.value(node, "shift")
    shift = untrusted.number(value.value, 0.1, 100) if value is not None else None
    if value is not None and shift is not None and "flow_shift" not in found.extra:
        _add(found, "flow_shift", value.node, round(shift, 6))  # the page's buttons leave 8.000000000000002


def _size(graph: Graph, found: Walk, sampler: Node) -> None:
    for node in _of_latent(graph, sampler):
        if node.kind == _EXTRA_KIND:
            for name, (given, least, most) in _EXTRA.items():
                value = graph.value(node, given)
                _add(found, name, value.node if value else node, untrusted.number(value.value, least, most) if value else None)
        if any(word in node.kind for word in _NO_SIZE) and node is not sampler:
            continue
        width, height = graph.value(node, "width"), graph.value(node, "height")
        frames = graph.value(node, *_SIZED[:-1])
        if width and height:
            found.take("width", width)
            found.take("height", height)
            batch = graph.value(node, _SIZED[-1])
            if frames is None and batch is not None and batch.value != 1:
                frames = batch
        found.take("num_frames", frames)


def _of_latent(graph: Graph, sampler: Node) -> list[Node]:
    return list(islice(graph.upstream(sampler, lambda _, name: name in _LATENT_INPUTS), _MOST_OF_LATENT))


def _picture(graph: Graph, found: Walk, sampler: Node) -> None:
    """The first frame's file, where one flows into the latent picture."""
    for node in _of_latent(graph, sampler):
        for name in _PICTURE_INPUTS:
            link = graph.link(node, name)
            upstream = graph.upstream(link.node, lambda _, other: other in _PICTURE_INPUTS) if link else ()
            for source in islice(upstream, _MOST_OF_LATENT):
                if source.kind.startswith("LoadImage") and isinstance(source.inputs.get("image"), str):
                    found.picture, found.from_image = source.inputs["image"], True
                    found.nodes["image"] = str(source)
                    return
    if any(node.kind.startswith("Empty") for node in _of_latent(graph, sampler)):
        found.from_image = False


def _add(found: Walk, name: str, node: Node, value: float | None) -> None:
    if value is not None:
        found.extra[name] = int(value) if value.is_integer() and name in _WHOLE else value
        found.nodes.setdefault(f"extra.{name}" if name in found.values else name, str(node))


def _reason(graph: Graph, found: Walk, chain: list[Node], upstream: list[Node]) -> str | None:
    """Why diffusers would not render the same, LoRAs apart."""
    others = [node for node in upstream if nodes.is_sampler(node) and node not in chain]
    if others:
        return f"Several samplers made it one after the other ({chain[0]}, {others[0]}), which no pipeline of diffusers does."
    strange = nodes.unequalled(upstream)
    if strange:
        return f"Its graph holds nodes that diffusers has no equal of: {', '.join(str(node) for node in strange[:5])}."
    denoise = graph.value(chain[-1], "denoise", "denoise_strength")
    if denoise is not None and (untrusted.number(denoise.value, 0, 1) or 1.0) < 1.0:
        return f"It starts from another video or picture (denoise {denoise.value}), which is not stored."
    return None
