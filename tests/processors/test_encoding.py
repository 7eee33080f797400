"""Containers, codecs, time stamps, tags and sound of what is delivered."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from av.sidedata.sidedata import Type
from clipmaker import pan, write

from deshimmer.config import spawn
from deshimmer.config.errors import CannotWrite, ToolFailed
from deshimmer.config.profiles import Profile
from deshimmer.config.settings import Disk, Settings
from deshimmer.processors import encoding, ffmpeg, media, results
from deshimmer.processors.records import Clip, Route, Treatment
from deshimmer.processors.writing import frame_pipe, picture_facts
from deshimmer.processors.writing.orders import Order

SETTINGS = Settings()
SMOOTH = Treatment(Route.SMOOTH)


def delivered(source: Path, treatment: Treatment = SMOOTH, settings: Settings = SETTINGS) -> tuple[Clip, encoding.Encoding]:
    clip = media.probe(source)
    chosen = encoding.choose(clip, treatment)
    output = source.with_name(f"delivered{chosen.suffix}")
    assert results.write(Order(clip, _working(clip), chosen, output, settings)) == clip.frames
    return media.probe(output), chosen


def _working(clip: Clip) -> Iterator[av.VideoFrame]:
    for frame in media.frames(clip):
        yield media.to_format(frame, media.working_format(clip))


def _times(clip: Clip) -> list[Fraction]:
    return [Fraction(frame.pts or 0) * clip.time_base for frame in media.frames(clip)]


@pytest.mark.parametrize(
    ("name", "codec", "pixel_format", "suffix", "result"),
    [
        ("a.mp4", "libx264", "yuv420p", ".mp4", ("h264", "yuv420p")),
        ("a.m4v", "libx264", "yuv420p", ".m4v", ("h264", "yuv420p")),
        ("a.mov", "libx264", "yuv422p", ".mov", ("h264", "yuv422p")),
        ("a.mkv", "libx264", "yuv444p", ".mkv", ("h264", "yuv444p")),
        ("a.webm", "libvpx-vp9", "yuv420p", ".webm", ("vp9", "yuv420p")),
        ("a.avi", "mpeg4", "yuv420p", ".mkv", ("h264", "yuv420p")),
        ("a.ts", "libx264", "yuv420p", ".ts", ("h264", "yuv420p")),
        ("a.gif", "gif", "rgb8", ".gif", ("gif", "bgra")),
        ("b.mp4", "libx264", "yuv420p10le", ".mp4", ("h264", "yuv420p10le")),
        ("b.mov", "prores_ks", "yuv422p10le", ".mov", ("prores", "yuv422p10le")),
    ],
)
def test_container_and_codec(tmp_path: Path, name: str, codec: str, pixel_format: str, suffix: str, result: tuple[str, str]) -> None:
    source = write(
        tmp_path / name,
        pan(4, (96, 64)),
        codec=codec,
        pixel_format=pixel_format,
        options={"threads": "1"},
    )
    clip, chosen = delivered(source)
    assert chosen.suffix == suffix
    assert (clip.codec, clip.pixel_format) == result
    assert (clip.width, clip.height, clip.frames) == (96, 64, 4)


def test_hevc_in_mp4_is_tagged_for_editors(tmp_path: Path) -> None:
    result, _ = delivered(write(tmp_path / "a.mp4", pan(2)), Treatment(Route.DEBAND, deband=True))
    assert result.codec == "hevc"
    assert b"hvc1" in result.path.read_bytes()


@pytest.mark.parametrize("name", ["a.mp4", "a.mov", "a.mkv", "a.ts"])
def test_irregular_times_come_back_exactly(tmp_path: Path, name: str) -> None:
    ticks = [0, 3, 4, 9, 11, 20, 21, 22, 40]

    def stamp(frame: av.VideoFrame, index: int) -> None:
        frame.pts = ticks[index] * 100
        frame.time_base = Fraction(1, 1000)

    source = write(tmp_path / name, pan(len(ticks), (96, 64)), fps=1000, on_frame=stamp)
    result, _ = delivered(source)
    times, original = _times(result), _times(media.probe(source))
    assert [time - times[0] for time in times] == [time - original[0] for time in original]


@pytest.mark.parametrize(("picture_late_s", "sound_late_s"), [(0.5, 0), (0, 0.5)])
@pytest.mark.parametrize("suffix", ["mp4", "mkv"])
def test_sound_keeps_its_place(tmp_path: Path, suffix: str, picture_late_s: float, sound_late_s: float) -> None:
    source = _with_sound(tmp_path / f"a.{suffix}", picture_late_s, sound_late_s)
    result, chosen = delivered(source)
    assert chosen.streams == ("a:0",)
    assert result.audio[0].codec == "aac"
    assert _starts(result.path) == pytest.approx(_starts(source), abs=0.002)


def test_an_avi_that_left_a_frame_out_keeps_its_rate(tmp_path: Path) -> None:
    """Its average, 22.9 here, is no rate that an editing program knows."""

    def late(frame: av.VideoFrame, index: int) -> None:
        frame.pts = index + (index > 0)

    source = write(tmp_path / "a.avi", pan(20), codec="mpeg4", options={"bf": "0"}, on_frame=late)
    assert media.probe(source).frame_rate != 24
    clip, _ = delivered(source)
    with av.open(str(clip.path)) as opened:
        assert opened.streams.video[0].average_rate == 24


def test_pcm_moves_an_mp4_to_mov(tmp_path: Path) -> None:
    source = _with_sound(tmp_path / "a.mp4", 0, 0, codec="pcm_s16le")
    result, _ = delivered(source)
    assert result.path.suffix == ".mov"
    assert result.audio[0].codec == "pcm_s16le"


def test_slow_motion_leaves_sound_out_and_says_so(tmp_path: Path) -> None:
    clip = media.probe(_with_sound(tmp_path / "a.mp4", 0, 0))
    chosen = encoding.choose(clip, Treatment(Route.INTERPOLATE, factor=2, slow_motion=True))
    assert chosen.streams == ()
    assert any("slow motion" in note for note in chosen.notes)


@pytest.mark.parametrize("size", [(161, 121), (160, 121), (161, 120)])
@pytest.mark.parametrize("route", [Route.SMOOTH, Route.DEBAND])
def test_odd_sizes_are_kept(tmp_path: Path, size: tuple[int, int], route: Route) -> None:
    source = write(tmp_path / "a.webm", pan(2, size), codec="libvpx-vp9", options={"cpu-used": "8", "deadline": "realtime"})
    profile = Profile.HEVC10 if route is Route.DEBAND else Profile.H264
    result, chosen = delivered(source, Treatment(route, deband=route is Route.DEBAND, profile=profile))
    assert (result.width, result.height, result.frames) == (*size, 2)
    assert any("odd size" in note for note in chosen.notes)


@pytest.mark.parametrize("aspect", [Fraction(427, 426), Fraction(5120, 4239), Fraction(32, 27), Fraction(32767, 40000)])
def test_pixel_aspects_are_exact(tmp_path: Path, aspect: Fraction) -> None:
    """FFmpeg's setsar rounds what it is given to numbers up to 100, unless it is told otherwise."""
    source = write(tmp_path / "clip.mp4", pan(3), options={"x264-params": f"sar={aspect.numerator}/{aspect.denominator}"})
    clip, _ = delivered(source)
    assert media.probe(source).sample_aspect == clip.sample_aspect == aspect


