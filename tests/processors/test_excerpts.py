"""Excerpts: the right frames of every kind of file, without decoding the rest, and what a preview makes of them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from clipmaker import exposure_flicker, pan, write
from PIL import Image

from deshimmer.processors import api, diagnosis, excerpts, media
from deshimmer.processors.measurement import evidence
from deshimmer.processors.measurement.evidence import Stretch
from deshimmer.processors.records import Clip, Outcome, Shot, Verdict, from_json, to_json

SIZE = (128, 80)


def pictures(clip: Clip) -> list[tuple[int | None, bytes]]:
    return [(frame.pts, frame.to_ndarray().tobytes()) for frame in media.frames(clip)]


def irregular(frame: av.VideoFrame, index: int) -> None:
    frame.pts = index * 2 + index % 3


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("b_frames.mp4", {"options": {"g": "12", "bf": "4", "crf": "20"}}),
        ("open_gop.mkv", {"options": {"g": "12", "bf": "4", "x264-params": "open-gop=1:bframes=4:b-pyramid=normal"}}),
        ("one_key_frame.mp4", {"options": {"g": "999", "crf": "20"}}),
        ("irregular.mkv", {"on_frame": irregular}),
        ("mpeg2.ts", {"codec": "mpeg2video", "options": {"b": "2M", "g": "12"}, "fps": 25}),
        ("mpeg4.avi", {"codec": "mpeg4", "options": {"b": "2M"}}),
        ("vp9.webm", {"codec": "libvpx-vp9", "options": {"b": "1M", "cpu-used": "8", "g": "20"}}),
        ("intra.mov", {"codec": "prores_ks", "pixel_format": "yuv422p10le", "options": {}}),
    ],
)
@pytest.mark.parametrize("first", [0, 5, 41])
def test_it_holds_the_very_frames(tmp_path: Path, name: str, options: dict[str, object], first: int) -> None:
    clip = media.probe(write(tmp_path / name, pan(60, SIZE), **options))  # type: ignore[arg-type]
    part = excerpts.of(clip, Stretch(first, first + 12))
    assert part.frames == 12
    assert pictures(part) == pictures(clip)[first : first + 12]
    assert part.audio == ()
    assert part.duration == pytest.approx(12 / clip.frame_rate, rel=0.2)
    assert from_json(Clip, to_json(part)) == part


def test_only_its_frames_are_decoded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clip = media.probe(write(tmp_path / "a.mp4", pan(200, SIZE), options={"g": "12", "crf": "20"}))
    part = excerpts.of(clip, Stretch(150, 170))
    decoded: list[int | None] = []
    real = media._decode

    def counting(container: object, stream: object) -> Iterator[av.VideoFrame]:
        for frame in real(container, stream):  # type: ignore[arg-type]
            decoded.append(frame.pts)
            yield frame

    monkeypatch.setattr(media, "_decode", counting)
    assert len(list(media.frames(part))) == 20
    assert len(decoded) < 20 + 16 + 12 + 8  # they, what is rolled in, the group of pictures before, and what a reordering decoder holds


@pytest.mark.parametrize("name", ["a.gif", "a.webp"])
def test_animated_pictures(tmp_path: Path, name: str) -> None:
    images = [Image.fromarray(shot.astype(np.uint8)) for shot in pan(40, SIZE)]
    images[0].save(tmp_path / name, save_all=True, append_images=images[1:], duration=100)
    clip = media.probe(tmp_path / name)
    part = excerpts.of(clip, Stretch(20, 35))
    assert pictures(part) == pictures(clip)[20:35]
    assert part.frame_rate == 10


def test_the_worst_two_seconds_lie_in_one_shot() -> None:
    strength = np.zeros(100)
    strength[44:56] = 9.0
    strength[70:80] = 5.0
    shots = tuple(Shot(start, end, Verdict.CLEAN, {}) for start, end in ((0, 50), (50, 100)))
    found = evidence.worst_stretch({"low_luma": strength}, 10.0, 2, shots=shots)
    assert found == Stretch(30, 50)
    assert evidence.worst_stretch({"low_luma": strength}, 10.0, 2) in [Stretch(start, start + 20) for start in range(36, 45)]
    short = tuple(Shot(start, start + 10, Verdict.CLEAN, {}) for start in range(0, 100, 10))
    assert evidence.worst_stretch({"low_luma": strength}, 10.0, 2, shots=short) is not None


def test_its_diagnosis_counts_from_its_own_first_frame(tmp_path: Path) -> None:
    calm, shaky = pan(40, (192, 128), "coffee"), exposure_flicker(pan(40, (192, 128), "chelsea"))
    clip = media.probe(write(tmp_path / "a.mp4", [*calm, *shaky], fps=12))
    found = diagnosis.diagnose(clip, tmp_path / "whole.npz", lambda _: None)
    assert [shot.start for shot in found.shots] == [0, 40]
    part, seen = excerpts.worst(clip, found, tmp_path / "part.npz", api.load_settings(), lambda _: None)
    assert part.excerpt is not None
    assert (part.frames, part.excerpt.first_frame >= 40) == (24, True)
    assert [(shot.start, shot.end) for shot in seen.shots] == [(0, 24)]
    assert seen.verdict is found.verdict
    assert seen.reading.bands["global_luma"].amplitude > 4  # type: ignore[index]
    with np.load(tmp_path / "part.npz") as curves:
        assert len(curves["time_s"]) == 24


@pytest.fixture(scope="module")
def shaky(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight seconds, of which only the sixth and seventh flicker."""
    truth = pan(96, SIZE, "astronaut", 0.5)
    worse = exposure_flicker(truth)
    return write(tmp_path_factory.mktemp("shaky") / "clip.mp4", [*truth[:60], *worse[60:84], *truth[84:]], fps=12)


