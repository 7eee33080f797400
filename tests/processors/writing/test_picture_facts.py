"""What a picture is besides what it shows survives, and what does not is found."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from clipmaker import pan, photograph, write

from deshimmer.config import spawn
from deshimmer.config.errors import NotSetUp, RouteRefused
from deshimmer.config.settings import Settings
from deshimmer.processors import encoding, ffmpeg, media
from deshimmer.processors.checks import picture_checks
from deshimmer.processors.hdr import Mastering
from deshimmer.processors.records import Candidate, Clip, ColorTags, Route, Treatment
from deshimmer.processors.writing import frame_pipe, picture_facts
from deshimmer.processors.writing.orders import Encoding, Order
from deshimmer.processors.writing.picture_facts import PictureFacts

SETTINGS = Settings()
SMOOTH = Treatment(Route.SMOOTH)
MASTERING = Mastering((34000, 16000, 13250, 34500, 7500, 3000, 15635, 16450), 50, 10_000_000)
HDR10 = PictureFacts(
    bit_depth=10,
    subsampling=(2, 2),
    chroma_location="topleft",
    color=ColorTags("bt2020", "smpte2084", "bt2020nc", "tv"),
    mastering=MASTERING,
    light_level=(1000, 400),
    dolby_vision=None,
    size=(96, 64),
    sample_aspect=Fraction(1),
    rotation=0,
    mirrored=False,
    field_order=None,
    has_alpha=False,
)


def run(*arguments: str | Path) -> None:
    spawn.run([str(ffmpeg.tool(SETTINGS)), "-v", "error", *map(str, arguments)], timeout_s=30)


def through(source: Path, chosen: encoding.Encoding | None = None) -> tuple[Clip, Clip, Candidate]:
    """Source and result of a delivery that changes nothing."""
    clip = media.probe(source)
    chosen = chosen or encoding.choose(clip, SMOOTH)
    output = source.with_name(f"delivered{chosen.suffix}")
    count = frame_pipe.encode(Order(clip, _working(clip), chosen, output, SETTINGS))
    return clip, media.probe(output), Candidate(output, SMOOTH, "", count, 0.0, chosen.notes)


def _working(clip: Clip) -> Iterator[av.VideoFrame]:
    for frame in media.frames(clip):
        yield media.to_format(frame, media.working_format(clip))


def failed(clip: Clip, result: Clip, candidate: Candidate) -> list[str]:
    return [check.name for check in picture_checks.of(clip, result, candidate, SETTINGS) if not check.passed]


def hdr10(path: Path, codec: str = "libx265", pixel_format: str = "yuv420p10le", *more: str) -> Path:
    """Two frames with everything that HDR10 has."""
    plain = write(path.with_name("plain.mkv"), pan(2, (96, 64)), pixel_format="yuv444p", options={"crf": "4"})
    tags = "setparams=range=tv:color_primaries=bt2020:color_trc=smpte2084:colorspace=bt2020nc"
    told = ("-mastering_display", str(MASTERING), "-content_light", "1000,400")
    quiet = ("-x265-params", "log-level=error") if codec == "libx265" else ()
    run(*told, "-i", plain, "-vf", f"scale=out_color_matrix=bt2020,{tags}", "-c:v", codec, "-pix_fmt", pixel_format, *quiet, *more, path)
    return path


CODECS: dict[str, tuple[str, dict[str, Any]]] = {
    "h264": ("yuv420p10le", {"c:v": "libx264"}),
    "hevc": ("yuv420p10le", {"c:v": "libx265", "x265-params": "log-level=error"}),
    "prores": ("yuv422p10le", {"c:v": "prores_ks", "profile:v": "hq"}),
    "ffv1": ("yuv420p10le", {"c:v": "ffv1"}),
}
CONTAINERS = {".mp4": "mp4", ".mov": "mov", ".mkv": "matroska", ".ts": "mpegts"}


@pytest.mark.parametrize(
    ("codec", "suffix"),
    [
        *(("h264", suffix) for suffix in CONTAINERS),
        *(("hevc", suffix) for suffix in CONTAINERS),
        *(("prores", suffix) for suffix in (".mov", ".mkv")),
        ("ffv1", ".mkv"),
    ],
)
def test_hdr10_is_whole_in_every_codec_and_container(tmp_path: Path, codec: str, suffix: str) -> None:
    pixel_format, options = CODECS[codec]
    source = hdr10(tmp_path / "a.mp4", "libx265", "yuv420p10le", "-chroma_sample_location", "topleft")
    chosen = Encoding(suffix, CONTAINERS[suffix], pixel_format, {**options, "f": CONTAINERS[suffix]}, "")
    clip, result, candidate = through(source, chosen)
    facts = picture_facts.take(result, SETTINGS)
    assert MASTERING.is_like(facts.mastering)
    assert (facts.light_level, facts.color) == ((1000, 400), HDR10.color)
    assert failed(clip, result, candidate) == []


def test_prores_hdr10_keeps_its_metadata(shared_clips: Path, tmp_path: Path) -> None:
    source = tmp_path / "a.mov"
    source.write_bytes((shared_clips / "odd" / "prores_hdr10.mov").read_bytes())
    clip, result, candidate = through(source)
    assert picture_facts.take(result, SETTINGS).light_level == (1000, 100)
    assert failed(clip, result, candidate) == []


def test_dolby_vision_is_delivered_as_its_base_layer_and_said(shared_clips: Path, tmp_path: Path) -> None:
    source = tmp_path / "a.mov"
    source.write_bytes((shared_clips / "odd" / "dolbyvision_hdr.MOV").read_bytes())
    clip, result, candidate = through(source)
    assert any("Dolby Vision profile 8: its base layer is delivered (HLG)" in note for note in candidate.notes)
    assert any("ambient light" in note for note in candidate.notes)
    assert failed(clip, result, candidate) == []
    assert failed(clip, result, replace(candidate, notes=())) == ["picture: Dolby Vision"]
    with pytest.raises(RouteRefused, match="profile 5"):
        picture_facts.losses(media.probe(shared_clips / "odd" / "hevc_dovi_p5.mp4"))


def test_the_second_view_of_stereo_is_said(shared_clips: Path) -> None:
    clip = media.probe(shared_clips / "odd" / "mvhevc_stereo_5frames.mov")
    assert picture_facts.take(clip, SETTINGS).has_other_views
    assert any("second view" in note for note in picture_facts.losses(clip))


def test_an_ffmpeg_without_the_options_is_told_not_used(tmp_path: Path) -> None:
    ffmpeg.require_options(["mastering_display", "content_light"], SETTINGS)
    with pytest.raises(NotSetUp, match="no -from_the_future"):
        ffmpeg.require_options(["mastering_display", "from_the_future"], SETTINGS)


CHANGES: dict[str, dict[str, Any]] = {
    "bit depth": {"bit_depth": 8},
    "chroma sampling": {"subsampling": (4, 2)},
    "chroma location": {"chroma_location": "left"},
    "range": {"color": replace(HDR10.color, range="pc")},
    "primaries": {"color": replace(HDR10.color, primaries="bt709")},
    "transfer": {"color": replace(HDR10.color, transfer=None)},
    "matrix": {"color": replace(HDR10.color, matrix="bt709")},
    "mastering display": {"mastering": None},
    "light level": {"light_level": (1000, 401)},
    "Dolby Vision": {"dolby_vision": 8},
    "size": {"size": (96, 62)},
    "pixel aspect": {"sample_aspect": Fraction(16, 15)},
    "rotation": {"rotation": 90},
    "field order": {"field_order": "top"},
    "second view": {"has_other_views": True},
}


@pytest.mark.parametrize("name", CHANGES)
def test_each_property_that_changes_is_found_unless_it_is_named(name: str) -> None:
    (found,) = picture_facts.differences(HDR10, replace(HDR10, **CHANGES[name]), SMOOTH)
    assert found.name == name
    (check,) = picture_checks.properties(HDR10, replace(HDR10, **CHANGES[name]), SMOOTH, ("sound is left out",))
    assert (check.passed, check.name) == (False, f"picture: {name}")
    (check,) = picture_checks.properties(HDR10, replace(HDR10, **CHANGES[name]), SMOOTH, (f"it loses {found.words[0]}",))
    assert check.passed
    assert name in check.detail


def test_more_than_was_there_is_no_loss() -> None:
    gray = replace(HDR10, subsampling=(0, 0), bit_depth=8, chroma_location=None, mastering=None, light_level=None)
    better = replace(gray, subsampling=(1, 1), bit_depth=12, has_alpha=True)
    assert picture_facts.differences(gray, better, SMOOTH) == ()
    assert [each.name for each in picture_facts.differences(better, gray, SMOOTH)] == ["bit depth", "chroma sampling"]


def test_a_clip_rendered_again_has_a_size_of_its_own() -> None:
    other = replace(HDR10, size=(64, 64), sample_aspect=Fraction(4, 3), bit_depth=8)
    found = picture_facts.differences(HDR10, other, Treatment(Route.REGENERATE))
    assert [each.name for each in found] == ["bit depth"]


COLOURS = {
    "601": ("yuv420p", "range=tv:color_primaries=smpte170m:color_trc=smpte170m:colorspace=smpte170m"),
    "709 full": ("yuvj420p", "range=pc:color_primaries=bt709:color_trc=bt709:colorspace=bt709"),
    "2020c": ("yuv422p10le", "range=tv:color_primaries=bt2020:color_trc=bt2020-10:colorspace=bt2020c"),
    "ycgco": ("yuv444p", "range=tv:color_primaries=bt709:color_trc=bt709:colorspace=ycgco"),
    "untold": ("yuv420p", ""),
}


@pytest.mark.parametrize("case", COLOURS)
def test_levels_and_tags_stay_in_every_colour_space(tmp_path: Path, case: str) -> None:
    pixel_format, tags = COLOURS[case]
    plain = write(tmp_path / "plain.mkv", pan(3, (96, 64)), pixel_format="yuv444p", options={"crf": "4"})
    source = tmp_path / "a.mkv"
    chain = f"format={pixel_format}" + (f",setparams={tags}" if tags else "")
    run("-i", plain, "-vf", chain, "-c:v", "libx264", "-crf", "6", source)
    clip, result, candidate = through(source)
    assert clip.color == result.color
    assert tags == "" or clip.color.matrix == re.findall(r"colorspace=(\w+)", tags)[0]
    assert failed(clip, result, candidate) == []
    assert _psnr(clip, result) > 40


def test_rgb_becomes_the_same_picture_in_bt709(tmp_path: Path) -> None:
    source = write(tmp_path / "a.mkv", pan(2, (96, 64)), codec="ffv1", pixel_format="bgr0", options={"level": "3"})
    clip, result, candidate = through(source)
    assert failed(clip, result, candidate) == []
    pairs = zip(media.frames(clip), media.frames(result), strict=True)
    assert min(_decibels(a.to_ndarray(format="rgb24"), b.to_ndarray(format="rgb24"), 255) for a, b in pairs) > 38


@pytest.mark.parametrize("codec", CODECS)
def test_odd_sizes_in_every_codec(tmp_path: Path, codec: str) -> None:
    source = write(tmp_path / "a.mkv", pan(2, (161, 121)), codec="ffv1", pixel_format="yuv444p", options={"level": "3"})
    profile = {"profile:v": "4444"} if codec == "prores" else {}
    options = {**CODECS[codec][1], **profile, "f": "matroska"}
    chosen = Encoding(".mkv", "matroska", "yuv444p10le", options, "")
    clip, result, candidate = through(source, chosen)
    assert (result.width, result.height) == (161, 121)
    assert failed(clip, result, candidate) == []


def test_alpha_comes_back_as_it_was_and_damage_is_found(tmp_path: Path) -> None:
    picture = photograph("chelsea")[:64, :96]
    ramp = np.tile(np.linspace(0, 255, 96, dtype=np.float32), (64, 1))
    source = tmp_path / "a.mov"
    with av.open(str(source), "w") as container:
        stream = container.add_stream("qtrle", rate=24)
        stream.width, stream.height, stream.pix_fmt = 96, 64, "argb"
        for index in range(3):
            shot = np.dstack([picture, np.roll(ramp, 5 * index, axis=1)]).round().astype(np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(shot, "rgba").reformat(format="argb")))
        container.mux(stream.encode(None))
    clip, result, candidate = through(source)
    assert picture_checks.alpha_change(clip, result) == (0.0, 0.0)
    assert failed(clip, result, candidate) == []
    shifted = tmp_path / "shifted.mov"
    run("-i", result.path, "-vf", "lutyuv=a=val*0.9", "-c:v", "prores_ks", "-profile:v", "4444", "-alpha_bits", "16", shifted)
    assert "picture: alpha" in failed(clip, media.probe(shifted), candidate)


def test_alpha_of_webm_comes_back_as_well_as_vp9_codes_it(shared_clips: Path, tmp_path: Path) -> None:
    source = tmp_path / "a.webm"
    source.write_bytes((shared_clips / "odd" / "vp8_alpha.webm").read_bytes())
    clip, result, candidate = through(source)
    assert clip.has_alpha
    assert result.has_alpha
    assert picture_checks.alpha_change(clip, result)[0] < 0.2
    assert failed(clip, result, candidate) == []


def _psnr(clip: Clip, result: Clip) -> float:
    """The worst frame's, of luma, in decibels."""
    peak = (1 << result.bit_depth) - 1
    scale = peak / ((1 << clip.bit_depth) - 1) if clip.color.range == "pc" else float(1 << (result.bit_depth - clip.bit_depth))
    pairs = zip(media.frames(clip), media.frames(result), strict=True)
    return min(_decibels(media.planes(a).y * scale, media.planes(b).y, peak) for a, b in pairs)


def _decibels(before: Any, after: Any, peak: float) -> float:
    error = float(np.square(np.subtract(before, after, dtype=np.float64)).mean())
    return float("inf") if error == 0 else 10 * float(np.log10(peak**2 / error))