def test_dnxhr_of_widths_that_are_no_whole_blocks(tmp_path: Path) -> None:
    """What needs no conversion goes into the encoder as it came through the pipe, and FFmpeg 9 read beyond its end."""
    options = {"profile": "dnxhr_hqx"}
    source = write(tmp_path / "a.mov", pan(4, (426, 240)), codec="dnxhd", pixel_format="yuv422p10le", options=options)
    clip, chosen = delivered(source)
    assert (chosen.options["c:v"], clip.frames, clip.width) == ("dnxhd", 4, 426)
    before, after = (next(media.frames(each)).to_ndarray(format="gray16le").astype(int) for each in (media.probe(source), clip))
    assert np.abs(before - after).mean() < 256


def test_full_range_stays_full_and_level(tmp_path: Path) -> None:
    source = write(tmp_path / "a.mp4", pan(2), pixel_format="yuvj420p")
    before = media.probe(source)
    after, _ = delivered(source)
    assert (before.color.range, after.color.range) == ("pc", "pc")
    assert _mean_luma(after) == pytest.approx(_mean_luma(before), abs=0.1)


@pytest.mark.parametrize("pixel_format", ["gray", "gray10le", "gray16le"])
def test_gray_is_full_range_and_its_file_says_so(tmp_path: Path, pixel_format: str) -> None:
    source = write(tmp_path / "a.mkv", pan(3), codec="ffv1", pixel_format=pixel_format, options={})
    clip, _ = delivered(source)
    with av.open(str(clip.path)) as opened:
        assert int(opened.streams.video[0].codec_context.color_range) == 2
    pairs = zip(media.frames(media.probe(source)), media.frames(clip), strict=True)
    levels = [[frame.to_ndarray(format="gray16le").astype(int) for frame in pair] for pair in pairs]
    assert max(int(np.abs(before - after).max()) for before, after in levels) <= 64  # one step of 10 bits


