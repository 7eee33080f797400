"""The command ``models``: as a script and as a person see it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import tiny_pipelines
from commandline import Run

from deshimmer.config import paths

KEYS = ["name", "folder", "family", "pipeline", "kinds", "revision", "size_bytes", "ok", "problem"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    built = tiny_pipelines.build("CogVideoXPipeline", tmp_path)
    return Path(shutil.move(built, tmp_path / "CogVideoX-5b"))


def test_a_folder_is_added_and_listed(run: Run, folder: Path) -> None:
    added = run("models", "add", folder, "--json")
    (record,) = added.lines
    assert (added.code, list(record)) == (0, KEYS)
    assert (record["name"], record["family"], record["kinds"], record["ok"]) == ("CogVideoX-5b", "CogVideoX-5B", ["text", "video"], True)
    assert run("models", "list", "--json").lines == [record]
    shown = run("models", "list")
    assert "ready, as CogVideoX-5B" in " ".join(shown.out.split())
    shutil.rmtree(folder / "vae")
    (broken,) = run("models", "list", "--json").lines
    assert (broken["ok"], broken["problem"]) == (False, "the folder vae is missing")


def test_what_cannot_be_added_says_why(run: Run, tmp_path: Path) -> None:
    (error,) = run("models", "add", tmp_path, "--json").lines
    assert "no model in diffusers' format" in error["error"]["message"]
    ended = run("models", "add", "THUDM/CogVideoX-5b", "--json")
    assert ended.code == 1
    assert ended.lines[0]["error"]["message"].startswith("Downloads are off. Allow them with models.allow_download = true")
    for wrong in (("models", "add"), ("models", "list", "x"), ("models", "add", "no folder")):
        assert run(*wrong).code == 2


def test_no_model_and_the_path(run: Run) -> None:
    assert "No model is here" in run("models", "list").out
    assert run("models", "path", "--json").lines == [{"path": str(paths.models_dir()), "exists": False}]
