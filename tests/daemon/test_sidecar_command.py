"""The command ``sidecar``: as a script and as a person see it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from commandline import Run

KEYS = [
    *("path", "found", "source", "pipeline", "reason", "model", "prompt", "negative_prompt", "seed", "num_frames"),
    *("num_inference_steps", "guidance_scale", "width", "height", "fps", "extra", "sources", "missing", "lint"),
]


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    values = {
        "schema": 1,
        "pipeline": "CogVideoXPipeline",
        "model": "THUDM/CogVideoX-5b",
        "prompt": "a fox\n[red]in[/] \x1b[31msnow",
        "num_frames": 49,
        "width": 720,
        "height": 480,
        "num_inference_steps": 20,
    }
    (tmp_path / "clip.deshimmer.json").write_text(json.dumps(values), encoding="utf-8")
    (tmp_path / "clip.mp4").write_bytes(b"whatever it is")
    return tmp_path / "clip.mp4"


def test_json_has_the_keys_of_the_design(run: Run, clip: Path) -> None:
    ended = run("sidecar", clip, "--json")
    (record,) = ended.lines
    assert (ended.code, list(record)) == (0, KEYS)
    assert (record["path"], record["found"], record["source"], record["pipeline"]) == (str(clip), True, "deshimmer", "CogVideoXPipeline")
    assert record["missing"] == ["seed", "guidance_scale", "fps"]
    assert [each["rule"] for each in record["lint"]] == ["cogvideox-steps", "seed-unlocked"]
    assert (record["lint"][0]["value"], record["lint"][0]["suggested"]) == (20, 40)
    assert record["sources"]["prompt"] == "prompt in clip.deshimmer.json"


def test_a_person_sees_what_where_what_is_missing_and_wrong(run: Run, clip: Path) -> None:
    ended = run("sidecar", clip)
    assert (ended.code, ended.err) == (0, "")
    assert "left by deshimmer" in ended.out
    for words in ("Prompt", "Model", "Steps", "720 x 480", "width in clip.deshimmer.json", "Missing: seed, guidance, frame rate"):
        assert words in ended.out
    assert "error cogvideox-steps: 20 steps" in ended.out
    assert "[red]in[/]" in ended.out
    assert "\x1b" not in ended.out


def test_a_clip_without_a_prompt_is_no_failure(run: Run, tmp_path: Path) -> None:
    clip = tmp_path / "plain.mp4"
    clip.write_bytes(b"")
    ended = run("sidecar", clip, "--json")
    (record,) = ended.lines
    assert (ended.code, list(record), record["found"], record["lint"]) == (0, KEYS, False, [])
    assert "prompt" in record["missing"]
    assert "no prompt was found" in run("sidecar", clip).out


def test_errors_are_told_and_the_others_shown(run: Run, clip: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(b"")
    (tmp_path / "broken.deshimmer.json").write_text('{"schema": 1, "sed": 42}')
    ended = run("sidecar", tmp_path / "absent.mp4", broken, tmp_path, clip, "--json")
    assert ended.code == 1
    assert [line.get("outcome") for line in ended.lines] == ["failed", "failed", "failed", None]
    assert "'sed' is no key" in ended.lines[1]["error"]["message"]
    assert ended.lines[1]["path"] == str(broken)
    assert ended.lines[3]["found"] is True


def test_diagnose_shows_the_lint(run: Run, flickering: Path, tmp_path: Path) -> None:
    clip = tmp_path / "flicker.mp4"
    clip.write_bytes(flickering.read_bytes())
    (tmp_path / "flicker.deshimmer.json").write_text('{"schema": 1, "model": "svd_xt", "extra": {"noise_aug_strength": 0.2}}')
    (record,) = run("diagnose", clip, "--json").lines
    assert [each["rule"] for each in record["lint"]] == ["svd-noise-aug", "seed-unlocked"]
    shown = run("diagnose", clip).out
    assert "Cause found in your parameters" in shown
    assert "error svd-noise-aug" in shown
