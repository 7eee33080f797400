"""Made clips with a known fault get the right verdict, first route and bands; odd ones are truthfully clean."""

from __future__ import annotations

import json
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from clipmaker import Picture, detail_flicker, exposure_flicker, pan, patch_flicker, ramp, write

from deshimmer.config.settings import Settings
from deshimmer.processors import diagnosis, media
from deshimmer.processors.measurement.verdicts import PULSE_LEVELS
from deshimmer.processors.records import Band, Diagnosis, Passage, Request, Route, Verdict, from_json, to_json

Fault = Callable[[list[Picture]], list[Picture]]

FAULTS: dict[str, tuple[Fault, Verdict, Band | None]] = {
    "clean": (lambda shots: shots, Verdict.CLEAN, None),
    "exposure_weak": (lambda shots: exposure_flicker(shots, 1.5), Verdict.LUMINANCE, Band.GLOBAL_LUMA),
    "exposure": (lambda shots: exposure_flicker(shots, 8), Verdict.LUMINANCE, Band.GLOBAL_LUMA),
    "patches_weak": (lambda shots: patch_flicker(shots, 1.5), Verdict.GENERATIVE, Band.LOW_LUMA),
    "patches": (lambda shots: patch_flicker(shots, 8), Verdict.GENERATIVE, Band.LOW_LUMA),
    "hue_weak": (lambda shots: patch_flicker(shots, 1.5, hue=True), Verdict.GENERATIVE, Band.LOW_CHROMA),
    "hue": (lambda shots: patch_flicker(shots, 8, hue=True), Verdict.GENERATIVE, Band.LOW_CHROMA),
    "detail": (lambda shots: detail_flicker(shots, 8), Verdict.GENERATIVE, Band.DETAIL),
    "fade": (lambda shots: [shot * (1 - index / 30) for index, shot in enumerate(shots)], Verdict.CLEAN, None),
    "light_switched_on": (lambda shots: [shot * (1.0 if index > 11 else 0.7) for index, shot in enumerate(shots)], Verdict.CLEAN, None),
    "twos": (lambda shots: [shots[index // 2] for index in range(len(shots))], Verdict.CLEAN, None),
}


def _diagnose(path: Path, curves: Path | None = None) -> Diagnosis:
    return diagnosis.diagnose(media.probe(path), curves, lambda part: None)


@pytest.mark.parametrize("name", FAULTS)
@pytest.mark.parametrize("picture", ["chelsea", "coffee"])
def test_verdict_of_a_known_fault(name: str, picture: str, tmp_path: Path) -> None:
    fault, verdict, band = FAULTS[name]
    found = _diagnose(write(tmp_path / "clip.mp4", fault(pan(24, (288, 192), picture))))
    assert found.verdict is verdict, (found.amounts, found.reading.bands)
    assert (found.reading.flicker_score > 0.5) == (verdict is not Verdict.CLEAN)
    assert found.route is (Route.KEEP if verdict is Verdict.CLEAN else Route.SMOOTH)
    assert found.flickering[:1] == (() if band is None else (band,))


@pytest.mark.parametrize("levels", [3.0, 8.0])
def test_amplitude_is_that_of_the_flicker(levels: float, tmp_path: Path) -> None:
    """Noise as fine as a pixel reads a third low, because the warp interpolates it."""
    shots = pan(40, (192, 128))
    exposure = _diagnose(write(tmp_path / "a.mp4", exposure_flicker(shots, levels)))
    drawn = np.diff(np.random.default_rng(1).normal(0, levels, 40), 2)
    assert exposure.reading.bands[Band.GLOBAL_LUMA].amplitude == pytest.approx(float(np.sqrt((drawn**2).mean() / 6)), rel=0.2)
    grainy = _diagnose(write(tmp_path / "b.mp4", detail_flicker(shots, 3 * levels), options={"crf": "4", "preset": "veryfast"}))
    assert 0.55 * 3 * levels < grainy.reading.bands[Band.DETAIL].amplitude < 1.1 * 3 * levels
    assert (grainy.reading.bands[Band.DETAIL].correlation or 0) < -0.3


def test_a_still_picture_a_frame_or_two_and_tiny_ones_are_clean(tmp_path: Path) -> None:
    for frames, size in ((1, (192, 128)), (2, (192, 128)), (12, (16, 16)), (8, (128, 16))):
        found = _diagnose(write(tmp_path / f"{frames}_{size[0]}.mp4", pan(frames, size)))
        assert found.verdict is Verdict.CLEAN
        assert (found.reading.article_mean_diff is None) == (frames == 1)
    black = [np.zeros((96, 128, 3), np.float32)] * 12
    assert _diagnose(write(tmp_path / "black.mp4", black)).reading.flicker_score == 0


@pytest.mark.parametrize("size", [(284, 160), (106, 80), (160, 284), (72, 64), (320, 180), (162, 144), (2, 2), (16, 256)])
def test_sizes_that_no_tile_divides(size: tuple[int, int], tmp_path: Path) -> None:
    found = _diagnose(write(tmp_path / "clip.mkv", exposure_flicker(pan(10, size), 8), codec="ffv1", pixel_format="yuv444p"))
    assert found.verdict in (Verdict.LUMINANCE, Verdict.CLEAN)


def test_still_and_short_clips_are_not_called_a_close_call(tmp_path: Path) -> None:
    still = _diagnose(write(tmp_path / "still.mp4", pan(1) * 24))
    assert (still.verdict, still.confidence > 0.9) == (Verdict.CLEAN, True)


def test_curves_of_a_long_clip_on_twos_do_not_fall_between_runs(tmp_path: Path) -> None:
    shots = exposure_flicker(pan(180, (96, 64), step_px=0.2), 1.2)
    clip = write(tmp_path / "long.mp4", [shots[index // 2] for index in range(360)], fps=15)
    diagnosis.diagnose(media.probe(clip), tmp_path / "curves.npz", lambda part: None)
    with np.load(tmp_path / "curves.npz") as curves:
        assert curves["global_luma"][40:80].min() > 0, "frames 32 to 88 are passed over"


def test_article_measure_is_the_mean_gray_difference(tmp_path: Path) -> None:
    shots = pan(12, (192, 128), "astronaut", 3)
    found = _diagnose(write(tmp_path / "clip.mkv", shots, codec="ffv1", pixel_format="yuv444p", options={"level": "3"}))
    gray = [shot @ np.array([0.299, 0.587, 0.114], np.float32) for shot in shots]
    truth = float(np.mean([np.abs(b - a).mean() for a, b in pairwise(gray)]))
    assert found.reading.article_mean_diff == pytest.approx(truth, rel=0.03)
    assert found.article_verdict == ("generative" if truth > 12 else "clean")


def test_banding_is_the_codecs(tmp_path: Path) -> None:
    found = _diagnose(write(tmp_path / "ramp.mp4", ramp(12, (640, 360), 40, 60), options={"crf": "20", "preset": "veryfast"}))
    assert (found.reading.codec.cambi or 0) > 8
    assert found.verdict is Verdict.CODEC
    assert found.route is Route.DEBAND
    assert "bands" in found.summary


def test_key_frame_pulse_is_the_codecs(tmp_path: Path) -> None:
    options = {"qp": "40", "preset": "veryfast", "g": "8", "bf": "0", "x264-params": "ipratio=6:scenecut=0:mbtree=0"}
    found = _diagnose(write(tmp_path / "pulse.mp4", pan(48, (288, 192), "coffee", 0.3), options=options))
    assert (found.reading.codec.keyframe_pulse or 0) > 3.5 * PULSE_LEVELS
    assert found.verdict is Verdict.CODEC


@pytest.mark.parametrize("pixel_format", ["yuv420p", "yuv422p10le", "yuv444p", "gray", "bgr0", "yuva420p", "gray16le", "bgra"])
def test_any_pixel_format_reads_alike(pixel_format: str, tmp_path: Path) -> None:
    shots = exposure_flicker(pan(16, (128, 96)), 6)
    found = _diagnose(write(tmp_path / "clip.mkv", shots, codec="ffv1", pixel_format=pixel_format, options={"level": "3"}))
    assert found.verdict is Verdict.LUMINANCE
    drawn = np.diff(np.random.default_rng(1).normal(0, 6, 16), 2)
    assert found.reading.bands[Band.GLOBAL_LUMA].amplitude == pytest.approx(float(np.sqrt((drawn**2).mean() / 6)), rel=0.2)


def test_candidate_is_read_along_its_source(tmp_path: Path) -> None:
    shots = pan(16, (192, 128))
    source = media.probe(write(tmp_path / "source.mp4", patch_flicker(shots, 8)))
    result = media.probe(write(tmp_path / "result.mp4", shots))
    before = diagnosis.read(source, None, lambda part: None)
    found = diagnosis.diagnose(source, None, lambda part: None)
    after = diagnosis.read(result, tmp_path / "after.npz", lambda part: None, guide=source, shots=found.shots)
    assert after.bands[Band.LOW_LUMA].amplitude < 0.2 * before.bands[Band.LOW_LUMA].amplitude
    assert after.flicker_score < 0.5 < 0.8 < before.flicker_score
    assert after.motion == pytest.approx(before.motion)


def test_stage_writes_curves_and_counts_frames(tmp_path: Path) -> None:
    path = write(tmp_path / "clip.mp4", exposure_flicker(pan(20, (128, 96)), 8))
    heard: list[float] = []
    request = Request(path, tmp_path, "clip.mp4")
    clip = media.probe(path)
    passage = diagnosis.diagnose_stage(Passage("a-1", request, tmp_path, clip=clip), Settings(), heard.append)
    assert passage.clip is not None
    assert passage.clip.frames == 20
    assert passage.diagnosis is not None
    assert from_json(Diagnosis, json.loads(json.dumps(to_json(passage.diagnosis)))) == passage.diagnosis
    with np.load(tmp_path / "before.npz") as curves:
        maps = {key for key in curves.files if key.startswith("map_")}
        assert maps == {"map_low_luma", "map_low_chroma", "map_detail"}
        assert {curves[key].shape for key in maps} == {(18, 24)}
        assert set(curves.files) - maps == {"time_s", "global_luma", "low_luma", "low_chroma", "detail", "mean_diff", "sharpness"}
        assert all(curves[key].shape == (20,) and curves[key].dtype == np.float32 for key in set(curves.files) - maps)
        assert curves["global_luma"].max() > 4
    assert heard == sorted(heard)
    assert heard[-1] == 1.0


def test_labelled_clips_are_told_apart(shared_clips: Path) -> None:
    """A dozen of the quick ones; tests/bench/diagnosis.py takes all."""
    flickering = (
        "ai/cmp_bear_fatezero.mp4",
        "ai/cmp_bear_rave_noshuffle.mp4",
        "ai/t2vzero_canny_db_anime.gif",
        "real/oldfilm_winter_holland.mp4",
    )
    clean = ("ai/cmp_bear_rave.mp4", "ai/fatezero_train_concat.gif", "real/cmp_carturn_source.mp4", "real/pigs_in_a_polka.gif")
    accused = {name: _diagnose(shared_clips / name).verdict is not Verdict.CLEAN for name in (*flickering, *clean)}
    assert accused == {**dict.fromkeys(flickering, True), **dict.fromkeys(clean, False)}
