"""Folders of frames as clips: what they are, and their pictures as they were written."""

from __future__ import annotations

import resource
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from clipmaker import pan
from framemaker import picture, write_frame, write_frames
from mediamaker import made

from deshimmer.config.errors import DeshimmerError, IncompleteClip, MissingFrames, MixedFrames, RefusedClip, UnreadableClip
from deshimmer.config.settings import Sequences, Settings
from deshimmer.processors import media, probing, wholeness
from deshimmer.processors.prompts import station
from deshimmer.processors.records import Passage, Request
from deshimmer.processors.sequences import frame_files, linear_light

SHOTS = pan(3, (48, 32))


@pytest.mark.parametrize(
    ("pattern", "pixel_format", "alpha", "read_as"),
    [
        ("f_{:04d}.png", "rgb24", None, "rgb24"),
        ("f_{:04d}.PNG", "rgba", 0.5, "rgba"),
        ("f_{:04d}.png", "rgb48le", None, "rgb48le"),
        ("f_{:04d}.png", "gray", None, "gray"),
        ("f_{:04d}.tif", "rgb24", None, "rgb24"),
        ("f_{:04d}.tif", "rgba64le", 0.25, "rgba64le"),
        ("100% é {}.exr", "rgb48le", None, "rgb48le"),
        ("f.{}.bmp", "rgb24", None, "rgb24"),
        ("f.{}.webp", "rgba", 1.0, "rgba"),
    ],
)
def test_frames_are_read_as_they_are(tmp_path: Path, pattern: str, pixel_format: str, alpha: float | None, read_as: str) -> None:
    folder = write_frames(tmp_path / "shot", pattern, SHOTS, first=99, pixel_format=pixel_format, alpha=alpha)
    wholeness.check(folder)
    clip = media.probe(folder)
    assert (clip.container, clip.frames, clip.width, clip.height, clip.pixel_format) == ("frames", 3, 48, 32, read_as)
    assert (clip.bit_depth, clip.has_alpha) == (16 if "le" in pixel_format else 8, alpha is not None and alpha < 1)
    assert (clip.frame_rate, clip.duration) == (24, Fraction(3, 24))
    for index, (frame, shot) in enumerate(zip(media.frames(clip), SHOTS, strict=True)):
        wanted = picture(shot, pixel_format, alpha).to_ndarray()
        assert frame.pts == index
        assert np.abs(frame.to_ndarray().astype(int) - wanted).max() <= (1 if "exr" in pattern else 0)


def test_jpeg_is_read_as_the_colours_that_it_shows(tmp_path: Path) -> None:
    clip = media.probe(write_frames(tmp_path / "shot", "f{}.jpg", SHOTS))
    assert (clip.codec, clip.pixel_format) == ("jpeg", "rgb24")
    assert np.abs(media.first_frame(clip).to_ndarray().astype(float) - SHOTS[0]).mean() < 4


def test_a_black_frame_stored_as_gray_does_not_make_a_gray_clip(tmp_path: Path) -> None:
    folder = write_frames(tmp_path / "shot", "f{}.png", SHOTS, first=2)
    write_frame(folder / "f1.png", picture(SHOTS[0] * 0, "gray"))
    clip = media.probe(folder)
    assert (clip.pixel_format, clip.frames) == ("rgb24", 4)
    assert [bool(frame.to_ndarray().any()) for frame in media.frames(clip)] == [False, True, True, True]


def test_another_size_and_other_channels_are_named(tmp_path: Path) -> None:
    folder = write_frames(tmp_path / "size", "f{}.png", SHOTS)
    write_frame(folder / "f2.png", picture(pan(1, (50, 32))[0]))
    with pytest.raises(MixedFrames, match=r"f2\.png is 50x32"):
        list(media.frames(media.probe(folder)))
    folder = write_frames(tmp_path / "kind", "f{}.tif", SHOTS)
    write_frame(folder / "f3.tif", picture(SHOTS[0], "rgb48le"))
    with pytest.raises(MixedFrames, match=r"f3\.tif is rgb48le"):
        list(media.frames(media.probe(folder)))


@pytest.mark.parametrize(
    ("content", "error"),
    [
        (b"ffconcat version 1.0\nfile /etc/passwd\n", RefusedClip),
        (b"#EXTM3U\n/etc/passwd\n", RefusedClip),
        (b"\xff\xd8\xff\xe0 a JPEG in name and not", RefusedClip),
        (b"\x89PNG\r\n\x1a\n cut off", UnreadableClip),
    ],
)
def test_what_is_no_picture_is_refused_by_name(tmp_path: Path, content: bytes, error: type[DeshimmerError]) -> None:
    folder = write_frames(tmp_path / "shot", "f{}.png", SHOTS)
    (folder / "f2.png").write_bytes(content)
    with pytest.raises(error, match=r"f2\.png") as caught:
        list(media.frames(media.probe(folder)))
    assert caught.value.path == str(folder)


