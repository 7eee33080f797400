"""A user's own RIFE weights: every known layout and kind of file loads, all else is refused by name, and no code in a file runs."""

from __future__ import annotations

import os
import pickle
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from clipmaker import pan

from deshimmer.config.errors import SettingsError
from deshimmer.processors.interpolators import rife

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.usefixtures("one_torch_thread")

from safetensors.torch import load_file, save_file  # noqa: E402

from deshimmer.processors.interpolators import rife_weights  # noqa: E402

SAVERS: dict[str, Callable[..., None]] = {".safetensors": save_file, ".pkl": torch.save, ".pth": torch.save}
TRAINING_ONLY = {"4.25 and 4.26": ("teacher.conv0.weight", "caltime.0.bias"), "4.0": ("block_tea.lastconv.bias", "unet.conv.weight")}


@pytest.mark.parametrize("suffix", SAVERS)
@pytest.mark.parametrize("layout", rife_weights.LAYOUTS, ids=lambda layout: layout.versions)
def test_every_layout_loads_from_every_kind_of_file(tmp_path: Path, layout: rife_weights.Layout, suffix: str) -> None:
    torch.manual_seed(1)
    wanted = layout.network().state_dict()
    extra = {name: torch.zeros(3) for name in TRAINING_ONLY[layout.versions]}
    path = tmp_path / f"flownet{suffix}"
    SAVERS[suffix]({f"module.{name}": tensor for name, tensor in (wanted | extra).items()}, path)
    network = rife_weights.network(path)
    assert isinstance(network, layout.network)
    assert all(torch.equal(tensor, wanted[name]) for name, tensor in network.state_dict().items())


def test_the_shipped_weights_saved_anew_make_the_same_pictures(tmp_path: Path) -> None:
    torch.save(load_file(rife.WEIGHTS), tmp_path / "own.pth")
    first, _, second = (shot / 255 for shot in pan(3, (128, 96), step_px=3.0))
    own, shipped = (rife.load("cpu", weights).middle(first, second) for weights in (tmp_path / "own.pth", rife.WEIGHTS))
    assert np.array_equal(own, shipped)


def test_the_network_of_4_0_blends_both_frames_where_nothing_moves(tmp_path: Path) -> None:
    """With weights that find no motion and no preference, what comes out is known."""
    layout = next(layout for layout in rife_weights.LAYOUTS if layout.versions == "4.0")
    torch.save({name: torch.zeros_like(tensor) for name, tensor in layout.network().state_dict().items()}, tmp_path / "zero.pkl")
    first, second = (shot / 255 for shot in pan(2, (97, 65), step_px=5.0))
    middle = rife.load("cpu", tmp_path / "zero.pkl").middle(first, second)
    assert np.abs(middle - (first + second) / 2).max() < 1e-4


def test_weights_that_are_replaced_are_read_again(tmp_path: Path) -> None:
    path = tmp_path / "own.pth"
    torch.save(rife_weights.read(rife.WEIGHTS), path)
    before = rife.load("cpu", path)
    assert rife.load("cpu", path) is before
    os.utime(path, (1, 1))
    assert rife.load("cpu", path) is not before


def test_an_unknown_layout_is_refused_by_name(tmp_path: Path) -> None:
    tensors = rife_weights.read(rife.WEIGHTS)
    tensors["encode.cnn3.bias"] = torch.zeros(8)
    path = tmp_path / "flownet.pkl"
    torch.save(tensors, path)
    with pytest.raises(SettingsError, match=r"4\.25 and 4\.26.*4\.0") as caught:
        rife.load("cpu", path)
    assert caught.value.path == str(path)


class _Code:
    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple[object, ...]:
        return Path.touch, (self.target,)


def test_code_in_a_file_does_not_run(tmp_path: Path) -> None:
    path = tmp_path / "flownet.pkl"
    path.write_bytes(pickle.dumps(_Code(tmp_path / "ran")))
    with pytest.raises(SettingsError, match="without running code"):
        rife.load("cpu", path)
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("absent.pth", None, "cannot be read"),
        ("model.onnx", b"x", r"end with \.safetensors"),
        ("empty.pkl", b"", "without running code"),
        ("page.pth", b"<html>not found</html>", "without running code"),
        ("cut.safetensors", b"12", "without running code"),
    ],
)
def test_what_is_no_file_of_weights_is_named(tmp_path: Path, name: str, content: bytes | None, message: str) -> None:
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(SettingsError, match=message) as caught:
        rife.load("cpu", path)
    assert caught.value.path == str(path)


def test_a_tensor_alone_is_no_table(tmp_path: Path) -> None:
    torch.save(torch.zeros(3), tmp_path / "one.pth")
    with pytest.raises(SettingsError, match="no table of tensors"):
        rife.load("cpu", tmp_path / "one.pth")
