"""The daemon's log: where it goes, and its last lines."""

from __future__ import annotations

import logging
import logging.handlers
import os
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from ..config import paths

_LOG_BYTES = 5_000_000
_BLOCK = 64 * 1024


def log_file() -> Path:
    return paths.log_dir() / "daemon.log"


@contextmanager
def logging_to_file() -> Generator[None, None, None]:
    """The log goes to ``daemon.log`` in the log folder, from INFO on, DBOS's from WARNING on."""
    handler = logging.handlers.RotatingFileHandler(
        log_file(), maxBytes=_LOG_BYTES, backupCount=3, encoding="utf-8", errors="backslashreplace"
    )
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    root = logging.getLogger()
    former = root.level
    levels = {other: other.level for other in root.handlers}
    for other in levels:
        other.setLevel(max(other.level, former))  # they were spared what only the file is to have
    logging.getLogger("httpx").setLevel(logging.WARNING)  # it tells of each question that the daemon asks itself
    root.addHandler(handler)
    root.setLevel(min(former, logging.INFO))
    try:
        yield
    finally:
        root.setLevel(former)
        for other, level in levels.items():
            other.setLevel(level)
        root.removeHandler(handler)
        handler.close()


class End(NamedTuple):
    lines: list[str]
    at: int  # where they end, in bytes


def last_lines(count: int) -> list[str]:
    """The end of the log; without the file before, to which a full one is renamed."""
    return end_of(log_file(), count).lines


def end_of(file: Path, count: int) -> End:
    """The last whole lines, read from behind. No file yet means no lines."""
    try:
        log = file.open("rb")
    except FileNotFoundError:
        return End([], 0)
    with log:
        size, wanted = log.seek(0, os.SEEK_END), _BLOCK
        while True:
            start = log.seek(max(0, size - wanted))
            whole, newline, _ = log.read(size - start).rpartition(b"\n")
            if start == 0 or whole.count(b"\n") >= count:
                lines = whole.decode(errors="replace").splitlines()[-count:] if count else []
                return End(lines, start + len(whole) + len(newline))
            wanted *= 4
