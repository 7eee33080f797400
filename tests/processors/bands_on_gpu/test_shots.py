"""Smoothing in torch, on the CPU, beside the CPU's own: with the same flow the same frames, with its own flow as good ones."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest
from clipmaker import Picture, detail_flicker, exposure_flicker, pan, patch_flicker, write
from numpy.typing import NDArray

from deshimmer.processors import flow, media, smoothing
from deshimmer.processors.bands import engine as bands_engine
from deshimmer.processors.records import Band, CodecReading, Diagnosis, Reading, Route, Shot, Treatment, Verdict

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.usefixtures("one_torch_thread")

ALL = tuple(Band)
LIGHT = ALL[:3]
LOSSLESS = {"crf": "6", "preset": "veryfast"}
MEAN, RARELY = 0.05, 1.0  # levels: the stated tolerance, on average and for all but one in a thousand


def diagnosis(*starts: int, pulse_frames: float | None = None) -> Diagnosis:
    reading = Reading({}, CodecReading(None, None, None), 0, None, 0, 0)
    ends = (*starts[1:], 1000)
    shots = tuple(Shot(start, end, Verdict.GENERATIVE, {}, pulse_frames=pulse_frames) for start, end in zip(starts, ends, strict=True))
    return Diagnosis(Verdict.GENERATIVE, 1, Route.SMOOTH, "", {}, (), reading, shots, None, None)


def smooth(path: Path, bands: tuple[Band, ...], found: Diagnosis, strength: float = 1.0, **engine: Any) -> list[av.VideoFrame]:
    return list(smoothing.smooth(media.probe(path), found, Treatment(Route.SMOOTH, bands, strength), **engine))


def in_torch(*ways: Any, same_flow: bool = False, fine: bool = True) -> dict[str, Any]:
    from deshimmer.processors.bands_on_gpu import ladder, shots

    measure = {"measure": by_dis(fine)} if same_flow else {}
    return {"engine": partial(shots.engine, device="cpu", ladder=ladder.Ladder("cpu", "a clip", ways or ladder.WAYS), **measure)}


def by_dis(fine: bool) -> Callable[..., Any]:
    """The flow that ``bands.trails`` measures."""
    from deshimmer.processors.bands import trails

    def one(here: NDArray[np.float32], there: NDArray[np.float32]) -> NDArray[np.float32]:
        guides = here.astype(np.uint8), there.astype(np.uint8)
        return np.asarray(trails.fine_engine(len(here)).calc(*guides, None), np.float32) if fine else flow.flow(guides[1], guides[0])

    def measure(here: Any, there: Any) -> Any:
        pairs = zip(here[:, 0].numpy(), there[:, 0].numpy(), strict=True)
        return torch.from_numpy(np.stack([one(*pair) for pair in pairs])).permute(0, 3, 1, 2)

    return measure


def apart(one: Iterable[av.VideoFrame], other: Iterable[av.VideoFrame]) -> NDArray[np.float32]:
    """Levels between all pixels of all planes."""
    pairs = [zip(media.planes(mine)[:3], media.planes(theirs)[:3], strict=True) for mine, theirs in zip(one, other, strict=True)]
    return np.concatenate([np.abs(a.astype(np.float32) - b).ravel() for planes in pairs for a, b in planes]) / 4


@pytest.fixture(scope="module")
def truth() -> list[Picture]:
    return pan(14, (160, 90), "coffee", 1.3)


@pytest.fixture(scope="module")
def flickering(truth: list[Picture], tmp_path_factory: pytest.TempPathFactory) -> Path:
    spoilt = detail_flicker(patch_flicker(exposure_flicker(truth, 8), 6), 6)
    return write(tmp_path_factory.mktemp("clips") / "clip.mp4", spoilt, options=LOSSLESS)


@pytest.fixture(scope="module")
def short(truth: list[Picture], tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("clips") / "clip.mp4", detail_flicker(exposure_flicker(truth[:9]), 6), options=LOSSLESS)


@pytest.mark.parametrize(("bands", "strength"), [(LIGHT, 1.0), (ALL, 1.0), ((Band.DETAIL,), 0.5), ((Band.GLOBAL_LUMA, Band.DETAIL), 1.5)])
def test_with_the_same_flow_it_makes_the_same_frames(flickering: Path, bands: tuple[Band, ...], strength: float):
    found = diagnosis(0, 9)
    theirs = smooth(flickering, bands, found, strength)
    apart_levels = apart(smooth(flickering, bands, found, strength, **in_torch(same_flow=True, fine=Band.DETAIL in bands)), theirs)
    assert apart_levels.mean() < MEAN
    assert np.quantile(apart_levels, 0.999) < RARELY


def test_large_frames_are_the_same_too(flickering: Path, monkeypatch: pytest.MonkeyPatch):
    whole = smooth(flickering, ALL, diagnosis(0, 9))
    monkeypatch.setattr(bands_engine, "LARGE_SIDE_PX", 90)
    theirs = smooth(flickering, ALL, diagnosis(0, 9))
    apart_levels = apart(smooth(flickering, ALL, diagnosis(0, 9), **in_torch(same_flow=True)), theirs)
    assert apart_levels.mean() < MEAN
    assert np.quantile(apart_levels, 0.999) < RARELY
    assert 0.05 < apart(whole, theirs).mean() < 1


def test_strips_are_whole_cells_and_none_is_less_than_one():
    from deshimmer.processors.bands_on_gpu import detailband, ladder

    for height in range(1, 300):
        planes, way = torch.zeros((1, height, 1)), ladder.Way(1, 1, strips=8)
        strips = list(detailband._strips(planes, way))
        assert [rows.start for rows in strips] == [0, *(rows.stop for rows in strips[:-1])]
        assert strips[-1].stop == height
        assert all(rows.start % 4 == 0 for rows in strips)
        assert min(rows.stop - rows.start for rows in strips) >= min(4, height)


def test_a_pulse_that_is_followed_over_whole_periods_is_the_same(flickering: Path):
    found = diagnosis(0, pulse_frames=6.0)
    apart_levels = apart(smooth(flickering, LIGHT, found, **in_torch(same_flow=True, fine=False)), smooth(flickering, LIGHT, found))
    assert apart_levels.mean() < MEAN


@pytest.mark.parametrize("way", [{"moments": 3}, {"moments": 1, "detailed": 1, "strips": 4}, {"moments": 8, "values": "float32"}])
def test_less_memory_makes_the_same_frames(short: Path, way: dict[str, Any]):
    from deshimmer.processors.bands_on_gpu.ladder import Way

    way = way | ({"values": getattr(torch, way["values"])} if "values" in way else {})
    usual, frugal = (smooth(short, ALL, diagnosis(0), **in_torch(*ways, same_flow=True)) for ways in ((), (Way(**way),)))
    apart_levels = apart(usual, frugal)
    assert apart_levels.mean() < MEAN
    assert np.quantile(apart_levels, 0.999) < RARELY


def test_with_its_own_flow_the_repair_is_as_good(flickering: Path, truth: list[Picture]):
    def scores(frames: Iterable[av.VideoFrame]) -> tuple[float, float]:
        errors = [frame.to_ndarray(format="rgb24").astype(np.float32) - shot for frame, shot in zip(frames, truth, strict=True)]
        blurred = [cv2.blur(error, (5, 5)) for error in errors]
        flicker = np.sqrt(np.mean([np.mean((after - before) ** 2) for before, after in pairwise(blurred)]))
        return 10 * np.log10(255**2 / np.mean([np.mean(error**2) for error in errors])), float(flicker)

    before = scores(media.frames(media.probe(flickering)))
    by_cpu, by_torch = (scores(smooth(flickering, ALL, diagnosis(0), **engine)) for engine in ({}, in_torch()))
    assert by_torch[0] > by_cpu[0] - 0.3
    assert (by_torch[1] - by_cpu[1]) / before[1] < 0.03
    assert by_torch[0] > before[0] + 3


@pytest.mark.parametrize(("band", "touched"), [(Band.LOW_CHROMA, {1, 2}), (Band.LOW_LUMA, {0})])
def test_planes_of_other_bands_come_out_bit_for_bit(short: Path, band: Band, touched: set[int]):
    clip = media.probe(short)
    before = [media.to_format(frame, media.working_format(clip)) for frame in media.frames(clip)]
    for one, other in zip(before, smooth(short, (band,), diagnosis(0), **in_torch()), strict=True):
        for index in range(3):
            assert (bytes(one.planes[index]) == bytes(other.planes[index])) == (index not in touched)


@pytest.mark.parametrize("bands", [LIGHT, ALL])
@pytest.mark.parametrize("count", [1, 2, 5])
def test_short_shots_and_repeats_keep_count_times_and_tags(tmp_path: Path, truth: list[Picture], bands: tuple[Band, ...], count: int):
    shots = [shot for shot in exposure_flicker(truth[:count]) for _ in range(2)]
    path = write(tmp_path / "clip.mkv", shots, options=LOSSLESS)
    theirs, ours = (
        smooth(path, bands, diagnosis(0)),
        smooth(path, bands, diagnosis(0), **in_torch(same_flow=True, fine=Band.DETAIL in bands)),
    )
    for one, other in zip(theirs, ours, strict=True):
        assert (one.pts, one.time_base, one.format.name) == (other.pts, other.time_base, other.format.name)
        assert (one.color_range, one.colorspace, one.color_trc) == (other.color_range, other.colorspace, other.color_trc)
    assert apart(theirs, ours).mean() < MEAN


@pytest.mark.parametrize(("codec", "pixel_format", "container"), [("ffv1", "yuva420p", "matroska"), ("ffv1", "yuv444p16le", "matroska")])
def test_alpha_and_deep_levels_are_kept(tmp_path: Path, truth: list[Picture], codec: str, pixel_format: str, container: str):
    path = write(
        tmp_path / "clip.mkv", exposure_flicker(truth[:4]), codec=codec, pixel_format=pixel_format, container=container, options={}
    )
    theirs, ours = smooth(path, ALL, diagnosis(0)), smooth(path, ALL, diagnosis(0), **in_torch(same_flow=True))
    for one, other in zip(theirs, ours, strict=True):
        for a, b in zip(media.planes(one), media.planes(other), strict=True):
            if a is not None and b is not None:
                assert np.abs(a.astype(np.float32) - b).mean() < MEAN * (1 << (one.format.components[0].bits - 8))


def test_first_passes_over_what_was_shown_before(flickering: Path):
    whole = smooth(flickering, LIGHT, diagnosis(0, 6, 11))
    for first in (3, 6, 13):
        rest = smooth(flickering, LIGHT, diagnosis(0, 6, 11), first=first)
        assert [frame.pts for frame in rest] == [frame.pts for frame in whole[first:]]
        assert apart(rest, whole[first:]).max() == 0
