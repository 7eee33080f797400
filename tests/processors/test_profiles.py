"""Profiles: what each makes of a picture, that nothing of it is lost, and what is refused before any work."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from clipmaker import pan, write

from deshimmer.config.errors import NotSetUp, RouteRefused
from deshimmer.config.profiles import Profile
from deshimmer.config.settings import Settings
from deshimmer.daemon.page import settings_fields
from deshimmer.processors import api, encoding, media
from deshimmer.processors.records import Clip, ColorTags, Route, Treatment
from deshimmer.processors.writing import coders, encoders, frame_pipe, picture_codecs, profiles_page
from deshimmer.processors.writing.orders import Order
from deshimmer.processors.writing.picture_needs import Layout, Need

SETTINGS = Settings()
SOFTWARE = [profile for profile in coders.CODERS if not profile.is_hardware]
SIZE = (320, 180)


def made(name: str = "a.mp4", codec: str = "h264", pixel_format: str = "yuv420p", **more: object) -> Clip:
    """A clip as probing would tell it; no file."""
    layout = Layout.of(pixel_format)
    clip = Clip(
        path=Path(name),
        digest="",
        size_bytes=0,
        container="webp_pillow",  # which nothing is read from
        codec=codec,
        pixel_format=pixel_format,
        bit_depth=layout.depth,
        width=SIZE[0],
        height=SIZE[1],
        frames=10,
        frame_rate=Fraction(24),
        time_base=Fraction(1, 24),
        duration=Fraction(10, 24),
        variable_frame_rate=False,
        rotation=0,
        sample_aspect=Fraction(1),
        has_alpha=layout.has_alpha,
        interlaced=False,
        color=ColorTags(range="tv"),
        audio=(),
    )
    return replace(clip, **more)  # pyright: ignore[reportArgumentType]  any of Clip's fields


def chosen(clip: Clip, profile: Profile = Profile.MATCH, *, deband: bool = False) -> picture_codecs.Picture:
    return picture_codecs.choose(clip, Treatment(Route.DEBAND if deband else Route.SMOOTH, deband=deband, profile=profile))


@pytest.mark.parametrize(
    ("codec", "pixel_format", "encoder", "result"),
    [
        ("h264", "yuv420p", "libx264", "yuv420p"),
        ("h264", "yuv422p10le", "libx264", "yuv422p10le"),
        ("hevc", "yuv420p", "libx265", "yuv420p10le"),
        ("hevc", "yuv420p12le", "libx265", "yuv420p12le"),
        ("av1", "yuv420p", "libsvtav1", "yuv420p10le"),
        ("av1", "yuv444p10le", "libaom-av1", "yuv444p10le"),
        ("vp9", "yuv420p", "libvpx-vp9", "yuv420p"),
        ("vp9", "yuv420p10le", "libvpx-vp9", "yuv420p10le"),
        ("vp8", "yuva420p", "libvpx-vp9", "yuva420p"),
        ("prores", "yuv422p10le", "prores_ks", "yuv422p10le"),
        ("prores", "yuv444p12le", "prores_ks", "yuv444p10le"),
        ("prores", "yuva444p12le", "prores_ks", "yuva444p10le"),
        ("cfhd", "gbrp12le", "ffv1", "gbrp12le"),
        ("qtrle", "argb", "prores_ks", "yuva444p10le"),
        ("dnxhd", "yuv422p", "dnxhd", "yuv422p10le"),
        ("dnxhd", "gbrp10le", "dnxhd", "yuv444p10le"),
        ("ffv1", "gray16le", "ffv1", "gray16le"),
        ("ffv1", "gray", "ffv1", "gray10le"),
        ("ffv1", "gbrp", "ffv1", "gbrp10le"),
        ("ffv1", "gbrp16le", "ffv1", "gbrp16le"),
        ("ffv1", "yuv420p14le", "ffv1", "yuv420p16le"),
        ("huffyuv", "yuv422p", "ffv1", "yuv422p10le"),
        ("mjpeg", "yuvj422p", "libx264", "yuv422p"),
        ("mpeg4", "yuv420p", "libx264", "yuv420p"),
        ("gif", "bgra", "prores_ks", "yuva444p10le"),
        ("tiff", "rgb48le", "ffv1", "gbrp16le"),
        ("h264", "gray", "libx264", "yuv420p"),
        ("h264", "yuv411p", "libx264", "yuv422p"),
        ("h264", "yuv440p", "libx264", "yuv444p"),
        ("h264", "yuv410p", "libx264", "yuv420p"),
    ],
)
def test_match_keeps_the_family_or_takes_what_holds_the_picture(codec: str, pixel_format: str, encoder: str, result: str) -> None:
    picture = chosen(made(codec=codec, pixel_format=pixel_format))
    assert (picture.options["c:v"], picture.pixel_format) == (encoder, result)


def test_after_debanding_h264_becomes_hevc_main10() -> None:
    picture = chosen(made(), deband=True)
    assert (picture.options["c:v"], picture.pixel_format) == ("libx265", "yuv420p10le")


def test_another_codec_for_match_is_named_with_its_reason() -> None:
    picture = chosen(made(codec="cfhd", pixel_format="yuv444p12le"))
    assert "it is FFV1, because ProRes 422 HQ cannot hold its" in " ".join(picture.notes)
    assert "12 bits" in " ".join(picture.notes)


@pytest.mark.parametrize("codec", [name for family in coders.FAMILIES if family.is_intra for name in family.codecs])
def test_families_of_whole_frames_stay_such(codec: str) -> None:
    for pixel_format in ("yuv420p", "yuv422p10le", "yuv444p12le", "yuva444p10le", "gbrp"):
        picture = chosen(made(codec=codec, pixel_format=pixel_format))
        assert picture.options["c:v"] in ("prores_ks", "dnxhd", "ffv1") or picture.options["g"] == 1


@pytest.mark.parametrize("codec", ["h264", "hevc", "av1", "vp9", "prores", "dnxhd", "ffv1", "mjpeg", "mpeg4"])
@pytest.mark.parametrize("deband", [False, True])
def test_match_loses_nothing(codec: str, deband: bool) -> None:
    formats = (
        "gray gray10le gray16le yuv420p yuv411p yuv410p yuv440p yuv422p10le yuv444p12le yuva420p yuva444p12le yuv444p16le gbrp rgb48le rgba"
    )
    for pixel_format in formats.split():
        clip = made(codec=codec, pixel_format=pixel_format)
        held = Layout.of(chosen(clip, deband=deband).pixel_format)
        is_own = codec == "prores" and clip.bit_depth > 10  # it is named: see below
        assert Need.of(clip).losses(held, crops_whole_chroma=False) == ((f"{clip.bit_depth} bits",) if is_own else ()), pixel_format


@pytest.mark.parametrize("profile", [Profile.MATCH, Profile.PRORES])
def test_prores_4444_comes_back_as_such_and_its_encoders_bits_are_named(tmp_path: Path, profile: Profile) -> None:
    """It stores frequencies: every reader makes 12 bits of them. Rounding to 10 costs 1.2 steps of 4095, ProRes itself 5."""
    options = {"profile:v": "4444"}
    source = media.probe(write(tmp_path / "a.mov", pan(2, SIZE), codec="prores_ks", pixel_format="yuv444p10le", options=options))
    result, picture = delivered(source, profile)
    assert (source.bit_depth, result.codec, result.pixel_format) == (12, "prores", source.pixel_format)
    assert [note for note in picture.notes if "takes 10 of them" in note]
    pairs = zip(media.frames(source), media.frames(result), strict=True)
    change = [media.planes(a).y.astype(float) - media.planes(b).y for a, b in pairs]
    assert np.sqrt(np.mean(np.square(change))) < 6.0


@pytest.mark.parametrize(
    ("profile", "change", "lost", "remedy"),
    [
        (Profile.H264, {"pixel_format": "yuv420p10le"}, "10 bits", "prores or dnxhr or hevc10"),
        (Profile.H264, {"pixel_format": "yuva420p"}, "transparency", "prores or ffv1"),
        (Profile.HEVC10, {"pixel_format": "yuva420p"}, "transparency", "prores or ffv1"),
        (Profile.DNXHR, {"pixel_format": "yuva444p10le"}, "transparency", "prores or ffv1"),
        (Profile.AV1, {"pixel_format": "yuva420p"}, "transparency", "prores or ffv1"),
        (Profile.PRORES, {"pixel_format": "yuv444p12le"}, "12 bits", "ffv1"),
        (Profile.HEVC10, {"pixel_format": "gray16le"}, "16 bits", "ffv1"),
        (Profile.DNXHR, {"width": 160, "height": 120}, "size 160x120", "prores or h264"),
        (Profile.HEVC_NVENC, {"pixel_format": "yuv444p12le"}, "12 bits", "ffv1"),
        (Profile.HEVC_VIDEOTOOLBOX, {"pixel_format": "yuv422p10le"}, "4:2:2 chroma", "prores"),
    ],
)
def test_what_a_profile_cannot_hold_is_refused(profile: Profile, change: dict[str, object], lost: str, remedy: str) -> None:
    clip = made(**change)  # pyright: ignore[reportArgumentType]
    with pytest.raises(RouteRefused, match=lost) as refused:
        picture_codecs.require(clip, profile)
    assert remedy in refused.value.message
    with pytest.raises(RouteRefused):
        chosen(clip, profile)


@pytest.mark.parametrize("profile", list(coders.CODERS))
def test_every_profile_takes_a_plain_clip(profile: Profile) -> None:
    picture = chosen(made(), profile)
    assert Layout.of(picture.pixel_format).depth >= 8
    picture_codecs.require(made(), profile)


@pytest.mark.parametrize("profile", [Profile.PRORES, Profile.DNXHR])
def test_full_range_is_scaled_where_no_file_tells_it(tmp_path: Path, profile: Profile) -> None:
    """Such files are limited range to every decoder."""
    source = media.probe(write(tmp_path / "a.mp4", pan(2, SIZE), pixel_format="yuvj420p"))
    result, picture = delivered(source, profile)
    assert (source.color.range, result.color.range) == ("pc", "tv")
    assert any("range" in note for note in picture.notes)
    assert shown(result) == pytest.approx(shown(source), abs=1.5)


@pytest.mark.parametrize("profile", [Profile.MATCH, Profile.H264, Profile.HEVC10, Profile.AV1, Profile.FFV1])
def test_full_range_is_kept_elsewhere(tmp_path: Path, profile: Profile) -> None:
    source = media.probe(write(tmp_path / "a.mp4", pan(2, SIZE), pixel_format="yuvj420p"))
    result, picture = delivered(source, profile)
    assert result.color.range == "pc"
    assert not any("range" in note for note in picture.notes)
    assert shown(result) == pytest.approx(shown(source), abs=1.5)


@pytest.mark.parametrize("pixel_format", ["yuv420p10le", "yuv422p12le", "yuv444p16le", "yuva444p16le", "gray10le", "gray12le", "gray16le"])
def test_ffv1_gives_every_sample_back(tmp_path: Path, pixel_format: str) -> None:
    source = media.probe(noise(tmp_path / "a.mkv", pixel_format))
    result, _ = delivered(source, Profile.FFV1)
    before, after = (media.first_frame(clip) for clip in (source, result))
    assert after.format.name == pixel_format
    for mine, theirs in zip(media.planes(before), media.planes(after), strict=True):
        assert mine is theirs is None or np.array_equal(mine, theirs)  # pyright: ignore[reportArgumentType]  both or none


@pytest.mark.parametrize("pixel_format", ["gbrp", "gbrp10le", "gbrp12le", "gbrp16le"])
def test_ffv1_keeps_rgb(tmp_path: Path, pixel_format: str) -> None:
    """It goes through YUV with two bits more, where there are: a step of the depth at most, five of 65535 at 16 bits."""
    name, codec = ("a.avi", "utvideo") if pixel_format == "gbrp" else ("a.mkv", "ffv1")
    source = media.probe(noise(tmp_path / name, pixel_format, codec))
    result, _ = delivered(source, Profile.FFV1)
    before, after = (media.first_frame(clip) for clip in (source, result))
    assert (result.color.matrix, result.color.range) == ("gbr", "pc")
    assert result.color == media.delivered_color(source, result.pixel_format)
    depth, step = source.bit_depth, 1 if source.bit_depth < 16 else 5
    levels = after.to_ndarray(channel_last=True).astype(np.float64) * (2**depth - 1) / (2**result.bit_depth - 1)
    assert np.abs(levels - before.to_ndarray(channel_last=True)).max() <= step


@pytest.mark.parametrize("profile", SOFTWARE)
@pytest.mark.parametrize("size", [(321, 181), (320, 181), (321, 180)])
def test_odd_sizes(tmp_path: Path, profile: Profile, size: tuple[int, int]) -> None:
    source = media.probe(write(tmp_path / "a.mkv", pan(2, size), codec="ffv1"))
    result, _ = delivered(source, profile)
    assert (result.width, result.height, result.frames) == (*size, 2)
    assert np.abs(gray(result) - gray(source)).mean() < 1.5
    assert np.abs(gray(result) - gray(source))[:, -1].mean() < 3  # the last column is where padding goes wrong


def test_dnxhr_takes_the_matrices_that_its_files_can_tell() -> None:
    """Its decoders take bt709 from the stream as FFmpeg writes it, whatever the container says."""
    assert not chosen(made(color=ColorTags(matrix="bt709")), Profile.DNXHR).notes[:-1]
    assert any("matrix" in note for note in chosen(made(), Profile.DNXHR).notes)
    for matrix in ("smpte170m", "bt2020nc"):
        with pytest.raises(RouteRefused, match=f"{matrix} matrix"):
            picture_codecs.require(made(color=ColorTags(matrix=matrix)), Profile.DNXHR)


def test_vp9_keeps_its_transparency(tmp_path: Path) -> None:
    source = media.probe(noise(tmp_path / "a.webm", "yuva420p", codec="libvpx-vp9"))
    assert source.has_alpha
    result, picture = delivered(source, Profile.MATCH)
    assert (picture.suffix, result.codec, result.has_alpha) == (".webm", "vp9", True)


@pytest.mark.parametrize(
    ("name", "profile", "suffix"),
    [
        ("a.mp4", Profile.PRORES, ".mov"),
        ("a.mkv", Profile.DNXHR, ".mov"),
        ("a.mov", Profile.FFV1, ".mkv"),
        ("a.mov", Profile.HEVC10, ".mov"),
        ("a.mkv", Profile.H264, ".mkv"),
        ("a.webm", Profile.H264, ".mp4"),
        ("a.webm", Profile.AV1, ".webm"),
        ("a.avi", Profile.HEVC10, ".mp4"),
        ("a.ts", Profile.AV1, ".mp4"),
    ],
)
def test_containers(tmp_path: Path, name: str, profile: Profile, suffix: str) -> None:
    codec = {"a.webm": "libvpx-vp9", "a.avi": "mpeg4"}.get(name, "libx264")
    clip = media.probe(write(tmp_path / name, pan(2, SIZE), codec=codec))
    assert encoding.choose(clip, Treatment(Route.SMOOTH, profile=profile)).suffix == suffix


def delivered(clip: Clip, profile: Profile) -> tuple[Clip, encoding.Encoding]:
    picture = encoding.choose(clip, Treatment(Route.SMOOTH, profile=profile))
    output = clip.path.with_name(f"delivered{picture.suffix}")
    assert frame_pipe.encode(Order(clip, _working(clip), picture, output, SETTINGS)) == clip.frames
    return media.probe(output), picture


def shown(clip: Clip) -> float:
    """Mean brightness as a player shows it."""
    return float(gray(clip).mean())


def gray(clip: Clip) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    frame = media.to_format(media.first_frame(clip), media.working_format(clip))
    scaled = frame.reformat(format="yuv444p16le", dst_color_range="JPEG")
    return np.asarray(media.planes(scaled).y, np.float64) / 257


def noise(path: Path, pixel_format: str, codec: str = "ffv1") -> Path:
    """Two frames of random samples over the format's whole depth, smooth enough for a chroma step to be seen."""
    random = np.random.default_rng(7)
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=24)
        stream.width, stream.height, stream.pix_fmt = 64, 48, pixel_format
        for index in range(2):
            frame = av.VideoFrame(64, 48, pixel_format)
            for plane, component in zip(frame.planes, frame.format.components, strict=True):
                kind = np.uint16 if component.bits > 8 else np.uint8
                samples = np.frombuffer(memoryview(plane), kind).reshape(plane.height, -1)
                samples[:] = random.integers(0, 1 << component.bits, samples.shape, dtype=kind)
            frame.pts, frame.time_base = index, Fraction(1, 24)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def _working(clip: Clip) -> Iterator[av.VideoFrame]:
    for frame in media.frames(clip):
        yield media.to_format(frame, media.working_format(clip))


