"""The command ``tray``: this process becomes the tray, which has nothing of the daemon's in its memory."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Annotated

import typer

from .session import Session


def tray(
    session: Session,
    theme: Annotated[str | None, typer.Option(metavar="dark|light", help="The panel's: the icon is drawn to be seen on it.")] = None,
    backend: Annotated[str | None, typer.Option(metavar="B", help="The way to show the icon; default: what this desktop takes.")] = None,
) -> int:
    """Show what the daemon does as an icon in the desktop's tray."""
    command = [sys.executable, "-P", "-m", "deshimmer.tray", *(["--json"] if session.json_lines else [])]
    for option, value in (("--theme", theme), ("--backend", backend), ("--config", session.config)):
        command += [] if value is None else [option, str(value)]
    command += [part for override in session.overrides for part in ("--set", override)]
    sys.stdout.flush()
    if sys.platform == "win32":  # there exec is a new process whose end nobody awaits
        return subprocess.call(command)
    os.execv(command[0], command)
