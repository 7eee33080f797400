"""What can make the frame between two frames, and the one place where the settings choose it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Generator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ...config.errors import NotSetUp
from .. import torch_devices
from . import film, rife, rife_ncnn, thrift
from .rife import Made
from .through_rgb import Conversion, ThroughRgb

if TYPE_CHECKING:
    from ...config.settings import Settings
    from ..records import Clip

log = logging.getLogger(__name__)

Tell = Callable[[str], None]
"""Gets one sentence for the candidate's notes: what made the frames, and what was done otherwise than asked for."""


class Interpolator(Protocol):
    """What ``interpolation`` needs. Pictures are the interpolator's own: a frame is brought to it once and used for two pairs."""

    def picture(self, rgb: NDArray[np.uint8], planes: Sequence[NDArray[Any]]) -> Any:
        """``rgb`` (h, w, 3) 0-255, ``planes`` (h', w') each: luma, chroma of its own size, alpha where there is one, in code values."""
        ...

    def between(self, first: Any, second: Any, moment: float = 0.5) -> Made:
        """The planes at ``moment`` (0: the first picture, 1: the second), as ``picture`` took them, within their range. Raises DeshimmerError."""
        ...

    def notes(self) -> tuple[str, ...]:
        """What was done otherwise for want of memory, for a person."""
        ...


class ByRife:
    """RIFE's network, looking for a clip's motion in as much memory as there is."""

    def __init__(self, network: rife.Rife, clip: Clip) -> None:
        self.network = network
        size = f"{clip.width}x{clip.height}"
        self._ladder = thrift.ladder(thrift.ways(network.device, clip.width, clip.height), f"RIFE on '{network.device}' at {size}")

    def picture(self, rgb: NDArray[np.uint8], planes: Sequence[NDArray[Any]]) -> rife.Picture:
        return self._ladder.run(lambda way: self.network.picture(rgb, planes, way))

    def between(self, first: rife.Picture, second: rife.Picture, moment: float = 0.5) -> Made:
        return self._ladder.run(lambda way: self.network.between(first, second, moment, way))

    def notes(self) -> tuple[str, ...]:
        return self._ladder.notes()


@contextmanager
def by_rife(clip: Clip, weights: Path = rife.WEIGHTS) -> Generator[ByRife, None, None]:
    """RIFE for a clip, for the length of the block. Raises as ``rife.loaned`` does."""
    with rife.loaned(weights) as network:
        yield ByRife(network, clip)


@contextmanager
def chosen(clip: Clip, settings: Settings, work_folder: Path, tell: Tell) -> Generator[Interpolator, None, None]:
    """The interpolator of the settings, for the length of the block; it holds the GPU where it uses one.

    Raises NotSetUp with the remedy for what is absent, SettingsError for a configured path that cannot be used.
    """
    with _MAKERS[settings.models.interpolator](clip, settings, work_folder, tell) as interpolator:
        yield interpolator


def uses_gpu(settings: Settings) -> bool:
    """Whether the interpolator of the settings works on a GPU of this machine. What is absent uses none. Loads torch where that decides."""
    return _ON_GPU[settings.models.interpolator](settings)


def _rife_finds_gpu(settings: Settings) -> bool:
    try:
        return torch_devices.finds_gpu()
    except NotSetUp:
        return settings.models.rife is None and rife_ncnn.probe(settings).ok  # which then takes its place


def _film_finds_gpu(settings: Settings) -> bool:
    path = settings.models.film
    return path is not None and path.is_file() and torch_devices.has_gpu()  # a SavedModel runs on the CPU


_ON_GPU: dict[str, Callable[[Settings], bool]] = {
    "rife": _rife_finds_gpu,
    "rife-ncnn-vulkan": lambda settings: True,  # which device it takes is its own choice, made when it runs
    "film": _film_finds_gpu,
}


def _rife(clip: Clip, settings: Settings, work_folder: Path, tell: Tell) -> AbstractContextManager[Interpolator]:
    own = settings.models.rife
    try:
        torch_devices.require_torch()
    except NotSetUp as missing:
        if own is not None or not rife_ncnn.probe(settings).ok:
            raise
        tell("PyTorch is not set up here")
        log.info("%s is used instead of RIFE in PyTorch: %s", rife_ncnn.NAME, missing)
        return _ncnn(clip, settings, work_folder, tell)
    if own is not None:
        tell(f"the inserted frames are made by RIFE with the weights {own.name}")
    return by_rife(clip, own or rife.WEIGHTS)


@contextmanager
def _ncnn(clip: Clip, settings: Settings, work_folder: Path, tell: Tell) -> Generator[Interpolator, None, None]:
    with rife_ncnn.loaned(settings, work_folder, tell) as middle:
        yield ThroughRgb(middle, Conversion.of(clip))


@contextmanager
def _film(clip: Clip, settings: Settings, work_folder: Path, tell: Tell) -> Generator[Interpolator, None, None]:
    assert settings.models.film is not None  # the settings see to it
    with film.loaned(settings.models.film, tell) as middle:
        yield ThroughRgb(middle, Conversion.of(clip))


_MAKERS: dict[str, Callable[[Clip, Settings, Path, Tell], AbstractContextManager[Interpolator]]] = {
    "rife": _rife,
    "rife-ncnn-vulkan": _ncnn,
    "film": _film,
}
