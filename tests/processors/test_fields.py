"""Interlaced clips: told from their pictures, treated field by field, delivered as fields; never combed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from clipmaker import Picture, exposure_flicker, pan, write
from numpy.typing import NDArray

from deshimmer.config import spawn
from deshimmer.config.errors import RouteRefused
from deshimmer.config.profiles import Profile
from deshimmer.config.settings import Settings
from deshimmer.processors import combing, diagnosis, encoding, ffmpeg, fields, media, smoothing, verification
from deshimmer.processors.records import (
    Band,
    BandReading,
    Candidate,
    Clip,
    CodecReading,
    Diagnosis,
    Reading,
    Route,
    Shot,
    Treatment,
    Verdict,
)
from deshimmer.processors.writing import frame_pipe
from deshimmer.processors.writing.orders import Order

SETTINGS = Settings()
SMOOTH = Treatment(Route.SMOOTH, bands=(Band.GLOBAL_LUMA,))
SIZE = (192, 128)


def woven(shots: Sequence[Picture], *, top_first: bool = True) -> list[Picture]:
    """Two moments a frame."""
    made: list[Picture] = []
    for first, second in zip(shots[::2], shots[1::2], strict=True):
        frame = np.empty_like(first)
        frame[::2], frame[1::2] = (first[::2], second[1::2]) if top_first else (second[::2], first[1::2])
        made.append(frame)
    return made


def pulled_down(shots: Sequence[Picture]) -> list[Picture]:
    """3:2 pulldown: four pictures in five frames."""
    made: list[Picture] = []
    for a, b, c, d in zip(*(shots[start::4] for start in range(4)), strict=True):
        made += [a, woven([a, b])[0], woven([b, c])[0], c, d]
    return made


def interlaced(path: Path, shots: Sequence[Picture], *, flagged: str | None = "tff") -> Path:
    """4:2:2, so that a chroma line belongs to one field whatever converts it."""
    plain = write(path.with_suffix(".mkv"), shots, pixel_format="yuv422p", options={"crf": "4", "preset": "ultrafast"})
    flags = [] if flagged is None else ["-vf", f"setparams=field_mode={flagged}", "-flags", "+ilme+ildct"]
    encoder = ["-c:v", "libx264", "-crf", "8", "-preset", "veryfast"]
    spawn.run([str(ffmpeg.tool(SETTINGS)), "-v", "error", "-i", str(plain), *flags, *encoder, str(path)], timeout_s=30)
    return path


CASES: dict[str, tuple[Callable[[], list[Picture]], str | None, tuple[str | None, bool, bool]]] = {
    "whole": (lambda: pan(20, SIZE, step_px=2), None, (None, False, False)),
    "flickering": (lambda: exposure_flicker(pan(20, SIZE, step_px=2), 12), None, (None, False, False)),
    "top first": (lambda: woven(pan(40, SIZE, step_px=2)), "tff", ("top", True, False)),
    "bottom first": (lambda: woven(pan(40, SIZE, step_px=2), top_first=False), "bff", ("bottom", True, False)),
    "not flagged": (lambda: woven(pan(40, SIZE, step_px=2)), None, (None, True, False)),
    "flagged, but whole": (lambda: pan(20, SIZE, step_px=2), "tff", ("top", False, False)),
    "3:2 pulldown": (lambda: pulled_down(pan(32, SIZE, step_px=4)), None, (None, True, True)),
    "still": (lambda: pan(1, SIZE) * 8, "tff", ("top", True, False)),
}


@pytest.mark.parametrize("case", CASES)
def test_pictures_and_flags_say_what_a_clip_is(tmp_path: Path, case: str) -> None:
    make, flagged, expected = CASES[case]
    clip = fields.judge(media.probe(interlaced(tmp_path / "a.mp4", make(), flagged=flagged)))
    assert (clip.field_order, clip.interlaced, clip.is_mixed) == expected


def test_vertical_motion_is_no_comb(tmp_path: Path) -> None:
    shots = [np.ascontiguousarray(np.rot90(shot)) for shot in pan(20, (128, 192), step_px=1)]
    seen = combing.scan(media.probe(write(tmp_path / "a.mp4", shots)))
    assert (seen.is_known, seen.combed) == (True, 0.0)


@pytest.mark.parametrize("name", ["bt601_prores_or_mov.mov", "rotate_buck_bunny.mp4", "camera_mjpeg_100_0306.AVI", "frames.webm"])
def test_real_whole_frames_are_not_taken_for_fields(shared_clips: Path, name: str) -> None:
    assert not fields.judge(media.probe(shared_clips / "odd" / name)).interlaced


@pytest.mark.parametrize(("name", "order"), [("mpeg2_field_interlaced.mpg", "bottom"), ("syn_interlaced_tff.mp4", "top")])
def test_real_fields_are_found(shared_clips: Path, name: str, order: str) -> None:
    clip = media.probe(shared_clips / "odd" / name)
    assert (combing.scan(clip).combed, clip.field_order) == (1.0, order)


def test_real_psf_is_whole_frames(shared_clips: Path) -> None:
    clip = fields.judge(media.probe(shared_clips / "codec" / "xavc_longgop_green_pixelation.mp4"))
    assert (clip.field_order, clip.interlaced) == ("top", False)


def test_fields_are_split_and_woven_without_loss(tmp_path: Path) -> None:
    clip = media.probe(interlaced(tmp_path / "a.mp4", woven(pan(8, SIZE, step_px=2))))
    again = list(fields.each(clip, media.frames))
    for before, after in zip(media.frames(clip), again, strict=True):
        assert (before.pts, before.time_base) == (after.pts, after.time_base)
        for mine, theirs in zip(media.planes(before)[:3], media.planes(after)[:3], strict=True):
            assert mine is not None
            assert theirs is not None
            assert np.array_equal(mine, theirs)


def test_smoothed_as_fields_it_flickers_less_and_keeps_its_moments(tmp_path: Path) -> None:
    calm = pan(32, SIZE, step_px=2)
    source = fields.judge(media.probe(interlaced(tmp_path / "a.mp4", woven(exposure_flicker(calm, 8)))))
    chosen = encoding.choose(source, SMOOTH)
    output = tmp_path / f"out{chosen.suffix}"
    frames = fields.each(source, lambda clip: smoothing.smooth(clip, _diagnosis(clip.frames), SMOOTH))
    frame_pipe.encode(Order(source, frames, chosen, output, SETTINGS))
    result = media.probe(output)
    assert (result.field_order, result.frames, result.height) == ("top", 16, SIZE[1])
    assert combing.scan(result).is_interlaced
    truth, before, after = (_light(clip) for clip in (media.probe(interlaced(tmp_path / "b.mp4", woven(calm))), source, result))
    assert np.std(after - truth) < 0.4 * np.std(before - truth)


def test_a_comb_of_brightness_is_no_sharpness(tmp_path: Path) -> None:
    """The two fields of a frame flicker against each other; the repair takes their comb away, and no detail."""
    source = fields.judge(media.probe(interlaced(tmp_path / "a.mp4", woven(exposure_flicker(pan(48, SIZE, step_px=2), 16)))))
    chosen = encoding.choose(source, SMOOTH)
    output = tmp_path / f"out{chosen.suffix}"
    frames = fields.each(source, lambda clip: smoothing.smooth(clip, _diagnosis(clip.frames), SMOOTH))
    frame_pipe.encode(Order(source, frames, chosen, output, SETTINGS))
    found = diagnosis.diagnose(source, None, lambda _: None)
    candidate = Candidate(output, SMOOTH, chosen.description, source.frames, 0.0, chosen.notes)
    sharp = [
        check for check in verification.verify(source, found, candidate, None, SETTINGS, lambda _: None).checks if "sharpness" in check.name
    ]
    assert [check.passed for check in sharp] == [True]
    assert sharp[0].after == pytest.approx(1, abs=0.1)


@pytest.mark.parametrize(
    ("changes", "route", "reason"),
    [
        ({"field_order": "top"}, Route.SMOOTH, None),
        ({"field_order": "top"}, Route.DEBAND, "route deband repairs whole frames only"),
        ({"field_order": "top"}, Route.INTERPOLATE, "route interpolate repairs whole frames only"),
        ({"field_order": None}, Route.SMOOTH, "does not say so"),
        ({"field_order": "top", "height": 486}, Route.SMOOTH, "486 lines"),
        ({"field_order": None, "is_mixed": True}, Route.SMOOTH, "3:2 pulldown"),
        ({"interlaced": False, "field_order": "top"}, Route.INTERPOLATE, None),
        ({"field_order": None}, Route.KEEP, None),
    ],
)
def test_what_cannot_be_treated_has_its_reason(tmp_path: Path, changes: dict[str, object], route: Route, reason: str | None) -> None:
    clip = replace(media.probe(write(tmp_path / "a.mp4", pan(1, SIZE))), **{"interlaced": True, **changes})
    found = fields.obstacle(clip, route)
    assert (found is None) == (reason is None)
    assert reason is None or reason in (found or "")


def test_an_encoder_without_fields_is_refused_for_fields_only(tmp_path: Path) -> None:
    whole = replace(media.probe(write(tmp_path / "a.mp4", pan(1, SIZE))), field_order="top")
    woven_ = replace(whole, interlaced=True)
    with pytest.raises(RouteRefused, match="hevc10 cannot hold its fields"):
        encoding.choose(woven_, replace(SMOOTH, profile=Profile.HEVC10))
    assert encoding.choose(woven_, SMOOTH).options["flags"] == "+ilme+ildct"
    assert encoding.choose(replace(woven_, codec="hevc"), SMOOTH).options["c:v"] in fields.WEAVES
    flag_lost = encoding.choose(whole, replace(SMOOTH, profile=Profile.HEVC10))
    assert any("flagged as two fields" in note for note in flag_lost.notes)


def _light(clip: Clip) -> NDArray[np.float64]:
    return np.array([media.planes(frame).y[part::2].mean() for frame in media.frames(clip) for part in (0, 1)])


def _diagnosis(frames: int) -> Diagnosis:
    bands = {band: BandReading(0.0, None) for band in Band}
    reading = Reading(bands, CodecReading(None, None, None), 0.5, None, 0.0, 0.0)
    shot = Shot(0, frames, Verdict.LUMINANCE, bands)
    return Diagnosis(Verdict.LUMINANCE, 1.0, Route.SMOOTH, "", {}, (), reading, (shot,), None, None, (Band.GLOBAL_LUMA,))
