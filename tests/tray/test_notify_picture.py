from __future__ import annotations

import io
import stat
from pathlib import Path

import pytest
from PIL import Image

from deshimmer.tray.notify_picture import Pictures, side_by_side

RED, BLUE = (255, 0, 0), (0, 0, 255)


def encoded(colour: tuple[int, int, int], size: tuple[int, int], form: str = "PNG") -> bytes:
    file = io.BytesIO()
    Image.new("RGB", size, colour).save(file, form)
    return file.getvalue()


@pytest.mark.parametrize("size", [(640, 360), (360, 640), (64, 64)])
def test_before_stands_left_of_after(size: tuple[int, int]) -> None:
    picture = side_by_side([encoded(RED, size), encoded(BLUE, (1280, 720), "JPEG")])
    assert picture is not None
    assert picture.size == (144 + 4 + 144, 144)
    assert picture.getpixel((10, 70)) == (*RED, 255)
    assert picture.getpixel((146, 70))[3] == 0  # a gap that shows the notification's own ground
    assert picture.getpixel((282, 70))[2] > 250


def test_one_side_is_enough_and_rubbish_is_none() -> None:
    picture = side_by_side([encoded(RED, (640, 360)), b"no picture"])
    assert picture is not None
    assert picture.size == (144, 144)
    assert side_by_side([b"", b"no picture"]) is None
    assert side_by_side([]) is None


def test_one_file_at_a_time_which_only_the_user_reads(tmp_path: Path) -> None:
    pictures = Pictures(tmp_path / "notification")
    picture = side_by_side([encoded(RED, (64, 36))])
    assert picture is not None
    first = pictures.save(picture)
    second = pictures.save(picture)
    assert first != second
    assert list((tmp_path / "notification").iterdir()) == [second]
    assert stat.S_IMODE((tmp_path / "notification").stat().st_mode) == 0o700
    pictures.clear()
    pictures.clear()
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written_is_an_os_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    picture = side_by_side([encoded(RED, (64, 36))])
    assert picture is not None
    with pytest.raises(OSError, match="Not a directory"):
        Pictures(tmp_path / "file" / "notification").save(picture)
