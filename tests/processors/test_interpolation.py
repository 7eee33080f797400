"""Interpolation: the right frames at the right times, no frame across a cut, no pulsing."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from clipmaker import Picture, pan, write
from numpy.typing import NDArray

from deshimmer.processors import interpolation, media, timing
from deshimmer.processors.interpolators import rife, thrift
from deshimmer.processors.records import Clip, CodecReading, Diagnosis, Reading, Route, Shot, Treatment, Verdict

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.usefixtures("one_torch_thread")

LOSSLESS = {"crf": "0", "preset": "veryfast"}
SIZE = (128, 96)


def diagnosis(*starts: int, frames: int) -> Diagnosis:
    bounds = [0, *starts, frames]
    return Diagnosis(
        verdict=Verdict.CLEAN,
        confidence=1.0,
        route=Route.KEEP,
        summary="",
        amounts={},
        causes=(),
        reading=Reading({}, CodecReading(None, None, None), 0.0, None, 0.0, 0.0),
        shots=tuple(Shot(start, end, Verdict.CLEAN, {}) for start, end in pairwise(bounds)),
        article_verdict=None,
        curves=None,
    )


def interpolated(clip: Clip, *cuts: int, account: interpolation.Account | None = None, **options: Any) -> list[av.VideoFrame]:
    treatment = Treatment(Route.INTERPOLATE, **{"factor": 2, **options})
    account = account or interpolation.Account()
    made = list(interpolation.interpolate(clip, diagnosis(*cuts, frames=clip.frames), treatment, account))
    assert len(made) == timing.frame_count(clip, treatment)
    assert {frame.format.name for frame in made} == {media.working_format(clip)}
    return made


def seconds(frames: Iterable[av.VideoFrame]) -> list[Fraction]:
    return [frame.pts * frame.time_base for frame in frames]


def luma(frame: av.VideoFrame) -> NDArray[np.float64]:
    return media.planes(frame).y.astype(np.float64)


def psnr(found: NDArray[np.float64], truth: NDArray[np.float64], peak: float) -> float:
    return 10 * np.log10(peak**2 / np.mean((found - truth) ** 2))


def clip_of(path: Path, shots: list[Picture], **options: object) -> Clip:
    return media.probe(write(path, shots, **{"options": LOSSLESS, **options}))  # type: ignore[arg-type]


def times_of(clip: Clip) -> list[Fraction]:
    return [frame.pts * clip.time_base for frame in media.frames(clip)]


def test_dropped_frames_come_back_far_better_than_by_averaging(tmp_path: Path) -> None:
    shots = pan(9, (256, 160), step_px=3.0)
    clip = clip_of(tmp_path / "half.mkv", shots[::2], fps=12)
    truth = [luma(frame.reformat(format="yuv420p10le")) for frame in media.frames(clip_of(tmp_path / "whole.mkv", shots))]
    made = [luma(frame) for frame in interpolated(clip)]
    for index in range(1, 8, 2):
        averaged = psnr((truth[index - 1] + truth[index + 1]) / 2, truth[index], 1023)
        assert psnr(made[index], truth[index], 1023) > averaged + 5


@pytest.mark.parametrize("factor", [2, 4])
def test_times_are_those_of_the_source_divided(tmp_path: Path, factor: int) -> None:
    clip = clip_of(tmp_path / "clip.mp4", pan(4, SIZE), fps=Fraction(24000, 1001))
    made = interpolated(clip, factor=factor)
    start = times_of(clip)[0]
    assert seconds(made) == [start + Fraction(1001, 24000) * k / factor for k in range(4 * factor)]
    for held in made[-factor + 1 :]:
        assert np.array_equal(luma(held), luma(made[-factor]))


@pytest.mark.parametrize("suffix", ["mkv", "webm"])
def test_times_in_whole_milliseconds_are_taken_for_the_rate_they_round(tmp_path: Path, suffix: str) -> None:
    codec = {"codec": "libvpx-vp9", "options": {"crf": "10"}} if suffix == "webm" else {"options": LOSSLESS}
    clip = media.probe(write(tmp_path / f"a.{suffix}", pan(4, SIZE), fps=24, **codec))
    assert clip.time_base == Fraction(1, 1000)
    found = seconds(interpolated(clip))
    assert found == [Fraction(index, 48) for index in range(8)]


def test_irregular_times_are_divided_each_for_itself(tmp_path: Path) -> None:
    ticks = [0, 1, 4, 5, 9]

    def set_time(frame: av.VideoFrame, index: int) -> None:
        frame.pts = ticks[index]

    clip = clip_of(tmp_path / "vfr.mkv", pan(5, SIZE), fps=25, on_frame=set_time)
    times = times_of(clip)
    made = seconds(interpolated(clip))
    assert made[::2] == times
    assert made[1:-1:2] == [(before + after) / 2 for before, after in pairwise(times)]
    assert made[-1] == (times[-1] + times[0] + clip.duration) / 2


def test_a_frame_rate_is_met_exactly(tmp_path: Path) -> None:
    clip = clip_of(tmp_path / "clip.mp4", pan(8, SIZE), fps=8)
    made = interpolated(clip, fps=Fraction(20))
    start = times_of(clip)[0]
    assert seconds(made) == [start + Fraction(k, 20) for k in range(20)]
    sources = list(media.frames(clip))
    assert np.array_equal(luma(made[5]), 4 * luma(sources[2]))


def test_slow_motion_keeps_the_rate_and_stretches_the_time(tmp_path: Path) -> None:
    clip = clip_of(tmp_path / "clip.mp4", pan(4, SIZE), fps=24)
    treatment = Treatment(Route.INTERPOLATE, factor=4, slow_motion=True)
    start = times_of(clip)[0]
    assert seconds(interpolated(clip, factor=4, slow_motion=True)) == [start + Fraction(k, 24) for k in range(16)]
    assert timing.frame_rate(clip, treatment) == 24
    assert timing.stretch(clip, treatment) == 4
    assert seconds(interpolated(clip, fps=Fraction(48), slow_motion=True)) == [start + Fraction(k, 24) for k in range(8)]


def test_nothing_is_invented_across_a_cut(tmp_path: Path) -> None:
    shots = [*pan(3, SIZE), *pan(3, SIZE, "astronaut")]
    clip = clip_of(tmp_path / "cut.mkv", shots)
    made = [luma(frame) for frame in interpolated(clip, 3, factor=4)]
    assert all(np.array_equal(frame, made[8]) for frame in made[9:11])
    assert np.array_equal(made[11], made[12])
    assert not np.array_equal(made[8], made[12])
    assert not np.array_equal(made[4], made[5])


@pytest.mark.parametrize(
    ("pixel_format", "size", "scale"),
    [("yuv420p", (128, 96), 4), ("yuvj420p", (128, 96), 1023 / 255), ("yuv422p10le", (128, 96), 1), ("yuv444p", (127, 95), 4)],
)
def test_the_output_does_not_pulse_and_source_frames_are_as_they_were(
    tmp_path: Path, pixel_format: str, size: tuple[int, int], scale: float
) -> None:
    clip = clip_of(tmp_path / "clip.mkv", pan(5, size), pixel_format=pixel_format)
    sources = list(media.frames(clip))
    made = interpolated(clip)
    for index, source in enumerate(sources):
        assert np.abs(luma(made[2 * index]) - scale * luma(source)).max() < 1
        assert made[2 * index + 1].color_range == made[2 * index].color_range
    for index in range(1, 8, 2):
        for name in ("y", "u", "v"):
            before, inserted, after = (float(getattr(media.planes(made[index + step]), name).mean()) for step in (-1, 0, 1))
            assert abs(inserted - (before + after) / 2) / 4 < 0.3  # 8-bit levels


def test_alpha_moves_with_the_picture(tmp_path: Path) -> None:
    path = tmp_path / "alpha.mov"
    with av.open(str(path), "w") as output:
        stream = output.add_stream("png", rate=24, width=SIZE[0], height=SIZE[1], pix_fmt="rgba")
        for index, shot in enumerate(pan(3, SIZE)):
            alpha = np.zeros((SIZE[1], SIZE[0], 1), np.uint8)
            alpha[20:70, 20 + 6 * index : 80 + 6 * index] = 200
            frame = av.VideoFrame.from_ndarray(np.concatenate((shot.round().astype(np.uint8), alpha), axis=2), format="rgba")
            frame.pts, frame.time_base = index, Fraction(1, 24)
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    clip = media.probe(path)
    before, inserted, after = (media.planes(frame).a for frame in interpolated(clip)[:3])
    assert before is not None
    assert inserted is not None
    assert after is not None
    assert media.working_format(clip).startswith("yuva444p")
    assert inserted.mean() == pytest.approx((before.mean() + after.mean()) / 2, rel=0.02)


def test_frames_that_repeat_are_repeated(tmp_path: Path) -> None:
    first, second = pan(2, SIZE)
    clip = clip_of(tmp_path / "held.mkv", [first, first, second])
    made = [luma(frame) for frame in interpolated(clip)]
    assert np.array_equal(made[0], made[1])
    assert np.array_equal(made[0], made[2])
    assert not np.array_equal(made[2], made[3])


def test_one_frame_is_held(tmp_path: Path) -> None:
    clip = clip_of(tmp_path / "one.mkv", pan(1, SIZE))
    assert len(interpolated(clip)) == 2


def test_times_too_fine_for_a_time_base_are_rounded() -> None:
    times = [Fraction(k, 1_000_000_000) for k in (7, 1_000_000_018)]
    timetable = timing.Timetable(
        times[0], Fraction(2), 4, None, 8, Fraction(1), timing.common_measure(Fraction(1, 4_000_000_000), times[0])
    )
    assert timetable.time_base == Fraction(1, 1_000_000)
    assert [timetable.pts(moment) for moment, _ in timetable.moments(times[:1], times[1])] == [0, 250_000, 500_000, 750_000]


def test_motion_that_cannot_be_followed_repeats_the_nearer_frame_and_says_so(tmp_path: Path) -> None:
    shots = [
        *pan(3, (256, 160), "astronaut"),
        *pan(2, (256, 160), "coffee"),
    ]  # another scene, not marked as a cut
    clip = clip_of(tmp_path / "impossible.mkv", shots)
    account = interpolation.Account()
    made = [luma(frame) for frame in interpolated(clip, factor=4, account=account)]
    assert [np.array_equal(made[index], made[8]) for index in (9, 10)] == [True, True]
    assert np.array_equal(made[11], made[12])
    assert not np.array_equal(made[4], made[5])
    assert not np.array_equal(made[13], made[14])
    assert account.notes() == ("3 of 12 inserted frames repeat their neighbour: motion too large to follow",)


def test_motion_that_can_be_followed_is_told_nothing_of(tmp_path: Path) -> None:
    account = interpolation.Account()
    interpolated(clip_of(tmp_path / "clip.mkv", pan(5, SIZE, step_px=6.0)), account=account)
    assert (account.inserted, account.repeated, account.notes()) == (4, 0, ())


def test_memory_that_does_not_suffice_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    search = rife.Rife.motion

    def short(self: rife.Rife, first: rife.Picture, second: rife.Picture, moment: float, way: thrift.Way) -> object:
        if way.shrink == 1:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return search(self, first, second, moment, way)

    monkeypatch.setattr(rife.Rife, "motion", short)
    account = interpolation.Account()
    assert len(interpolated(clip_of(tmp_path / "clip.mkv", pan(2, SIZE)), account=account)) == 4
    assert account.notes() == ("memory did not suffice for RIFE on 'cpu' at 128x96: motion was looked for at 1/2 of the size",)


@pytest.mark.parametrize(("options", "count"), [({"factor": 2}, 16), ({"fps": Fraction(24)}, 8), ({"fps": Fraction(60)}, 20)])
def test_dropped_duplicates_move_on_and_last_as_long(tmp_path: Path, options: dict[str, Any], count: int) -> None:
    fine = pan(8, SIZE, "astronaut", 2.0)
    clip = clip_of(tmp_path / "twos.mp4", [shot for shot in fine[::2] for _ in range(2)])
    made = interpolated(clip, drops_duplicates=True, **options)
    assert len(made) == count
    rate = options.get("fps", 48)
    start = times_of(clip)[0]
    assert seconds(made) == [start + Fraction(k) / rate for k in range(count)]
    truth = [luma(frame.reformat(format="yuv420p10le")) for frame in media.frames(clip_of(tmp_path / "truth.mkv", fine))]
    for index in (1, 3, 5):  # shown twice in the clip
        restored = luma(made[index * rate // 24]) if index * rate % 24 == 0 else None
        if restored is not None:
            assert psnr(restored, truth[index], 1023) > psnr(truth[index - 1], truth[index], 1023) + 5
    assert interpolation.replaced_frames(clip, Treatment(Route.INTERPOLATE, drops_duplicates=True)) == frozenset({1, 3, 5, 7})


def test_a_dropped_duplicate_before_a_cut_shows_its_own_scene(tmp_path: Path) -> None:
    first, other = pan(1, SIZE)[0], pan(1, SIZE, "astronaut")[0]
    clip = clip_of(tmp_path / "cut.mkv", [first, first, first, other])
    made = [luma(frame) for frame in interpolated(clip, 3, factor=4, drops_duplicates=True)]
    assert all(np.array_equal(frame, made[0]) for frame in made[:11])
    assert np.array_equal(made[11], made[12])
    assert not np.array_equal(made[10], made[11])
