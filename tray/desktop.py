"""Opens a folder in the desktop's own file manager."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

from ..config.errors import DeshimmerError, NotSetUp
from ..config.spawn import detach


def open_path(path: str) -> None:
    """Returns at once. Raises a DeshimmerError when there is no such path, or nothing to open it with."""
    if not Path(path).exists():
        raise DeshimmerError("It was moved or removed. Make it again, or take it out of the settings.", path=path, title="No such folder")
    if sys.platform == "win32":
        os.startfile(path)
        return
    opener = "open" if sys.platform == "darwin" else "xdg-open"
    if shutil.which(opener) is None:
        raise NotSetUp(f"{opener} is missing, which opens folders. Install the package xdg-utils.", path=path)
    detach([opener, path])
