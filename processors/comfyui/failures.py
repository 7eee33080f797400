"""What ComfyUI says when it does not take a prompt or does not finish it, as errors that say what to do. Its words are untrusted text."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, cast

from ...config.errors import DeshimmerError, NotSetUp, ToolFailed
from .server import Graph, Server

_LONGEST_WORDS = 300
_MOST_NAMED = 12
_MISSING_NODE = ("missing_node_type", "invalid_prompt")
_MISSING_FILE = ("value_not_in_list",)
_MISSING_INPUT = ("custom_validation_failed",)
_LOADERS = ("LoadImage", "LoadVideo", "LoadAudio")

Table = dict[str, Any]


@dataclass(frozen=True)
class _Complaint:
    """One error of one node."""

    node: str
    kind: str
    words: str


def rejection(answer: Table, server: Server, graph: Graph) -> DeshimmerError:
    """Why the prompt was not queued. Asks the server for the nodes that it lacks."""
    error = _table(answer.get("error"))
    if error.get("type") in _MISSING_NODE and (lacking := _lacking_nodes(server, graph)):
        return NotSetUp(
            f"ComfyUI lacks nodes that this clip's graph uses: {_named(lacking)}. "
            "Install them (in ComfyUI-Manager: Install Missing Custom Nodes), restart ComfyUI, then retry."
        )
    complaints = list(_complaints(_table(answer.get("node_errors"))))
    inputs = [one for one in complaints if one.kind in _MISSING_INPUT or (one.kind in _MISSING_FILE and one.node.startswith(_LOADERS))]
    files = [one for one in complaints if one.kind in _MISSING_FILE and one not in inputs]
    if files:
        return NotSetUp(
            f"ComfyUI lacks what this clip's graph loads: {_told(files)}. Put it into ComfyUI's models folder under that name, then retry."
        )
    if inputs:
        return NotSetUp(
            f"A file that this clip's graph starts from is not in ComfyUI's input folder: {_told(inputs)}. "
            "Put it back there, or name it as 'image' in the clip's sidecar, then retry."
        )
    said = _told(complaints) or _words(error.get("message"), error.get("details"))
    return ToolFailed(
        f"ComfyUI does not take this clip's graph: {said or 'it gives no reason'}. Open the clip in ComfyUI to see what is wrong."
    )


def failure(record: Table) -> DeshimmerError | None:
    """Why a prompt in the history did not end well; None where it did."""
    status = _table(record.get("status"))
    if status.get("status_str") != "error":
        return None
    events = {kind: _table(data) for kind, data in _events(status)}
    if "execution_error" not in events:
        return ToolFailed("The render was interrupted in ComfyUI. Retry when you like.")
    found = events["execution_error"]
    where = _words(found.get("node_type")) or "a node"
    said = _words(found.get("exception_message")) or "no reason given"
    if "outofmemory" in str(found.get("exception_type")).replace("_", "").lower() or "out of memory" in said.lower():
        return ToolFailed(f"ComfyUI ran out of GPU memory in {where}. Close other programs that use the GPU, then retry. It says: {said}")
    return ToolFailed(f"ComfyUI failed in {where}: {said}. Open the clip in ComfyUI to see what is wrong.")


def _lacking_nodes(server: Server, graph: Graph) -> list[str]:
    kinds = sorted({str(node.get("class_type")) for node in graph.values()})
    return [kind for kind in kinds if not server.knows_node(kind)]


def _complaints(nodes: Table) -> Iterator[_Complaint]:
    for node in nodes.values():
        given = _table(node)
        name = _words(given.get("class_type")) or "a node"
        for error in _list(given.get("errors")):
            told = _table(error)
            yield _Complaint(name, str(told.get("type")), _words(told.get("details")) or _words(told.get("message")))


def _events(status: Table) -> Iterator[tuple[str, Any]]:
    for message in _list(status.get("messages")):
        match message:
            case [str(kind), data]:
                yield kind, data
            case _:
                continue


def _told(complaints: list[_Complaint]) -> str:
    return _named([f"{one.node} ({one.words})" for one in complaints])


def _named(names: list[str]) -> str:
    shown = ", ".join(_words(name) for name in dict.fromkeys(names[:_MOST_NAMED]))
    more = len(names) - _MOST_NAMED
    return f"{shown} and {more} more" if more > 0 else shown


def _words(*texts: Any) -> str:
    """A server's text for a person: one line, not long."""
    line = " ".join(" ".join(text.split()) for text in texts if isinstance(text, str))
    printable = "".join(character for character in line if character.isprintable()).rstrip(". ")
    return printable if len(printable) <= _LONGEST_WORDS else printable[:_LONGEST_WORDS] + "..."


def _table(value: Any) -> Table:
    return cast("Table", value) if isinstance(value, dict) else {}


def _list(value: Any) -> list[Any]:
    return cast("list[Any]", value) if isinstance(value, list) else []
