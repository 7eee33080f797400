"""A systemd user manager of our own, with folders of its own, for tests of the real thing.

As root where the system was not booted with systemd (containers), it gets a /run/systemd/system in a mount namespace, without
which systemd refuses; and always a control group of its own, lest it takes all processes of the machine for its own.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

SYSTEMD = next((path for path in ("/usr/lib/systemd/systemd", "/lib/systemd/systemd") if os.access(path, os.X_OK)), None)
_CGROUPS = Path("/sys/fs/cgroup")
_BOOTED = "mount -t tmpfs tmpfs /run/systemd && mkdir /run/systemd/system && "
_START_S = 20.0


class Unavailable(Exception):
    """Why no user manager can run here."""


@contextmanager
def user_manager(runtime: Path) -> Iterator[None]:
    """``systemctl --user`` works within the block, for whoever has ``runtime`` as XDG_RUNTIME_DIR. Raises Unavailable."""
    if SYSTEMD is None or shutil.which("systemctl") is None:
        raise Unavailable("systemd is not installed")
    if os.getuid() != 0:
        raise Unavailable("only root can give it a control group of its own")
    groups = list(_own_groups())
    procs = " ".join(f"echo $$ > '{group}/cgroup.procs' &&" for group in groups)
    booted = "" if Path("/run/systemd/system").exists() else _BOOTED
    command = ["unshare", "--mount", "sh", "-c", f"{procs} {booted} exec {SYSTEMD} --user"]
    manager = subprocess.Popen(
        command, env={**os.environ, "SYSTEMD_LOG_TARGET": "console"}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    try:
        _wait_for_start(manager)
        yield
    finally:
        manager.send_signal(signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            manager.wait(20)
        manager.kill()
        manager.communicate()
        for group in groups:
            _remove(group)


def _own_groups() -> Iterator[Path]:
    """In cgroup v2, or in v1's hierarchy for systemd and in the unified one beside it."""
    roots = [root for root in (_CGROUPS, _CGROUPS / "systemd", _CGROUPS / "unified") if (root / "cgroup.procs").exists()]
    if not roots:
        raise Unavailable("there are no control groups")
    for root in roots:
        group = root / f"deshimmer-test-{os.getpid()}"
        try:
            group.mkdir()
        except OSError as error:
            raise Unavailable(f"control groups cannot be made ({error.strerror})") from None
        yield group


def _wait_for_start(manager: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + _START_S
    while subprocess.run(["systemctl", "--user", "is-active", "basic.target"], capture_output=True).returncode != 0:
        if manager.poll() is not None:
            raise Unavailable(f"systemd --user ended: {manager.communicate()[0].decode(errors='replace')[-300:]}")
        if time.monotonic() > deadline:
            raise Unavailable("systemd --user does not come up")
        time.sleep(0.1)


def _remove(group: Path) -> None:
    for folder in sorted(group.rglob("*/"), reverse=True):
        with suppress(OSError):
            folder.rmdir()
    with suppress(OSError):
        group.rmdir()
