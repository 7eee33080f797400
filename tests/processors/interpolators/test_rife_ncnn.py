"""rife-ncnn-vulkan: its arguments, the CPU where its GPU run fails, its probe. The program is a stand-in (fake_ncnn.py)."""

from __future__ import annotations

import sys
from itertools import pairwise
from pathlib import Path

import fake_ncnn
import numpy as np
import pytest
from clipmaker import pan

from deshimmer.config.errors import NotSetUp, ToolFailed
from deshimmer.config.settings import Models, Settings, Tools
from deshimmer.processors.interpolators import rife_ncnn

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the stand-in is a script with a #! line")


def settings_for(program: Path) -> Settings:
    return Settings(tools=Tools(rife_ncnn_vulkan=program))


@pytest.mark.parametrize(("gpu", "last"), [(None, []), (rife_ncnn.CPU, ["-g", "-1"]), (1, ["-g", "1"])])
def test_arguments(gpu: int | None, last: list[str]) -> None:
    paths = [Path(f"/work/{name}.png") for name in ("0", "1", "between")]
    found = rife_ncnn.arguments(Path("/opt/rife"), Path("/opt/rife-v4.6"), *paths, 0.25, gpu)
    inputs = ["-0", "/work/0.png", "-1", "/work/1.png", "-o", "/work/between.png"]
    assert found == ["/opt/rife", *inputs, "-s", "0.250000", "-m", "/opt/rife-v4.6", *last]


def test_three_pngs_at_a_time_and_none_stays(tmp_path: Path) -> None:
    program = fake_ncnn.install(tmp_path / "tool")
    work, told = tmp_path / "work", []
    work.mkdir()
    shots = [shot / 255 for shot in pan(3, (64, 48))]
    with rife_ncnn.loaned(settings_for(program), work, told.append) as middle:
        for first, second in pairwise(shots):
            made = middle(first, second, 0.25)
            assert np.abs(made - (0.75 * first + 0.25 * second)).max() < 1.1 / 255
    assert list(work.iterdir()) == []
    found = fake_ncnn.runs(program)
    assert [run["pngs"] for run in found] == [["0.png", "1.png"]] * 2
    assert {run["options"]["-m"] for run in found} == {str(tmp_path / "tool" / "rife-v4.6")}
    assert told == ["the inserted frames are made by rife-ncnn-vulkan, model rife-v4.6"]


@pytest.mark.parametrize(("mode", "words"), [("gpu", "invalid gpu device"), ("black", "made a black picture")])
def test_the_cpu_takes_over_where_the_gpu_run_fails(tmp_path: Path, mode: str, words: str) -> None:
    program = fake_ncnn.install(tmp_path / "tool", mode)
    told: list[str] = []
    first, second = (shot / 255 for shot in pan(2, (64, 48)))
    with rife_ncnn.loaned(settings_for(program), tmp_path, told.append) as middle:
        for _ in range(2):
            assert np.abs(middle(first, second, 0.5) - (first + second) / 2).max() < 1.1 / 255
    assert [run["options"].get("-g") for run in fake_ncnn.runs(program)] == [None, "-1", "-1"]
    assert len(told) == 2
    assert "on the CPU" in told[1]
    assert words in told[1]


def test_a_run_that_fails_on_the_cpu_too_says_what_the_program_said(tmp_path: Path) -> None:
    program = fake_ncnn.install(tmp_path / "tool", "always")
    first, second = (shot / 255 for shot in pan(2, (64, 48)))
    with rife_ncnn.loaned(settings_for(program), tmp_path, lambda note: None) as middle, pytest.raises(ToolFailed, match="invalid gpu"):
        middle(first, second, 0.5)
    assert len(fake_ncnn.runs(program)) == 2


def test_a_run_without_a_picture_has_failed(tmp_path: Path) -> None:
    program = fake_ncnn.install(tmp_path / "tool", "silent")
    first, second = (shot / 255 for shot in pan(2, (64, 48)))
    with (
        rife_ncnn.loaned(settings_for(program), tmp_path, lambda note: None) as middle,
        pytest.raises(ToolFailed, match="without a picture"),
    ):
        middle(first, second, 0.5)


def test_probe_of_a_release(tmp_path: Path) -> None:
    program = fake_ncnn.install(tmp_path / "rife-ncnn-vulkan-20221029-ubuntu")
    probe = rife_ncnn.probe(settings_for(program))
    assert (probe.ok, probe.version, probe.remedy) == (True, "20221029", None)
    assert "rife-v4.6" in probe.detail


def test_it_is_found_on_the_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = fake_ncnn.install(tmp_path / "tool")
    monkeypatch.setenv("PATH", str(program.parent))
    assert rife_ncnn.tool(Settings()) == program
    assert rife_ncnn.probe(Settings()).ok
    monkeypatch.setenv("PATH", str(tmp_path))
    assert not rife_ncnn.probe(Settings()).ok
    with pytest.raises(NotSetUp, match="Unpack a release"):
        rife_ncnn.tool(Settings())


def test_what_cannot_be_used_is_named(tmp_path: Path) -> None:
    with pytest.raises(NotSetUp, match=r"tools\.rife_ncnn_vulkan") as caught:
        rife_ncnn.tool(settings_for(tmp_path / "absent"))
    assert caught.value.path == str(tmp_path / "absent")
    program = fake_ncnn.install(tmp_path / "tool")
    other = Settings(tools=Tools(rife_ncnn_vulkan=program), models=Models(rife_ncnn="rife-v4.26"))
    assert not rife_ncnn.probe(other).ok
    with pytest.raises(NotSetUp, match=r"rife-v4\.26"):
        rife_ncnn.model(other)
    program.write_text("#!/bin/sh\necho hello\n")
    assert "does not answer" in rife_ncnn.probe(settings_for(program)).detail
