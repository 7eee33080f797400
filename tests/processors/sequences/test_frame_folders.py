"""Which files of a folder are the frames of a clip."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pytest

from deshimmer.config.errors import DeshimmerError, MissingClip, MissingFrames, MixedFrames, NoFrames, RefusedClip, TwoSequences
from deshimmer.processors.sequences import frame_folders


def _folder(folder: Path, names: Iterable[str]) -> Path:
    for name in names:
        (folder / name).write_bytes(b"x")
    return folder


@pytest.mark.parametrize(
    ("names", "pattern", "first", "last"),
    [
        ([f"frame_{n:04d}.png" for n in range(1, 13)], "frame_####.png", 1, 12),
        ([f"{n}.jpg" for n in range(8, 12)], "#.jpg", 8, 11),
        ([f"shot.{n}.exr" for n in range(9998, 10002)], "shot.####.exr", 9998, 10001),
        ([f"ComfyUI_{n:05d}_.png" for n in range(3)], "ComfyUI_#####_.png", 0, 2),
        ([f"a b 100% é🎬 {n:03d}.TIF" for n in range(5)], "a b 100% é🎬 ###.TIF", 0, 4),
        ([f"shot_{n:04d}_v2.tiff" for n in range(7, 9)], "shot_####_v2.tiff", 7, 8),
        ([f"take3_{n:02d}.png" for n in range(2)], "take3_##.png", 0, 1),
        (["still0001.bmp"], "still####.bmp", 1, 1),
    ],
)
def test_one_sequence(tmp_path: Path, names: list[str], pattern: str, first: int, last: int) -> None:
    (tmp_path / "deshimmered").mkdir()
    beside = ["frames.deshimmer.json", "notes.txt", "Thumbs.db", "poster.png", "._frame_0001.png", ".hidden_1.png", "frame_0099.png.part"]
    found = frame_folders.find(_folder(tmp_path, [*names, *beside]))
    assert (found.pattern, found.first, found.last) == (pattern, first, last)
    assert [file.name for file in found.files()] == names
    assert found.count == len(names)


@pytest.mark.parametrize(
    ("names", "error", "words"),
    [
        (["notes.txt", "poster.png"], NoFrames, ["frame_0001.png"]),
        ([f"f_{n:04d}.png" for n in (1, 2, 3, 5)], MissingFrames, ["f_0004 is missing"]),
        ([f"f_{n:02d}.png" for n in (1, 4, 6, 7)], MissingFrames, ["f_02 to f_03 and f_05 are missing"]),
        ([f"{2 * n}.png" for n in range(20)], MissingFrames, ["1, 3, 5", "13 more ranges are missing"]),
        (["a_1.png", "a_2.png", "b_1.png"], TwoSequences, ["a_#.png (2)", "b_#.png (1)"]),
        (["a_1.png", "a_2.png", "a_1.exr", "a_2.exr"], TwoSequences, ["a_#.png", "a_#.exr"]),
        (["a_1.png", "a_2.jpg", "a_3.png"], MixedFrames, ["a_2.jpg", "a_#.png"]),
        (["a_1.png", "a_02.png", "a_3.png"], MixedFrames, ["a_02.png", "a_1.png"]),
        (["a_1.png", "a_01.png"], MixedFrames, ["a_01.png", "a_1.png"]),
    ],
)
def test_what_is_no_sequence_is_named(tmp_path: Path, names: list[str], error: type[DeshimmerError], words: list[str]) -> None:
    with pytest.raises(error) as caught:
        frame_folders.find(_folder(tmp_path, names))
    assert all(word in caught.value.message for word in words), caught.value.message
    assert caught.value.path == str(tmp_path)


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    _folder(tmp_path, ["f_1.png", "f_2.png"])
    (tmp_path / "f_3.png").symlink_to("/etc/hostname")
    with pytest.raises(RefusedClip, match=r"f_3\.png is a link"):
        frame_folders.find(tmp_path)


def test_no_folder(tmp_path: Path) -> None:
    with pytest.raises(MissingClip):
        frame_folders.find(tmp_path / "gone")
