"""Curves and maps in the receipt: whole, small, and worth their figures."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from clipmaker import pan, patch_flicker, write

from deshimmer.config.settings import Settings
from deshimmer.processors import api, receipts
from deshimmer.processors.records import Band, Receipt, Route
from deshimmer.processors.reports import traces


@pytest.fixture(scope="module")
def receipt(tmp_path_factory: pytest.TempPathFactory) -> Receipt:
    folder = tmp_path_factory.mktemp("traces")
    clip = write(folder / "clip.mp4", patch_flicker(pan(24, (192, 128)), 9))
    return api.fix(clip, folder / "out", Settings())


def test_a_receipt_keeps_both_curves_and_maps(receipt: Receipt) -> None:
    assert receipt.route is Route.SMOOTH
    kept = traces.unpack(receipt.details["traces"])
    assert (kept["version"], kept["frames"], kept["points"]) == (traces.VERSION, 24, 24)
    patches = kept["curves"][Band.LOW_LUMA]
    assert len(patches["before"]) == len(patches["after"]) == 24
    assert np.mean(patches["before"][2:]) > 4
    assert np.mean(patches["after"][2:]) < 0.35 * np.mean(patches["before"][2:])
    old, new = kept["maps"][Band.LOW_LUMA]["before"], kept["maps"][Band.LOW_LUMA]["after"]
    assert (old["width"], old["height"]) == (new["width"], new["height"])
    assert len(old["data"]) == old["width"] * old["height"]
    assert max(new["data"]) < max(old["data"])
    first, last = kept["worst"]
    assert 0 <= first < last <= 23


def test_they_are_small_and_survive_the_file(receipt: Receipt) -> None:
    assert receipt.receipt is not None
    stored = json.loads(Path(receipt.receipt).read_text())["details"]["traces"]
    assert traces.unpack(stored) == traces.unpack(receipt.details["traces"])
    assert len(json.dumps(stored)) < 20_000


def test_the_passage_comes_back_from_the_receipt(receipt: Receipt) -> None:
    passage = receipts.passage_of(receipt)
    assert passage.diagnosis is not None
    assert passage.verification is not None
    assert passage.diagnosis.verdict is receipt.verdict
    assert passage.verification.better
    assert passage.treatment is not None
    assert passage.treatment.route is Route.SMOOTH


def test_a_long_curve_keeps_its_spikes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(traces, "MOST_POINTS", 10)
    curve = np.zeros(100)
    curve[57] = 12.345
    levels = traces._levels(traces._curve({Band.DETAIL: curve}, Band.DETAIL))
    assert levels is not None
    assert (len(levels), levels[5], max(levels[:5] + levels[6:])) == (10, pytest.approx(12.34, abs=0.011), 0)
