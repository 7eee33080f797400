"""Stand-ins for browsers: which files need one, and that every frame keeps its place, its time and its look."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from clipmaker import pan, turn, write
from framecode import BITS, SQUARE_PX, coded
from PIL import Image

from deshimmer.config.errors import ClipError
from deshimmer.config.settings import Settings
from deshimmer.processors import media
from deshimmer.processors.reports import proxy

X265 = {"x265-params": "log-level=error", "crf": "12"}
PLAYED = [
    ("a.mp4", {}, True),
    ("a.mov", {}, True),
    ("a.mkv", {}, False),
    ("a.avi", {"codec": "mjpeg", "pixel_format": "yuvj420p", "options": {}}, False),
    ("prores.mov", {"codec": "prores_ks", "pixel_format": "yuv422p10le", "options": {}}, False),
    ("hevc.mp4", {"codec": "libx265", "options": X265}, False),
    ("ten.mp4", {"pixel_format": "yuv420p10le"}, False),
    ("wide.mp4", {"pixel_format": "yuv444p"}, False),
]


def made(source: Path) -> Path:
    output = source.with_name(f"{source.stem}.proxy.mp4")
    proxy.make(source, output, Settings(), lambda part: None)
    assert list(source.parent.glob("*.part*")) == []
    return output


def numbers(path: Path) -> list[int]:
    """What the frames say of themselves."""
    found: list[int] = []
    for frame in media.frames(media.probe(path)):
        row = media.planes(frame).y[-SQUARE_PX // 2]
        squares = row[SQUARE_PX // 2 : BITS * SQUARE_PX : SQUARE_PX]
        found.append(int("".join("1" if level > 127 else "0" for level in squares), 2))
    return found


@pytest.mark.parametrize(("name", "how", "plays"), PLAYED, ids=[name for name, _, _ in PLAYED])
def test_what_browsers_play(name: str, how: dict, plays: bool, tmp_path: Path) -> None:
    source = write(tmp_path / name, coded(pan(6, (160, 96))), **how)
    assert proxy.plays_in_browsers(source) is plays
    if plays:
        return
    output = made(source)
    assert proxy.plays_in_browsers(output)
    assert numbers(output) == list(range(6))
    assert proxy.frame_times(output) == pytest.approx([index / 24 for index in range(6)], abs=2e-3)


def test_every_frame_of_a_variable_rate_keeps_its_time(tmp_path: Path) -> None:
    ticks = [0, 900, 4100, 5000, 9100, 9800]

    def place(frame: av.VideoFrame, index: int) -> None:
        frame.pts, frame.time_base = ticks[index], Fraction(1, 24000)

    source = write(tmp_path / "vfr.mov", coded(pan(6, (160, 96))), fps=24000, pixel_format="yuv444p", on_frame=place)
    output = made(source)
    assert numbers(output) == list(range(6))
    assert proxy.frame_times(output) == pytest.approx([tick / 24000 for tick in ticks], abs=1e-4)


def test_a_turned_clip_stands_upright(tmp_path: Path) -> None:
    turned = turn(
        write(tmp_path / "lying.mov", pan(4, (160, 96)), codec="prores_ks", pixel_format="yuv422p10le", options={}), tmp_path / "t.mov"
    )
    clip = media.probe(made(turned))
    assert (clip.width, clip.height, clip.rotation) == (96, 160, 0)
    shown, wanted = (
        np.asarray(frame.to_ndarray(format="gray"), np.float32)
        for frame in (media.first_frame(clip), media.first_frame(media.probe(turned)))
    )
    assert np.abs(np.rot90(wanted, -media.probe(turned).rotation // 90) - shown).mean() < 4


def test_square_pixels_and_no_more_than_full_hd(tmp_path: Path) -> None:
    large = write(tmp_path / "large.mov", pan(2, (2560, 1440)), codec="prores_ks", pixel_format="yuv422p10le", options={})
    clip = media.probe(made(large))
    assert (clip.width, clip.height, clip.frames, clip.pixel_format) == (1920, 1080, 2, "yuv420p")


def test_full_range_stays_as_bright(tmp_path: Path) -> None:
    gray = [np.full((96, 160, 3), level, np.float32) for level in (40, 120, 200)]
    source = write(tmp_path / "full.avi", gray, codec="mjpeg", pixel_format="yuvj420p", options={"q": "2"})
    levels = [frame.to_ndarray(format="rgb24").mean() for frame in media.frames(media.probe(made(source)))]
    assert levels == pytest.approx([40, 120, 200], abs=3)


def test_an_animated_webp_gets_one(tmp_path: Path) -> None:
    pictures = [Image.fromarray(shot.astype(np.uint8)) for shot in coded(pan(5, (160, 96)))]
    source = tmp_path / "a.webp"
    pictures[0].save(source, save_all=True, append_images=pictures[1:], duration=[40, 80, 40, 120, 40], quality=95)
    assert not proxy.plays_in_browsers(source)
    output = made(source)
    assert numbers(output) == list(range(5))
    assert proxy.frame_times(output) == pytest.approx([0, 0.04, 0.12, 0.16, 0.28], abs=1e-3)


def test_what_is_no_clip_ends_as_an_error(tmp_path: Path) -> None:
    source = tmp_path / "words.mov"
    source.write_text("no video")
    with pytest.raises(ClipError):
        proxy.make(source, tmp_path / "out.mp4", Settings(), lambda part: None)
    assert not (tmp_path / "out.mp4").exists()
