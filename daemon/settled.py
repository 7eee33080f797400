"""Whether what is quiet in a hot folder is a render, and whole."""

from __future__ import annotations

from pathlib import Path

from ..config.errors import DeshimmerError, IncompleteClip, MissingFrames, NoFrames
from ..processors import wholeness
from ..processors.sequences import frame_folders as sequences
from . import frame_folders
from .territory import Territory


def is_whole(path: Path) -> bool:
    try:
        wholeness.check(path)
    except (IncompleteClip, MissingFrames, NoFrames, OSError):
        return False
    except DeshimmerError:
        return True  # waiting does not make it readable: its job says what is wrong with it
    return True


def is_to_take(territory: Territory, path: Path) -> bool:
    if path.is_dir():
        return territory.owns_sequence(path)
    is_frame = path.suffix.lower() == ".webp" and path.parent != territory.root and sequences.is_frame_name(path.name)
    return territory.owns(path) and not (is_frame and not frame_folders.is_animation(path))


def pace(path: Path, settled_at: float | None) -> frame_folders.Pace | None:
    try:
        return frame_folders.pace(path, settled_at)
    except OSError:
        return None
