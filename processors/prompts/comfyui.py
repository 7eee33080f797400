"""ComfyUI: the graph in the texts ``prompt`` (API) and ``workflow`` (page), or in VideoHelperSuite's ``comment``, or in ``clip.json``.

``prompt`` is preferred: it holds what was queued. Only that one can be queued again.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from . import comfyui_graph, comfyui_workflow, fields, picture_texts, untrusted
from .comfyui_graph import Graph
from .comfyui_walk import Walk, walk
from .place import Place, Texts
from .stored import Source, StoredPrompt

_VHS_KIND = "VHS_VideoCombine"
_API, _PAGE, _COMMENT = "prompt", "workflow", "comment"


@dataclass(frozen=True)
class _Found:
    graph: Graph
    where: str
    is_api: bool
    source: Source


def carried(texts: Texts, place: Place) -> StoredPrompt | None:
    """In a picture's texts or a container's tags."""
    found = _in_texts(texts)
    return None if found is None else _stored(found, place)


def beside(place: Place) -> StoredPrompt | None:
    """In a file with the clip's name."""
    found = _in_file(place)
    return None if found is None else _stored(found, place)


def api_graph(place: Place) -> dict[str, Any] | None:
    """The graph that can be queued again, wherever it was found first."""
    for found in (_in_file(place), _in_texts(place.picture), _in_texts(place.own)):
        if found is not None and found.is_api:
            return comfyui_graph.as_api(found.graph)
    return None


def _in_texts(texts: Texts) -> _Found | None:
    given = {key: (texts.of(key), texts.named(key)) for key in (_API, _PAGE) if texts.of(key)}
    source = Source.COMFYUI
    if not given and texts.of(_COMMENT).lstrip().startswith("{"):
        comment = untrusted.json_object(texts.of(_COMMENT))
        given = {key: (comment[key], f"{key} in the {texts.named(_COMMENT)}") for key in (_API, _PAGE) if key in comment}
        source = Source.VHS
    for key, (value, where) in given.items():
        content = untrusted.parsed(value) if isinstance(value, str) else value  # VideoHelperSuite encodes ``prompt`` twice
        graph = comfyui_graph.of_api(content) if key == _API else comfyui_workflow.of_page(content)
        if graph is not None:
            return _Found(graph, where, key == _API, _source(graph, source))
    return None


def _in_file(place: Place) -> _Found | None:
    name = f"{place.path.stem}.json"
    content = place.object(name)
    if not content:
        return None
    graph = comfyui_workflow.of_page(content)
    is_api = graph is None
    graph = graph or comfyui_graph.of_api(content) or comfyui_graph.of_api(content.get(_API))  # a request to the API holds it as ``prompt``
    return None if graph is None else _Found(graph, f"file {name}", is_api, _source(graph, Source.COMFYUI))


def _source(graph: Graph, otherwise: Source) -> Source:
    return Source.VHS if any(node.kind == _VHS_KIND for node in graph.nodes.values()) else otherwise


def _stored(found: _Found, place: Place) -> StoredPrompt:
    walked = walk(found.graph, place.path.name)
    sources = fields.cleaned({name: f"{node}, of the {found.where}" for name, node in walked.nodes.items()})
    prompt = fields.stored(
        found.source, walked.values, sources, reason=walked.reason, loras=walked.loras, from_image=walked.from_image, extra=walked.extra
    )
    bare = StoredPrompt(found.source, reason=untrusted.clean(walked.reason or "Its graph tells nothing that is known."))
    named = replace(prompt or bare, has_graph=found.is_api)
    more = {name: where for name, where in sources.items() if name == "image" or name.removeprefix("extra.") in walked.extra}
    named = replace(named, sources=more | named.sources)
    return _with_picture(_with_end(named, walked, found.where), walked, place)


def _with_end(prompt: StoredPrompt, walked: Walk, where: str) -> StoredPrompt:
    """Says which sampler was chosen, and for which end of the graph."""
    if walked.sampler is None or walked.end is None:
        return prompt
    chosen = {"graph": f"{walked.sampler}, which {walked.end} hangs on, of the {where}"}
    return replace(prompt, sources=prompt.sources | fields.cleaned(chosen))


def _with_picture(prompt: StoredPrompt, walked: Walk, place: Place) -> StoredPrompt:
    """The first frame, where it lies beside the clip; otherwise its name alone, in the sources."""
    if walked.picture is None:
        return prompt
    name = (
        untrusted.clean(walked.picture, 200).removesuffix("[input]").removesuffix("[output]").strip().replace("\\", "/").rpartition("/")[2]
    )
    found = place.file(name) if Path(name).suffix.lower() in picture_texts.SUFFIXES else None
    note = "" if found else f", where it is called {name}, which does not lie beside the clip"
    return replace(prompt, image=found, sources={**prompt.sources, "image": f"{prompt.sources.get('image', 'graph')}{note}"})
