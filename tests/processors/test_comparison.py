"""The comparison, of every kind of source: what stands left and right, when, and at what size."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from clipmaker import Picture, pan, ramp, turn, write
from PIL import Image

from deshimmer.config.settings import Settings
from deshimmer.processors import comparison, debanding, encoding, media
from deshimmer.processors.measurement import cambi
from deshimmer.processors.records import Clip, Route, Treatment
from deshimmer.processors.writing import frame_pipe
from deshimmer.processors.writing.orders import Order


def made(source: Path, candidate: Path, **options: Any) -> Clip:
    output = source.with_name("comparison.mp4")
    comparison.make(media.probe(source), candidate, output, Settings(), lambda _: None, **options)
    assert not list(source.parent.glob("*.part*"))
    return media.probe(output)


def lumas(clip: Clip) -> list[np.ndarray]:
    return [media.planes(frame).y.astype(np.float32) / 2 ** (clip.bit_depth - 8) for frame in media.frames(clip)]


def flat(level: float, frames: int = 6, size: tuple[int, int] = (160, 120)) -> list[Picture]:
    return [np.full((size[1], size[0], 3), level, np.float32)] * frames


def test_original_left_result_right_at_quarter_speed(tmp_path: Path) -> None:
    clip = made(write(tmp_path / "a.mp4", flat(60)), write(tmp_path / "b.mp4", flat(180)))
    assert (clip.width, clip.height, clip.frames, clip.frame_rate) == (322, 120, 6, 6)
    assert clip.pixel_format == "yuv420p"
    luma = lumas(clip)[3]
    assert luma[60:, :150].mean() == pytest.approx(16 + 60 * 219 / 255, abs=2)
    assert luma[60:, 170:].mean() == pytest.approx(16 + 180 * 219 / 255, abs=2)
    assert luma[60:, 160:162].mean() > 140


def test_labels_are_burnt_in(tmp_path: Path) -> None:
    shots = flat(90, size=(480, 270))
    luma = lumas(made(write(tmp_path / "a.mp4", shots), write(tmp_path / "b.mp4", shots)))[2]
    for start in (0, 482):
        assert luma[:40, start : start + 120].max() > 200
        assert luma[60:, start + 4 : start + 470].std() < 3


def test_it_is_at_most_1920_wide(tmp_path: Path) -> None:
    clip = made(write(tmp_path / "a.mp4", flat(60, 2, (1280, 720))), write(tmp_path / "b.mp4", flat(60, 2, (1280, 720))))
    assert clip.width <= 1920
    assert clip.width > 1900


def test_portrait_and_odd_sizes(tmp_path: Path) -> None:
    shots = flat(60, 2, (91, 161))
    clip = made(write(tmp_path / "a.mp4", shots, pixel_format="yuv444p"), write(tmp_path / "b.mp4", shots, pixel_format="yuv444p"))
    assert (clip.width, clip.height) == (90 * 2 + 2, 160)


def test_twice_the_rate_stays_in_step(tmp_path: Path) -> None:
    slow = [np.full((120, 160, 3), 40 + 20 * k, np.float32) for k in range(8)]
    fast = [np.full((120, 160, 3), 40 + 10 * k, np.float32) for k in range(16)]
    clip = made(write(tmp_path / "a.mp4", slow), write(tmp_path / "b.mp4", fast, fps=48))
    assert (clip.frames, clip.frame_rate, clip.duration) == (16, 12, Fraction(4, 3))
    for luma in lumas(clip):
        assert -2 < luma[60:, 170:].mean() - luma[60:, :150].mean() < 11


def test_slow_motion_slows_the_original_too(tmp_path: Path) -> None:
    slow = [np.full((120, 160, 3), 40 + 20 * k, np.float32) for k in range(8)]
    fast = [np.full((120, 160, 3), 40 + 10 * k, np.float32) for k in range(16)]
    clip = made(write(tmp_path / "a.mp4", slow), write(tmp_path / "b.mp4", fast))
    assert clip.duration == pytest.approx(4 * 8 / 24, abs=0.1)
    for luma in lumas(clip):
        assert -2 < luma[60:, 170:].mean() - luma[60:, :150].mean() < 11


@pytest.mark.parametrize(("frames", "shown"), [(12, 6), (4, 4)])
def test_a_rendering_of_another_length_runs_at_its_own_speed_to_the_shorter_ones_end(tmp_path: Path, frames: int, shown: int) -> None:
    source, candidate = write(tmp_path / "a.mp4", flat(60)), write(tmp_path / "b.mp4", flat(180, frames, (320, 240)))
    clip = made(source, candidate, in_step=False)
    assert (clip.width, clip.height, clip.frames, clip.frame_rate) == (322, 120, shown, 6)


def test_irregular_timestamps_are_kept(tmp_path: Path) -> None:
    times = [0, 1, 4, 5, 9, 10]

    def irregular(frame: av.VideoFrame, index: int) -> None:
        frame.pts = times[index]

    source = write(tmp_path / "a.mkv", flat(60), on_frame=irregular)
    candidate = write(tmp_path / "b.mp4", flat(90), on_frame=irregular)
    clip = made(source, candidate)
    assert clip.frames == 6
    shown = [frame.pts * clip.time_base for frame in media.frames(clip) if frame.pts is not None]
    assert [round(float(moment) * 6, 1) for moment in shown] == times


def test_a_turned_source_is_shown_upright(tmp_path: Path) -> None:
    shots = [shot.copy() for shot in flat(60, 3, (160, 96))]
    for shot in shots:
        shot[:, :80] = 200  # the left half
    turned = turn(write(tmp_path / "plain.mp4", shots), tmp_path / "a.mp4")
    source = media.probe(turned)
    assert source.rotation in (90, 270)
    clip = made(turned, turned)
    assert (clip.width, clip.height) == (96 * 2 + 2, 160)
    luma = lumas(clip)[0]
    bright_on_top = luma[45:75, :90].mean() > 150
    assert bright_on_top == (source.rotation == 90)
    assert abs(luma[45:75, :90].mean() - luma[85:, :90].mean()) > 100


def test_animated_webp_and_gif(tmp_path: Path) -> None:
    images = [Image.fromarray(shot.astype(np.uint8)) for shot in pan(5, (160, 120))]
    for name in ("a.webp", "a.gif"):
        source = tmp_path / name
        images[0].save(source, save_all=True, append_images=images[1:], duration=100)
        clip = made(source, write(tmp_path / "b.mp4", pan(5, (160, 120)), fps=10))
        assert (clip.frames, clip.frame_rate) == (5, Fraction(5, 2))
        luma = lumas(clip)[4]
        assert abs(float(luma[40:, :160].mean() - luma[40:, 162:].mean())) < 4


def test_transparency_lies_over_a_checker(tmp_path: Path) -> None:
    images = [Image.new("RGBA", (160, 120), (255, 0, 0, 0))] * 3
    source = tmp_path / "a.webp"
    images[0].save(
        source, save_all=True, append_images=[Image.new("RGBA", (160, 120), (0, 255, 0, 10)), *images[2:]], duration=100, lossless=True
    )
    luma = lumas(made(source, write(tmp_path / "b.mp4", flat(60, 3), fps=10)))[0]
    assert 60 < luma[40:, :150].mean() < 110
    assert luma[40:, :150].std() > 5


def test_ten_bits_stay_ten_bits_where_eight_would_band(tmp_path: Path) -> None:
    source = media.probe(write(tmp_path / "a.mp4", ramp(6, (640, 360)), options={"crf": "18"}))
    treatment = Treatment(Route.DEBAND, deband=True)
    frames = (media.to_format(frame, media.working_format(source)) for frame in media.frames(source))
    chosen, chain = encoding.choose(source, treatment), debanding.filters(source, treatment)
    frame_pipe.encode(Order(source, frames, chosen, tmp_path / "b.mp4", Settings(), filters=chain))
    clip = made(source.path, tmp_path / "b.mp4")
    assert (clip.codec, clip.bit_depth) == ("hevc", 10)
    with media.open_container(clip.path) as container:
        assert container.streams.video[0].codec_context.codec_tag == "hvc1"
    shown = cambi.of(clip, Settings(), right_half=True)
    assert shown is not None
    assert shown < 7


def test_ten_bits_become_eight_where_nothing_bands(tmp_path: Path) -> None:
    shots = pan(4, (320, 180))
    options = {"x265-params": "log-level=error", "crf": "12", "preset": "ultrafast"}
    deep = write(tmp_path / "b.mp4", shots, codec="libx265", pixel_format="yuv420p10le", options=options)
    clip = made(write(tmp_path / "a.mp4", shots), deep)
    assert (clip.codec, clip.bit_depth) == ("h264", 8)


def test_a_long_clip_shows_its_worst_twenty_seconds(tmp_path: Path) -> None:
    frames = 60
    strength = np.zeros(frames, np.float32)
    strength[45:] = 8
    np.savez(tmp_path / "curves.npz", low_luma=strength)
    shots = [np.full((64, 96, 3), 4 * k, np.float32) for k in range(frames)]
    source, candidate = write(tmp_path / "a.mp4", shots, fps=2), write(tmp_path / "b.mp4", shots, fps=2)
    clip = made(source, candidate, curves=tmp_path / "curves.npz")
    assert clip.frames == 40
    assert lumas(clip)[0][40:, :90].mean() == pytest.approx(16 + 80 * 219 / 255, abs=3)


def test_metadata_of_the_source_stays_out(tmp_path: Path) -> None:
    source = write(tmp_path / "a.mp4", flat(60, 2))
    clip = made(source, source)
    with media.open_container(clip.path) as container:
        assert not container.streams.audio
        assert set(container.metadata) <= {"major_brand", "minor_version", "compatible_brands", "encoder"}
