"""What the bench of regeneration builds is of the models' size, and it measures what is rendered: tried with shrunken networks on the CPU."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import real_pipelines

from deshimmer.processors import torch_devices
from deshimmer.processors.families import ladder, pipelines, table
from deshimmer.processors.families.family import Family
from deshimmer.processors.families.ladder import Rung

pytest.importorskip("diffusers")

BENCH = Path(__file__).resolve().parents[2] / "bench" / "regeneration.py"


@pytest.fixture(scope="module")
def bench() -> Any:
    spec = importlib.util.spec_from_file_location("bench_of_regeneration", BENCH)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def known(name: str) -> Family:
    family = table.family_of(name, None)
    assert family is not None
    return family


@pytest.mark.parametrize("real", real_pipelines.ALL, ids=lambda real: real.pipeline)
def test_the_networks_have_the_numbers_of_parameters_of_the_model(real: real_pipelines.Real) -> None:
    family = known(real.name)
    counts = {part: sum(tensor.numel() for tensor in network.parameters()) / 1e9 for part, network in real_pipelines.networks(real).items()}
    assert counts["transformer"] == pytest.approx(family.parameters, rel=0.01)
    assert counts["text_encoder"] == pytest.approx(family.encoder_parameters, rel=0.01)


@pytest.mark.parametrize("name", real_pipelines.SHRUNK)
def test_it_is_built_loaded_rendered_and_measured(bench: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setattr(torch_devices, "best", lambda: "cpu")
    pipelines.require()
    pipelines.unload()
    model = real_pipelines.build(real_pipelines.SHRUNK[name], tmp_path, "cpu")
    ask = bench.asked(known(name), tmp_path, 3, (64, 64, 9))
    found = bench.measure(model, ask, Rung("cpu", 2 * 10**9, 0, tiled=True))
    pipelines.unload()
    assert min(found.loading_s, found.prompt_s, found.denoising_s, found.decoding_s, found.rest_s) > 0
    assert found.seconds == pytest.approx(found.prompt_s + found.denoising_s + found.decoding_s + found.rest_s)
    assert bench.row(Rung("cpu", 2 * 10**9, 0), found).count("|") == bench.HEAD.split("\n")[0].count("|")


def test_memory_that_runs_out_is_a_row_of_its_own(bench: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def none_left(*_: Any) -> None:
        raise MemoryError

    monkeypatch.setattr(ladder, "apply", none_left)
    monkeypatch.setattr(pipelines, "load", lambda *_: None)
    ask = bench.asked(known("THUDM/CogVideoX-5b"), tmp_path, 3, (64, 64, 9))
    assert bench.measure(tmp_path, ask, Rung("cpu", 10**9, 0)) is None
    assert "out of memory" in bench.row(Rung("cuda", 10**9, 0), None)


@pytest.mark.usefixtures("one_torch_thread")
def test_all_of_it_is_walked_small_and_on_the_cpu(bench: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As it is run on a GPU: a model in each way of the ladder that a CPU can go, from building to the page."""
    page = tmp_path / "section.md"
    monkeypatch.setattr(
        sys,
        "argv",
        [str(BENCH), "--tiny", "--model", "cogvideox", "--steps", "1", "--folder", str(tmp_path / "models"), "--out", str(page)],
    )
    bench.main()
    rows = [line for line in page.read_text().splitlines() if line.startswith("| ") and not line.startswith("| way")]
    ways = len([rung for rung in ladder.all_rungs(known("THUDM/CogVideoX-5b"), 64, 64, 9, "cuda") if bench.runs_on_a_cpu(rung)])
    assert ways == 3
    assert (len(rows), "out of memory" in page.read_text()) == (ways, False)
    assert "Nothing here is a measurement" in page.read_text()


def test_without_a_gpu_it_refuses_in_plain_words() -> None:
    result = subprocess.run([sys.executable, str(BENCH)], capture_output=True, text=True, env={"CUDA_VISIBLE_DEVICES": "", "PATH": ""})
    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr.strip().endswith(
        "This bench needs an NVIDIA GPU, and torch finds no CUDA device here. Run it on a machine that has one."
    )
    assert "Traceback" not in result.stderr