def test_a_preview_shows_the_worst_two_seconds_and_repairs_nothing(tmp_path: Path, shaky: Path) -> None:
    receipt = api.fix(shaky, tmp_path, preview=True)
    assert (receipt.outcome, receipt.reason, receipt.output) == (Outcome.KEPT, "preview", None)
    assert receipt.comparison == tmp_path / "clip.preview.comparison.mp4"
    shown = media.probe(receipt.comparison)
    assert (shown.frames, shown.frame_rate, shown.width) == (24, Fraction(3), 2 * SIZE[0] + 2)
    clip = receipt.details["clip"]
    assert (clip["frames"], abs(clip["excerpt"]["first_frame"] - 60) <= 2) == (24, True)
    assert receipt.details["candidate"]["frames"] == 24
    assert receipt.verified
    assert receipt.report is not None
    told = receipt.report.read_text()
    assert ("This is a preview" in told, "efused result" in told, "was not delivered" in told) == (True, False, False)
    assert sorted(os.listdir(tmp_path)) == [f"clip.preview.{kind}" for kind in ("comparison.mp4", "receipt.json", "report.html")]


@pytest.mark.parametrize(("route", "preset"), [("deband", "article"), ("deband", None), ("deband+smooth", None)])
def test_a_preview_of_a_named_route(tmp_path: Path, shaky: Path, route: str, preset: str | None) -> None:
    receipt = api.fix(shaky, tmp_path, preview=True, route=route, preset=preset)
    assert receipt.comparison is not None
    assert media.probe(receipt.comparison).frames == 24
    checks = {check["name"]: check["passed"] for check in receipt.details["verification"]["checks"]}
    assert checks["frames"]
    assert checks["pictures"]
    assert checks["duration"]


@pytest.mark.parametrize("frames", [1, 10])
def test_a_preview_of_a_clip_under_two_seconds_shows_all_of_it(tmp_path: Path, frames: int) -> None:
    source = write(tmp_path / "short.mp4", exposure_flicker(pan(frames, SIZE)))
    receipt = api.fix(source, tmp_path / "out", preview=True, route="smooth")
    assert (receipt.outcome, receipt.reason) == (Outcome.KEPT, "preview")
    assert receipt.comparison is not None
    assert media.probe(receipt.comparison).frames == frames


def test_a_preview_of_a_clean_clip_says_that_there_is_nothing_to_repair(tmp_path: Path) -> None:
    receipt = api.fix(write(tmp_path / "calm.mp4", pan(20, SIZE)), tmp_path / "out", preview=True)
    assert (receipt.outcome, receipt.reason, receipt.comparison) == (Outcome.KEPT, "preview: Nothing to repair.", None)
    assert receipt.report is not None
