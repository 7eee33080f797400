"""Models of FILM that a user brings: a TorchScript file, or the folder of a TensorFlow SavedModel.

Both hold a program, which runs here: only the one that the settings name (``models.film``) is ever opened, nothing from a hot folder.
"""

from __future__ import annotations

import importlib
import warnings
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from ...config.errors import NotSetUp, SettingsError
from .. import torch_devices
from .through_rgb import Rgb

MULTIPLE_PX = 64
"""Width and height must be multiples of this: the coarsest of FILM's seven levels works at a 64th."""

_TENSORFLOW = "FILM as a SavedModel needs TensorFlow. Install it with: pip install tensorflow, or set models.film to a TorchScript file."


@dataclass(frozen=True)
class Model:
    """A FILM that is loaded. ``run`` takes two pictures, whose sides ``MULTIPLE_PX`` divides, and the moment between them."""

    name: str
    device: str
    run: Callable[[Rgb, Rgb, float], Rgb]
    any_moment: bool  # False: whatever the moment, it makes the middle


def load(path: Path) -> Model:
    """The model in a TorchScript file or in the folder of a SavedModel, once a process.

    Raises NotSetUp for a missing package, SettingsError for a path that is no such model.
    """
    check(path)
    changed_ns = path.stat().st_mtime_ns
    return _load_saved_model(path, changed_ns) if path.is_dir() else _load_torchscript(path, changed_ns)


def check(path: Path) -> None:
    """Raises what ``load`` would, as far as that can be told without running the model."""
    if not path.exists():
        raise _unusable("there is no such file or folder. Correct the path models.film.", path)
    if path.is_dir() and not (path / "saved_model.pb").is_file():
        raise _unusable("it is no SavedModel. Give the folder that holds saved_model.pb.", path)
    if path.is_file() and not zipfile.is_zipfile(path):
        raise _unusable("it is no TorchScript file. Download it again.", path)
    if path.is_dir() and find_spec("tensorflow") is None:
        raise NotSetUp(_TENSORFLOW, path=path)
    if path.is_file() and find_spec("torch") is None:
        raise NotSetUp(torch_devices.REMEDY, path=path)


@cache
def _load_torchscript(path: Path, changed_ns: int) -> Model:
    torch_devices.require_torch()
    import torch

    device = torch_devices.best()
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message=r".*torch\.jit", category=DeprecationWarning)  # FILM is published in no newer form
            jit: Any = torch.jit
            module = jit.load(path, map_location="cpu").float().to(device).eval()
    except (OSError, RuntimeError, ValueError) as error:
        raise _unusable(f"it is no TorchScript file ({last_line(error)}). Download it again.", path) from None

    def run(first: Rgb, second: Rgb, moment: float) -> Rgb:
        with torch.inference_mode():
            pair = [torch.from_numpy(np.array(each.transpose(2, 0, 1)[None])).to(device) for each in (first, second)]
            try:
                made = module(*pair, pair[0].new_full((1, 1), moment))
            except torch.jit.Error as error:
                raise RuntimeError(str(error)) from None
            return made[0].float().cpu().numpy().transpose(1, 2, 0)

    return Model(path.name, device, run, any_moment=True)


@cache
def _load_saved_model(path: Path, changed_ns: int) -> Model:
    """On the CPU: what TensorFlow takes of a GPU's memory it keeps until the process ends."""
    try:
        tensorflow: Any = importlib.import_module("tensorflow")
    except (ImportError, OSError) as error:
        raise NotSetUp(f"{_TENSORFLOW} ({error})", path=path) from error
    try:
        tensorflow.config.set_visible_devices([], "GPU")
        model: Any = tensorflow.saved_model.load(str(path))
    except (OSError, RuntimeError, ValueError, AttributeError) as error:
        raise _unusable(f"it is no SavedModel ({last_line(error)}). Download it again.", path) from None

    def run(first: Rgb, second: Rgb, moment: float) -> Rgb:
        inputs = {"x0": first[None], "x1": second[None], "time": np.array([[moment]], np.float32)}
        tensors = {name: tensorflow.constant(value, tensorflow.float32) for name, value in inputs.items()}
        try:
            return model(tensors, training=False)["image"][0].numpy()
        except tensorflow.errors.OpError as error:
            raise RuntimeError(str(error)) from None

    return Model(path.name, "cpu", run, any_moment=False)


def last_line(error: Exception) -> str:
    """What it says, without PyTorch's listing of the TorchScript before it."""
    return (str(error).strip().splitlines() or [type(error).__name__])[-1][:300]


def _unusable(message: str, path: Path) -> SettingsError:
    return SettingsError(f"{path.name}: {message}", path=path, title="This FILM cannot be used")
