"""What is made once so that a browser can show it: proxies and thumbnails, in a folder of the cache with a limit to its size.

Each is made by a child process and appears by rename. Its name is a digest of the source's path, size and time, so that a replaced
clip gets a new one; what was not used for longest goes first.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import sys
import threading
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ...config import paths, spawn
from ...config.errors import DaemonError, DeshimmerError, MissingClip, ToolFailed
from ...config.settings import Settings
from .. import contents, frame_folders

log = logging.getLogger(__name__)

MOST_BYTES = 4_000_000_000
_VERSION = 1
"""Counts changes of what is made, so that older files are made anew."""

_SUFFIXES = {"proxy": ".mp4", "thumbnail": ".jpg"}
_STOPPED = "The daemon was stopped. Start it, and load the page again."
_DEATH = "The process that makes it died. The machine may be out of memory: close other programs and load the page again."


class _Died(Exception):
    """The child ended without an answer."""


@dataclass
class Making:
    """A file that is being made. ``done`` holds it, or the DeshimmerError."""

    output: Path
    progress: float = 0.0
    done: Future[Path] = field(default_factory=lambda: Future())
    _changed: threading.Condition = field(default_factory=threading.Condition)

    def report(self, part: float) -> None:
        with self._changed:
            self.progress = part
            self._changed.notify_all()

    def ends(self) -> None:
        with self._changed:
            self._changed.notify_all()

    def follow(self) -> Generator[float, None, None]:
        """The progress whenever it changes, at least once a second, until it is done."""
        while not self.done.done():
            yield self.progress
            with self._changed:
                if not self.done.done():
                    self._changed.wait(1.0)


class Proxies:
    """All methods may be called from any thread. ``settings`` tells those in force when something is made."""

    def __init__(self, settings: Callable[[], Settings], most_bytes: int = MOST_BYTES) -> None:
        self._settings = settings
        self._most_bytes = most_bytes
        self._lock = threading.Lock()
        self._running: dict[Path, Making] = {}
        self._lanes = {kind: threading.Lock() for kind in _SUFFIXES}  # one of a kind at a time
        self._children: set[spawn.Process] = set()
        self._closed = False

    def close(self) -> None:
        """What is being made ends at once, with an error, and nothing more is made."""
        with self._lock:
            self._closed = True
            for child in self._children:
                child.kill_tree()

    def get(self, kind: str, source: Path, frame: int = 0) -> Making:
        """The file made of this source as it is now: made already, or on its way. ``frame`` is of thumbnails. Raises MissingClip."""
        output = _place(kind, source, frame, self._settings())
        with self._lock:
            making = self._running.get(output)
            if making is None and output.is_file():
                return _made(output)
            if making is None:
                making = self._running[output] = Making(output)
                errand = {"make": kind, "source": str(source), "output": str(output), "frame": frame}
                threading.Thread(target=self._make, args=(making, errand), name=f"page-{kind}", daemon=True).start()
            return making

    def _make(self, making: Making, errand: dict[str, Any]) -> None:
        try:
            with self._lanes[errand["make"]]:
                self._send_out(errand | {"settings": self._settings().model_dump(mode="json")}, making.report)
            making.done.set_result(making.output)
        except Exception as error:
            log.info("no %s of %s: %s", errand["make"], errand["source"], error)
            known = error if isinstance(error, DeshimmerError) else ToolFailed(f"It cannot be kept: {error}.", path=errand["source"])
            making.done.set_exception(known)
        finally:
            with self._lock:
                self._running.pop(making.output, None)
            making.ends()
        self._keep_small(making.output)

    def _send_out(self, errand: dict[str, Any], report: Callable[[float], None]) -> None:
        """Have a child process run the errand. Raises DeshimmerError."""
        if self._closed:
            raise DaemonError(_STOPPED, path=errand["source"])
        with spawn.spawn([sys.executable, "-m", "deshimmer.daemon.page.maker"], stdin=True, stdout=True) as child:
            try:
                self._begins(child)
                _hear(child, errand, report)
            except _Died:
                if self._closed:
                    raise DaemonError(_STOPPED, path=errand["source"]) from None
                log.warning("%s died: %s", __name__, child.error_tail())
                raise ToolFailed(_DEATH, path=errand["source"]) from None
            finally:
                with self._lock:
                    self._children.discard(child)

    def _begins(self, child: spawn.Process) -> None:
        with self._lock:
            self._children.add(child)
            if self._closed:
                child.kill_tree()

    def _keep_small(self, newest: Path) -> None:
        """Remove what was not used for longest until the rest fits. What cannot be removed is logged and stays."""
        try:
            files = list(_sizes(newest.parent))
            size = sum(status.st_size for _, status in files)
            for path, status in sorted(files, key=lambda each: each[1].st_mtime):
                if size <= self._most_bytes or path == newest:
                    return
                path.unlink(missing_ok=True)
                size -= status.st_size
        except OSError as error:
            log.warning("the page's cache could not be tidied: %s", error)


def _sizes(folder: Path) -> Iterator[tuple[Path, os.stat_result]]:
    for path in folder.iterdir():
        if path.suffix in _SUFFIXES.values():
            with suppress(FileNotFoundError):  # removed meanwhile
                yield path, path.stat()


def _place(kind: str, source: Path, frame: int, settings: Settings) -> Path:
    try:
        status = source.stat()
        size_bytes, mtime_ns = frame_folders.content_stamp(source) if source.is_dir() else (status.st_size, status.st_mtime_ns)
    except OSError:
        raise MissingClip("The file is not there (any more). Check its path.", path=source) from None
    rate = f"{contents.said_rate(source) or settings.sequences.fps}:" if source.is_dir() else ""
    facts = f"{_VERSION}:{size_bytes}:{mtime_ns}:{frame}:{rate}".encode()
    digest = hashlib.blake2b(facts + os.fsencode(source), digest_size=16).hexdigest()
    folder = paths.cache_dir() / "page"
    folder.mkdir(exist_ok=True)
    return folder / f"{digest}{_SUFFIXES[kind]}"


def _made(output: Path) -> Making:
    with suppress(OSError):  # its time says when it was last used
        os.utime(output)
    making = Making(output, 1.0)
    making.done.set_result(output)
    return making


def _hear(child: spawn.Process, errand: dict[str, Any], report: Callable[[float], None]) -> None:
    """What the child tells, until it has done its errand. Raises DeshimmerError for what it says, _Died where it says nothing."""
    assert child.stdin is not None
    assert child.stdout is not None
    with suppress(BrokenPipeError):  # it died already: its output says so by its end
        child.stdin.write(json.dumps(errand).encode() + b"\n")
        child.stdin.flush()
    for line in child.stdout:
        message = json.loads(line)
        if "progress" in message:
            report(message["progress"])
        elif message["answer"] is None:
            return
        else:
            raise DeshimmerError.from_dict(message["answer"])
    raise _Died
