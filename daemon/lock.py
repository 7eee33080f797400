"""One daemon for one state folder."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from ..config import paths
from ..config.errors import DaemonError
from ..config.locks import trying


@contextmanager
def hold_state() -> Generator[None, None, None]:
    """Hold the state folder for the length of the block. Raises DaemonError when another process holds it."""
    with trying(_file()) as held:
        if not held:
            raise DaemonError(
                "deshimmer runs already on this state folder. Use 'deshimmer status' to see it, or stop it first.", path=paths.state_dir()
            )
        yield


def require_free_state() -> None:
    """Raises DaemonError when another process holds the state folder at this moment."""
    with hold_state():
        pass


def is_state_held() -> bool:
    """True while some process runs the queue of this state folder."""
    with trying(_file()) as held:
        return not held


def _file() -> Path:
    return paths.state_dir() / "daemon.lock"
