"""Subgraphs of ComfyUI's page, put in the place of the nodes that stand for them: a page without any, for the same walk.

``definitions.subgraphs`` holds each once: ``id``, ``nodes``, ``links`` (``id``, ``origin_id``, ``origin_slot``, ``target_id``,
``target_slot``), ``inputs`` and ``outputs``. A node whose ``type`` is such an id stands for it; inside, node -10 is what comes in and -20 what
goes out. Its nodes get the names that the API's form has, ``12:7`` for node 7 in node 12. A value that the outer node shows of an inner one is
in its ``widgets_values``, in the order of ``properties.proxyWidgets`` (``[inner id, name]``; -1 is the outer node's own input) or of its
inputs; where the counts differ nobody knows which is which, and the inner values count.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from . import untrusted
from .comfyui_graph import MOST_NODES

_COMES_IN, _GOES_OUT = -10, -20
_OWN = "-1"
_PLAYS = 0  # a node's mode; others are left to the page's reader
_DEEPEST = 8
_MOST_HOPS = 50
_MOST_VISITED = 20 * MOST_NODES
"""Nodes and inputs in all: a subgraph that stands in itself many times over makes many of few."""
_VALUE = "PrimitiveNode"

Table = dict[str, Any]
End = tuple[str, int]  # a node's name and its slot


def flattened(page: Table) -> Table:
    """The same page where it has no subgraph."""
    definitions = {
        str(each["id"]): each
        for item in untrusted.items(untrusted.mapping(page.get("definitions")).get("subgraphs"))
        if _is_one(each := untrusted.mapping(item))
    }
    if not definitions:
        return page
    flat = _Flat()
    flat.add(_Scope(page, definitions))
    return {**page, "nodes": flat.nodes, "links": flat.links}


def _is_one(definition: Table) -> bool:
    return isinstance(definition.get("id"), str) and isinstance(definition.get("nodes"), list)


@dataclass
class _Scope:
    """The page itself, or a subgraph in one of the nodes that stand for it."""

    content: Table
    definitions: dict[str, Table]
    parent: _Scope | None = None
    outer: Table = field(default_factory=lambda: {})  # the node that stands for it
    shown: dict[tuple[str, str], Any] = field(default_factory=lambda: {})  # by inner id and name: values that the outer node shows

    @property
    def depth(self) -> int:
        return 0 if self.parent is None else self.parent.depth + 1

    @property
    def prefix(self) -> str:
        return "" if self.parent is None else f"{self.parent.prefix}{self.outer.get('id')}:"

    @cached_property
    def nodes(self) -> dict[str, Table]:
        given = (untrusted.mapping(item) for item in untrusted.items(self.content.get("nodes"))[:MOST_NODES])
        return {str(node["id"]): node for node in given if isinstance(node.get("id"), int | str)}

    @cached_property
    def inner(self) -> dict[str, _Scope]:
        """By the name of the node that stands for it."""
        if self.depth >= _DEEPEST:
            return {}
        return {
            name: _Scope(definition, self.definitions, self, node, self._shown_by(name, node))
            for name, node in self.nodes.items()
            if (definition := self.definitions.get(str(node.get("type")))) is not None and node.get("mode", _PLAYS) == _PLAYS
        }

    @cached_property
    def links(self) -> dict[int, tuple[str, int, str, int]]:
        """By number: where it comes from and where it goes."""
        found: dict[int, tuple[str, int, str, int]] = {}
        for item in untrusted.items(self.content.get("links"))[: 10 * MOST_NODES]:
            named = untrusted.mapping(item)
            row: list[Any] = [named.get(key) for key in _LINK] if named else untrusted.items(item)[:5]
            if len(row) == 5 and all(isinstance(row[at], int) for at in (0, 2, 4)):
                found[row[0]] = (str(row[1]), row[2], str(row[3]), row[4])
        return found

    @cached_property
    def going_out(self) -> dict[int, int]:
        """By the slot: the link."""
        return {slot: number for number, (_, _, target, slot) in self.links.items() if target == str(_GOES_OUT)}

    def _shown_by(self, name: str, node: Table) -> dict[tuple[str, str], Any]:
        """Values that an outer node shows of its inner ones; what this scope's own outer node shows of that one goes first."""
        pairs = [untrusted.items(pair) for pair in untrusted.items(untrusted.mapping(node.get("properties")).get("proxyWidgets"))]
        keys = [(str(pair[0]), str(pair[1])) for pair in pairs if len(pair) >= 2]
        keys = keys or [(_OWN, str(item.get("name"))) for item in _inputs(node) if "widget" in item]
        values = untrusted.items(node.get("widgets_values"))
        shown = dict(zip(keys, values, strict=True)) if len(keys) == len(values) else {}
        handed = {(_OWN, wanted): value for (inner, wanted), value in self.shown.items() if inner == name}
        return shown | handed


