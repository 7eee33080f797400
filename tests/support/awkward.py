"""Paths that a file of the system has to carry unharmed."""

from __future__ import annotations

from pathlib import Path

NAME = "My Tools $HOME %h %% 'q' \"d\" `t` & <ü> 日本 🎬\\b"


def awkward_folder(parent: Path) -> Path:
    folder = parent / NAME
    folder.mkdir()
    return folder
