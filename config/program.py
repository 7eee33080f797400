"""This very installation, as the system is to start it: from a checkout, a venv, pipx, uv or a package alike."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path

from .errors import NotSetUp

_FOLDERS = ("XDG_CONFIG_HOME", "XDG_STATE_HOME", "XDG_DATA_HOME", "XDG_CACHE_HOME")


def argv(module: str, *arguments: str) -> tuple[str, ...]:
    """``python -P -m deshimmer.<module> arguments``, without a console window on Windows.

    -P: the system starts us in the home folder, where a folder ``deshimmer`` would be taken for this package.
    Raises NotSetUp for a path that no service file can hold.
    """
    python = Path(sys.executable)  # a link in a venv, which must stay one
    if sys.platform == "win32":
        python = python.with_name("pythonw.exe")
    words = (str(python), "-P", "-m", f"deshimmer.{module}", *arguments)
    for word in words:
        if any(character < " " or "\ud800" <= character <= "\udfff" for character in word):
            raise NotSetUp("A service cannot be started by a path with such characters in it. Install deshimmer elsewhere.", path=word)
    return words


def folders_set(environment: Mapping[str, str] = os.environ) -> dict[str, str]:
    """The XDG variables that say where settings and state are: what the system starts must find the same ones."""
    return {name: environment[name] for name in _FOLDERS if environment.get(name)}
