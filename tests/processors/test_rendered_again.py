"""From a clip with a sidecar to a receipt: offered, rendered again by a stand-in for the model, judged and delivered."""

from __future__ import annotations

import json
from pathlib import Path

import prompts
import pytest
from clipmaker import Picture, pan, patch_flicker, write

from deshimmer.processors import api, treatment
from deshimmer.processors.families.cost import Cost
from deshimmer.processors.jobs import Job
from deshimmer.processors.records import Candidate, Outcome, Receipt, Route

FRAMES, SIZE = 25, (256, 160)


@pytest.fixture
def clip(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    prompts.install(monkeypatch, weights=Path("/weights"))
    cost = Cost(minutes=6.0, memory_gb=9.0, device="CPU", on_gpu=False, fits=True, way="")
    monkeypatch.setattr("deshimmer.processors.families.cost.estimate", lambda *asked: cost)
    path = write(tmp_path / "clip.mp4", patch_flicker(pan(FRAMES, SIZE, "astronaut", 2.0), 10.0))
    stored = {"schema": 1, "pipeline": "CogVideoXPipeline", "model": "THUDM/CogVideoX-5b", "prompt": "a woman", "seed": 42}
    (tmp_path / "clip.deshimmer.json").write_text(json.dumps(stored | {"num_frames": FRAMES, "num_inference_steps": 20}))
    return path


def renders(monkeypatch: pytest.MonkeyPatch, shots: list[Picture]) -> None:
    def render(job: Job) -> Candidate:
        made = job.treatment.regeneration
        assert made is not None
        assert made.model == Path("/weights")
        path = write(job.output_stem.with_suffix(".mp4"), shots)
        return Candidate(path, job.treatment, "H.264", len(shots), 0.0)

    monkeypatch.setitem(treatment.MAKERS, Route.REGENERATE, render)


def fixed(clip: Path, route: str | None = None) -> Receipt:
    return api.fix(clip, route=route, candidates=2 if route else None)


def test_a_repair_is_delivered_and_rendering_again_offered(clip: Path) -> None:
    receipt = fixed(clip)
    assert receipt.offer is not None
    assert (receipt.offer["kind"], receipt.offer["minutes"], receipt.offer["ready"]) == ("video", 6.0, True)
    assert any(change["field"] == "num_inference_steps" for change in receipt.offer["changes"])
    assert receipt.outcome in (Outcome.REPAIRED, Outcome.FLAGGED)
    assert receipt.report is not None
    assert "deshimmer fix --route regenerate" in receipt.report.read_text()


def test_rendered_again_and_delivered(clip: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    renders(monkeypatch, pan(FRAMES, SIZE, "astronaut", 2.0))
    receipt = fixed(clip, "regenerate")
    assert (receipt.outcome, receipt.route, receipt.verified, receipt.offer) == (Outcome.REPAIRED, Route.REGENERATE, True, None)
    assert receipt.report is not None
    html = receipt.report.read_text()
    assert "Rendered again, video to video with THUDM/CogVideoX-5b, the best of 2 seeds." in html
    assert "num_inference_steps: 20 became" in html
    assert receipt.comparison is not None


def test_a_named_rendering_that_shows_another_scene_is_delivered_and_called_so(clip: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    renders(monkeypatch, pan(FRAMES, SIZE, "coffee", 2.0))
    receipt = fixed(clip, "regenerate")
    assert (receipt.outcome, receipt.verified) == (Outcome.REPAIRED, False)
    assert "another scene" in receipt.reason
