"""Files that appear whole or not at all: written beside their place, and renamed."""

from __future__ import annotations

import os
from pathlib import Path


def write(path: Path, content: bytes, mode: int | None = None) -> None:
    """``mode``: what the file's rights are from the first byte on; None: as for any new file. Raises OSError, and then leaves nothing behind."""
    partial = path.with_name(f"{path.name}.part")
    partial.unlink(missing_ok=True)  # a dead writer's, whose mode would stay
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o666 if mode is None else mode)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
        if mode is not None:
            os.chmod(partial, mode)  # what the umask took
        os.replace(partial, path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
