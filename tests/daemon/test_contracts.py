"""What ``--json`` prints, key by key as docs and scripts have it: nothing more, nothing less, of these kinds."""

from __future__ import annotations

import shutil
from pathlib import Path
from types import NoneType
from typing import Any

import pytest
from clipmaker import pan, write
from commandline import Run

NUMBER = (int, float)
MAYBE_NUMBER = (int, float, NoneType)
MAYBE_TEXT = (str, NoneType)
MAYBE_BOOL = (bool, NoneType)

BANDS = {band: {"amplitude": MAYBE_NUMBER, "correlation": MAYBE_NUMBER} for band in ("global_luma", "low_luma", "low_chroma", "detail")}
CODEC = dict.fromkeys(("cambi", "blockiness", "keyframe_pulse", "posterisation"), MAYBE_NUMBER)
DIAGNOSIS = {
    "path": str,
    "verdict": str,
    "confidence": NUMBER,
    "flicker_score": NUMBER,
    "route": str,
    "summary": str,
    "amounts": dict.fromkeys(("clean", "luminance", "generative", "codec", "incoherent"), NUMBER),
    "causes": [{"kind": str, "start_frame": int, "end_frame": int, "amount": NUMBER, "advice": str}],
    "bands": BANDS,
    "codec": CODEC,
    "shots": [
        {
            "start": int,
            "end": int,
            "verdict": str,
            "bands": BANDS,
            "confidence": NUMBER,
            "flicker_score": NUMBER,
            "route": str,
            "still": [str],
            "pulse_frames": (float, None),
        },
    ],
    "lint": [{"rule": str, "severity": str, "message": str, "value": object, "suggested": object, "source": str}],
    "worst": ({"start_frame": int, "end_frame": int}, None),
    "map": {band: ([[NUMBER]], None) for band in ("low_luma", "low_chroma", "detail")},
    "article_mean_diff": MAYBE_NUMBER,
    "article_verdict": MAYBE_TEXT,
    "frames": int,
    "fps": float,
    "fps_fraction": str,
    "width": int,
    "height": int,
    "seconds": NUMBER,
}
FIGURES = {"flicker_score": NUMBER, "bands": BANDS, "codec": CODEC, "article_mean_diff": MAYBE_NUMBER}
FIX = {
    "id": str,
    "path": str,
    "outcome": str,
    "reason": str,
    "verdict": str,
    "route": str,
    "output": MAYBE_TEXT,
    "comparison": MAYBE_TEXT,
    "report": str,
    "receipt": str,
    "before": FIGURES,
    "after": (FIGURES, None),
    "verified": MAYBE_BOOL,
    "offer": NoneType,
    "seconds": NUMBER,
}
ERROR = {"path": str, "outcome": str, "error": {"title": str, "message": str, "path": str}}
WRONG = {"path": MAYBE_TEXT, "outcome": str, "error": {"title": str, "message": str, "path": MAYBE_TEXT}}
DOCTOR = {"ok": bool, "checks": [{"name": str, "ok": bool, "optional": bool, "detail": str, "remedy": MAYBE_TEXT}]}
STATUS = {
    "running": bool,
    "api": (int, NoneType),
    "version": MAYBE_TEXT,
    "pid": (int, NoneType),
    "paused": MAYBE_BOOL,
    "paused_until": MAYBE_NUMBER,
    "gpu_paused": MAYBE_BOOL,
    "gpu_paused_until": MAYBE_NUMBER,
    "waiting": [{"what": str, "reason": str}],
    "snoozed_until": MAYBE_NUMBER,
    "page_in_front": MAYBE_BOOL,
    "hot_folders": [{"path": str, "output": str}],
    "problems": [ERROR["error"]],
    "counts": dict.fromkeys(("queued", "running", "cancelling", "done", "failed", "cancelled"), int),
    "needs_you": (int, NoneType),
    "approving": (int, NoneType),
    "waiting_for_approval": [{"id": str, "path": str, "minutes": MAYBE_NUMBER, "memory_gb": MAYBE_NUMBER, "device": MAYBE_TEXT}],
    "writing": [{"path": str, "since": NUMBER}],
    "event": (int, NoneType),
    "jobs": [
        {
            "id": str,
            "path": str,
            "stage": MAYBE_TEXT,
            "progress": MAYBE_NUMBER,
            "part": MAYBE_NUMBER,
            "eta_s": MAYBE_NUMBER,
        }
    ],
}


