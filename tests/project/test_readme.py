"""The README's commands, run as they stand there."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from clipmaker import exposure_flicker, pan, write

ROOT = Path(__file__).resolve().parents[2]
FENCED = re.findall(r"```sh\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL)
COMMANDS = [shlex.split(line, comments=True) for block in FENCED for line in block.splitlines()]
OWN = [
    command for command in COMMANDS if command[0] == "deshimmer" and command[1:] not in (["run"], ["tray"])
]  # they run until they are stopped; tests of their own start them
ALONE = {"diagnose", "fix", "watch", "config", "doctor"}


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a flickering clip.mp4 and a hot folder Renders that holds a copy."""
    folder = tmp_path_factory.mktemp("desk")
    write(folder / "clip.mp4", exposure_flicker(pan(16, (160, 96))))
    (folder / "Renders").mkdir()
    (folder / "Renders" / "render.mp4").write_bytes((folder / "clip.mp4").read_bytes())
    return folder


def deshimmer(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "deshimmer.daemon", *arguments]


@pytest.fixture
def daemon(own_state: Path, desk: Path) -> Iterator[None]:
    """``deshimmer run`` on the hot folder Renders."""
    folders = f'hot_folders=[{{path="{desk / "Renders"}"}}]'
    process = subprocess.Popen(deshimmer("run", "--set", folders), stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 60
    while subprocess.run(deshimmer("pause"), capture_output=True).returncode != 0:
        assert process.poll() is None
        assert time.monotonic() < deadline, "the daemon did not come up"
        time.sleep(0.3)
    yield
    process.terminate()
    assert process.wait(30) in (0, -15)


def run(command: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(deshimmer(*command[1:]), cwd=folder, capture_output=True, text=True, timeout=240)


@pytest.mark.parametrize("command", [c for c in OWN if c[1] in ALONE], ids=shlex.join)
def test_commands_that_stand_alone(command: list[str], desk: Path) -> None:
    result = run(command, desk)
    assert result.returncode == 0, result.stderr
    assert result.stdout + result.stderr


def test_commands_for_a_running_daemon(daemon: None, desk: Path) -> None:
    commands = [command for command in OWN if command[1] not in ALONE]
    assert {command[1] for command in commands} >= {"status", "jobs", "pause", "resume", "history"}
    for command in commands:
        result = run(command, desk)
        assert result.returncode == 0, (command, result.stderr)
        assert result.stdout + result.stderr, command


@pytest.mark.skipif(not Path(sys.prefix, "deshimmer-setup.json").exists(), reason="not run through 'python3 dev.py test'")
def test_dev_py_run_repairs_what_lies_in_the_folder(desk: Path, tmp_path: Path) -> None:
    hot = tmp_path / "hot"
    hot.mkdir()
    (hot / "clip.mp4").write_bytes((desk / "clip.mp4").read_bytes())
    command = [sys.executable, str(ROOT / "dev.py"), "run", str(hot), "--once", "--json"]
    result = subprocess.run(command, capture_output=True, text=True, timeout=280, env=dict(os.environ))
    assert result.returncode == 0, result.stderr
    (line,) = map(json.loads, result.stdout.splitlines())
    assert line["outcome"] == "repaired"
    assert (hot / "deshimmered" / "clip.deshimmered.mp4").exists()
    assert (hot / "deshimmered" / "clip.comparison.mp4").exists()
