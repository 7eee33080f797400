"""FILM: moments, tiles, memory and errors. The models are stand-ins with FILM's signature; the real ones cannot be had here."""

from __future__ import annotations

import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from clipmaker import pan
from numpy.typing import NDArray

from deshimmer.config.errors import DeshimmerError, NotSetUp, SettingsError, ToolFailed
from deshimmer.processors.interpolators import film, film_models

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.usefixtures("one_torch_thread")


class Blend(torch.nn.Module):
    """``forward(x0, x1, t)``: x (1, 3, h, w), t (1, 1). Pictures wider than ``widest_px`` run out of memory."""

    def __init__(self, widest_px: int = 1 << 20) -> None:
        super().__init__()
        self.widest_px = widest_px

    def forward(self, x0: torch.Tensor, x1: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
        if x0.size(3) > self.widest_px:
            raise RuntimeError("CUDA out of memory. Tried to allocate 9.00 GiB")
        assert x0.size(2) % 64 == 0
        assert x0.size(3) % 64 == 0
        return x0 * (1 - t) + x1 * t


class MiddleOnly(torch.nn.Module):
    """Halves, and a trace of how often: each run adds a hundredth."""

    def forward(self, x0: torch.Tensor, x1: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
        return (x0 + x1) / 2 + 0.01


class Nonsense(torch.nn.Module):
    def forward(self, x0: torch.Tensor, x1: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
        return x0 / 0.0 * 0.0


class Half(torch.nn.Module):
    def forward(self, x0: torch.Tensor, x1: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
        return x0[:, :, ::2, ::2]


def saved(module: torch.nn.Module, path: Path) -> Path:
    with pytest.warns(DeprecationWarning, match=r"torch\.jit\.script"):
        torch.jit.script(module).save(path)
    return path


def flat(*values: float, size: tuple[int, int] = (64, 64)) -> list[NDArray[np.float32]]:
    return [np.full((*size, 3), value, np.float32) for value in values]


@pytest.mark.parametrize("moment", [0.5, 0.25, 0.875, 0.4])
def test_a_moment_is_met(tmp_path: Path, moment: float) -> None:
    told: list[str] = []
    first, second = (shot / 255 for shot in pan(2, (97, 65), step_px=5.0))
    with film.loaned(saved(Blend(), tmp_path / "film.pt"), told.append) as middle:
        made = middle(first, second, moment)
    assert np.abs(made - (first * (1 - moment) + second * moment)).max() < 1e-5
    assert told == ["the inserted frames are made by FILM (film.pt)"]


@pytest.mark.parametrize(("moment", "runs"), [(0.5, 1), (0.25, 2), (0.875, 3)])
def test_middles_of_middles(tmp_path: Path, moment: float, runs: int) -> None:
    with film.loaned(saved(MiddleOnly(), tmp_path / "film.pt"), lambda note: None) as middle:
        made = middle(*flat(0.2, 0.6), moment)
    added = {1: 0.01, 2: 0.015, 3: 0.0175}[runs]
    assert made.mean() == pytest.approx(0.2 + 0.4 * moment + added, abs=1e-5)


@pytest.mark.parametrize(("widest_px", "side_px"), [(640, 640), (448, 320)])
def test_memory_that_does_not_suffice_makes_smaller_tiles(tmp_path: Path, widest_px: int, side_px: int) -> None:
    told: list[str] = []
    first, second = (shot / 255 for shot in pan(2, (700, 100), step_px=5.0))
    with film.loaned(saved(Blend(widest_px), tmp_path / "film.pt"), told.append) as middle:
        for _ in range(2):
            assert np.abs(middle(first, second, 0.5) - (first + second) / 2).max() < 1e-5
    assert told[1:] == [f"FILM worked in overlapping tiles of {side_px} pixels"]


def test_wide_pictures_are_tiled_at_the_articles_limit_without_being_scaled(tmp_path: Path) -> None:
    told: list[str] = []
    first, second = (shot / 255 for shot in pan(2, (1400, 80), step_px=5.0))
    with film.loaned(saved(Blend(), tmp_path / "film.pt"), told.append) as middle:
        assert np.abs(middle(first, second, 0.5) - (first + second) / 2).max() < 1e-5
    if film_models.load(tmp_path / "film.pt").device != "cuda":
        assert told[1:] == ["FILM worked in overlapping tiles of 1280 pixels"]


def test_memory_that_suffices_for_no_tile_is_an_error(tmp_path: Path) -> None:
    with (
        film.loaned(saved(Blend(128), tmp_path / "film.pt"), lambda note: None) as middle,
        pytest.raises(DeshimmerError, match="at 400x64, looking at 320 pixels") as caught,
    ):
        middle(*flat(0, 1, size=(64, 400)), 0.5)
    assert caught.value.title == "Not enough memory"


@pytest.mark.parametrize("module", [Nonsense, Half])
def test_what_makes_no_picture_is_no_film(tmp_path: Path, module: Callable[[], torch.nn.Module]) -> None:
    with film.loaned(saved(module(), tmp_path / "film.pt"), lambda note: None) as middle, pytest.raises(ToolFailed, match="is a FILM"):
        middle(*flat(0.0, 1.0), 0.5)


def test_another_signature_is_no_film(tmp_path: Path) -> None:
    with (
        film.loaned(saved(torch.nn.Conv2d(3, 3, 1), tmp_path / "film.pt"), lambda note: None) as middle,
        pytest.raises(ToolFailed, match="is a FILM"),
    ):
        middle(*flat(0.0, 1.0), 0.5)


def test_paths_that_are_no_model_are_named(tmp_path: Path) -> None:
    (tmp_path / "page.pt").write_text("<html>not found</html>")
    (tmp_path / "folder").mkdir()
    with zipfile.ZipFile(tmp_path / "other.pt", "w") as archive:
        archive.writestr("other/data.pkl", b"")
    faults = {"absent.pt": "no such file", "page.pt": "no TorchScript", "other.pt": "no TorchScript", "folder": "no SavedModel"}
    for name, message in faults.items():
        with pytest.raises(SettingsError, match=message) as caught:
            film_models.load(tmp_path / name)
        assert caught.value.path == str(tmp_path / name)


def test_without_tensorflow_a_saved_model_says_how_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tensorflow", None)
    (tmp_path / "saved_model.pb").touch()
    with pytest.raises(NotSetUp, match="pip install tensorflow"):
        film_models.load(tmp_path)


def test_a_saved_model_is_called_as_films_own_program_does(tmp_path: Path) -> None:
    """Where TensorFlow is installed. As the real one it makes the middle whatever the moment."""
    tensorflow = pytest.importorskip("tensorflow")

    class Middle(tensorflow.Module):
        @tensorflow.function
        def __call__(self, inputs, training=False):
            return {"image": (inputs["x0"] + inputs["x1"]) / 2 + 0 * tensorflow.reduce_sum(inputs["time"])}

    module = Middle()
    picture = tensorflow.TensorSpec((None, None, None, 3), tensorflow.float32)
    inputs = {"x0": picture, "x1": picture, "time": tensorflow.TensorSpec((None, 1), tensorflow.float32)}
    signature = module.__call__.get_concrete_function(inputs, training=False)
    tensorflow.saved_model.save(module, str(tmp_path / "film"), signatures={"serving_default": signature})
    told: list[str] = []
    first, second = (shot / 255 for shot in pan(2, (97, 65), step_px=5.0))
    with film.loaned(tmp_path / "film", told.append) as middle:
        for moment, error in ((0.5, 1e-5), (0.25, 1e-5), (0.4, 1 / 32)):
            assert np.abs(middle(first, second, moment) - (first * (1 - moment) + second * moment)).max() < error
    assert told[1:] == ["this FILM makes middles only: moments were met to 1/32 of a step"]
    (tmp_path / "saved_model.pb").write_bytes(b"x")
    with pytest.raises(SettingsError, match="no SavedModel"):
        film_models.load(tmp_path)
