"""Outcomes, receipts, and a delivery that may be killed anywhere."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import prompts
import pytest
from deliveries import SETTINGS, Maker
from deliveries import deliver as _deliver

from deshimmer.config.errors import IncompleteClip
from deshimmer.config.settings import Settings
from deshimmer.processors import delivery, media, offers, outcome, receipts, work_folders
from deshimmer.processors.families.family import Kind, Means
from deshimmer.processors.records import (
    Change,
    Outcome,
    Receipt,
    Route,
    Verdict,
    from_json,
    to_json,
)

SUMMARY_KEYS = [
    *("id", "path", "outcome", "reason", "verdict", "route", "output", "comparison", "report", "receipt"),
    *("before", "after", "verified", "offer", "seconds"),
]


def _listing(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}


@pytest.mark.parametrize(
    ("case", "ending"),
    [
        ({}, (Outcome.REPAIRED, True, True)),
        ({"better": False}, (Outcome.KEPT, False, False)),
        ({"better": False, "named": True}, (Outcome.REPAIRED, False, True)),
        ({"better": False, "broken": True, "named": True}, (Outcome.KEPT, False, False)),
        ({"better": False, "verdict": Verdict.INCOHERENT}, (Outcome.FLAGGED, False, False)),
        ({"tried": False}, (Outcome.KEPT, None, False)),
        ({"tried": False, "verdict": Verdict.INCOHERENT}, (Outcome.FLAGGED, None, False)),
        ({"request": {"preview": True}}, (Outcome.KEPT, True, False)),
    ],
)
def test_outcomes(passage: Maker, case: dict[str, Any], ending: tuple[Outcome, bool | None, bool]) -> None:
    decided = outcome.decide(passage(**case))
    assert (decided.outcome, decided.verified, decided.delivers) == ending


@pytest.mark.parametrize(
    ("case", "outcome_"),
    [
        ({}, Outcome.REPAIRED),
        ({"better": False}, Outcome.FLAGGED),
        ({"tried": False}, Outcome.FLAGGED),
        ({"better": False, "named": True}, Outcome.REPAIRED),
    ],
)
def test_where_nothing_helped_and_it_can_be_rendered_again_a_person_decides(
    passage: Maker, case: dict[str, Any], outcome_: Outcome
) -> None:
    assert outcome.decide(passage(**case), is_offered=True).outcome is outcome_


def test_the_offer_stands_on_receipt_and_report(passage: Maker, monkeypatch: pytest.MonkeyPatch) -> None:
    lint = (prompts.STEPS,)
    changes = (Change("num_inference_steps", 20, 40, "cogvideox-steps"),)
    made = offers.Offer(
        Means.DIFFUSERS, Kind.VIDEO, "m", "p", 6.0, 9.0, "cuda:0", True, True, "Its <b>content</b> stays.", changes, lint, True, None
    )
    monkeypatch.setattr(offers, "offer", lambda passage, settings: made)
    receipt = _deliver(passage(better=False))
    assert (receipt.outcome, receipt.offer) == (Outcome.FLAGGED, made.as_dict())
    assert delivery.summary(receipt)["offer"]["minutes"] == 6.0
    assert receipt.report is not None
    html = receipt.report.read_text()
    assert "would take about 6 minutes and 9 GB on cuda:0. Approve it with: deshimmer approve 0123456789ab-1" in html
    assert "<b>num_inference_steps</b>: 20 becomes 40" in html
    assert "Its &lt;b&gt;content&lt;/b&gt; stays." in html
    assert receipts.passage_of(receipt).stored is None


def test_an_approved_rendering_that_is_not_better_leaves_the_former_result(passage: Maker, tmp_path: Path) -> None:
    before = _deliver(passage())
    assert before.output is not None
    repaired = before.output.read_bytes()
    refused = _deliver(passage(job="0123456789ab-2", better=False, request={"approved": True, "route": Route.REGENERATE}))
    assert (refused.outcome, refused.verified, refused.output) == (Outcome.KEPT, False, None)
    assert "what was there before stays" in refused.reason
    assert before.output.read_bytes() == repaired
    assert "clip.deshimmered.mp4" in _listing(tmp_path / "deshimmered")
    assert "clip.comparison.mp4" in _listing(tmp_path / "deshimmered")
    assert refused.details["former"] == json.loads(json.dumps(delivery.summary(before)))
    assert refused.report is not None
    assert "What job 0123456789ab-1 delivered before stays: clip.deshimmered.mp4." in refused.report.read_text()
    cancelled = delivery.conclude_cancelled(passage(job="0123456789ab-4", request={"approved": True}), Settings(), "cancelled by you")
    assert cancelled.details["former"]["id"] == "0123456789ab-1"  # whose result lies there, not the one before
    better = _deliver(passage(job="0123456789ab-3", request={"approved": True, "route": Route.REGENERATE}))
    assert (better.outcome, better.output) == (Outcome.REPAIRED, before.output)
    assert better.details["former"]["id"] == "0123456789ab-1"
    assert _listing(tmp_path / "deshimmered") == {"clip.deshimmered.mp4", "clip.comparison.mp4", "clip.report.html", "clip.receipt.json"}


def test_repaired_clip_lies_with_all_its_files(passage: Maker, tmp_path: Path) -> None:
    receipt = _deliver(passage())
    assert _listing(tmp_path / "deshimmered") == {"clip.deshimmered.mp4", "clip.comparison.mp4", "clip.report.html", "clip.receipt.json"}
    assert receipt.output == tmp_path / "deshimmered" / "clip.deshimmered.mp4"
    assert media.probe(receipt.output).frames == 6
    assert media.probe(tmp_path / "deshimmered" / "clip.comparison.mp4").frames > 0
    summary = delivery.summary(receipt)
    assert list(summary) == SUMMARY_KEYS
    assert (summary["outcome"], summary["route"], summary["verified"], summary["path"]) == ("repaired", "smooth", True, "./clip.mp4")
    assert set(summary["before"]) == {"flicker_score", "bands", "codec", "article_mean_diff"}
    assert os.path.isabs(summary["receipt"])
    assert summary["seconds"] >= 0.1


def test_receipt_on_disk_is_the_receipt(passage: Maker) -> None:
    receipt = _deliver(passage())
    assert receipt.receipt is not None
    record = json.loads(receipt.receipt.read_bytes())
    assert "error" not in record
    assert from_json(Receipt, record) == receipt
    assert {"deshimmer", "ffmpeg", "opencv-python-headless"} <= set(record["details"]["versions"])
    assert record["details"]["verification"]["checks"][0]["name"] == "flicker"


def test_kept_clip_has_report_and_receipt_only(passage: Maker, tmp_path: Path) -> None:
    receipt = _deliver(passage(better=False))
    assert _listing(tmp_path / "deshimmered") == {"clip.report.html", "clip.receipt.json"}
    assert (receipt.output, receipt.comparison, receipt.route) == (None, None, Route.KEEP)
    assert receipt.after is not None
    assert receipt.reason == "No result was better than the original (1 tried). Flicker fell by 60%."


def test_preview_has_a_comparison_and_no_result(passage: Maker, tmp_path: Path) -> None:
    receipt = _deliver(passage(request={"preview": True}))
    assert (receipt.outcome, receipt.reason) == (Outcome.KEPT, "preview")
    assert _listing(tmp_path / "deshimmered") == {f"clip.preview.{kind}" for kind in ("comparison.mp4", "report.html", "receipt.json")}
    assert receipt.comparison == tmp_path / "deshimmered" / "clip.preview.comparison.mp4"


def test_preview_leaves_a_finished_job_alone_and_replaces_a_former_preview(passage: Maker, tmp_path: Path) -> None:
    _deliver(passage())
    finished = {path.name: path.read_bytes() for path in (tmp_path / "deshimmered").iterdir()}
    for number in (2, 3):
        _deliver(passage(job=f"0123456789ab-{number}", request={"preview": True}))
    lying = {path.name: path.read_bytes() for path in (tmp_path / "deshimmered").iterdir()}
    assert len(lying) == 7
    assert {name: lying[name] for name in finished} == finished
    _deliver(passage(job="0123456789ab-4", better=False))
    assert _listing(tmp_path / "deshimmered") == {
        *("clip.report.html", "clip.receipt.json"),
        *(f"clip.preview.{kind}" for kind in ("comparison.mp4", "report.html", "receipt.json")),
    }


def test_preview_with_nothing_to_show_says_why(passage: Maker, tmp_path: Path) -> None:
    request = {"preview": True}
    kept = outcome.decide(passage(tried=False, verdict=Verdict.INCOHERENT, request=request))
    assert (kept.outcome, kept.reason, kept.verified, kept.compares) == (Outcome.KEPT, "preview: Nothing to repair.", None, False)
    broken = outcome.decide(passage(better=False, broken=True, request=request))
    assert (broken.outcome, broken.reason, broken.compares) == (Outcome.KEPT, "preview: Flicker fell by 60%.", False)
    worse = outcome.decide(passage(better=False, request=request))
    assert (worse.reason, worse.verified, worse.compares) == ("preview", False, True)


def test_kept_removes_what_an_earlier_job_of_it_left(passage: Maker, tmp_path: Path) -> None:
    _deliver(passage())
    _deliver(passage(job="0123456789ab-2", better=False))
    assert _listing(tmp_path / "deshimmered") == {"clip.report.html", "clip.receipt.json"}


def test_result_with_another_suffix_replaces_the_former(passage: Maker, tmp_path: Path) -> None:
    _deliver(passage())
    again = passage(job="0123456789ab-2")
    assert again.candidate is not None
    moved = again.candidate.path.rename(again.work_folder / "candidate-0.mov")
    _deliver(replace(again, candidate=replace(again.candidate, path=moved)))
    assert _listing(tmp_path / "deshimmered") == {"clip.deshimmered.mov", "clip.comparison.mp4", "clip.report.html", "clip.receipt.json"}


def test_failure_leaves_the_earlier_result_and_its_owner(passage: Maker, tmp_path: Path) -> None:
    _deliver(passage())
    receipt = delivery.conclude_failed(passage(job="0123456789ab-2"), SETTINGS, IncompleteClip("Cut off.", path=tmp_path / "clip.mp4"))
    assert "clip.deshimmered.mp4" in _listing(tmp_path / "deshimmered")
    summary = delivery.summary(receipt)
    assert summary == {
        "path": "./clip.mp4",
        "outcome": "failed",
        "error": {"title": "The file is incomplete", "message": "Cut off.", "path": "./clip.mp4"},
        "id": "0123456789ab-2",
        "receipt": str(tmp_path / "deshimmered" / "clip.receipt.json"),
    }
    _deliver(passage(job="0123456789ab-3", better=False))
    assert _listing(tmp_path / "deshimmered") == {"clip.report.html", "clip.receipt.json"}


def test_cancelled_has_a_receipt_and_no_work_folder(passage: Maker, tmp_path: Path) -> None:
    receipt = delivery.conclude_cancelled(passage(), SETTINGS, "The render was replaced.")
    assert (receipt.outcome, receipt.reason) == (Outcome.CANCELLED, "The render was replaced.")
    assert _listing(tmp_path / "deshimmered") == {"clip.receipt.json"}


def test_two_sources_of_one_name_do_not_meet(passage: Maker, tmp_path: Path) -> None:
    _deliver(passage())
    second = _deliver(passage(name="clip.mov", job="abcdefabcdef-1"))
    assert second.receipt is not None
    assert second.receipt.name == "clip.mov.receipt.json"
    assert len(_listing(tmp_path / "deshimmered")) == 8


class _Killed(BaseException):
    """What nothing catches, as a kill."""


@pytest.mark.parametrize("is_done", [False, True])
@pytest.mark.parametrize("moment", range(6))
def test_delivery_killed_at_any_rename_ends_the_same(
    passage: Maker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moment: int, is_done: bool
) -> None:
    _deliver(passage(job="ffffffffffff-1", better=False))
    due = passage()
    left = [moment]

    def dying(real: Callable[..., None]) -> Callable[..., None]:
        def step(*arguments: Any) -> None:
            left[0] -= 1
            if left[0] >= 0 or is_done:
                real(*arguments)
            if left[0] == -1:
                raise _Killed

        return step

    with monkeypatch.context() as patch:
        patch.setattr(work_folders, "move", dying(work_folders.move))
        patch.setattr(work_folders, "write_whole", dying(work_folders.write_whole))
        with pytest.raises(_Killed):
            _deliver(due)
    again = _deliver(due)
    assert (again.outcome, again.id) == (Outcome.REPAIRED, "0123456789ab-1")
    assert _listing(tmp_path / "deshimmered") == {"clip.deshimmered.mp4", "clip.comparison.mp4", "clip.report.html", "clip.receipt.json"}


def test_delivery_that_was_committed_is_not_done_again(passage: Maker) -> None:
    due = passage()
    first = _deliver(due)
    assert due.candidate is not None
    assert not due.candidate.path.exists()
    assert _deliver(due) == first


def test_interrupted_delivery_is_taken_back_when_it_is_given_up(passage: Maker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    due = passage()

    def refuse(content: bytes, target: Path, folder: Path) -> None:
        raise _Killed

    with monkeypatch.context() as patch:
        patch.setattr(work_folders, "put", refuse)
        with pytest.raises(_Killed):
            _deliver(due)
    assert "clip.deshimmered.mp4" in _listing(tmp_path / "deshimmered")
    delivery.conclude_cancelled(due, SETTINGS, "cancelled")
    assert _listing(tmp_path / "deshimmered") == {"clip.receipt.json"}


def test_sweep_takes_only_what_nobody_owns(tmp_path: Path) -> None:
    kept, owned, left = (work_folders.make_work_folder(tmp_path, name) for name in ("kept", "owned", "left"))
    for folder in (kept, left):
        (folder / "owner.json").write_text('{"pid": 999999, "started": 1.0}')
    assert delivery.sweep_work_folders(tmp_path, {"kept"}) == 1
    assert (kept.exists(), owned.exists(), left.exists()) == (True, True, False)


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root writes everywhere")
def test_folder_that_cannot_be_written(passage: Maker, tmp_path: Path) -> None:
    due = passage()
    folder = tmp_path / "deshimmered"
    folder.chmod(stat.S_IRUSR | stat.S_IXUSR)
    try:
        receipt = delivery.conclude_failed(due, SETTINGS, IncompleteClip("Cut off."))
    finally:
        folder.chmod(0o700)
    assert (receipt.outcome, receipt.receipt) == (Outcome.FAILED, None)


def test_output_folder_that_is_a_file(passage: Maker, tmp_path: Path) -> None:
    due = passage()
    (tmp_path / "taken").touch()
    request = replace(due.request, output_dir=tmp_path / "taken")
    receipt = delivery.conclude_failed(replace(due, request=request), SETTINGS, IncompleteClip("Cut off."))
    assert (receipt.outcome, receipt.receipt) == (Outcome.FAILED, None)
    assert delivery.summary(receipt)["error"]["message"] == "Cut off."


@pytest.mark.parametrize("name", ["-clip.mp4", "a b\nc.mp4", "🎬.mp4", "50%d.mp4", "a:b.mp4", "it's.mp4"])
def test_odd_names(passage: Maker, tmp_path: Path, name: str) -> None:
    receipt = _deliver(passage(name=name))
    assert receipt.output == tmp_path / "deshimmered" / f"{name[:-4]}.deshimmered.mp4"
    assert receipt.output.exists()
    assert to_json(receipt)["path"] == f"./{name}"