def test_a_frame_that_is_still_being_written(tmp_path: Path) -> None:
    folder = write_frames(tmp_path / "shot", "f{}.png", SHOTS)
    whole = (folder / "f3.png").read_bytes()
    for part in (whole[:-20], b""):
        (folder / "f3.png").write_bytes(part)
        with pytest.raises(IncompleteClip, match=r"f3\.png: "):
            wholeness.check(folder)
    jpegs = write_frames(tmp_path / "jpegs", "f{}.jpg", SHOTS)
    (jpegs / "f2.jpg").write_bytes((jpegs / "f2.jpg").read_bytes()[:-200])
    with pytest.raises(IncompleteClip, match=r"f2\.jpg: .*end marker"):
        wholeness.check(jpegs)


def test_light_beyond_what_can_be_worked_on_is_refused_and_never_clipped(tmp_path: Path) -> None:
    folder = write_frames(tmp_path / "shot", "f{}.exr", SHOTS, pixel_format="rgb48le")
    frame = linear_light.light(picture(SHOTS[0], "rgb48le"))
    np.frombuffer(memoryview(frame.planes[2]), np.float32)[5:7] = (3.5, -0.25)  # pyright: ignore[reportArgumentType]
    linear_light.is_linear(frame)
    with pytest.raises(UnreadableClip, match=r"f2\.exr holds light from -0\.25 to 3\.5"):
        linear_light.encoded(frame, folder / "f2.exr")


def test_the_curve_and_its_inverse() -> None:
    display = np.arange(65536, dtype=np.float32) / np.float32(65535)
    there = linear_light.decode(display)
    assert np.abs(linear_light.encode(there) - display).max() < 0.5 / 65535
    assert np.abs(linear_light.encode(there.astype(np.float16).astype(np.float32)) - display).max() < 2.0**-12, "finer than 11 bits"


@pytest.mark.parametrize(
    ("place", "fps", "rate"), [("shot.v2.deshimmer.json", 23.976, Fraction(24000, 1001)), ("shot.v2/x.deshimmer.json", 8, 8)]
)
def test_the_rate_is_the_sidecars(tmp_path: Path, place: str, fps: float, rate: Fraction) -> None:
    folder = write_frames(tmp_path / "shot.v2", "f{}.png", SHOTS)
    (tmp_path / place).write_text(f'{{"schema": 1, "fps": {fps}, "prompt": "a cat"}}')
    assert media.probe(folder).frame_rate == rate
    prompt = station.read(folder, tmp_path)
    assert prompt is not None
    assert prompt.prompt == "a cat"


def test_the_rate_is_else_the_settings(tmp_path: Path) -> None:
    folder = write_frames(tmp_path / "shot", "f{}.png", SHOTS)
    (tmp_path / "shot.deshimmer.json").write_text('{"schema": 1, "no such key": 1}')  # told by the prompt's lint
    passage = Passage("a", Request(folder, tmp_path, "shot"), tmp_path)
    clip = probing.probe_stage(passage, Settings(sequences=Sequences(fps=12.5)), lambda part: None).clip
    assert clip is not None
    assert clip.frame_rate == Fraction(25, 2)


def test_the_digest_is_over_names_and_bytes(tmp_path: Path) -> None:
    folders = [write_frames(tmp_path / name, "f{}.png", SHOTS) for name in "ab"]
    first, second = map(media.digest, folders)
    assert first == second == media.probe(folders[0]).digest
    (folders[1] / "notes.txt").write_text("beside")
    assert media.digest(folders[1]) == first
    (folders[1] / "f3.png").write_bytes((folders[1] / "f2.png").read_bytes())
    assert media.digest(folders[1]) != first


def test_a_real_sequence_with_a_gap(shared_clips: Path) -> None:
    with pytest.raises(MissingFrames, match=r"frame_0007 is missing"):
        media.probe(shared_clips / "odd" / "seq_png")


@pytest.mark.parametrize("suffix", ["png", "jpg"])
def test_a_picture_beyond_all_measure_is_refused_before_it_is_decoded(tmp_path: Path, suffix: str) -> None:
    """A few hundred kilobytes that would take gigabytes."""
    picture = made(tmp_path / f"f_0001.{suffix}", "-f lavfi -i color=c=gray:s=16400x8200 -frames:v 1 -pix_fmt gray")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(UnreadableClip, match=r"too large.*Scale the frames to 16384x8192"):
        frame_files.decode(picture)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 60_000  # kilobytes; the picture has 134,000
