"""Brings the daemon up from the tray: by the service manager where the service is installed, else on its own."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from ..config import paths, service, spawn
from ..config.errors import DaemonError, DeshimmerError
from .client import Client

_PATIENCE_S = 30.0
_LOOK_EVERY_S = 0.1


def start_daemon(options: Sequence[str] = ()) -> None:
    """Returns when the daemon answers to be there. ``options``: ``--config`` and ``--set`` for it.

    Raises a DeshimmerError, with the daemon's own words where it has given up.
    """
    if _is_up():
        return
    program = [sys.executable, "-P", "-m", "deshimmer.daemon"]
    said = paths.log_dir() / "start.log"
    if service.is_installed():
        process = spawn.detach([*program, "service", "start", "--json"], said)
    else:
        process = spawn.detach([*program, "run", "--json", *options], said)
    _await(process, said)


def _await(process: subprocess.Popen[bytes], said: Path) -> None:
    deadline = time.monotonic() + _PATIENCE_S
    while not _is_up():
        if process.poll() not in (None, 0):
            raise _error(said)
        if time.monotonic() > deadline:
            raise DaemonError("It has not come up so far. Look into its log.", path=said, title="The daemon does not start")
        time.sleep(_LOOK_EVERY_S)


def _is_up() -> bool:
    """``api.json`` alone says little: it stays behind when a daemon is killed."""
    try:
        Client().get("/status")
    except DaemonError:
        return False
    return True


def _error(said: Path) -> DeshimmerError:
    """The error object among what the program printed."""
    for line in said.read_text(encoding="utf-8", errors="replace").splitlines():
        try:
            return DeshimmerError.from_dict(json.loads(line)["error"])
        except (ValueError, KeyError, TypeError):
            continue
    return DaemonError("It ended at once. What it said is in this file.", path=said, title="The daemon does not start")
