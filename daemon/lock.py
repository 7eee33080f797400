"""One daemon for one state folder: an operating system's lock, which a kill releases."""

from __future__ import annotations

import os
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from ..config import paths
from ..config.errors import DaemonError

_NAME = "daemon.lock"


@contextmanager
def hold_state() -> Generator[None, None, None]:
    """Hold the state folder for the length of the block. Raises DaemonError when another process holds it."""
    descriptor = os.open(paths.state_dir() / _NAME, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        if not _try_lock(descriptor):
            raise DaemonError(
                "deshimmer runs already on this state folder. Use 'deshimmer status' to see it, or stop it first.", path=paths.state_dir()
            )
        yield
    finally:
        os.close(descriptor)


def is_state_held() -> bool:
    """True while some process runs the queue of this state folder."""
    lock: Path = paths.state_dir() / _NAME
    if not lock.exists():
        return False
    descriptor = os.open(lock, os.O_RDWR)
    try:
        return not _try_lock(descriptor)
    finally:
        os.close(descriptor)


if sys.platform == "win32":
    import msvcrt

    def _try_lock(descriptor: int) -> bool:
        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

else:
    import fcntl

    def _try_lock(descriptor: int) -> bool:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
        return True
