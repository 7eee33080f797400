"""A file in the desktop's own program, or shown in its file manager."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import quote_from_bytes

from ..config import spawn
from ..config.errors import MissingClip, NotSetUp, ToolFailed

_OPENERS = {"darwin": "open", "win32": "explorer"}
_ANY_EXIT = ("explorer",)
"""Ends with 1 whatever happens."""
_WATCH_S = {"dbus-send": 6.0}
"""It waits for an answer, the others may stay as long as what they opened."""


def open_file(path: Path) -> None:
    """Raises MissingClip, NotSetUp or ToolFailed."""
    _run(path, [[_OPENERS.get(sys.platform, "xdg-open"), str(path)]])


def show_in_folder(path: Path) -> None:
    """Selected in its folder; the folder alone where no file manager takes that. Raises MissingClip, NotSetUp or ToolFailed."""
    _run(path, list(ways_to_show(path, sys.platform)))


def ways_to_show(path: Path, platform: str) -> Iterator[list[str]]:
    """Commands, the best first."""
    if platform == "darwin":
        yield ["open", "-R", str(path)]
    elif platform == "win32":
        yield ["explorer", f"/select,{path}"]
    else:
        place = f"array:string:{uri(path)}"
        service = ["--dest=org.freedesktop.FileManager1", "/org/freedesktop/FileManager1", "org.freedesktop.FileManager1.ShowItems"]
        yield ["dbus-send", "--session", "--print-reply", "--reply-timeout=5000", *service, place, "string:"]
        yield ["xdg-open", str(path.parent)]


def uri(path: Path) -> str:
    """Also of names that are no Unicode; a comma would end it for dbus-send."""
    return f"file://{quote_from_bytes(bytes(path), safe='/')}"


def _run(path: Path, ways: list[list[str]]) -> None:
    if not path.exists():
        raise MissingClip("It is not there any more. It was moved or deleted.", path=path)
    usable = [way for way in ways if shutil.which(way[0])]
    if not usable:
        raise NotSetUp(f"This needs {' or '.join(way[0] for way in ways)}. On Debian: 'apt install xdg-utils'.", path=path)
    for way in usable:
        try:
            _start(way)
        except ToolFailed:
            if way is usable[-1]:
                raise
        else:
            return


def _start(way: list[str]) -> None:
    """It goes on without us; an error that it soon ends with is raised as ToolFailed."""
    with TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        said = Path(folder) / "said"
        process = spawn.detach(way, said)
        try:
            code = process.wait(_WATCH_S.get(way[0], 1.0))
        except subprocess.TimeoutExpired:  # it stays as long as what it opened
            return
        if code != 0 and way[0] not in _ANY_EXIT:
            last_words = said.read_text(errors="replace").strip()[-300:] or "it says nothing"
            raise ToolFailed(f"{way[0]} ended with code {code} ({last_words}). Is the daemon part of a desktop session?")
