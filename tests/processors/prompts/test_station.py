"""The station ``prompt`` on the road: diagnosis, receipt and report say what the clip was rendered from, and what is wrong with it."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from clipmaker import pan, patch_flicker, write

from deshimmer.config.settings import HotFolder, Settings
from deshimmer.processors import api, receipts, road
from deshimmer.processors.prompts import station
from deshimmer.processors.records import Outcome, Passage, Request, from_json, to_json
from deshimmer.processors.reports import account

HOSTILE = '"><script>alert(1)</script>{{7*7}}'
SVD = {
    "schema": 1,
    "pipeline": "StableVideoDiffusionPipeline",
    "model": "stabilityai/stable-video-diffusion-img2vid-xt",
    "seed": 5,
    "extra": {"noise_aug_strength": 0.1},
}


@pytest.fixture(scope="session")
def flickering(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("patches") / "source.mp4", patch_flicker(pan(16)))


@pytest.fixture
def clip(flickering: Path, tmp_path: Path) -> Path:
    return Path(shutil.copyfile(flickering, tmp_path / "clip.mp4"))


def put(clip: Path, values: dict[str, Any] | str) -> None:
    clip.with_name("clip.deshimmer.json").write_text(values if isinstance(values, str) else json.dumps(values), encoding="utf-8")


def test_a_clip_without_a_prompt_goes_its_way(clip: Path) -> None:
    finding = api.diagnose(clip)
    assert finding.stored.prompt is None
    assert finding.as_dict()["lint"] == []
    assert "parameters" not in finding.diagnosis.summary


def test_the_diagnosis_names_the_cause_in_the_parameters(clip: Path) -> None:
    put(clip, SVD)
    finding = api.diagnose(clip)
    assert [each["rule"] for each in finding.as_dict()["lint"]] == ["svd-noise-aug"]
    assert "Cause found in your parameters: noise_aug_strength is 0.1" in finding.diagnosis.summary
    put(clip, SVD | {"extra": {"noise_aug_strength": 0.02}})
    assert "parameters" not in api.diagnose(clip).diagnosis.summary


def test_receipt_and_report_carry_the_prompt(clip: Path, tmp_path: Path) -> None:
    put(clip, SVD | {"prompt": f"a fox {HOSTILE}", "extra": {"noise_aug_strength": 0.1, "note": HOSTILE}})
    receipt = api.fix(clip, tmp_path / "out", comparison=False)
    assert receipt.outcome is Outcome.REPAIRED
    assert receipt.details["stored"]["prompt"]["seed"] == 5
    assert receipt.details["stored"]["lint"][0]["rule"] == "svd-noise-aug"
    assert receipts.passage_of(receipt).stored is not None
    assert receipts.passage_of(replace(receipt, details={**receipt.details, "stored": None})).stored is None
    assert receipt.report is not None
    html = receipt.report.read_text(encoding="utf-8")
    assert "The stored prompt" in html
    assert "<script" not in html
    assert "&lt;script&gt;alert(1)&lt;/script&gt;{{7*7}}" in html
    assert "svd-noise-aug" in html
    assert "noise_aug_strength = 0.02" in html
    assert "noise_aug_strength in clip.deshimmer.json" in html
    assert "Not stored: steps, size, frames, frame rate, first frame." in html


def test_a_broken_sidecar_does_not_fail_the_job_and_is_told(clip: Path, tmp_path: Path) -> None:
    put(clip, '{"schema": 1, "sed": "<b>42</b>"}')
    receipt = api.fix(clip, tmp_path / "out", comparison=False)
    assert receipt.outcome is Outcome.REPAIRED
    stored = receipt.details["stored"]
    assert (stored["prompt"], stored["lint"][0]["rule"]) == (None, "sidecar-unreadable")
    assert stored["lint"][0]["severity"] == "error"
    assert "'sed' is no key" in stored["lint"][0]["message"]
    assert "Cause found" not in receipt.details["diagnosis"]["summary"]
    assert receipt.report is not None
    assert "sidecar-unreadable" in receipt.report.read_text(encoding="utf-8")


def test_the_folder_is_the_innermost_hot_folder_or_the_clips_own(tmp_path: Path) -> None:
    hot, inner = tmp_path / "hot", tmp_path / "hot" / "inner"
    settings = Settings(hot_folders=(HotFolder(path=hot), HotFolder(path=inner)))
    assert station.folder_of(hot / "a" / "clip.mp4", settings) == hot
    assert station.folder_of(inner / "a" / "clip.mp4", settings) == inner
    assert station.folder_of(tmp_path / "other" / "clip.mp4", settings) == tmp_path / "other"


def test_a_passage_with_a_prompt_survives_the_queue(clip: Path, tmp_path: Path) -> None:
    put(clip, SVD)
    passage = Passage("job-1", Request(clip, tmp_path, "clip.mp4"), tmp_path)
    for name in ("probe", "prompt"):
        stage = road.next_stage(passage)
        assert stage is not None
        assert stage.name == name
        passage = road.run_stage(stage, passage, Settings(), lambda part: None)
    assert passage.stored is not None
    assert passage.stored.prompt is not None
    assert from_json(Passage, json.loads(json.dumps(to_json(passage)))) == passage


def test_a_report_without_a_prompt_has_no_panel(clip: Path, tmp_path: Path) -> None:
    receipt = api.fix(clip, tmp_path / "out", route="keep", comparison=False)
    assert "The stored prompt" not in account.told(receipts.passage_of(receipt), receipt)["headline"]
    assert receipt.report is not None
    assert "The stored prompt" not in receipt.report.read_text(encoding="utf-8")


GRAPH = {
    "3": {"class_type": "KSampler", "inputs": {"seed": 9, "steps": 30, "cfg": 6.0, "positive": ["6", 0], "latent_image": ["4", 0]}},
    "4": {"class_type": "EmptyHunyuanLatentVideo", "inputs": {"width": 832, "height": 480, "length": 81}},
    "6": {"class_type": "CLIPTextEncode", "inputs": {"text": "a fox"}},
    "8": {"class_type": "VAEDecodeTiled", "inputs": {"samples": ["3", 0]}},
    "9": {"class_type": "SaveVideo", "inputs": {"video": ["8", 0], "filename_prefix": "x"}},
}
PAGE = {"nodes": [{"id": 3, "type": "KSampler", "mode": 0, "widgets_values": [9, "randomize", 30, 6.0]}], "links": []}


def with_graph(path: Path, graph: dict[str, Any], page: dict[str, Any]) -> Path:
    from PIL import Image, PngImagePlugin

    texts = PngImagePlugin.PngInfo()
    texts.add_text("prompt", json.dumps(graph))
    texts.add_text("workflow", json.dumps(page))
    Image.new("RGB", (8, 8)).save(path, pnginfo=texts)
    return path


def test_a_graph_tells_of_tiles_and_of_seeds_that_are_drawn(tmp_path: Path) -> None:
    stored = api.stored_prompt(with_graph(tmp_path / "frame.png", GRAPH, PAGE))
    assert stored.prompt is not None
    assert (stored.prompt.seed, stored.prompt.extra["vae_tiling"], stored.prompt.extra["control_after_generate"]) == (9, True, "randomize")
    assert stored.prompt.sources["vae_tiling"] == "VAEDecodeTiled node 8"
    assert [(each.rule, each.suggested) for each in stored.lint] == [("seed-unlocked", 9)]


def test_a_graph_that_decodes_whole_with_a_fixed_seed_tells_nothing(tmp_path: Path) -> None:
    graph = GRAPH | {"8": {"class_type": "WanVideoDecode", "inputs": {"samples": ["3", 0], "enable_vae_tiling": False}}}
    page = {
        "nodes": [PAGE["nodes"][0] | {"widgets_values": [9, "fixed", 30, 6.0]}, {"id": 1, "mode": 4, "widgets_values": [1, "randomize"]}]
    }
    stored = api.stored_prompt(with_graph(tmp_path / "frame.png", graph, page))
    assert stored.prompt is not None
    assert not {"vae_tiling", "control_after_generate"} & set(stored.prompt.extra)
    assert stored.lint == ()


def test_the_real_samples_go_through(shared_clips: Path) -> None:
    found = {each.name: api.stored_prompt(each) for each in sorted((shared_clips / "meta").iterdir())}
    assert sum(stored.prompt is not None for stored in found.values()) >= 10
    for stored in found.values():
        assert all("{" not in each.message and each.source for each in stored.lint)
