from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from deshimmer.config import spawn
from deshimmer.config.errors import CannotWrite, ToolFailed

SLEEPER = [sys.executable, "-c", "import subprocess, sys; subprocess.run([sys.executable, '-c', 'import time; time.sleep(60)'])"]


def children_of(pid: int) -> list[psutil.Process]:
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        if found := psutil.Process(pid).children(recursive=True):
            return found
        time.sleep(0.05)
    raise AssertionError("the sleeper started no child")


def test_leaving_the_block_kills_the_whole_tree() -> None:
    with spawn.spawn(SLEEPER) as process:
        tree = [psutil.Process(process.pid), *children_of(process.pid)]
    assert not any(member.is_running() and member.status() != psutil.STATUS_ZOMBIE for member in tree)


def test_run_returns_output_and_names_the_failure() -> None:
    assert spawn.run([sys.executable, "-c", "print('yes')"], timeout_s=30).strip() == b"yes"
    with pytest.raises(ToolFailed, match=r"code 3: it broke"):
        spawn.run([sys.executable, "-c", "import sys; print('it broke', file=sys.stderr); sys.exit(3)"], timeout_s=30)
    with pytest.raises(ToolFailed, match=r"within 0\.3 s"):
        spawn.run([sys.executable, "-c", "import time; time.sleep(30)"], timeout_s=0.3)
    with pytest.raises(ToolFailed, match="cannot be started"):
        spawn.run(["/nowhere/tool"], timeout_s=1)


def test_orphans_of_a_killed_owner_are_reaped_and_others_are_not() -> None:
    code = f"""
import os, signal
from deshimmer.config import spawn
with spawn.spawn({SLEEPER!r}) as process:
    print(process.pid, flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
"""
    owner = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    orphan = psutil.Process(int(owner.stdout))
    with spawn.spawn(SLEEPER) as ours:
        assert orphan.is_running()
        assert spawn.reap_orphans() == 1
        assert ours.poll() is None
    assert not orphan.is_running() or orphan.status() == psutil.STATUS_ZOMBIE
    assert spawn.reap_orphans() == 0


def test_a_tool_whose_record_cannot_be_written_does_not_run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "file"))
    before = psutil.Process().children()
    with pytest.raises(CannotWrite, match="state folder"), spawn.spawn(SLEEPER):
        pytest.fail("it was started")
    assert psutil.Process().children() == before
