"""Names of outputs: plain where free, with the source's suffix on a clash, never over anything foreign."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from deshimmer.processors import naming
from deshimmer.processors.records import Request


def _request(path: Path, output: Path | None = None) -> Request:
    return Request(path, output or path.parent / "deshimmered", str(path))


def _claim(request: Request, suffix: str) -> naming.Outputs:
    names = naming.outputs(request, suffix)
    names.receipt.parent.mkdir(parents=True, exist_ok=True)
    for each in names:
        each.write_bytes(b"x")
    files = [each.name for each in (names.result, names.comparison, names.report)]
    names.receipt.write_text(json.dumps({"details": {"source": str(request.path), "files": files}}))
    return names


def _names(names: naming.Outputs) -> list[str]:
    return [each.name for each in names]


def test_plain_names(tmp_path: Path) -> None:
    names = naming.outputs(_request(tmp_path / "clip.mp4"), ".mp4")
    assert _names(names) == ["clip.deshimmered.mp4", "clip.comparison.mp4", "clip.report.html", "clip.receipt.json"]
    assert names.result.parent == tmp_path / "deshimmered"


def test_same_source_takes_its_names_again(tmp_path: Path) -> None:
    request = _request(tmp_path / "clip.mp4")
    assert _claim(request, ".mp4") == naming.outputs(request, ".mp4")
    assert _names(naming.outputs(request, ".mov"))[0] == "clip.deshimmered.mov"


def test_another_source_of_that_name_keeps_its_suffix(tmp_path: Path) -> None:
    _claim(_request(tmp_path / "clip.mp4"), ".mp4")
    second = _claim(_request(tmp_path / "clip.mov"), ".mov")
    assert _names(second) == ["clip.mov.deshimmered.mov", "clip.mov.comparison.mp4", "clip.mov.report.html", "clip.mov.receipt.json"]
    other = tmp_path / "other"
    assert _names(naming.outputs(_request(other / "clip.mov", tmp_path / "deshimmered"), ".mov"))[3] == "clip.mov-2.receipt.json"


def test_nothing_foreign_is_overwritten(tmp_path: Path) -> None:
    output = tmp_path / "deshimmered"
    output.mkdir()
    (output / "clip.report.html").write_text("mine")
    assert _names(naming.outputs(_request(tmp_path / "clip.mp4"), ".mp4"))[2] == "clip.mp4.report.html"


def test_result_never_takes_the_sources_place(tmp_path: Path) -> None:
    source = tmp_path / "clip.mp4"
    source.write_bytes(b"x")
    request = replace(_request(source, tmp_path), name="{stem}")
    assert naming.outputs(request, ".mp4").result.name == "clip.mp4.mp4"
    assert naming.outputs(request, ".mov").result.name == "clip.mov"


def test_template_keeps_the_very_name(tmp_path: Path) -> None:
    request = replace(_request(tmp_path / "clip.mp4"), name="{stem}")
    assert naming.outputs(request, ".mp4").result == tmp_path / "deshimmered" / "clip.mp4"


@pytest.mark.parametrize("stem", ["x" * 251, "é" * 125, "🎬" * 62])
def test_long_names_are_shortened_apart(tmp_path: Path, stem: str) -> None:
    names = naming.outputs(_request(tmp_path / f"{stem}.mp4"), ".mp4")
    other = naming.outputs(_request(tmp_path / f"{stem[:-1]}y.mp4"), ".mp4")
    assert all(len(each.name.encode()) <= 255 for each in names)
    assert names.receipt != other.receipt


def test_former_files_are_this_sources_only(tmp_path: Path) -> None:
    request = _request(tmp_path / "clip.mp4")
    names = _claim(request, ".mp4")
    assert set(naming.former(request)) == set(names)
    assert naming.former(_request(tmp_path / "clip.mov")) == ()


def test_a_receipt_cannot_claim_files_elsewhere(tmp_path: Path) -> None:
    request = _request(tmp_path / "clip.mp4")
    names = naming.outputs(request, ".mp4")
    names.receipt.parent.mkdir()
    names.receipt.write_text(json.dumps({"details": {"source": str(request.path), "files": ["../clip.mp4", "/etc/passwd", "ok.mp4"]}}))
    assert naming.former(request) == (names.receipt, names.receipt.parent / "ok.mp4")


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"details": 3}', '{"details": {"files": 3}}', "\x00"])
def test_rubbish_is_no_receipt(tmp_path: Path, content: str) -> None:
    request = _request(tmp_path / "clip.mp4")
    receipt = tmp_path / "deshimmered" / "clip.receipt.json"
    receipt.parent.mkdir()
    receipt.write_text(content)
    assert naming.former(request) == ()
    assert naming.outputs(request, ".mp4").receipt.name == "clip.mp4.receipt.json"
