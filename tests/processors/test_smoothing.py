"""Smoothing against a known truth: what flickers is cut, what does not is left alone."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from clipmaker import Picture, detail_flicker, exposure_flicker, pan, patch_flicker, write

from deshimmer.processors import cadence, levels, media, smoothing
from deshimmer.processors.bands import detailband, engine, on_cpu, trails
from deshimmer.processors.bands.windows import windows
from deshimmer.processors.diagnosis import diagnose
from deshimmer.processors.records import (
    Band,
    CodecReading,
    Diagnosis,
    Reading,
    Route,
    Shot,
    Treatment,
    Verdict,
)

ALL = tuple(Band)
LOSSLESS = {"crf": "6", "preset": "veryfast"}


def diagnosis(*starts: int, end: int = 1000) -> Diagnosis:
    """Shots that begin at ``starts``."""
    reading = Reading({}, CodecReading(None, None, None), 0, None, 0, 0)
    shots = tuple(Shot(start, stop, Verdict.GENERATIVE, {}) for start, stop in zip(starts, (*starts[1:], end), strict=True))
    return Diagnosis(Verdict.GENERATIVE, 1, Route.SMOOTH, "", {}, (), reading, shots, None, None)


def smooth(path: Path, bands: tuple[Band, ...] = ALL, *starts: int, strength: float = 1.0):
    return list(smoothing.smooth(media.probe(path), diagnosis(*(starts or (0,))), Treatment(Route.SMOOTH, bands, strength)))


def pictures(frames) -> list[Picture]:
    return [frame.to_ndarray(format="rgb24").astype(np.float32) for frame in frames]


def source(path: Path):
    clip = media.probe(path)
    return [media.to_format(frame, media.working_format(clip)) for frame in media.frames(clip)]


def psnr(one: list[Picture], other: list[Picture]) -> float:
    return 10 * np.log10(255**2 / np.mean([np.mean((a - b) ** 2) for a, b in zip(one, other, strict=True)]))


def flicker_rms(restored: list[Picture], truth: list[Picture]) -> float:
    errors = [cv2.blur(a - b, (5, 5)) for a, b in zip(restored, truth, strict=True)]
    return float(np.sqrt(np.mean([np.mean((after - before) ** 2) for before, after in pairwise(errors)])))


@pytest.fixture(scope="module")
def truth() -> list[Picture]:
    return pan(20, (256, 160), "coffee", 1.3)


@pytest.mark.parametrize(
    ("spoil", "bands", "cut", "gain_db"),
    [
        (exposure_flicker, (Band.GLOBAL_LUMA,), 0.75, 3),
        (patch_flicker, (Band.GLOBAL_LUMA, Band.LOW_LUMA), 0.7, 3),
        (lambda shots: patch_flicker(shots, hue=True), (Band.LOW_CHROMA,), 0.65, 3),
        (detail_flicker, (Band.DETAIL,), 0.5, 2),
        (lambda shots: detail_flicker(patch_flicker(exposure_flicker(shots, 5), 5), 5), ALL, 0.7, 3),
    ],
    ids=["exposure", "patches", "hue", "detail", "mixed"],
)
def test_flicker_is_cut_and_the_truth_approached(
    tmp_path: Path, truth: list[Picture], spoil: Callable[..., list[Picture]], bands: tuple[Band, ...], cut: float, gain_db: float
):
    path = write(tmp_path / "clip.mp4", spoil(truth), options=LOSSLESS)
    before, after = pictures(source(path)), pictures(smooth(path, bands))
    assert flicker_rms(after, truth) < (1 - cut) * flicker_rms(before, truth)
    assert psnr(after, truth) > psnr(before, truth) + gain_db


def test_a_clean_clip_is_hardly_changed(tmp_path: Path, truth: list[Picture]):
    path = write(tmp_path / "clip.mp4", truth, options=LOSSLESS)
    assert psnr(pictures(smooth(path)), pictures(source(path))) > 40


@pytest.mark.parametrize(("band", "touched"), [(Band.LOW_CHROMA, {1, 2}), (Band.GLOBAL_LUMA, {0}), (Band.LOW_LUMA, {0})])
def test_planes_of_other_bands_come_out_bit_for_bit(tmp_path: Path, truth: list[Picture], band: Band, touched: set[int]):
    path = write(tmp_path / "clip.mp4", patch_flicker(exposure_flicker(truth[:8])))
    for before, after in zip(source(path), smooth(path, (band,)), strict=True):
        for index in range(3):
            assert (bytes(before.planes[index]) == bytes(after.planes[index])) == (index not in touched)


def test_detail_alone_leaves_exposure_where_it_was(tmp_path: Path, truth: list[Picture]):
    path = write(tmp_path / "clip.mp4", exposure_flicker(truth[:10]), options=LOSSLESS)
    before = [shot.mean() for shot in pictures(source(path))]
    after = [shot.mean() for shot in pictures(smooth(path, (Band.DETAIL,)))]
    assert np.abs(np.subtract(before, after)).max() < 0.3


def test_frames_keep_count_times_format_and_tags(tmp_path: Path, truth: list[Picture]):
    def late(frame, index):
        frame.pts = index * 2 + (index > 3)

    path = write(tmp_path / "clip.mkv", exposure_flicker(truth[:7]), fps=Fraction(30000, 1001), on_frame=late)
    clip = media.probe(path)
    before, after = list(media.frames(clip)), smooth(path)
    assert [frame.pts for frame in after] == [frame.pts for frame in before]
    assert {frame.time_base for frame in after} == {before[0].time_base}
    assert {frame.format.name for frame in after} == {media.working_format(clip)} == {"yuv420p10le"}
    assert [(frame.color_range, frame.colorspace) for frame in after] == [(frame.color_range, frame.colorspace) for frame in source(path)]


@pytest.mark.parametrize("frames", [1, 2, 3])
def test_the_shortest_clips_pass(tmp_path: Path, truth: list[Picture], frames: int):
    assert len(smooth(write(tmp_path / "clip.mp4", truth[:frames]))) == frames


@pytest.mark.parametrize(("size", "pixel_format"), [((40, 22), "yuv420p"), ((64, 48), "yuv444p"), ((130, 66), "yuv422p")])
def test_small_and_odd_formats_pass(tmp_path: Path, size: tuple[int, int], pixel_format: str):
    path = write(tmp_path / "clip.mkv", exposure_flicker(pan(5, size)), codec="ffv1", pixel_format=pixel_format, options={"level": "3"})
    assert [frame.format.name for frame in smooth(path)] == [f"{pixel_format}10le"] * 5


def test_planes_that_were_put_by_come_back_to_a_256th_of_a_level():
    rng = np.random.default_rng(1)
    frame = av.VideoFrame(64, 48, "yuv420p10le")
    planes = [rng.uniform(-128, 383, shape).astype(np.float32) for shape in ((48, 64), (24, 32), (24, 32))]
    levels.keep(frame, planes)
    for before, after in zip(planes, levels.kept(frame), strict=True):
        assert np.abs(levels.unpacked(after) - before).max() < 1 / 255  # and what float32 rounds


def test_alpha_comes_through_the_detail_band_bit_for_bit(tmp_path: Path, truth: list[Picture]):
    path = tmp_path / "alpha.mkv"
    with av.open(str(path), "w") as output:
        stream = output.add_stream("ffv1", rate=24, options={"level": "3"})
        stream.width, stream.height, stream.pix_fmt = 256, 160, "yuva444p10le"
        for index, shot in enumerate(detail_flicker(truth[:6])):
            alpha = np.full((160, 256, 1), 30 * index, np.uint8)
            picture = np.concatenate((shot.round().astype(np.uint8), alpha), axis=2)
            output.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgba").reformat(format="yuva444p10le")))
        output.mux(stream.encode(None))
    before, after = source(path), smooth(path)
    assert [frame.format.name for frame in after] == ["yuva444p10le"] * 6
    assert all(bytes(one.planes[3]) == bytes(other.planes[3]) for one, other in zip(before, after, strict=True))
    assert all(bytes(one.planes[0]) != bytes(other.planes[0]) for one, other in zip(before, after, strict=True))


def test_nothing_crosses_a_cut(tmp_path: Path, truth: list[Picture]):
    first, second = exposure_flicker(truth[:8]), [255 - shot for shot in exposure_flicker(truth[8:16])]
    lossless = {"codec": "ffv1", "pixel_format": "yuv420p", "options": {"level": "3"}}
    both = smooth(write(tmp_path / "both.mkv", [*first, *second], **lossless), ALL, 0, 8)
    alone = smooth(write(tmp_path / "first.mkv", first, **lossless))
    for one, other in zip(both[:8], alone, strict=True):
        assert bytes(one.planes[0]) == bytes(other.planes[0])


def test_repeated_frames_count_once_and_stay_equal(tmp_path: Path, truth: list[Picture]):
    held = [shot for shot in truth[:10] for _ in range(2)]
    spoilt = [shot for shot in detail_flicker(patch_flicker(truth[:10])) for _ in range(2)]
    path = write(tmp_path / "clip.mkv", spoilt, codec="ffv1", pixel_format="yuv420p", options={"level": "3"})
    frames = smooth(path)
    assert len(frames) == 20
    assert all(bytes(one.planes[0]) == bytes(other.planes[0]) for one, other in zip(frames[::2], frames[1::2], strict=True))
    assert flicker_rms(pictures(frames), held) < 0.5 * flicker_rms(pictures(source(path)), held)


def test_a_fade_and_a_lasting_change_of_light_survive(tmp_path: Path, truth: list[Picture]):
    fade = [np.clip(shot * min(1.0, 0.3 + 0.05 * index), 0, 255) for index, shot in enumerate(truth)]
    path = write(tmp_path / "clip.mp4", fade, options=LOSSLESS)
    before, after = ([shot.mean() for shot in pictures(frames)] for frames in (source(path), smooth(path)))
    assert np.abs(np.subtract(before, after)).max() < 4


@pytest.mark.parametrize("period", [12, 16])
def test_a_slow_pulse_goes_to_the_very_ends(tmp_path: Path, period: int):
    still = pan(48, step_px=0.5)
    swing = 8 * np.sin(2 * np.pi * np.arange(48) / period)
    path = write(tmp_path / "clip.mp4", [np.clip(shot + level, 0, 255) for shot, level in zip(still, swing, strict=True)], options=LOSSLESS)
    clip = media.probe(path)
    found = diagnose(clip, None, lambda _: None)
    assert found.shots[0].pulse_frames == pytest.approx(period, abs=1.5)
    after = pictures(list(smoothing.smooth(clip, found, Treatment(Route.SMOOTH, (Band.GLOBAL_LUMA,)))))
    left = np.array([float(shot.mean() - truth.mean()) for shot, truth in zip(after, still, strict=True)])
    assert (left - left.mean()).std() < 0.15 * swing.std()
    assert np.abs(left - left.mean()).max() < 3


def test_one_bad_frame_is_repaired_and_does_not_spread(tmp_path: Path, truth: list[Picture]):
    spoilt = [shot * 0.6 + 10 if index == 9 else shot for index, shot in enumerate(truth)]
    after = pictures(smooth(write(tmp_path / "clip.mp4", spoilt, options=LOSSLESS)))
    errors = [float(np.abs(a - b).mean()) for a, b in zip(after, truth, strict=True)]
    assert errors[9] < 0.25 * float(np.abs(spoilt[9] - truth[9]).mean())
    assert np.mean(errors[:9] + errors[10:]) < 3


def test_strength_scales_the_correction(tmp_path: Path, truth: list[Picture]):
    path = write(tmp_path / "clip.mp4", exposure_flicker(truth[:9]), options=LOSSLESS)
    before = pictures(source(path))
    quarter, half, full = (psnr(pictures(smooth(path, (Band.GLOBAL_LUMA,), strength=part)), before) for part in (0.25, 0.5, 1))
    assert half == pytest.approx(full + 6, abs=0.5)
    assert quarter == pytest.approx(full + 12, abs=1)


@pytest.mark.parametrize(("count", "radius"), [(20, 3), (7, 3), (5, 3), (1, 2), (0, 2), (4, 0)])
def test_full_windows_reach_to_the_other_side_at_the_ends(count: int, radius: int):
    found = list(windows(range(count), radius, full=True))
    assert [window[centre] for window, centre in found] == list(range(count))
    assert all(len(window) == min(count, 2 * radius + 1) for window, _ in found)
    assert all(window == list(range(window[0], window[0] + len(window))) for window, _ in found)
    assert all(centre == radius for place, (_, centre) in enumerate(found) if radius <= place < count - radius)


def test_windows_hold_no_more_than_their_radius():
    taken: list[int] = []

    def items():
        for item in range(100):
            taken.append(item)
            yield item

    for place, (window, centre) in enumerate(windows(items(), 3)):
        assert window == list(range(max(0, place - 3), min(100, place + 4)))
        assert window[centre] == place
        assert len(taken) <= place + 4


def test_runs_are_found_and_cut(tmp_path: Path, truth: list[Picture]):
    shots = [*truth[:1] * 8, *truth[4:5] * 2, truth[8]]
    path = write(tmp_path / "clip.mkv", shots, codec="ffv1", pixel_format="yuv420p", options={"level": "3"})
    assert [len(run) for _, run in cadence.runs(source(path), lambda frame: frame)] == [6, 2, 2, 1]


def test_runs_of_large_frames_are_short():
    still = av.VideoFrame.from_ndarray(np.full((2160 * 3 // 2, 3840), 128, np.uint8), format="yuv420p")
    assert [len(run) for _, run in cadence.runs([still] * 5, lambda frame: frame)] == [2, 2, 1]


@pytest.mark.parametrize("name", ["ai/cmp_bear_pix2video.mp4", "ai/cmp_carturn_pix2video.mp4", "ai/cmp_bear_fatezero.mp4"])
def test_real_flicker_is_calmed(shared_clips: Path, name: str):
    def steps(frames) -> float:
        means = [frame.to_ndarray(format="gray").mean() for frame in frames]
        return float(np.abs(np.diff(means)).mean())

    path = shared_clips / name
    assert steps(smooth(path, (Band.GLOBAL_LUMA, Band.LOW_LUMA))) < 0.35 * steps(source(path))


def test_a_thin_thing_too_fast_to_follow_does_not_fade(tmp_path: Path) -> None:
    """A galloping leg is in no neighbour where it is now, just as flicker is not."""
    shots = [shot.copy() for shot in detail_flicker(pan(20, (240, 160)), 6)]
    places = [(20 + 61 * index % 190) for index in range(len(shots))]
    for shot, left in zip(shots, places, strict=True):
        shot[40:150, left : left + 8] = 10
    clip = write(tmp_path / "leg.mp4", shots, options=LOSSLESS)
    kept: list[float] = []
    for before, after, left in zip(pictures(source(clip)), pictures(smooth(clip)), places, strict=True):
        leg, beside = np.s_[60:140, left + 2 : left + 6], np.s_[60:140, left + 12 : left + 18]
        contrast = [float(picture[beside].mean() - picture[leg].mean()) for picture in (before, after)]
        kept.append(contrast[1] / contrast[0])
    assert np.mean(kept) > 0.9
    assert min(kept) > 0.75


def test_a_shot_that_is_still_is_left_alone_bit_for_bit(tmp_path: Path) -> None:
    shots = [*exposure_flicker(pan(24, (256, 160), "chelsea")), *pan(24, (256, 160), "coffee")]
    path = write(tmp_path / "two-shots.mp4", shots, options=LOSSLESS)
    found = diagnose(media.probe(path), None, lambda part: None)
    assert [shot.start for shot in found.shots] == [0, 24]
    assert Band.GLOBAL_LUMA in found.flickering
    bands = tuple(found.flickering)
    assert set(bands) <= set(found.shots[1].still)
    result = smoothing.smooth(media.probe(path), found, Treatment(Route.SMOOTH, bands))
    changes = [float(np.abs(a - b).max()) for a, b in zip(pictures(result), pictures(source(path)), strict=True)]
    assert max(changes[24:]) == 0
    assert np.mean(changes[:24]) > 2


@pytest.mark.parametrize("bands", [ALL, (Band.GLOBAL_LUMA, Band.LOW_LUMA)])
def test_a_machine_of_many_cores_makes_the_very_same(
    tmp_path: Path, truth: list[Picture], bands: tuple[Band, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Windows run far ahead there, and motion must not be forgotten before the last one has asked for it."""
    path = write(tmp_path / "long.mkv", exposure_flicker([*truth, *reversed(truth)]), options=LOSSLESS)
    made: list[list[Picture]] = []
    for threads in (1, 8):
        monkeypatch.setattr(on_cpu, "_THREADS", threads)
        made.append(pictures(smooth(path, bands)))
    assert len(made[1]) == 40
    assert all(np.array_equal(one, other) for one, other in zip(*made, strict=True))


