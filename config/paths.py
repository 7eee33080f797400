"""Where deshimmer keeps its own files: the platformdirs folders (XDG_* on Linux) and nowhere else."""

from __future__ import annotations

import warnings
from pathlib import Path

from platformdirs import PlatformDirs

_DIRS = PlatformDirs("deshimmer", appauthor=False)


def settings_file() -> Path:
    return _DIRS.user_config_path / "deshimmer.toml"


def state_dir() -> Path:
    """Queue database, locks, records of running tools; made (0700) when absent."""
    folder = _DIRS.user_state_path
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder


def runtime_dir() -> Path:
    """Locks shared by every process of this user (one holder of GPU memory)."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="XDG_RUNTIME_DIR")  # where it is not set, platformdirs' folder in /tmp serves
        folder = _DIRS.user_runtime_path
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder


def log_dir() -> Path:
    folder = _DIRS.user_log_path
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def models_dir() -> Path:
    return _DIRS.user_data_path / "models"


def default_hot_folder() -> Path:
    """A folder ``deshimmer`` in the user's Videos, or in the home directory where there is no Videos folder."""
    videos = _DIRS.user_videos_path
    return (videos if videos.is_dir() else Path.home()) / "deshimmer"
