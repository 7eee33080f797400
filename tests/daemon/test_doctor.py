"""The doctor's checks, on what is here and on what is broken."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from deshimmer.config.settings import Disk, HotFolder, Settings, Tools
from deshimmer.daemon import cli
from deshimmer.daemon.doctor import Check, examine


def checks(settings: Settings) -> dict[str, Check]:
    return {check.name: check for check in examine(settings)}


def test_everything_needed_works_here():
    found = checks(Settings())
    assert {"python", "ffmpeg", "pyav", "opencv", "torch", "rife weights", "gpu", "state folder", "daemon"} <= set(found)
    assert [check.name for check in found.values() if not check.ok and not check.optional] == []
    assert not found["daemon"].ok
    assert all(check.remedy for check in found.values() if not check.ok)


def test_json_and_exit_code(capsys: pytest.CaptureFixture[str]):
    with pytest.raises(SystemExit) as ended:
        cli.main(["doctor", "--json"])
    record = json.loads(capsys.readouterr().out)
    assert (ended.value.code, record["ok"]) == (0, True)
    assert all(set(check) == {"name", "ok", "optional", "detail", "remedy"} for check in record["checks"])
    with pytest.raises(SystemExit) as ended:
        cli.main(["doctor", "--json", "--set", "tools.ffmpeg=/absent/ffmpeg"])
    record = json.loads(capsys.readouterr().out)
    assert (ended.value.code, record["ok"]) == (1, False)


def test_a_broken_ffmpeg_is_no_traceback(tmp_path: Path):
    broken = tmp_path / "ffmpeg"
    broken.write_text("#!/bin/sh\nexit 3\n")
    broken.chmod(0o755)
    check = checks(Settings(tools=Tools(ffmpeg=str(broken))))["ffmpeg"]
    assert not check.ok
    assert check.remedy


def test_hot_folders_are_looked_at(tmp_path: Path):
    there = tmp_path / "there"
    there.mkdir()
    folders = (HotFolder(path=there), HotFolder(path=tmp_path / "absent"))
    found = checks(Settings(hot_folders=folders))
    assert found[f"hot folder {there}"].ok
    assert not found[f"hot folder {tmp_path / 'absent'}"].ok
    full = checks(Settings(hot_folders=folders[:1], disk=Disk(reserve_gb=1e9)))[f"hot folder {there}"]
    assert not full.ok
    assert "GB free" in full.detail
    assert list(there.iterdir()) == []


@pytest.mark.skipif(sys.platform == "win32", reason="XDG folders are POSIX")
def test_a_state_folder_that_cannot_be_made_is_a_check_that_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "file"))
    check = checks(Settings())["state folder"]
    assert (check.ok, check.optional) == (False, False)
    assert "XDG_STATE_HOME" in (check.remedy or "")