def test_detail_is_calmed_while_a_camera_opens_up(tmp_path: Path) -> None:
    """Light that changes on purpose stays as it is, and does not keep neighbours from counting."""
    lit = [np.clip(shot * (0.7 + 0.03 * place), 0, 255).astype(np.float32) for place, shot in enumerate(pan(16, (256, 160), "chelsea"))]
    path = write(tmp_path / "lit.mp4", detail_flicker(lit), options=LOSSLESS)
    before, after = pictures(source(path)), pictures(smooth(path, (Band.DETAIL,)))
    assert flicker_rms(after, lit) < 0.6 * flicker_rms(before, lit)
    assert max(abs(float(one.mean() - other.mean())) for one, other in zip(before, after, strict=True)) < 0.3


@pytest.mark.parametrize(
    ("count", "centre", "step", "places"),
    [
        (7, 3, 3, [0, 6]),
        (7, 0, 3, [3, 6]),
        (7, 5, 3, [3, 0]),
        (3, 1, 1, [0, 2]),
        (3, 0, 1, [1, 2]),
        (2, 0, 1, [1]),
        (1, 0, 1, []),
        (4, 0, 3, [1, 3]),
    ],
)
def test_a_moment_is_averaged_with_two_others(count: int, centre: int, step: int, places: list[int]) -> None:
    assert sorted(engine.two(list(range(count)), centre, step)) == sorted(places)