@pytest.mark.parametrize("made_table", [profiles_page.table, profiles_page.match_table, profiles_page.hardware_table])
def test_the_documentation_is_the_codes_own_table(made_table: Callable[[], str]) -> None:
    page = (Path(__file__).parents[2] / "docs" / "profiles.md").read_text(encoding="utf-8")
    assert made_table() in page, f"put profiles_page.{made_table.__name__}() into docs/profiles.md"


def test_an_encoder_that_is_not_there_is_not_set_up() -> None:
    for encoder in ("h264_absent", "hevc_videotoolbox"):
        with pytest.raises(NotSetUp, match=f"no encoder {encoder}"):
            encoders.require(encoder, SETTINGS)
    encoders.require("libx264", SETTINGS)


@pytest.mark.skipif(sys.platform == "darwin", reason="a Mac's encoder works")
def test_hardware_that_does_not_work_is_not_offered() -> None:
    offered = encoders.working_hardware(SETTINGS)
    assert Profile.HEVC_VIDEOTOOLBOX not in offered
    if Profile.H264_NVENC not in offered:
        with pytest.raises(NotSetUp, match="an NVIDIA GPU") as refused:
            encoders.require("h264_nvenc", SETTINGS)
        assert "received no packets" not in refused.value.message  # FFmpeg's last line says nothing, the encoder's own is far above


def test_a_profile_that_does_not_fit_ends_before_the_diagnosis(tmp_path: Path) -> None:
    receipt = api.fix(write(tmp_path / "a.mp4", pan(2, (160, 120))), profile=Profile.DNXHR)
    assert receipt.error is not None
    assert "size 160x120" in (receipt.error.get("message") or "")
    assert not set(receipt.details["timings"]) - {"probe"}


def test_the_settings_form_lists_the_profiles() -> None:
    field = next(each for each in settings_fields.hot_folder(0, {"path": "x"}).fields if each.key.endswith("profile"))
    assert (field.kind, field.options) == ("choice", tuple(map(str, Profile)))
