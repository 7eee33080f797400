"""Where smoothing runs: chosen once, and never the end of a job."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from clipmaker import exposure_flicker, pan, write

from deshimmer.config import locks
from deshimmer.config.errors import NotSetUp
from deshimmer.config.settings import Settings
from deshimmer.processors import gpus, media, smoothing, torch_devices
from deshimmer.processors.bands import smoothers
from deshimmer.processors.records import Band, CodecReading, Diagnosis, Reading, Route, Shot, Treatment, Verdict

LIGHT = Treatment(Route.SMOOTH, tuple(Band)[:3])
DETAIL = Treatment(Route.SMOOTH, (Band.DETAIL,))


def diagnosis(*starts: int) -> Diagnosis:
    reading = Reading({}, CodecReading(None, None, None), 0, None, 0, 0)
    shots = tuple(Shot(start, end, Verdict.GENERATIVE, {}) for start, end in zip(starts, (*starts[1:], 1000), strict=True))
    return Diagnosis(Verdict.GENERATIVE, 1, Route.SMOOTH, "", {}, (), reading, shots, None, None)


ON_GPU = Settings.model_validate({"repair": {"gpu": True}})


@pytest.fixture
def clip(tmp_path: Path):
    return media.probe(write(tmp_path / "clip.mp4", exposure_flicker(pan(14, (128, 96), "coffee", 1.0))))


@pytest.fixture
def gpu_here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gpus, "may_be_here", lambda: True)
    monkeypatch.setattr(torch_devices, "finds_gpu", lambda: True)


def bits(frames: Any) -> list[bytes]:
    return [bytes(plane) for frame in frames for plane in frame.planes]


@pytest.mark.usefixtures("gpu_here")
def test_a_gpu_is_used_where_it_may_be(monkeypatch: pytest.MonkeyPatch):
    assert smoothers.uses_gpu(ON_GPU)
    assert not smoothers.uses_gpu(Settings())

    def absent() -> bool:
        raise NotSetUp("no torch")

    monkeypatch.setattr(torch_devices, "finds_gpu", absent)
    assert not smoothers.uses_gpu(ON_GPU)


def test_torch_is_not_loaded_to_look_for_a_gpu_that_cannot_be_here(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(gpus, "may_be_here", lambda: False)
    monkeypatch.setattr(torch_devices, "finds_gpu", lambda: pytest.fail("asked"))
    assert not smoothers.uses_gpu(ON_GPU)
    with smoothers.chosen(ON_GPU, pytest.fail) as smooth:
        assert smooth is smoothing.smooth


@pytest.mark.usefixtures("gpu_here")
def test_the_gpu_has_one_holder_meanwhile(monkeypatch: pytest.MonkeyPatch):
    from deshimmer.config import paths

    monkeypatch.setattr(torch_devices, "best", lambda: "cuda")
    with smoothers.chosen(ON_GPU, pytest.fail), locks.trying(paths.gpu_lock()) as free:
        assert not free
    with locks.trying(paths.gpu_lock()) as free:
        assert free


@pytest.mark.usefixtures("one_torch_thread")
def test_memory_that_suffices_for_nothing_goes_to_the_cpu(clip: Any, monkeypatch: pytest.MonkeyPatch):
    torch = pytest.importorskip("torch")
    from deshimmer.processors.bands_on_gpu import shots

    def short(*arguments: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(shots.GpuShot, "_looked_at", short)
    notes = list[str]()
    made = bits(smoothers.on_gpu("cpu", notes.append, clip, diagnosis(0), LIGHT))
    assert made == bits(smoothing.smooth(clip, diagnosis(0), LIGHT))
    assert notes == ["memory did not suffice for smoothing on 'cpu' at 128x96: smoothed on the CPU"]


@pytest.mark.usefixtures("one_torch_thread")
@pytest.mark.parametrize("treatment", [LIGHT, DETAIL])
def test_memory_that_ends_midway_loses_no_frame(clip: Any, monkeypatch: pytest.MonkeyPatch, treatment: Treatment):
    torch = pytest.importorskip("torch")
    from deshimmer.processors.bands_on_gpu import shots

    look, calls = shots.GpuShot._looked_at, list[int]()  # pyright: ignore[reportPrivateUsage]

    def short(self: Any, runs: Any, way: Any) -> Any:
        calls.append(len(runs))
        if runs[-1][0] >= 12:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return look(self, runs, way)

    monkeypatch.setattr(shots.GpuShot, "_looked_at", short)
    notes = list[str]()
    whole = list(smoothing.smooth(clip, diagnosis(0), treatment))
    made = list(smoothers.on_gpu("cpu", notes.append, clip, diagnosis(0), treatment))
    assert [frame.pts for frame in made] == [frame.pts for frame in whole]
    for one, other in zip(made, whole, strict=True):
        apart = np.abs(media.planes(one).y.astype(np.float32) - media.planes(other).y)
        assert apart.mean() < 2  # a quarter of a level each
    (note,) = notes
    assert note.startswith("memory did not suffice for smoothing on 'cpu' at 128x96: smoothed on the CPU")