def test_a_plane_without_fine_flicker_comes_out_as_it_went_in() -> None:
    still = np.full((64, 96), 20000, np.uint16)
    nowhere = np.zeros((64, 96), np.int16)
    neighbour = detailband.Neighbour(still, (nowhere, nowhere), np.ones((64, 96), np.float32), None)
    with ThreadPoolExecutor(1) as workers:
        mean = detailband.averaged(still, [neighbour] * 2, workers, tolerance=5.0)
        assert mean.is_own
        assert detailband.averaged_again(mean, [neighbour] * 2, workers, tolerance=5.0) is mean


def noise_and_its_means(shape: tuple[int, int], *, at_half: bool) -> list[np.ndarray]:
    """A still plane of noise drawn anew for each frame, averaged, and averaged again."""
    rng = np.random.default_rng(2)
    planes = [(20000 + rng.normal(0, 4 * 128, shape)).astype(np.uint16) for _ in range(9)]
    nowhere, sure = np.zeros(shape, np.int16), np.ones(shape, np.float32)
    with ThreadPoolExecutor(2) as workers:

        def around(*others: np.ndarray) -> list[detailband.Neighbour]:
            return [detailband.Neighbour(other, (nowhere, nowhere), sure, None) for other in others]

        means = [detailband.averaged(planes[at], around(planes[at - 1], planes[at + 1]), workers, tolerance=5.0) for at in (1, 4, 7)]
        last = detailband.averaged_again(means[1], around(means[0].plane, means[2].plane), workers, tolerance=5.0, at_half=at_half)
    return [planes[4], means[1].plane, last.plane]