_LINK = ("id", "origin_id", "origin_slot", "target_id", "target_slot")


class _Flat:
    def __init__(self) -> None:
        self.nodes: list[Table] = []
        self.links: list[Table] = []
        self._values: set[str] = set()
        self._left = _MOST_VISITED

    def add(self, scope: _Scope) -> None:
        for name, node in scope.nodes.items():
            self._left -= 1
            if self._left <= 0 or len(self.nodes) >= MOST_NODES:
                return
            if name in scope.inner:
                self.add(scope.inner[name])
            else:
                self.nodes.append({**node, "id": f"{scope.prefix}{name}", "inputs": list(self._joined(scope, name, node))})

    def _joined(self, scope: _Scope, name: str, node: Table) -> Iterator[Table]:
        """Its inputs, linked to what they come from in the end."""
        shown = {wanted: value for (inner, wanted), value in scope.shown.items() if inner == name}
        for item in _inputs(node):
            self._left -= 1
            if self._left <= 0:
                return
            wanted = str(item.get("name"))
            if wanted in shown and scope.parent is not None:
                source: End | None = self._value(scope, f"{name}.{wanted}", shown.pop(wanted))
            else:
                source = self._end(scope, item.get("link"))
            yield {**item, "link": None if source is None else self._link(source)}
        for wanted, value in shown.items():
            yield {"name": wanted, "type": "*", "link": self._link(self._value(scope, f"{name}.{wanted}", value))}

    def _end(self, scope: _Scope, number: Any) -> End | None:
        """The node that a link comes from, in and out of subgraphs."""
        for _ in range(_MOST_HOPS):
            link = scope.links.get(number) if isinstance(number, int) else None
            if link is None:
                return None
            origin, slot = link[:2]
            if origin == str(_COMES_IN) and scope.parent is not None:
                name = _name_at(scope.content.get("inputs"), slot)
                number = next((item.get("link") for item in _inputs(scope.outer) if item.get("name") == name), None)
                if number is None:
                    key = (_OWN, name)
                    return self._value(scope, name, scope.shown[key]) if key in scope.shown else None
                scope = scope.parent
            elif origin in scope.inner:
                scope = scope.inner[origin]
                number = scope.going_out.get(slot)
            else:
                return f"{scope.prefix}{origin}", slot
        return None

    def _value(self, scope: _Scope, name: str, value: Any) -> End:
        """A node that holds what the outer node shows."""
        key = f"{scope.prefix}{name}"
        if key not in self._values:
            self._values.add(key)
            self.nodes.append({"id": key, "type": _VALUE, "mode": _PLAYS, "inputs": [], "widgets_values": [value]})
        return key, 0

    def _link(self, source: End) -> int:
        self.links.append({"id": len(self.links) + 1, "origin_id": source[0], "origin_slot": source[1]})
        return len(self.links)


def _inputs(node: Table) -> list[Table]:
    return [untrusted.mapping(item) for item in untrusted.items(node.get("inputs"))[:MOST_NODES]]


def _name_at(inputs: Any, slot: int) -> str:
    items = untrusted.items(inputs)
    return str(untrusted.mapping(items[slot]).get("name")) if 0 <= slot < len(items) else ""
