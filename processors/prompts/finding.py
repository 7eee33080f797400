"""Finding the prompt of a clip."""

from __future__ import annotations

from pathlib import Path

from . import sidecar
from .stored import StoredPrompt


def find(path: Path, folder: Path) -> StoredPrompt | None:
    """The prompt of the clip, None where none was left. Nothing outside ``folder`` is read, the clip itself apart.

    Raises SidecarError for a sidecar of ours that does not fit.
    """
    return sidecar.read(path, folder)
