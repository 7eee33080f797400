"""A lock between processes of this user, on a file; the system releases it when its holder dies."""

from __future__ import annotations

import logging
import os
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from . import paths

log = logging.getLogger(__name__)

_RETRY_S = 0.05


@contextmanager
def trying(path: Path) -> Generator[bool, None, None]:
    """True through the block when ``path`` is ours, False when another holds it. The file stays."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        yield _take(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def holding(path: Path, told: str | None = None) -> Generator[None, None, None]:
    """Wait until ``path`` is ours, and hold it through the block. ``told``: logged, once, when another holds it."""
    while True:
        with trying(path) as held:
            if held:
                yield
                return
        if told is not None:
            log.warning(told)
            told = None
        time.sleep(_RETRY_S)


@contextmanager
def holding_gpu() -> Generator[None, None, None]:
    """Be the one process of this user that uses GPU memory. Others are waited for."""
    with holding(paths.gpu_lock(), "waiting: another deshimmer of yours uses the GPU"):
        yield


if sys.platform == "win32":
    import msvcrt

    def _take(descriptor: int) -> bool:
        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

else:
    import fcntl

    def _take(descriptor: int) -> bool:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True