def check(value: Any, contract: Any, where: str = "") -> None:
    """``contract``: a dict of all keys in order, a list of one contract for each element, a type, several, or (a contract, None)."""
    if isinstance(contract, dict):
        assert list(value) == list(contract), where
        for key, each in contract.items():
            check(value[key], each, f"{where}.{key}")
    elif isinstance(contract, list):
        for index, each in enumerate(value):
            check(each, contract[0], f"{where}[{index}]")
    elif isinstance(contract, tuple) and contract[-1] is None:
        if value is not None:
            check(value, contract[0], where)
    else:
        assert isinstance(value, contract), (where, value)


def test_diagnose(run: Run, clip: Path, tmp_path: Path) -> None:
    one = write(tmp_path / "one.mp4", pan(1))
    ended = run("diagnose", clip, one, "--json")
    assert (ended.code, len(ended.lines)) == (0, 2)
    for record in ended.lines:
        check(record, DIAGNOSIS)
        assert all(0 <= record[key] <= 1 for key in ("confidence", "flicker_score"))
        assert all(0 <= amount <= 1 for amount in record["amounts"].values())
    record = ended.lines[0]
    assert (record["path"], record["verdict"], record["frames"]) == (str(clip), "luminance", 16)
    assert (record["fps"], record["fps_fraction"], record["width"], record["height"]) == (24.0, "24/1", 192, 128)
    assert max(record["amounts"], key=record["amounts"].get) == record["verdict"]


@pytest.mark.parametrize(("options", "outcome"), [((), "repaired"), (("--preview",), "kept"), (("--route", "keep"), "kept")])
def test_fix(run: Run, clip: Path, options: tuple[str, ...], outcome: str) -> None:
    record = run("fix", clip, "--json", *options).lines[0]
    check(record, FIX)
    assert record["outcome"] == outcome
    shown = [record[key] for key in ("output", "comparison", "report", "receipt") if record[key] is not None]
    assert all(Path(path).is_absolute() and Path(path).exists() for path in shown)
    assert (record["output"] is not None) == (outcome == "repaired")
    assert (record["after"] is None) == (record["verified"] is None) == ("keep" in options)


def test_watch_and_errors(run: Run, clip: Path, tmp_path: Path) -> None:
    hot = tmp_path / "hot"
    hot.mkdir()
    shutil.copyfile(clip, hot / "clip.mp4")
    (hot / "bad.mp4").write_text("not a video")
    ended = run("watch", hot, "--once", "--json", "--set", "intake.quiet_s=0")
    assert ended.code == 1
    for record in ended.lines:
        if record["outcome"] == "failed":
            check(record, {**ERROR, "id": str, "receipt": str})
        else:
            check(record, FIX)
    assert {record["outcome"] for record in ended.lines} == {"failed", "repaired"}
    for arguments in (("diagnose", tmp_path / "absent.mp4"), ("fix", tmp_path), ("fix", ""), ("diagnose", hot / "bad.mp4")):
        failed = run(*arguments, "--json")
        assert (failed.code, failed.lines[0]["outcome"]) == (1, "failed")
        check(failed.lines[0], ERROR)


def test_wrong_usage(run: Run) -> None:
    for arguments in (("fix",), ("nonsense",), ("jobs", "--state", "lost"), ("config", "mend"), ("pause", "--for", "soon"), ("sidecar",)):
        ended = run(*arguments, "--json")
        assert (ended.code, len(ended.lines)) == (2, 1)
        check(ended.lines[0], WRONG)


def test_doctor_and_status(run: Run) -> None:
    check(run("doctor", "--json").lines[0], DOCTOR)
    broken = run("doctor", "--json", "--set", "tools.ffmpeg=/absent")
    check(broken.lines[0], DOCTOR)
    assert (broken.code, broken.lines[0]["ok"]) == (1, False)
    check(run("status", "--json").lines[0], STATUS)
