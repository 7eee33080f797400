"""Debanding at 10 bit, the article's command, and what each refuses."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from clipmaker import pan, ramp, turn, write

from deshimmer.config.errors import RouteRefused
from deshimmer.config.settings import Settings
from deshimmer.processors import api, debanding, encoding, ffmpeg, media
from deshimmer.processors.measurement import cambi
from deshimmer.processors.records import AudioTrack, Clip, CodecReading, ColorTags, Outcome, Route, Treatment, Verdict
from deshimmer.processors.writing import frame_pipe
from deshimmer.processors.writing.orders import Order

SETTINGS = Settings()
DEBAND = Treatment(Route.DEBAND, deband=True)


def _debanded(source: Path, treatment: Treatment = DEBAND) -> Clip:
    clip = media.probe(source)
    chosen = encoding.choose(clip, treatment)
    output = source.with_name(f"out{chosen.suffix}")
    frames = (media.to_format(frame, media.working_format(clip)) for frame in media.frames(clip))
    assert frame_pipe.encode(Order(clip, frames, chosen, output, SETTINGS, filters=debanding.filters(clip, treatment))) == clip.frames
    return media.probe(output)


def _gradient(kind: str, frames: int = 5, size: tuple[int, int] = (960, 540)) -> list[np.ndarray]:
    width, height = size
    y, x = np.mgrid[0:height, 0:width].astype(np.float32) / height

    def shot(index: int) -> np.ndarray:
        luma = {
            "dark": 18 + 32 * (x * height / width + y) / 2,
            "sky": 100 + 40 * y + 0.2 * index,
            "radial": 100 - 40 * np.clip(np.hypot(x - 0.9 - 0.01 * index, y - 0.5), 0, 1.1) / 1.1,
            "dark radial": 45 - 25 * np.clip(np.hypot(x - 0.9 - 0.01 * index, y - 0.5), 0, 1.1) / 1.1,
        }[kind]
        return np.repeat(luma[..., None], 3, 2).astype(np.float32)

    return [shot(index) for index in range(frames)]


@pytest.mark.parametrize(("kind", "crf"), [("dark", 28), ("sky", 18), ("radial", 23), ("dark radial", 18), ("dark radial", 28)])
def test_severe_banding_of_gradients_is_mended(tmp_path: Path, kind: str, crf: int) -> None:
    source = write(tmp_path / "a.mp4", _gradient(kind), options={"crf": str(crf), "preset": "medium"})
    receipt = api.fix(source, comparison=False)
    assert (receipt.outcome, receipt.route, receipt.verified) == (Outcome.REPAIRED, Route.DEBAND, True)
    assert receipt.before is not None
    assert receipt.after is not None
    assert receipt.before["codec"]["cambi"] > 20
    assert receipt.after["codec"]["cambi"] <= 7


@pytest.mark.parametrize(("low", "high"), [(40, 72), (90, 130), (16, 30)])
def test_delivered_ten_bit_gradient_has_less_than_half_the_banding(tmp_path: Path, low: float, high: float) -> None:
    source = write(tmp_path / "ramp.mp4", ramp(8, (640, 360), low, high))
    result = _debanded(source)
    assert (result.codec, result.pixel_format, result.frames) == ("hevc", "yuv420p10le", 8)
    before, after = cambi.of(media.probe(source), SETTINGS), cambi.of(result, SETTINGS)
    assert before is not None
    assert after is not None
    assert before > 10
    assert after < before / 2


def test_texture_survives_debanding(tmp_path: Path) -> None:
    source = media.probe(write(tmp_path / "pan.mp4", pan(6)))
    result = _debanded(source.path)
    errors = [
        (media.planes(before).y.astype(float) - media.planes(after).y / 4) ** 2
        for before, after in zip(media.frames(source), media.frames(result), strict=True)
    ]
    assert sum(error.mean() for error in errors) / len(errors) < 3


def test_filters_follow_the_treatment(tmp_path: Path) -> None:
    clip = media.probe(write(tmp_path / "clip.mp4", pan(9)))
    assert debanding.filters(clip, Treatment(Route.DEBAND)) == ""
    assert debanding.filters(clip, Treatment(Route.DEBAND, deflicker_size=9)) == "deflicker=size=9:mode=am"
    assert debanding.filters(clip, Treatment(Route.DEBAND, deband=True, deblock=True)) == f"{debanding.DEBLOCK},{debanding.deband()}"


@pytest.mark.parametrize("frames", [1, 2, 3, 4, 5])
def test_deflicker_darkens_no_clip_shorter_than_its_window(tmp_path: Path, frames: int) -> None:
    source = write(tmp_path / "a.mp4", pan(frames, (256, 128)))
    clip, result = media.probe(source), _debanded(source, Treatment(Route.DEBAND, deflicker_size=5, deband=True))
    scale = 1 << (result.bit_depth - clip.bit_depth)
    pairs = zip(media.frames(clip), media.frames(result), strict=True)
    assert max(abs(media.planes(a).y.mean() - media.planes(b).y.mean() / scale) for a, b in pairs) < 2.0


def test_the_coarser_the_measured_steps_the_wider_the_threshold() -> None:
    def threshold(posterisation: float | None, strength: float = 1.0) -> float:
        found = CodecReading(20.0, 0.0, None, posterisation)
        return float(debanding.deband(strength, found).split("1thr=")[1].split(":")[0])

    assert threshold(None) == threshold(0.0) == debanding.FINE
    assert debanding.FINE < threshold(0.03) < threshold(0.1) < threshold(0.2) == threshold(0.9) == debanding.COARSE
    assert threshold(0.0, 0.5) == debanding.FINE / 2
    assert threshold(0.0, 0.0) > 0  # which FFmpeg would refuse


def test_articles_command_is_the_designs_text(tmp_path: Path) -> None:
    design = Path(__file__).resolve().parents[3] / "shared" / "DESIGN.md"
    if not design.is_file():
        pytest.skip("the design (../shared/DESIGN.md) is not here")
    said = re.search(r"`(deflicker=[^`]+)`, (\w+) crf (\d+) preset (\w+)", design.read_text())
    assert said is not None
    clip = media.probe(write(tmp_path / "a.mp4", pan(2)))
    argv = debanding.article_command(ffmpeg.tool(SETTINGS), clip, tmp_path / "b.mp4")
    assert tuple(argv[argv.index(option) + 1] for option in ("-vf", "-vcodec", "-crf", "-preset")) == said.groups()


def test_articles_command_is_the_articles(tmp_path: Path) -> None:
    clip = media.probe(write(tmp_path / "-clip: é.mp4", pan(6)))
    output = tmp_path / "out.mp4"
    argv = debanding.article_command(ffmpeg.tool(SETTINGS), clip, output)
    assert argv[argv.index("-vf") + 1] == "deflicker=size=5:mode=am,deband=1thr=0.02:2thr=0.02:3thr=0.02:blur=false"
    for option, value in {"-vcodec": "libx264", "-crf": "16", "-preset": "slow", "-acodec": "copy"}.items():
        assert argv[argv.index(option) + 1] == value
    with ffmpeg.running(argv) as run:
        assert run.finish(output) == 6
    result = media.probe(output)
    assert (result.codec, result.pixel_format, result.frames) == ("h264", "yuv420p", 6)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"bit_depth": 10}, "10 bits"),
        ({"has_alpha": True}, "transparency"),
        ({"color": ColorTags(transfer="smpte2084")}, "HDR"),
        ({"width": 161}, "odd"),
        ({"container": "webp_pillow"}, "animated WebP"),
        ({"audio": (AudioTrack("aac", 2, 48000, 1.0),) * 2}, "2 audio tracks"),
    ],
)
def test_article_is_refused_with_the_reason(tmp_path: Path, changes: dict[str, object], reason: str) -> None:
    clip = media.probe(write(tmp_path / "clip.mp4", pan(2)))
    debanding.refuse_article(clip, Route.DEBAND)
    with pytest.raises(RouteRefused, match=reason):
        debanding.refuse_article(replace(clip, **changes), Route.DEBAND)  # pyright: ignore[reportArgumentType]


def test_the_articles_command_leaves_a_turned_clip_turned(tmp_path: Path) -> None:
    clip = media.probe(turn(write(tmp_path / "plain.mp4", pan(4, (192, 128))), tmp_path / "clip.mp4"))
    output = tmp_path / "out.mp4"
    with ffmpeg.running(debanding.article_command(ffmpeg.tool(SETTINGS), clip, output)) as run:
        run.finish(output)
    result = media.probe(output)
    assert (result.width, result.height, result.rotation) == (192, 128, clip.rotation)
    assert clip.rotation != 0


def test_coarse_steps_that_cambi_does_not_see_are_what_has_to_fall(tmp_path: Path) -> None:
    shots = [np.floor(shot / 4) * 4 for shot in ramp(12, (640, 360), 30, 110)]
    receipt = api.fix(write(tmp_path / "steps.mp4", shots, options={"crf": "14", "preset": "medium"}), comparison=False)
    assert (receipt.outcome, receipt.verdict, receipt.route) == (Outcome.REPAIRED, Verdict.CODEC, Route.DEBAND)
    assert receipt.reason.startswith("Coarse steps fell")
    assert receipt.before is not None
    assert receipt.after is not None
    assert receipt.after["codec"]["posterisation"] < receipt.before["codec"]["posterisation"] / 4
