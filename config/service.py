"""The daemon as a service of this user: where the service manager's file lies, and so whether there is one."""

from __future__ import annotations

import sys
from pathlib import Path

import platformdirs

from . import paths


def file(platform: str = sys.platform) -> Path:
    """What ``deshimmer service install`` writes: a systemd unit, a launch agent, or the definition of a logon task."""
    if platform == "darwin":
        return Path.home() / "Library/LaunchAgents/deshimmer.daemon.plist"
    if platform == "win32":
        return paths.state_dir() / "deshimmer-task.xml"
    return platformdirs.user_config_path() / "systemd/user/deshimmer.service"


def is_installed() -> bool:
    return file().exists()


def start_command() -> str:
    """What a person is told to type where the daemon does not run."""
    return "deshimmer service start" if is_installed() else "deshimmer run"
