"""Where deshimmer keeps its own files: the platformdirs folders (XDG_* on Linux) and nowhere else.

A folder is made when it is asked for. All that make one raise CannotWrite where it cannot be.
"""

from __future__ import annotations

import errno
import os
import warnings
from pathlib import Path

from platformdirs import PlatformDirs

from .errors import CannotWrite

_DIRS = PlatformDirs("deshimmer", appauthor=False)
_VARIABLES = {"runtime": "XDG_RUNTIME_DIR", "cache": "XDG_CACHE_HOME", "models": "XDG_DATA_HOME"}


def settings_file() -> Path:
    return _DIRS.user_config_path / "deshimmer.toml"


def state_dir() -> Path:
    """Queue database, locks, records of running tools; made (0700) when absent."""
    return _made(_DIRS.user_state_path, "state", 0o700)


def runtime_dir() -> Path:
    """Locks shared by every process of this user (one holder of GPU memory)."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="XDG_RUNTIME_DIR")  # where it is not set, platformdirs' folder in /tmp serves
        folder = _DIRS.user_runtime_path
    return _made(folder, "runtime", 0o700)


def gpu_lock() -> Path:
    """The lock that whoever uses GPU memory holds."""
    return runtime_dir() / "gpu.lock"


def log_dir() -> Path:
    return _made(_DIRS.user_log_path, "log")


def cache_dir() -> Path:
    """What can be made anew at any time: proxies and thumbnails for the page."""
    return _made(_DIRS.user_cache_path, "cache", 0o700)


def models_dir() -> Path:
    """Models of diffusers that were fetched or entered here. Not made: it need not exist."""
    return _DIRS.user_data_path / "models"


def made_models_dir() -> Path:
    return _made(models_dir(), "models")


def default_hot_folder() -> Path:
    """A folder ``deshimmer`` in the user's Videos, or in the home directory where there is no Videos folder.

    Where that very folder is a checkout of this project, as after ``git clone`` in the home directory: ``deshimmer-clips``.
    """
    videos = _DIRS.user_videos_path
    folder = (videos if videos.is_dir() else Path.home()) / "deshimmer"
    return folder.with_name("deshimmer-clips") if (folder / "dev.py").exists() else folder


def _made(folder: Path, name: str, mode: int = 0o777) -> Path:
    try:
        folder.mkdir(mode=mode, parents=True, exist_ok=True)
        if not os.access(folder, os.W_OK | os.X_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    except OSError as error:
        raise CannotWrite(
            f"The {name} folder of deshimmer cannot be written ({error.strerror}). Give yourself the right to write there, "
            f"or name another place ({_VARIABLES.get(name, 'XDG_STATE_HOME')}).",
            path=folder,
            title="A folder of deshimmer cannot be used",
        ) from None
    return folder
