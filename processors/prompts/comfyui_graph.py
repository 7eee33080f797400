"""ComfyUI's graph in its API form, ``{node_id: {"class_type", "inputs"}}``, as something to walk in.

An input is a value, or a link ``[node_id, slot]``. Whoever wrote the file may have made the links a circle: every walk ends.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any, cast

from . import untrusted

MOST_NODES = 5_000
_MOST_HOPS = 50
"""Of one value through primitives and reroutes."""

_VALUE_INPUTS = ("value", "Value", "int", "float", "number", "Number", "val", "string", "text", "seed")
"""Where nodes that only hold a value keep it."""

_ID = re.compile(r"[\w:.\-]{1,100}")
_PASSING = ("Reroute", "Reroute (rgthree)", "GetNode", "SetNode")


@dataclass(frozen=True)
class Node:
    id: str
    kind: str  # class_type
    inputs: dict[str, Any]

    def __str__(self) -> str:
        return f"{self.kind} node {self.id}"


@dataclass(frozen=True)
class Link:
    node: Node
    slot: int


@dataclass(frozen=True)
class Value:
    """A value and the node that holds it."""

    value: Any
    node: Node


class Graph:
    def __init__(self, nodes: dict[str, Node]) -> None:
        self.nodes = nodes

    def link(self, node: Node, name: str) -> Link | None:
        """Where an input comes from, reroutes left out; None where it is a value, or leads nowhere."""
        found = self._link(node.inputs.get(name))
        for _ in range(_MOST_HOPS):
            if found is None or found.node.kind not in _PASSING:
                return found
            found = next((link for value in islice(found.node.inputs.values(), 5) if (link := self._link(value))), None)
        return None

    def links(self, node: Node) -> Iterator[tuple[str, Link]]:
        """All inputs that come from nodes."""
        for name in node.inputs:
            if (link := self.link(node, name)) is not None:
                yield name, link

    def value(self, node: Node, *names: str) -> Value | None:
        """What stands at the first of these inputs that a value can be told of, followed through nodes that hold or hand on one."""
        for name in names:
            here, wanted = node, (name,)
            for _ in range(_MOST_HOPS):
                given = next((key for key in wanted if here.inputs.get(key) is not None), None)
                if given is None:
                    break
                link = self.link(here, given)
                if link is None:
                    value = here.inputs[given]
                    if isinstance(value, list | dict):
                        break
                    return Value(value, here)
                here, wanted = link.node, (name, *_VALUE_INPUTS)
        return None

    def upstream(self, start: Node, follows: Callable[[Node, str], bool] = lambda _node, _input: True) -> Iterator[Node]:
        """``start`` and all that it hangs on, the nearest first, each once."""
        seen = {start.id}
        waiting = deque([start])
        while waiting:
            node = waiting.popleft()
            yield node
            for name, link in self.links(node):
                if link.node.id not in seen and follows(node, name):
                    seen.add(link.node.id)
                    waiting.append(link.node)

    def _link(self, value: Any) -> Link | None:
        pair = untrusted.items(value)
        if len(pair) != 2 or isinstance(pair[0], bool) or not isinstance(pair[0], str | int) or not isinstance(pair[1], int):
            return None
        node = self.nodes.get(str(pair[0]))
        return None if node is None else Link(node, pair[1])


def of_api(value: Any) -> Graph | None:
    """The graph in JSON's value; None where it is not one in the API's form."""
    given = untrusted.mapping(value)
    if not 0 < len(given) <= MOST_NODES:
        return None
    nodes = {node_id: node for node_id, content in given.items() if (node := _node(node_id, content)) is not None}
    return Graph(nodes) if nodes and len(nodes) * 2 > len(given) else None


def as_api(graph: Graph) -> dict[str, Any]:
    """The graph as ComfyUI's API takes it."""
    return {node.id: {"class_type": node.kind, "inputs": node.inputs} for node in graph.nodes.values()}


def _node(node_id: str, content: Any) -> Node | None:
    given = untrusted.mapping(content)
    kind, inputs = given.get("class_type"), given.get("inputs")
    if not isinstance(kind, str) or not isinstance(inputs, dict) or not _ID.fullmatch(node_id):
        return None
    return Node(node_id, untrusted.clean(kind, 200), cast("dict[str, Any]", inputs))