def test_alpha_goes_to_prores(tmp_path: Path) -> None:
    shots = [np.dstack([shot, np.full(shot.shape[:2], 90, np.float32)]) for shot in pan(3, (64, 48))]
    source = tmp_path / "a.mov"
    with av.open(str(source), "w") as container:
        stream = container.add_stream("qtrle", rate=24)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "argb"
        for shot in shots:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(shot.astype(np.uint8), "rgba").reformat(format="argb")))
        container.mux(stream.encode(None))
    result, _ = delivered(source)
    assert (result.codec, result.path.suffix, result.has_alpha) == ("prores", ".mov", True)
    alpha = media.first_frame(result).to_ndarray(format="rgba")[..., 3]
    assert alpha.mean() == pytest.approx(90, abs=1)


@pytest.mark.parametrize("name", ["rot270.mov", "rot180.mov", "sample_rotate_and_reflect.mp4"])
def test_orientation_is_carried(tmp_path: Path, shared_clips: Path, name: str) -> None:
    source = tmp_path / name
    source.write_bytes((shared_clips / "odd" / name).read_bytes())
    result, _ = delivered(source)
    assert _matrix(source) == _matrix(result.path)


def test_hdr_metadata_is_carried(tmp_path: Path, shared_clips: Path) -> None:
    source = tmp_path / "a.mp4"
    source.write_bytes((shared_clips / "odd" / "syn_hdr_pq_10bit.mp4").read_bytes())
    result, _ = delivered(source)
    assert result.color == media.probe(source).color
    for kind in (Type.MASTERING_DISPLAY_METADATA, Type.CONTENT_LIGHT_LEVEL):
        assert _side_data(result.path, kind) == _side_data(source, kind)


def test_stored_prompt_and_language_are_carried(tmp_path: Path) -> None:
    plain = write(tmp_path / "plain.mp4", pan(3, (96, 64)))
    source = tmp_path / "a.mp4"
    tags = ["-metadata", 'workflow={"a": 1}', "-metadata", "title=A clip", "-metadata:s:v:0", "language=eng"]
    argv = [
        str(ffmpeg.tool(SETTINGS)),
        "-loglevel",
        "error",
        "-i",
        str(plain),
        "-c",
        "copy",
        "-movflags",
        "use_metadata_tags",
        *tags,
        str(source),
    ]
    spawn.run(argv, timeout_s=30)
    result, _ = delivered(source)
    with av.open(str(result.path)) as container:
        assert container.metadata["workflow"] == '{"a": 1}'
        assert container.metadata["title"] == "A clip"
        assert container.streams.video[0].metadata["language"] == "eng"


def test_chapters_subtitles_and_attachments_are_carried(tmp_path: Path, shared_clips: Path) -> None:
    for name, kinds in {
        "with_chapters.mp4": {"video", "audio"},
        "syn_mkv_attach_51.mkv": {"video", "audio", "subtitle", "attachment"},
    }.items():
        source = tmp_path / name
        source.write_bytes((shared_clips / "odd" / name).read_bytes())
        result, _ = delivered(source)
        with av.open(str(source)) as before, av.open(str(result.path)) as after:
            assert kinds <= {stream.type for stream in after.streams}
            assert [chapter["metadata"] for chapter in after.chapters()] == [chapter["metadata"] for chapter in before.chapters()]


def test_a_higher_rate_lasts_as_long(tmp_path: Path) -> None:
    clip = media.probe(write(tmp_path / "a.mp4", pan(4)))
    twice = tmp_path / "b.mp4"

    def doubled() -> Iterator[av.VideoFrame]:
        for index, frame in enumerate(each for each in _working(clip) for _ in range(2)):
            again = av.VideoFrame.from_ndarray(frame.to_ndarray(), format=frame.format.name)
            again.pts, again.time_base = index, Fraction(1, 48)
            yield again

    frame_pipe.encode(Order(clip, doubled(), encoding.choose(clip, SMOOTH), twice, SETTINGS, frame_rate=Fraction(48)))
    result = media.probe(twice)
    assert (result.frames, result.frame_rate) == (8, 48)
    with av.open(str(twice)) as container:
        assert container.duration == pytest.approx(4 / 24 * 1e6, abs=100)  # the last frame counts, too


