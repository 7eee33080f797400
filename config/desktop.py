"""A file in the desktop's own program, or shown in its file manager; an address in the browser."""

from __future__ import annotations

import logging
import os
import shutil
import subprocess
import sys
import threading
import webbrowser
from collections.abc import Iterator
from concurrent.futures import Future
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import quote_from_bytes

from . import spawn
from .errors import DeshimmerError, MissingClip, NotSetUp, ToolFailed

log = logging.getLogger(__name__)

BROWSER_S = 3.0
"""What a click in the tray waits for a browser to say that there is none."""
_OPENERS = {"darwin": "open", "win32": "explorer"}
_ANY_EXIT = ("explorer",)
"""Ends with 1 whatever happens."""
_WATCH_S = {"dbus-send": 6.0}
"""It waits for an answer, the others may stay as long as what they opened."""


def open_file(path: Path) -> None:
    """Raises MissingClip, NotSetUp or ToolFailed."""
    _run(path, [[_OPENERS.get(sys.platform, "xdg-open"), str(path)]])


def open_folder(path: Path) -> None:
    """As ``open_file``. Raises a DeshimmerError that speaks of folders."""
    if not path.is_dir():
        raise DeshimmerError("It was moved or removed. Make it again, or take it out of the settings.", path=path, title="No such folder")
    open_file(path)


def open_url(url: str, wait_s: float | None = None) -> None:
    """Some browsers stay as long as their window: no longer than ``wait_s`` is waited for them. Raises NotSetUp where none opens."""
    if sys.platform == "linux" and not any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER")):
        raise NotSetUp("There is no screen here to show a browser on. Use 'deshimmer open' within a desktop session.")
    opened: Future[bool] = Future()
    threading.Thread(target=_browse, args=(url, opened), name="browser", daemon=True).start()
    try:
        if not opened.result(wait_s):
            raise NotSetUp("No browser could be opened. Install one, or name it in the variable BROWSER.")
    except TimeoutError:  # it stays
        return


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


def _browse(url: str, opened: Future[bool]) -> None:
    try:
        opened.set_result(webbrowser.open(url))
    except Exception as error:  # a BROWSER that cannot be parsed, say
        log.warning("the browser: %s", error)
        opened.set_result(False)


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
            raise ToolFailed(f"{way[0]} ended with code {code} ({last_words}). Does deshimmer run within a desktop session?")
