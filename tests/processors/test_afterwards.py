"""What is changed after a job's end: receipt and report agree, and only our own files go."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from deliveries import Maker, deliver

from deshimmer.config.errors import DaemonError
from deshimmer.processors import afterwards, receipts
from deshimmer.processors.records import KEPT_BY_CHOICE, Outcome, Receipt, Route

APPROVED = {"approved": True, "route": Route.REGENERATE}


def html(receipt: Receipt) -> str:
    assert receipt.report is not None
    return receipt.report.read_text()


def test_a_report_says_that_the_original_was_kept_and_keeps_its_pictures(passage: Maker) -> None:
    before = deliver(passage())
    was = html(before)
    assert "Watch the comparison" in was
    kept = afterwards.keep_original(before)
    told = html(kept)
    assert '<span class="pill kept">Left as it is</span>' in told
    assert KEPT_BY_CHOICE in told
    assert "You chose to keep the original: no result lies there any more." in told
    for gone in ("Repaired", "Watch the comparison", "clip.comparison.mp4", "clip.deshimmered.mp4", "preview", "efused"):
        assert gone not in told
    assert told.count("data:image/jpeg") == was.count("data:image/jpeg") > 0
    assert afterwards.keep_original(kept) == kept
    assert html(kept) == told


def test_an_offer_that_comes_late_stands_in_the_report(passage: Maker) -> None:
    before = deliver(passage())
    was = html(before)
    offer = {"ready": True, "minutes": 6.0, "memory_gb": 9.0, "device": "cuda:0", "reason": "Its content stays.", "changes": []}
    told = replace(before, offer=offer)
    afterwards.rewrite(told, before)
    assert f"deshimmer approve {before.id}" in html(told)
    assert "Watch the comparison" in html(told)
    afterwards.rewrite(before)
    assert html(before) == was


def test_what_was_decided_at_the_same_moment_is_not_undone(passage: Maker) -> None:
    before = deliver(passage())
    kept = afterwards.keep_original(before)
    with pytest.raises(DaemonError, match="same moment"):
        afterwards.rewrite(replace(before, offer={}), before)
    assert kept.receipt is not None
    assert receipts.read(kept.receipt) == kept


def test_keeping_the_original_takes_what_an_earlier_job_left_too(passage: Maker, tmp_path: Path) -> None:
    before = deliver(passage())
    refused = deliver(passage(job="0123456789ab-2", better=False, request=APPROVED))
    assert before.output is not None
    assert before.output.exists()
    kept = afterwards.keep_original(refused)
    assert (kept.outcome, kept.details["former"]["output"]) == (Outcome.KEPT, None)
    assert {path.name for path in (tmp_path / "deshimmered").iterdir()} == {"clip.report.html", "clip.receipt.json"}


def test_a_report_that_was_removed_stays_away(passage: Maker) -> None:
    before = deliver(passage())
    assert before.report is not None
    before.report.unlink()
    assert afterwards.keep_original(before).outcome is Outcome.KEPT
    assert not before.report.exists()
