"""The doctor's checks, on what is here and on what is broken."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import fake_ncnn
import pytest

from deshimmer.config.settings import Disk, HotFolder, Models, Settings, Tools
from deshimmer.daemon import cli
from deshimmer.daemon.doctor import Check, examine
from deshimmer.processors.interpolators import rife


def checks(settings: Settings) -> dict[str, Check]:
    return {check.name: check for check in examine(settings)}


def test_everything_needed_works_here():
    found = checks(Settings())
    assert {
        "python",
        "ffmpeg",
        "pyav",
        "opencv",
        "torch",
        "rife weights",
        "rife-ncnn-vulkan",
        "film",
        "gpu",
        "state folder",
        "daemon",
    } <= set(found)
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


def test_a_model_that_the_settings_name_has_to_work(tmp_path: Path):
    weights = tmp_path / "own.pth"
    weights.write_bytes(b"<html>")
    model = tmp_path / "film.pt"
    model.write_bytes(b"<html>")
    tool = tmp_path / "absent"
    found = checks(Settings(models=Models(rife=weights, film=model), tools=Tools(rife_ncnn_vulkan=tool)))
    for name, path in (("rife weights", weights), ("film", model)):
        assert (found[name].ok, found[name].optional) == (False, False)
        assert str(path) in found[name].detail
        assert found[name].remedy
    assert (found["rife-ncnn-vulkan"].ok, found["rife-ncnn-vulkan"].optional) == (False, False)
    (tmp_path / "own.safetensors").write_bytes(rife.WEIGHTS.read_bytes())
    check = checks(Settings(models=Models(rife=tmp_path / "own.safetensors")))["rife weights"]
    assert check.ok
    assert "4.25" in check.detail


@pytest.mark.skipif(sys.platform == "win32", reason="the stand-in is a script with a #! line")
def test_rife_ncnn_vulkan_is_found(tmp_path: Path):
    program = fake_ncnn.install(tmp_path / "rife-ncnn-vulkan-20221029")
    check = checks(Settings(tools=Tools(rife_ncnn_vulkan=program)))["rife-ncnn-vulkan"]
    assert check.ok
    assert "20221029" in check.detail
