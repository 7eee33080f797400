"""What files are, and their frames: times, sizes, ranges, transparency."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from clipmaker import pan, write
from mediamaker import made
from PIL import Image

from deshimmer.config import spawn
from deshimmer.config.errors import ChangingClip, MissingClip, NoFrames, UnreadableClip
from deshimmer.config.settings import Settings
from deshimmer.processors import ffmpeg, hdr, media


def _flat(pixel_format: str, levels: tuple[int, ...], color_range: int | None = None) -> av.VideoFrame:
    frame = av.VideoFrame(64, 48, pixel_format)
    kind = np.uint16 if frame.format.components[0].bits > 8 else np.uint8
    for plane, level in zip(frame.planes, levels, strict=True):
        plane.update(np.full(plane.buffer_size // kind().itemsize, level, kind).tobytes())
    if color_range is not None:
        frame.color_range = color_range
    frame.pts, frame.time_base = 7, Fraction(1, 30)
    return frame


def _levels(frame: av.VideoFrame) -> tuple[int, ...]:
    return tuple(round(float(np.asarray(plane, np.float64).mean())) for plane in media.planes(frame) if plane is not None)


@pytest.mark.parametrize(
    ("source", "levels", "color_range", "wanted", "expected"),
    [
        ("yuv420p", (235, 3, 250), 1, "yuv420p10le", (940, 12, 1000)),
        ("yuv420p", (16, 128, 128), None, "yuv420p10le", (64, 512, 512)),
        ("yuvj420p", (255, 128, 128), None, "yuv420p10le", (1023, 512, 512)),
        ("yuv420p", (0, 128, 128), 2, "yuv420p10le", (0, 512, 512)),
        ("yuv422p", (100, 20, 200), 1, "yuv422p10le", (400, 80, 800)),
        ("yuv420p", (101, 20, 200), 1, "yuv444p10le", (404, 80, 800)),
        ("yuva420p", (101, 20, 200, 255), 1, "yuva420p10le", (404, 80, 800, 1023)),
        ("yuv420p12le", (2000, 200, 300), 1, "yuv420p10le", (500, 50, 75)),
        ("gray", (255,), None, "yuv420p10le", (1023, 512, 512)),
        ("nv12", (90, 120), 1, "yuv420p10le", (360, 480, 480)),
    ],
)
def test_formats_keep_their_levels(
    source: str, levels: tuple[int, ...], color_range: int | None, wanted: str, expected: tuple[int, ...]
) -> None:
    converted = media.to_format(_flat(source, levels, color_range), wanted)
    assert _levels(converted) == expected
    assert (converted.format.name, converted.pts, converted.time_base) == (wanted, 7, Fraction(1, 30))


@pytest.mark.parametrize(
    ("rgb", "expected"), [((255, 255, 255), (940, 512, 512)), ((0, 0, 0), (64, 512, 512)), ((255, 0, 0), (250, 409, 960))]
)
def test_rgb_becomes_limited_bt709(rgb: tuple[int, int, int], expected: tuple[int, int, int]) -> None:
    frame = av.VideoFrame.from_ndarray(np.full((48, 64, 3), rgb, np.uint8), format="rgb24")
    assert _levels(media.to_format(frame, "yuv444p10le")) == expected


@pytest.mark.parametrize("color_range", [None, 1, 2])
def test_ten_bits_and_back_is_the_same_picture(color_range: int | None) -> None:
    frame = _flat("yuv420p", (0, 128, 128), color_range)
    ramp = np.tile(np.arange(64, dtype=np.uint8) * 3 + 16, (48, 1))
    line = frame.planes[0].line_size
    frame.planes[0].update(np.pad(ramp, ((0, 0), (0, line - 64))).tobytes())
    there = media.to_format(frame, "yuv420p10le")
    back = media.to_format(there, "yuv420p")
    assert np.abs(media.planes(back).y.astype(int) - ramp).max() <= 1
    assert abs(float(media.planes(back).y.mean()) - float(ramp.mean())) < 0.1


@pytest.mark.parametrize(
    ("pixel_format", "bits", "alpha", "expected"),
    [
        ("yuv420p", 8, False, "yuv420p10le"),
        ("yuvj422p", 8, False, "yuv422p10le"),
        ("yuv444p12le", 12, False, "yuv444p12le"),
        ("gray", 8, False, "yuv420p10le"),
        ("bgra", 8, True, "yuva444p10le"),
        ("bgra", 8, False, "yuv444p10le"),
        ("pal8", 8, False, "yuv444p10le"),
        ("nv12", 8, False, "yuv420p10le"),
        ("yuv411p", 8, False, "yuv422p10le"),
    ],
)
def test_working_formats(tmp_path: Path, pixel_format: str, bits: int, alpha: bool, expected: str) -> None:
    clip = media.probe(write(tmp_path / "a.mp4", pan(1)))
    assert media.working_format(replace(clip, pixel_format=pixel_format, bit_depth=bits, has_alpha=alpha)) == expected


@pytest.mark.parametrize("suffix", ["mp4", "mkv", "mov", "avi", "ts", "nut"])
def test_probe_says_what_it_is(tmp_path: Path, suffix: str) -> None:
    clip = media.probe(write(tmp_path / f"a.{suffix}", pan(12, (160, 120)), fps=Fraction(24000, 1001)))
    assert (clip.width, clip.height, clip.frames, clip.codec, clip.bit_depth) == (160, 120, 12, "h264", 8)
    assert float(clip.frame_rate) == pytest.approx(23.976, rel=1e-3)
    assert float(clip.duration) == pytest.approx(12 / 23.976, rel=0.01)
    assert not clip.variable_frame_rate
    assert len(clip.digest) == 32
    frames = list(media.frames(clip))
    assert len(frames) == 12
    assert frames[0].key_frame
    assert all(earlier.pts < later.pts for earlier, later in pairwise(frames))  # pyright: ignore[reportOptionalOperand]


def test_variable_rate_is_seen(tmp_path: Path) -> None:
    def stamp(frame: av.VideoFrame, index: int) -> None:
        frame.pts = index * index

    clip = media.probe(write(tmp_path / "a.mp4", pan(8, (96, 64)), on_frame=stamp))
    assert clip.variable_frame_rate
    assert clip.frames == 8
    assert [frame.pts * clip.time_base * 24 for frame in media.frames(clip)] == [index * index for index in range(8)]  # pyright: ignore[reportOptionalOperand]


@pytest.mark.parametrize("codec", ["libvpx", "libvpx-vp9"])
def test_transparency_of_webm_is_decoded(tmp_path: Path, codec: str) -> None:
    path = tmp_path / "a.webm"
    see_through = "testsrc2=size=96x64:rate=24:duration=0.2,format=yuva420p,lutyuv=a=80"
    encoder = ["-c:v", codec, "-pix_fmt", "yuva420p", "-auto-alt-ref", "0", "-cpu-used", "8", "-deadline", "realtime"]
    spawn.run([str(ffmpeg.tool(Settings())), "-loglevel", "error", "-f", "lavfi", "-i", see_through, *encoder, str(path)], timeout_s=30)
    clip = media.probe(path)
    assert (clip.pixel_format, clip.has_alpha, clip.frames) == ("yuva420p", True, 5)
    alpha = media.planes(media.first_frame(clip)).a
    assert alpha is not None
    assert alpha.mean() == pytest.approx(80, abs=2)
    assert [frame.key_frame for frame in media.frames(clip)] == [True, False, False, False, False]


def test_transparency_that_comes_late_is_seen(tmp_path: Path) -> None:
    path = tmp_path / "a.mov"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("qtrle", rate=24)
        stream.width, stream.height, stream.pix_fmt = 96, 64, "argb"
        for index in range(4):
            rgba = np.full((64, 96, 4), 255 if index < 3 else 100, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(rgba, format="rgba").reformat(format="argb")))
        container.mux(stream.encode(None))
    assert media.probe(path).has_alpha


def _webp(path: Path, *, alpha: int = 255, durations: Any = 40, lossless: bool = True) -> Path:
    shots = [Image.fromarray(np.dstack([shot.astype(np.uint8), np.full(shot.shape[:2], alpha, np.uint8)])) for shot in pan(5, (96, 64))]
    shots[0].save(path, "WEBP", save_all=True, append_images=shots[1:], duration=durations, lossless=lossless)
    return path


def test_animated_webp(tmp_path: Path) -> None:
    clip = media.probe(_webp(tmp_path / "a.webp", durations=[40, 40, 80, 40, 40]))
    assert (clip.frames, clip.has_alpha, clip.variable_frame_rate, clip.duration) == (5, False, True, Fraction(240, 1000))
    frames = list(media.frames(clip))
    assert [frame.pts for frame in frames] == [0, 40, 80, 160, 200]
    assert np.abs(frames[0].to_ndarray(format="rgb24").astype(int) - pan(1, (96, 64))[0].astype(int)).max() <= 1


def test_animated_webp_with_transparency(tmp_path: Path) -> None:
    clip = media.probe(_webp(tmp_path / "a.webp", alpha=90))
    assert clip.has_alpha
    assert media.first_frame(clip).to_ndarray(format="rgba")[..., 3].mean() == 90


def test_cut_webp_is_one_error(tmp_path: Path) -> None:
    path = _webp(tmp_path / "a.webp")
    path.write_bytes(path.read_bytes()[:-300])
    with pytest.raises(UnreadableClip):
        list(media.frames(media.probe(path)))


def test_size_that_changes_half_way_is_told_with_its_place(tmp_path: Path) -> None:
    parts = [write(tmp_path / f"{size[0]}.ts", pan(4, size)).read_bytes() for size in ((96, 64), (160, 120))]
    path = tmp_path / "both.ts"
    path.write_bytes(b"".join(parts))
    with pytest.raises(ChangingClip, match=r"size changes from 96x64 to 160x120 at") as told:
        list(media.frames(media.probe(path)))
    assert told.value.path == str(path)


def test_cover_art_is_no_clip(tmp_path: Path) -> None:
    path = tmp_path / "a.m4a"
    with av.open(str(path), "w", format="mp4") as container:
        cover = container.add_stream("mjpeg", rate=1)
        cover.width, cover.height, cover.pix_fmt = 96, 64, "yuvj420p"
        cover.disposition = cover.disposition.attached_pic
        container.mux(cover.encode(av.VideoFrame.from_ndarray(pan(1, (96, 64))[0].astype(np.uint8), format="rgb24")))
        container.mux(cover.encode(None))
    with pytest.raises(UnreadableClip):
        media.probe(path)


def test_absent_and_unreadable_places(tmp_path: Path) -> None:
    with pytest.raises(MissingClip):
        media.probe(tmp_path / "absent.mp4")
    with pytest.raises(NoFrames):
        media.probe(tmp_path)


def test_mirror_is_told_from_turn(shared_clips: Path) -> None:
    turned, mirrored = (media.probe(shared_clips / "odd" / name) for name in ("rot270.mov", "sample_rotate_and_reflect.mp4"))
    assert (turned.rotation, turned.mirrored) == (270, False)
    assert (mirrored.rotation, mirrored.mirrored) == (90, True)


def test_dolby_vision_without_a_base_layer_is_told(shared_clips: Path) -> None:
    for name, expected in (("hevc_dovi_p5.mp4", True), ("dolbyvision_hdr.MOV", False), ("syn_hdr_pq_10bit.mp4", False)):
        assert (hdr.dolby_vision(media.first_frame(media.probe(shared_clips / "odd" / name))) == 5) is expected


@pytest.mark.parametrize("pixel_format", ["yuv420p", "yuv420p10le"])
@pytest.mark.parametrize(("matrix", "name", "like"), [(10, "bt2020c", 9), (8, "ycgco", 2), (14, "ictcp", 2)])
def test_a_matrix_that_ffmpeg_cannot_convert_does_not_stop_it(tmp_path: Path, pixel_format: str, matrix: int, name: str, like: int) -> None:
    plain = write(tmp_path / "plain.mp4", pan(3, (96, 64)), pixel_format=pixel_format)
    clips = [media.probe(_tagged(plain, tmp_path / f"{each}.mp4", each)) for each in (matrix, like)]
    assert clips[0].color.matrix == media.delivered_color(clips[0]).matrix == name
    shown = [[media.to_format(frame, "yuv444p10le").to_ndarray(format="rgb24") for frame in media.frames(clip)] for clip in clips]
    assert len(shown[0]) == 3
    assert all(np.array_equal(one, other) for one, other in zip(*shown, strict=True))


def _tagged(source: Path, output: Path, matrix: int) -> Path:
    binary = str(ffmpeg.tool(Settings()))
    words = ["-c", "copy", "-bsf:v", f"h264_metadata=matrix_coefficients={matrix}", str(output)]
    spawn.run([binary, "-v", "error", "-i", str(source), *words], timeout_s=30)
    return output


def test_a_last_frame_that_stays_longer_does_not_slow_the_others(tmp_path: Path) -> None:
    """The header's rate is an average: a result at that one would have other times."""
    even = made(tmp_path / "a.mp4", "-f lavfi -i testsrc2=s=64x48:r=25 -frames:v 30 -c:v libx264 -preset ultrafast -bf 0")
    longer = made(tmp_path / "b.mp4", f"-i {even} -c copy -bsf:v setts=duration=if(eq(N\\,29)\\,DURATION*1.4\\,DURATION)")
    with av.open(str(longer)) as container:
        assert container.streams.video[0].average_rate not in (25, None)
    assert media.probe(longer).frame_rate == media.probe(even).frame_rate == 25