@pytest.mark.parametrize("shape", [(160, 192), (129, 191), (257, 1023)])
def test_less_flicker_is_left_by_each_mean(shape: tuple[int, int]) -> None:
    """Planes of odd sizes too."""
    spreads = [float(plane.std()) for plane in noise_and_its_means(shape, at_half=False)]
    assert spreads[1] == pytest.approx(spreads[0] / 3**0.5, rel=0.1)
    assert spreads[2] == pytest.approx(spreads[0] / 3, rel=0.15)


@pytest.mark.parametrize("shape", [(96, 128), (95, 127)])
def test_at_half_the_size_all_but_the_finest_is_averaged_again(shape: tuple[int, int]) -> None:
    _, first, last = noise_and_its_means(shape, at_half=True)
    once, again = (cv2.GaussianBlur(plane.astype(np.float32), (0, 0), 2.5) for plane in (first, last))
    assert again[8:-8, 8:-8].std() == pytest.approx(once[8:-8, 8:-8].std() / 3**0.5, rel=0.15)
    assert 0.9 * first.std() < last.std() < 0.97 * first.std()  # most of white noise is finer


@pytest.mark.parametrize("lines", [90, 160])
def test_detail_is_averaged_along_ways_of_any_size(lines: int) -> None:
    """Strips of 802 rows are no whole rows of a way of 160 or 90 lines."""
    height, width, across, down = 802, 640, 6, -4
    rng = np.random.default_rng(4)
    scene = cv2.GaussianBlur(rng.normal(0, 1, (height + 40, width + 40)).astype(np.float32), (0, 0), 2)
    scene *= 30 * 128 / scene.std()

    def frame(place: int) -> np.ndarray:
        moved = scene[20 - place * down :, 20 - place * across :][:height, :width]
        return (20000 + moved + rng.normal(0, 4 * 128, moved.shape)).astype(np.uint16)

    columns = lines * width // height
    one = [
        np.full((lines, columns), round(way * trails.STEPS_PER_PX), np.int16) for way in (across * columns / width, down * lines / height)
    ]
    sure = np.ones((lines, columns), np.float32)
    ways = ((-one[0], -one[1]), (one[0], one[1]))
    with ThreadPoolExecutor(2) as workers:
        around = [detailband.Neighbour(frame(place), way, sure, None) for place, way in zip((-1, 1), ways, strict=True)]
        mean = detailband.averaged(frame(0), around, workers, tolerance=5.0)
    left = (mean.plane - 20000.0 - scene[20:, 20:][:height, :width])[20:-20, 20:-20]
    assert float(left.std()) == pytest.approx(4 * 128 / 3**0.5, rel=0.15)


def test_detail_is_not_carried_across_light_that_stays_apart(tmp_path: Path) -> None:
    """A glow too strong to be believed is left in its frame; means over the neighbours drew dark blots into it, with borders of 23 levels."""
    down, across = np.mgrid[0:160, 0:256]
    shots = detail_flicker(pan(14, (256, 160), "coffee", 1.3), 8)
    for place, levels_more in {9: 90, 10: -60, 12: 60, 13: -50}.items():
        glow = (0.5 + np.exp(-np.square((across - 150 - 3 * place) / 99))) / (1 + np.exp((100 - down) / 4))
        shots[place] = np.clip(shots[place] + levels_more * glow[..., None], 0, 255).astype(np.float32)
    clip = write(tmp_path / "glow.mp4", shots, options=LOSSLESS)
    both, light = pictures(smooth(clip)), pictures(smooth(clip, ALL[:3]))
    added = cv2.GaussianBlur((both[9] - light[9]).mean(2), (0, 0), 2)
    assert np.abs(added - cv2.GaussianBlur(added, (0, 0), 6)).max() < 18
