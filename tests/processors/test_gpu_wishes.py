"""Which stages of which routes want the GPU: said by the road before they run."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import fake_ncnn
import pytest
from prompts import COGVIDEOX

from deshimmer.config.errors import NotSetUp
from deshimmer.config.settings import Settings
from deshimmer.processors import gpus, road, torch_devices, treatment
from deshimmer.processors.families.family import Means
from deshimmer.processors.records import Passage, Plan, Regeneration, Request, Route, Treatment


def wishes(settings: Settings, *routes: Route, rivals: int = 0) -> set[str]:
    treatments = tuple(Treatment(route) for route in routes)
    plan = Plan(routes[0], treatments, named_by_user=False, reason="", rivals=rivals)
    passage = Passage("id-1", Request(Path("/clip.mp4"), Path("/out"), "clip.mp4"), Path("/out/work"), plan=plan)
    return {stage.name for stage in road.STAGES if stage.wants_gpu(passage, settings)}


def models(**models: Any) -> Settings:
    return Settings.model_validate({"models": models})


def test_interpolation_and_smoothing_want_it_and_only_where_there_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gpus, "may_be_here", lambda: False)
    assert wishes(Settings(), Route.INTERPOLATE) == set()
    monkeypatch.setattr(torch_devices, "best", lambda: "cuda")
    assert wishes(Settings(), Route.INTERPOLATE) == {"process"}
    for route in (Route.SMOOTH, Route.DEBAND, Route.DEBAND_SMOOTH):
        assert wishes(Settings(), route) == set()
    assert wishes(Settings(), Route.SMOOTH, Route.INTERPOLATE, rivals=2) == {"try"}
    monkeypatch.setattr(gpus, "may_be_here", lambda: True)
    smoothing_there = Settings.model_validate({"repair": {"gpu": True}})
    for route in (Route.SMOOTH, Route.DEBAND_SMOOTH):
        assert wishes(smoothing_there, route) == {"process"}
        assert wishes(Settings(), route) == set()
    assert wishes(smoothing_there, Route.DEBAND) == set()
    assert wishes(smoothing_there, Route.DEBAND, Route.SMOOTH, rivals=2) == {"try"}


def test_rendering_again_wants_it_where_there_is_one_and_in_comfyui(monkeypatch: pytest.MonkeyPatch) -> None:
    made = Regeneration(Means.DIFFUSERS, COGVIDEOX, (), "")
    rendering = Treatment(Route.REGENERATE, regeneration=made)
    monkeypatch.setattr(torch_devices, "require_torch", lambda: None)
    for device, wants in (("cuda", True), ("mps", True), ("cpu", False)):
        monkeypatch.setattr(torch_devices, "best", lambda device=device: device)
        assert treatment.is_on_gpu(rendering, Settings()) is wants
    queued = replace(rendering, regeneration=replace(made, means=Means.COMFYUI))
    assert treatment.is_on_gpu(queued, models(comfyui="http://127.0.0.1:8188"))
    assert not treatment.is_on_gpu(queued, models(comfyui="http://studio:8188", comfyui_remote=True))

    def absent() -> None:
        raise NotSetUp("no torch")

    monkeypatch.setattr(torch_devices, "require_torch", absent)
    assert not treatment.is_on_gpu(rendering, Settings())


def test_each_interpolator_says_for_itself(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    saved_model, torchscript = tmp_path / "saved", tmp_path / "film.pt"
    saved_model.mkdir()
    torchscript.touch()
    assert wishes(models(interpolator="rife-ncnn-vulkan"), Route.INTERPOLATE) == {"process"}
    assert wishes(models(interpolator="film", film=torchscript), Route.INTERPOLATE) == set()
    monkeypatch.setattr(torch_devices, "best", lambda: "mps")
    assert wishes(models(interpolator="film", film=torchscript), Route.INTERPOLATE) == {"process"}
    assert wishes(models(interpolator="film", film=saved_model), Route.INTERPOLATE) == set()


def test_what_takes_the_place_of_an_absent_torch_is_asked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def absent() -> None:
        raise NotSetUp("no torch")

    monkeypatch.setattr(torch_devices, "require_torch", absent)
    program = fake_ncnn.install(tmp_path / "ncnn")
    monkeypatch.setenv("PATH", str(tmp_path / "nothing"))
    assert wishes(Settings(), Route.INTERPOLATE) == set()
    assert wishes(Settings.model_validate({"tools": {"rife_ncnn_vulkan": program}}), Route.INTERPOLATE) == {"process"}