def test_large_pictures_get_a_short_lookahead(tmp_path: Path) -> None:
    clip = media.probe(write(tmp_path / "a.mp4", pan(1, (2688, 1520))))
    assert encoding.choose(clip, SMOOTH).options["rc-lookahead"] == 10
    assert "rc-lookahead=10" in encoding.choose(clip, Treatment(Route.DEBAND, deband=True)).options["x265-params"]
    facts = picture_facts.take(clip, SETTINGS)
    argv = frame_pipe.command(
        Path("ffmpeg"), Order(clip, [], encoding.choose(clip, SMOOTH), tmp_path / "b.mp4", SETTINGS), Fraction(0), facts=facts
    )
    assert argv[argv.index("-rc-lookahead") + 1] == "10"
    small = media.probe(write(tmp_path / "c.mp4", pan(1, (2560, 1440))))
    assert "rc-lookahead" not in encoding.choose(small, SMOOTH).options


def test_reserve_of_the_disk_is_kept(tmp_path: Path) -> None:
    with pytest.raises(CannotWrite, match="reserve_gb"):
        delivered(write(tmp_path / "a.mp4", pan(2)), settings=Settings(disk=Disk(reserve_gb=1e9)))


def test_ffmpegs_own_words_when_it_dies(tmp_path: Path) -> None:
    clip = media.probe(write(tmp_path / "a.mp4", pan(12)))
    chosen = encoding.choose(clip, SMOOTH)
    taken = tmp_path / "out.mp4"
    taken.mkdir()
    with pytest.raises(ToolFailed, match="Is a directory"):
        frame_pipe.encode(Order(clip, _working(clip), chosen, taken, SETTINGS))


def test_an_error_of_the_maker_is_not_ffmpegs(tmp_path: Path) -> None:
    clip = media.probe(write(tmp_path / "a.mp4", pan(4)))

    def broken() -> Iterator[av.VideoFrame]:
        yield from _working(clip)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        frame_pipe.encode(Order(clip, broken(), encoding.choose(clip, SMOOTH), tmp_path / "out.mp4", SETTINGS))


def _mean_luma(clip: Clip) -> float:
    return float(np.mean([media.planes(frame).y.mean() for frame in media.frames(clip)]))


def _side_data(path: Path, kind: Type) -> tuple[Fraction | int, ...]:
    with av.open(str(path)) as container:
        found: object = next(container.decode(video=0)).side_data.get(kind)  # pyright: ignore[reportArgumentType, reportCallIssue]
    raw = bytes(found)  # pyright: ignore[reportArgumentType]
    numbers = struct.unpack(f"{len(raw) // 4}i", raw)
    if kind is Type.CONTENT_LIGHT_LEVEL:
        return numbers
    return tuple(Fraction(n, d) for n, d in zip(numbers[0:20:2], numbers[1:20:2], strict=True))


def _matrix(path: Path) -> tuple[int, ...]:
    with av.open(str(path)) as container:
        found: object = next(container.decode(video=0)).side_data.get(Type.DISPLAYMATRIX)  # pyright: ignore[reportArgumentType, reportCallIssue]
    return struct.unpack("9i", bytes(found))[:5]  # pyright: ignore[reportArgumentType]


def _starts(path: Path) -> list[float]:
    with av.open(str(path)) as container:
        return [
            float((stream.start_time or 0) * (stream.time_base or 1)) for stream in (container.streams.video[0], container.streams.audio[0])
        ]


def _with_sound(path: Path, picture_late_s: float, sound_late_s: float, codec: str = "aac") -> Path:
    with av.open(str(path), "w") as container:
        video = container.add_stream("libx264", rate=24)
        video.width, video.height, video.pix_fmt = 96, 64, "yuv420p"
        audio = container.add_stream(codec, rate=48000)
        packets: list[av.Packet] = []
        for index, shot in enumerate(pan(24, (96, 64))):
            frame = av.VideoFrame.from_ndarray(shot.astype(np.uint8), format="rgb24")
            frame.pts, frame.time_base = index + round(picture_late_s * 24), Fraction(1, 24)
            packets += video.encode(frame)
        sound_format = "fltp" if codec == "aac" else "s16"
        for index in range(46):
            shape, kind = ((2, 1024), np.float32) if codec == "aac" else ((1, 2048), np.int16)
            sound = av.AudioFrame.from_ndarray(np.zeros(shape, kind), format=sound_format, layout="stereo")
            sound.sample_rate, sound.pts, sound.time_base = 48000, index * 1024 + round(sound_late_s * 48000), Fraction(1, 48000)
            packets += audio.encode(sound)
        packets += [*video.encode(None), *audio.encode(None)]
        for packet in sorted(
            packets, key=lambda packet: float(packet.dts * packet.time_base) if packet.dts is not None and packet.time_base else 0
        ):
            container.mux(packet)
    return path
