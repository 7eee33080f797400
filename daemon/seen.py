"""The files of the hot folders that the daemon knows."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from .database import FOLDERS, SEEN


class Seen:
    """What is known of the files in the hot folders: those that lay there before the first start, and the digests of those taken."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def first_start(self, hot_folder: Path) -> bool:
        """True until ``mark_existing`` was called for this hot folder, in this or an earlier run."""
        with self._engine.connect() as connection:
            return connection.scalar(sa.select(FOLDERS.c.path).where(FOLDERS.c.path == str(hot_folder))) is None

    def mark_existing(self, hot_folder: Path, files: Mapping[Path, tuple[int, int]]) -> None:
        """Remember that these files, with their (size in bytes, modification time in ns), are not to be taken."""
        with self._engine.begin() as connection:
            for path, (size, mtime_ns) in files.items():
                _replace(connection, path, size, mtime_ns, None)
            connection.execute(sa.insert(FOLDERS).values(path=str(hot_folder), started=time.time()))

    def is_seen(self, path: Path, size: int, mtime_ns: int) -> bool:
        """True while a file marked by ``mark_existing`` is as it was."""
        return self._find(path, size, mtime_ns, sa.literal(1), SEEN.c.digest.is_(None)) is not None

    def digest(self, path: Path, size: int, mtime_ns: int) -> str | None:
        """The content's digest as ``remember`` was told for this very size and time."""
        return self._find(path, size, mtime_ns, SEEN.c.digest, SEEN.c.digest.is_not(None))

    def remember(self, path: Path, size: int, mtime_ns: int, digest: str) -> None:
        with self._engine.begin() as connection:
            _replace(connection, path, size, mtime_ns, digest)

    def content_digest(self, path: Path) -> str:
        """Of the file as it is now, read only where it is not known yet. Raises FileNotFoundError.

        A file that cannot be read has one too, so that it gets a job, which ends with what is wrong with it.
        """
        from ..processors import media  # here: it brings FFmpeg's libraries

        status = path.stat()
        stamp = status.st_size, status.st_mtime_ns
        digest = self.digest(path, *stamp)
        if digest is None:
            try:
                digest = media.digest(path)
            except FileNotFoundError:
                raise
            except OSError:
                return "unreadable-{}-{}".format(*stamp)
            self.remember(path, *stamp, digest)
        return digest

    def _find(self, path: Path, size: int, mtime_ns: int, what: sa.ColumnElement[Any], where: sa.ColumnElement[bool]) -> Any:
        query = sa.select(what).where(SEEN.c.path == str(path), SEEN.c.size_bytes == size, SEEN.c.mtime_ns == mtime_ns, where)
        with self._engine.connect() as connection:
            return connection.scalar(query)


def _replace(connection: sa.Connection, path: Path, size: int, mtime_ns: int, digest: str | None) -> None:
    connection.execute(sa.delete(SEEN).where(SEEN.c.path == str(path)))
    connection.execute(sa.insert(SEEN).values(path=str(path), size_bytes=size, mtime_ns=mtime_ns, digest=digest))
