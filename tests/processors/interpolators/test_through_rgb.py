"""Planes through RGB: FFmpeg's conversion undone, and no pulse against source frames that were not converted."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from clipmaker import pan, write
from numpy.typing import NDArray

from deshimmer.processors import media
from deshimmer.processors.interpolators.through_rgb import Conversion, Picture, Rgb, ThroughRgb
from deshimmer.processors.records import Clip, ColorTags

LOSSLESS = {"crf": "0", "preset": "veryfast"}
COLOUR = (500, 400, 700)
MATRICES = {"unsaid": 2, "bt709": 1, "fcc": 4, "bt601": 5, "smpte240m": 7, "bt2020nc": 9}


def in_8_bit(first: Rgb, second: Rgb, moment: float) -> Rgb:
    """A blend that, like a PNG, knows 256 levels."""
    return (np.rint(255 * ((1 - moment) * first + moment * second)) / 255).astype(np.float32)


def brighter(first: Rgb, second: Rgb, moment: float) -> Rgb:
    return in_8_bit(first, second, moment) + np.float32(0.5)


def frames_of(path: Path, *, pixel_format: str = "yuv420p", matrix: int = 2, size: tuple[int, int] = (96, 64)) -> list[av.VideoFrame]:
    def tag(frame: av.VideoFrame, index: int) -> None:
        frame.colorspace = matrix

    options = {**LOSSLESS, "colormatrix": "undef"} if matrix == 2 else LOSSLESS
    clip = media.probe(write(path, pan(2, size, "astronaut"), pixel_format=pixel_format, options=options, on_frame=tag))
    return [media.to_format(frame, media.working_format(clip)) for frame in media.frames(clip)]


def pictures_of(frames: list[av.VideoFrame], through: ThroughRgb) -> list[Picture]:
    return [through.picture(rgb_of(frame), planes_of(frame)) for frame in frames]


def rgb_of(frame: av.VideoFrame) -> Rgb:
    return frame.to_ndarray(format="rgb24").astype(np.float32) / np.float32(255)


def planes_of(frame: av.VideoFrame) -> list[NDArray[np.generic]]:
    return [plane for plane in media.planes(frame) if plane is not None]


@pytest.mark.parametrize("matrix", MATRICES)
@pytest.mark.parametrize("full_range", [False, True])
def test_it_undoes_ffmpegs_conversion(matrix: str, full_range: bool) -> None:
    """A flat colour comes back to within 2.5 levels, which FFmpeg's quick conversion is off; BT.601 for BT.709 would be four and more."""
    frame = av.VideoFrame(64, 64, "yuv420p10le")
    frame.colorspace, frame.color_range = MATRICES[matrix], 2 if full_range else 1
    for plane, code in zip(planes_of(frame), COLOUR, strict=True):
        plane[:] = code  # type: ignore[index]
    clip = _clip(matrix, full_range)
    made = Conversion.of(clip).planes(rgb_of(frame), planes_of(frame))
    for plane, code in zip(made, COLOUR, strict=True):
        assert np.abs(plane - code).max() < 10


def _clip(matrix: str, full_range: bool) -> Clip:
    tags = ColorTags(matrix=None if matrix == "unsaid" else {"bt601": "smpte170m"}.get(matrix, matrix), range="pc" if full_range else "tv")
    return Clip(
        path=Path("clip.mkv"),
        digest="",
        size_bytes=0,
        container="matroska,webm",
        codec="h264",
        pixel_format="yuv420p10le",
        bit_depth=10,
        width=64,
        height=64,
        frames=1,
        frame_rate=Fraction(24),
        time_base=Fraction(1, 24),
        duration=Fraction(1, 24),
        variable_frame_rate=False,
        rotation=0,
        sample_aspect=Fraction(1),
        has_alpha=False,
        interlaced=False,
        color=tags,
        audio=(),
    )


@pytest.mark.parametrize(
    ("pixel_format", "size"), [("yuv420p", (96, 64)), ("yuvj420p", (96, 64)), ("yuv422p10le", (98, 65)), ("yuv444p", (97, 65))]
)
def test_what_stands_still_is_the_source_frame_itself(tmp_path: Path, pixel_format: str, size: tuple[int, int]) -> None:
    path = tmp_path / "clip.mkv"
    frame = frames_of(path, pixel_format=pixel_format, size=size)[0]
    through = ThroughRgb(in_8_bit, Conversion.of(media.probe(path)))
    picture, again = pictures_of([frame, frame], through)
    for plane, source in zip(through.between(picture, again, 0.3).planes, planes_of(frame), strict=True):
        assert np.array_equal(np.rint(plane), source)


@pytest.mark.parametrize("matrix", ["unsaid", "bt709"])
def test_the_mean_of_every_plane_lies_between_those_of_the_frames_around(tmp_path: Path, matrix: str) -> None:
    path = tmp_path / "clip.mkv"
    frames = frames_of(path, matrix=MATRICES[matrix])
    through = ThroughRgb(in_8_bit, Conversion.of(media.probe(path)))
    made = through.between(*pictures_of(frames, through), 0.3).planes
    for plane, before, after in zip(made, *map(planes_of, frames), strict=True):
        assert abs(plane.mean() - (0.7 * before.mean() + 0.3 * after.mean())) / 4 < 0.05  # 8-bit levels


def test_values_stay_within_their_depth(tmp_path: Path) -> None:
    path = tmp_path / "clip.mkv"
    frames = frames_of(path)
    through = ThroughRgb(brighter, Conversion.of(media.probe(path)))
    luma = through.between(*pictures_of(frames, through), 0.5).planes[0]
    assert luma.max() == 1023
    assert luma.min() >= 0


def test_transparency_takes_the_same_way(tmp_path: Path) -> None:
    path = tmp_path / "clip.mkv"
    frames = frames_of(path, pixel_format="yuv444p")
    through = ThroughRgb(in_8_bit, Conversion.of(media.probe(path)))
    alphas = [np.full(planes_of(frame)[0].shape, code, np.uint16) for frame, code in zip(frames, (0, 1023), strict=True)]
    pictures = [through.picture(rgb_of(frame), [*planes_of(frame), alpha]) for frame, alpha in zip(frames, alphas, strict=True)]
    made = through.between(*pictures, 0.25).planes
    assert len(made) == 4
    assert np.abs(made[3] - 1023 / 4).max() < 2.1
