"""From a sampler to the text of its prompt: through conditioning, reroutes, primitives, and nodes that join strings."""

from __future__ import annotations

from itertools import islice

from .comfyui_graph import Graph, Link, Node, Value
from .untrusted import MOST_PROMPT

POSITIVE, NEGATIVE = "positive", "negative"
_MOST_VISITED = 500
_TEXTS: dict[str, tuple[str, ...]] = {
    POSITIVE: ("positive_prompt", "text", "prompt", "text_g", "t5xxl", "clip_l", "mt5xl", "positive", "text_positive"),
    NEGATIVE: ("negative_prompt", "text", "prompt", "text_g", "t5xxl", "clip_l", "mt5xl", "negative", "text_negative"),
}
"""Inputs of nodes that make a conditioning of a text, the likeliest first."""

_STRINGS = ("populated_text", "text", "string", "value", "prompt", "Text", "String", "STRING", "string_field", "text_0", "result")
_BOTH = ("WanVideoTextEncode", "HyVideoTextEncode")
"""Begin the names of nodes that hold both prompts: there ``prompt`` is the positive one."""

_CHAINED = (
    "conditioning",
    "conditioning_to",
    "conditioning_1",
    "cond",
    "text_embeds",
    "hyvid_embeds",
    "conditioning_from",
    "conditioning_2",
)
_SAMPLER_INPUTS = ("text_embeds", "hyvid_embeds")
_JOINING = ("concat", "join", "combine", "append", "merge")
_SETTINGS = ("delimiter", "separator", "clean_whitespace", "action", "mode")
_MOST_JOINED = 20
_MOST_NESTED = 50
_SLOTS = {0: POSITIVE, 1: NEGATIVE}


def prompt(graph: Graph, sampler: Node, role: str) -> Value | None:
    """The text for a role; ``node`` is the one that makes the conditioning of it. None where the walk finds none."""
    link = _conditioning(graph, sampler, role)
    return None if link is None else _encoded(graph, link, role)


def guidance_nodes(graph: Graph, sampler: Node) -> list[Node]:
    """Nodes between the sampler and the positive text that set a guidance of their own."""
    link = _conditioning(graph, sampler, POSITIVE)
    return [] if link is None else [node for node in graph.upstream(link.node, _is_conditioning) if "guidance" in node.inputs]


def _conditioning(graph: Graph, sampler: Node, role: str) -> Link | None:
    guider = graph.link(sampler, "guider")
    start = sampler if guider is None else guider.node
    names = (role, *_SAMPLER_INPUTS, *(("conditioning", "cond1") if role == POSITIVE else ()))
    return next((link for name in names if (link := graph.link(start, name))), None)


def _encoded(graph: Graph, link: Link, role: str) -> Value | None:
    """Depth first, because a chain's first text is the prompt; each node once, so that circles end."""
    seen: set[str] = set()
    strings = _Strings(graph)
    waiting = [(link, role)]
    while waiting and len(seen) < _MOST_VISITED:
        here, side = waiting.pop()
        node = here.node
        if node.id in seen or node.kind == "ConditioningZeroOut":
            continue
        seen.add(node.id)
        text = _text(strings, node, side)
        if text is not None:
            return Value(text, node)
        waiting += reversed(_further(graph, node, here.slot, side))
    return None


def _further(graph: Graph, node: Node, slot: int, side: str) -> list[tuple[Link, str]]:
    if POSITIVE in node.inputs and NEGATIVE in node.inputs:
        side = _SLOTS.get(slot, side)
        names: tuple[str, ...] = (side,)
    else:
        names = (side, *_CHAINED)
    return [(link, side) for name in names if (link := graph.link(node, name)) is not None]


def _text(strings: _Strings, node: Node, side: str) -> str | None:
    if "clip" in node.inputs or "encode" in node.kind.lower():
        names = _TEXTS[side][:1] if side == NEGATIVE and node.kind.startswith(_BOTH) else _TEXTS[side]
        for name in names:
            if name in node.inputs and (text := strings.at(node, name, frozenset())) is not None:
                return text
    return None


class _Strings:
    """Follows texts, a bounded number of times: graphs that name one string over and over would grow without end."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.left = _MOST_VISITED

    def at(self, node: Node, name: str, path: frozenset[str]) -> str | None:
        link = self.graph.link(node, name)
        if link is None:
            value = node.inputs.get(name)
            return value if isinstance(value, str) else None
        self.left -= 1
        source = link.node
        if source.id in path or self.left < 0 or len(path) > _MOST_NESTED:
            return None
        path |= {source.id}
        if any(word in source.kind.lower() for word in _JOINING):
            return self._joined(source, path)
        names = (*_STRINGS, *islice((key for key, value in source.inputs.items() if isinstance(value, str)), _MOST_JOINED))
        return next((text for other in names if other in source.inputs and (text := self.at(source, other, path))), None)

    def _joined(self, node: Node, path: frozenset[str]) -> str | None:
        delimiter = str(node.inputs.get("delimiter", node.inputs.get("separator", " ")))[:100].replace("\\n", "\n")
        names = [name for name in node.inputs if name not in _SETTINGS][:_MOST_JOINED]
        parts = [text for name in names if (text := self.at(node, name, path))]
        return delimiter.join(parts)[: 2 * MOST_PROMPT] if parts else None


def _is_conditioning(node: Node, name: str) -> bool:
    return name in (POSITIVE, *_CHAINED)
