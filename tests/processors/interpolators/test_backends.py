"""The choice of what makes inserted frames, and clips that each of them makes. Foreign programs and models are stand-ins."""

from __future__ import annotations

import sys
import zipfile
from contextlib import ExitStack
from pathlib import Path

import fake_ncnn
import numpy as np
import pytest
from clipmaker import pan, write

from deshimmer.config.errors import NotSetUp, SettingsError
from deshimmer.config.settings import Models, Settings, Tools
from deshimmer.processors import api, interpolation, media
from deshimmer.processors.interpolators import backends, rife
from deshimmer.processors.interpolators.through_rgb import ThroughRgb
from deshimmer.processors.records import Clip, CodecReading, Diagnosis, Outcome, Reading, Route, Shot, Treatment, Verdict

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.usefixtures("one_torch_thread")
needs_posix = pytest.mark.skipif(sys.platform == "win32", reason="the stand-in is a script with a #! line")
KINDS = ["film", pytest.param("rife-ncnn-vulkan", marks=needs_posix)]

SIZE = (96, 64)
LOSSLESS = {"crf": "0", "preset": "veryfast"}


@pytest.fixture
def clip(tmp_path: Path) -> Clip:
    return media.probe(write(tmp_path / "clip.mp4", pan(6, SIZE, step_px=2.0), options=LOSSLESS))


@pytest.fixture
def without_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)


