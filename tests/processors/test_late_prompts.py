"""A sidecar that comes after the job: the offer comes with it."""

from __future__ import annotations

import json
from pathlib import Path

import prompts
import pytest
from clipmaker import pan, patch_flicker, write

from deshimmer.config.errors import MissingClip
from deshimmer.config.settings import Settings
from deshimmer.processors import api, receipts, road
from deshimmer.processors.families.cost import Cost
from deshimmer.processors.records import Receipt, from_json

SIDECAR = {"schema": 1, "pipeline": "CogVideoXPipeline", "model": "THUDM/CogVideoX-5b", "prompt": "a woman", "seed": 42, "num_frames": 25}


def test_a_late_sidecar_brings_an_offer_and_a_later_one_another(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    prompts.install(monkeypatch, weights=Path("/weights"))
    cost = Cost(minutes=6.0, memory_gb=9.0, device="CPU", on_gpu=False, fits=True, way="")
    monkeypatch.setattr("deshimmer.processors.families.cost.estimate", lambda *asked: cost)
    clip = write(tmp_path / "clip.mp4", patch_flicker(pan(25, (256, 160), "astronaut", 2.0), 10.0))
    ended = api.fix(clip, comparison=False)
    assert ended.offer is None
    assert ended.receipt is not None
    receipt = receipts.read(ended.receipt)
    assert receipt is not None
    assert road.renewed(receipt, Settings()) is None
    sidecar = tmp_path / "clip.deshimmer.json"
    sidecar.write_text(json.dumps(SIDECAR | {"num_inference_steps": 20}))
    told = road.renewed(receipt, Settings())
    assert told is not None
    assert told.offer is not None
    assert [change["field"] for change in told.offer["changes"]] == ["num_inference_steps"]
    assert (told.outcome, told.output) == (receipt.outcome, receipt.output)
    again = from_json(Receipt, json.loads(receipts.as_bytes(told)))
    assert road.renewed(again, Settings()) is None
    sidecar.write_text("no JSON")
    broken = road.renewed(again, Settings())
    assert broken is not None
    assert broken.offer is None
    assert broken.details["stored"]["lint"][0]["rule"] == "sidecar-unreadable"
    clip.unlink()
    with pytest.raises(MissingClip):
        road.renewed(again, Settings())


def test_weights_that_came_since_make_an_offer_ready(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    prompts.install(monkeypatch)
    cost = Cost(minutes=6.0, memory_gb=9.0, device="CPU", on_gpu=False, fits=True, way="")
    monkeypatch.setattr("deshimmer.processors.families.cost.estimate", lambda *asked: cost)
    clip = write(tmp_path / "clip.mp4", patch_flicker(pan(25, (256, 160), "astronaut", 2.0), 10.0))
    (tmp_path / "clip.deshimmer.json").write_text(json.dumps(SIDECAR | {"num_inference_steps": 20}))
    ended = api.fix(clip, comparison=False)
    assert ended.offer is not None
    assert (ended.offer["ready"], "models add" in ended.offer["remedy"]) == (False, True)
    assert ended.receipt is not None
    receipt = receipts.read(ended.receipt)
    assert receipt is not None
    assert road.renewed(receipt, Settings()) is None
    prompts.install(monkeypatch, weights=Path("/weights"))
    told = road.renewed(receipt, Settings())
    assert told is not None
    assert told.offer is not None
    assert (told.offer["ready"], told.offer["remedy"]) == (True, None)
