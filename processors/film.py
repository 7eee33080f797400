"""FILM, for large motion and slow motion: a model that the user brings, as a TorchScript file or a TensorFlow SavedModel.

Its way is Reda et al., "FILM: Frame Interpolation for Large Motion" (ECCV 2022). Both kinds of file hold a program, which runs here: only
the one that the settings name (``models.film``) is ever opened, nothing from a hot folder.
"""

from __future__ import annotations

import importlib
import warnings
import zipfile
from collections.abc import Callable, Generator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from functools import cache, partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from ..config import locks, paths
from ..config.errors import DeshimmerError, NotSetUp, SettingsError, ToolFailed
from . import rife
from .through_rgb import Rgb
from .tiles import in_tiles

SIDES_PX = (1280, 640, 320)
"""Of the tiles: the first where a whole picture does not fit (the article's limit), the next ones where that does not either."""

_WHOLE = 1 << 16
_MULTIPLE_PX = 64  # that sides are padded to: the coarsest of its seven levels works at a 64th
_HALVINGS = 5
_OUT_OF_MEMORY = ("out of memory", "can't allocate memory", "not enough memory", "OOM when allocating")
_TENSORFLOW = "FILM as a SavedModel needs TensorFlow. Install it with: pip install tensorflow, or set models.film to a TorchScript file."


@dataclass(frozen=True)
class Model:
    """A FILM that is loaded. ``run`` takes two pictures, whose sides ``_MULTIPLE_PX`` divides, and the moment between them."""

    name: str
    device: str
    run: Callable[[Rgb, Rgb, float], Rgb]
    any_moment: bool  # False: whatever the moment, it makes the middle


class Film:
    """A ``through_rgb.Middle``. Get it from ``loaned``.

    A picture larger than memory allows is worked on in tiles, at its own size: one that was scaled down and up again would be softer than
    the frames beside it.
    """

    def __init__(self, model: Model, tell: Callable[[str], None]) -> None:
        self._model = model
        self._tell = tell
        self._side_px = _WHOLE if model.device == "cuda" else SIDES_PX[0]  # elsewhere the system ends what asks for too much
        self._told: set[str] = set()

    def __call__(self, first: Rgb, second: Rgb, moment: float) -> Rgb:
        """The picture at ``moment``: a middle, or a middle of middles, which is what FILM was trained for.

        Raises DeshimmerError when memory does not suffice for the smallest tiles, ToolFailed when it computes nonsense.
        """
        if self._model.any_moment and (moment * 2**_HALVINGS) % 1:
            return self._made(first, second, moment)
        made = first
        for _ in range(_HALVINGS):
            made = self._made(first, second, 0.5)
            if moment == 0.5:
                break
            first, second, moment = (first, made, 2 * moment) if moment < 0.5 else (made, second, 2 * moment - 1)
        else:
            self._tell_once(f"this FILM makes middles only: moments were met to 1/{2**_HALVINGS} of a step")
        return made

    def _made(self, first: Rgb, second: Rgb, moment: float) -> Rgb:
        while True:
            try:
                made = in_tiles(partial(self._padded, moment), (first, second), self._side_px)
            except (MemoryError, RuntimeError, ValueError, TypeError, LookupError) as error:  # a model of another kind raises any of them
                if not is_out_of_memory(error):
                    raise ToolFailed(f"FILM failed: {_last_line(error)}. Check that models.film is a FILM.") from error
                self._step_down(first)
                continue
            if max(first.shape[:2]) > self._side_px:
                self._tell_once(f"FILM worked in overlapping tiles of {self._side_px} pixels")
            return made

    def _step_down(self, picture: Rgb) -> None:
        height, width = picture.shape[:2]
        tried = min(self._side_px, max(height, width))
        smaller = next((side for side in SIDES_PX if side < tried), None)
        if smaller is None:
            raise DeshimmerError(
                f"FILM ran out of memory on '{self._model.device}' at {width}x{height}, looking at {tried} pixels at once. "
                "Close other programs that use it, or set models.interpolator to rife.",
                title="Not enough memory",
            )
        self._side_px = smaller

    def _tell_once(self, note: str) -> None:
        if note not in self._told:
            self._told.add(note)
            self._tell(note)

    def _padded(self, moment: float, first: Rgb, second: Rgb) -> Rgb:
        height, width = first.shape[:2]
        padding = ((0, -height % _MULTIPLE_PX), (0, -width % _MULTIPLE_PX), (0, 0))
        made = self._model.run(np.pad(first, padding, mode="edge"), np.pad(second, padding, mode="edge"), moment)[:height, :width]
        if made.shape != first.shape or not np.isfinite(made).all():
            raise ToolFailed("FILM made no picture. Check that models.film is a FILM.")
        return np.clip(made, 0, 1)


@contextmanager
def loaned(path: Path, tell: Callable[[str], None]) -> Generator[Film, None, None]:
    """The model for the length of the block, on the best device; a GPU has one holder of its memory for each user.

    ``tell`` gets what a person should know of how the frames were made. Raises NotSetUp, or SettingsError for a path that is no model.
    """
    model = load(path)
    with nullcontext() if model.device == "cpu" else locks.holding(paths.gpu_lock()):
        tell(f"the inserted frames are made by FILM ({model.name})")
        try:
            yield Film(model, tell)
        finally:
            if model.device != "cpu":
                _release(model.device)


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
        raise _unusable("There is no such file or folder. Correct the path models.film.", path)
    if path.is_dir() and not (path / "saved_model.pb").is_file():
        raise _unusable("It is no SavedModel. Give the folder that holds saved_model.pb.", path)
    if path.is_file() and not zipfile.is_zipfile(path):
        raise _unusable("It is no TorchScript file. Download it again.", path)
    if path.is_dir() and find_spec("tensorflow") is None:
        raise NotSetUp(_TENSORFLOW, path=path)
    if path.is_file() and find_spec("torch") is None:
        raise NotSetUp(rife.REMEDY, path=path)


def is_out_of_memory(error: Exception) -> bool:
    """True for what PyTorch and TensorFlow raise then, from within a TorchScript too, and for Python's own."""
    return isinstance(error, MemoryError) or any(words in str(error) for words in _OUT_OF_MEMORY)


@cache
def _load_torchscript(path: Path, changed_ns: int) -> Model:
    rife.require_torch()
    import torch

    device = rife.best_device()
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message=r".*torch\.jit", category=DeprecationWarning)  # FILM is published in no newer form
            jit: Any = torch.jit
            module = jit.load(path, map_location="cpu").float().to(device).eval()
    except (OSError, RuntimeError, ValueError) as error:
        raise _unusable(f"It is no TorchScript file ({_last_line(error)}). Download it again.", path) from None

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
        raise _unusable(f"It is no SavedModel ({_last_line(error)}). Download it again.", path) from None

    def run(first: Rgb, second: Rgb, moment: float) -> Rgb:
        inputs = {"x0": first[None], "x1": second[None], "time": np.array([[moment]], np.float32)}
        tensors = {name: tensorflow.constant(value, tensorflow.float32) for name, value in inputs.items()}
        try:
            return model(tensors, training=False)["image"][0].numpy()
        except tensorflow.errors.OpError as error:
            raise RuntimeError(str(error)) from None

    return Model(path.name, "cpu", run, any_moment=False)


def _release(device: str) -> None:
    """Give back what the device's allocator keeps for later."""
    import torch

    (torch.cuda if device.startswith("cuda") else torch.mps).empty_cache()


def _last_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[-1][:300]


def _unusable(message: str, path: Path) -> SettingsError:
    return SettingsError(message, path=path, title="This FILM cannot be used")
