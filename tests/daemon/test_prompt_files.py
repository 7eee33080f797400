"""Which files beside renders may hold their prompt, and whose they are."""

from __future__ import annotations

from pathlib import Path

import pytest

from deshimmer.daemon.prompt_files import QUIET_S, Owners, PromptFiles, is_prompt_name

FOLDER = Path("/renders")


def clips(*names: str) -> list[Path]:
    return [FOLDER / name for name in names]


@pytest.mark.parametrize(
    ("file", "owners"),
    [
        ("take.deshimmer.json", ["take.mp4"]),
        ("take.txt", ["take.mp4"]),
        ("take.mp4.txt", ["take.mp4"]),  # SD.Next
        ("take.swarm.json", ["take.mp4"]),
        ("20260101_settings.txt", ["20260101.mp4"]),  # Deforum
        ("job7.json", ["job7_1.mp4", "job7_2.mp4"]),  # FramePack-Studio
        ("take2.txt", []),
        ("other.json", []),
    ],
)
def test_whose_a_file_is(file: str, owners: list[str]) -> None:
    known = clips("take.mp4", "taken.mp4", "20260101.mp4", "job7_1.mp4", "job7_2.mp4")
    assert is_prompt_name(file)
    assert [clip.name for clip in Owners(known).of(FOLDER / file)] == owners
    assert Owners(known).of(Path("/elsewhere") / file) == []


def test_our_own_files_and_hidden_ones_are_none() -> None:
    assert not any(map(is_prompt_name, ("take.receipt.json", ".take.json", "take.mp4", "take.report.html")))


def test_each_change_is_told_once_after_it_is_quiet(tmp_path: Path) -> None:
    clip, file = tmp_path / "take.mp4", tmp_path / "take.json"
    file.write_text("{}")
    files = PromptFiles()
    files.saw_all([file], [clip], now=100.0)
    assert list(files.due([clip], now=100.0)) == []
    first = list(files.due([clip], now=100.0 + QUIET_S))
    assert [news.clip for news in first] == [clip]
    assert first[0].arrived == pytest.approx(file.stat().st_ctime)  # it lay there: when, decides whether it is news
    files.saw_all([file], [clip], now=200.0)
    assert list(files.due([clip], now=300.0)) == []
    file.write_text('{"seed": 42}')
    files.saw_all([file], [clip], now=400.0)
    assert list(files.due([clip], now=500.0)) == [(clip, None)]
    file.unlink()
    files.saw(file, now=600.0)
    assert list(files.due([clip], now=700.0)) == []
    assert files.next_due() is None