class Blend(torch.nn.Module):
    def forward(self, x0: torch.Tensor, x1: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
        return x0 * (1 - t) + x1 * t


def film_settings(folder: Path) -> Settings:
    with pytest.warns(DeprecationWarning, match=r"torch\.jit\.script"):
        torch.jit.script(Blend()).save(folder / "film.pt")
    return Settings(models=Models(interpolator="film", film=folder / "film.pt"))


def ncnn_settings(folder: Path, mode: str = "", **models: object) -> Settings:
    return Settings(tools=Tools(rife_ncnn_vulkan=fake_ncnn.install(folder / "tool", mode)), models=Models(**models))


def settings_for(kind: str, folder: Path) -> Settings:
    return film_settings(folder) if kind == "film" else ncnn_settings(folder, "gpu", interpolator=kind)


def one_shot(clip: Clip) -> Diagnosis:
    shot = Shot(0, clip.frames, Verdict.CLEAN, {})
    reading = Reading({}, CodecReading(None, None, None), 0.0, None, 0.0, 0.0)
    return Diagnosis(Verdict.CLEAN, 1.0, Route.KEEP, "", {}, (), reading, (shot,), None, None)


def chosen(clip: Clip, settings: Settings) -> tuple[backends.Interpolator, list[str]]:
    told: list[str] = []
    with backends.chosen(clip, settings, clip.path.parent, told.append) as interpolator:
        return interpolator, told


def test_rife_with_its_own_weights_needs_no_note(clip: Clip) -> None:
    interpolator, told = chosen(clip, Settings())
    assert isinstance(interpolator, backends.ByRife)
    assert (interpolator.network, told) == (rife.load(), [])


def test_weights_of_the_users_own_are_named(clip: Clip, tmp_path: Path) -> None:
    path = tmp_path / "own.safetensors"
    path.write_bytes(rife.WEIGHTS.read_bytes())
    interpolator, told = chosen(clip, Settings(models=Models(rife=path)))
    assert isinstance(interpolator, backends.ByRife)
    assert interpolator.network is rife.load(weights=path)
    assert told == ["the inserted frames are made by RIFE with the weights own.safetensors"]
    with pytest.raises(SettingsError, match="cannot be read"):
        chosen(clip, Settings(models=Models(rife=tmp_path / "absent.pth")))


@needs_posix
def test_without_torch_rife_ncnn_vulkan_takes_over_and_says_so(clip: Clip, tmp_path: Path, without_torch: None) -> None:
    interpolator, told = chosen(clip, ncnn_settings(tmp_path))
    assert isinstance(interpolator, ThroughRgb)
    assert told == ["PyTorch is not set up here", "the inserted frames are made by rife-ncnn-vulkan, model rife-v4.6"]
    with pytest.raises(NotSetUp, match=r"deshimmer\[ai\]"):
        chosen(clip, ncnn_settings(tmp_path, rife=tmp_path / "own.pth"))


def test_without_torch_and_without_a_tool_the_remedy_is_named(
    clip: Clip, tmp_path: Path, without_torch: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with zipfile.ZipFile(tmp_path / "film.pt", "w") as archive:
        archive.writestr("film/data.pkl", b"")
    for models in (Models(), Models(interpolator="film", film=tmp_path / "film.pt")):
        with pytest.raises(NotSetUp, match=r"deshimmer\[ai\]"):
            chosen(clip, Settings(models=models))
    with pytest.raises(NotSetUp, match="Unpack a release"):
        chosen(clip, Settings(models=Models(interpolator="rife-ncnn-vulkan")))


@pytest.mark.parametrize("kind", KINDS)
def test_source_frames_stay_and_inserted_ones_do_not_pulse(clip: Clip, tmp_path: Path, kind: str) -> None:
    sources = [media.to_format(frame, media.working_format(clip)) for frame in media.frames(clip)]
    with backends.chosen(clip, settings_for(kind, tmp_path), tmp_path, lambda note: None) as interpolator:
        made = list(
            interpolation.interpolate(clip, one_shot(clip), Treatment(Route.INTERPOLATE, factor=2), interpolation.Account(), interpolator)
        )
    assert len(made) == 12
    for name in ("y", "u", "v"):
        planes = [getattr(media.planes(frame), name).astype(np.float64) / 4 for frame in made]  # 8-bit levels
        for index in range(0, 10, 2):
            before, inserted, after = planes[index : index + 3]
            assert np.array_equal(4 * before, getattr(media.planes(sources[index // 2]), name))
            assert abs(inserted.mean() - (before.mean() + after.mean()) / 2) < 0.02
            assert np.abs(inserted - (before + after) / 2).max() < 1.5


@pytest.mark.parametrize("kind", KINDS)
def test_a_clip_is_delivered_and_its_report_says_what_made_it(clip: Clip, tmp_path: Path, kind: str) -> None:
    receipt = api.fix(clip.path, settings=settings_for(kind, tmp_path), factor=2, comparison=False)
    assert (receipt.outcome, receipt.error) == (Outcome.REPAIRED, None)
    assert receipt.output is not None
    assert media.probe(receipt.output).frames == 12
    report = Path(str(receipt.report)).read_text(encoding="utf-8")
    assert {"film": "made by FILM (film.pt)", "rife-ncnn-vulkan": "worked on the CPU, because its run on the GPU failed"}[kind] in report
    assert list(tmp_path.rglob("*.png")) == []


def test_without_what_replaces_the_loss_of_rgb_it_would_pulse(clip: Clip, tmp_path: Path) -> None:
    """The same clip, with inserted frames converted and source frames not: the difference that ``through_rgb`` takes away."""
    frame = media.to_format(media.first_frame(clip), media.working_format(clip))
    rgb = frame.to_ndarray(format="rgb24").astype(np.float32) / np.float32(255)
    luma = media.planes(frame).y.astype(np.float32)
    with ExitStack() as stack:
        through = stack.enter_context(backends.chosen(clip, film_settings(tmp_path), tmp_path, lambda note: None))
        assert isinstance(through, ThroughRgb)
        picture = through.picture(rgb, [plane for plane in media.planes(frame) if plane is not None])
        assert abs(float(picture.lost[0].mean())) / 4 > 0.5  # 8-bit levels
        assert abs(float((through.between(picture, picture, 0.5).planes[0] - luma).mean())) / 4 < 0.01


def test_another_interpolator_is_another_job(clip: Clip, tmp_path: Path) -> None:
    ids = {
        api.fix(clip.path, settings=Settings(models=models), factor=2, preview=True).id.partition("-")[0]
        for models in (Models(), Models(rife=_copied(tmp_path / "a.safetensors")))
    }
    assert len(ids) == 2


def _copied(path: Path) -> Path:
    path.write_bytes(rife.WEIGHTS.read_bytes())
    return path
