"""Finding the prompt of a clip, by whichever convention it was left, and the graph that can be queued again."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

from ...config.errors import MissingClip
from . import comfyui, readers
from .place import Place
from .stored import StoredPrompt

log = logging.getLogger(__name__)


def find(path: Path, folder: Path) -> StoredPrompt | None:
    """The prompt of the clip, None where none was left. Nothing outside ``folder`` is read, the clip itself apart.

    ``folder``: the hot folder, or the clip's own. Files that are garbage are passed over. Raises MissingClip, and what is wrong
    with a sidecar of ours.
    """
    if not path.exists():
        raise MissingClip("The file is not there (any more). Check its path.", path=path)
    place = Place(path, folder)
    for reader in readers.ALL:
        found = reader.read(place)
        if found is not None:
            log.debug("%s has a prompt: %s", path, reader.name)
            return found
    return None


def graph(path: Path, folder: Path) -> dict[str, Any] | None:
    """ComfyUI's graph in the form of its API, ``{node_id: {"class_type", "inputs"}}``; None where there is none to queue again."""
    return comfyui.api_graph(Place(path, folder))
