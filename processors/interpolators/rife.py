"""RIFE: the picture at any moment between two frames. Needs the extra ``[ai]``; weights are shipped, a user's own will do too.

The network only finds the motion. What it moves are the planes it is given, in their own format and depth, so that nothing
passes through an RGB conversion and back.
"""

from __future__ import annotations

import copy
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from ...config.errors import ToolFailed
from .. import torch_devices
from .thrift import WHOLE, Way

if TYPE_CHECKING:
    from torch import Tensor

    from .rife_network import Motion
    from .rife_weights import Network

WEIGHTS = Path(__file__).parents[1] / "weights" / "rife_4.25.safetensors"

_LUMA = np.array((0.2126, 0.7152, 0.0722), np.float32)
_GHOST_LINES = 288  # finer differences are not seen as a second image


@dataclass(frozen=True)
class Picture:
    """A frame on the device: what the network looks at, and the planes that are moved."""

    rgb: Tensor  # (1, 3, h, w), 0-1, or 0-255 in uint8
    planes: tuple[Tensor, ...]  # each (1, 1, h', w'), any scale
    small: Tensor  # (1, 1, h'', w''), luma 0-1, of 288 lines or fewer

    def on(self, device: str) -> Picture:
        return Picture(self.rgb.to(device), tuple(plane.to(device) for plane in self.planes), self.small.to(device))


class Made(NamedTuple):
    """A picture between two frames."""

    planes: tuple[NDArray[np.float32], ...]  # as ``Rife.picture`` took those of the frames
    doubled: float  # share of it, 0 to 1, that shows two things at once


class Rife:
    """The network on one device. Get it from ``load``, which keeps it for the life of the process."""

    def __init__(self, network: Network, device: str) -> None:
        self.device = device
        self._network = network

    def picture(self, rgb: NDArray[np.uint8] | NDArray[np.float32], planes: Sequence[NDArray[Any]], way: Way = WHOLE) -> Picture:
        """Take a frame to the device: ``rgb`` (h, w, 3) 0-255 in uint8 or 0-1, ``planes`` (h', w') each of full or of subsampled size."""
        device = "cpu" if way.on_cpu else self.device
        kept = np.uint8 if rgb.dtype == np.uint8 else np.float32  # a quarter of the memory
        whole, small = _tensor(rgb.transpose(2, 0, 1), device, kept), _tensor(_small_luma(rgb)[None], device)
        return Picture(whole, tuple(_tensor(plane[None], device) for plane in planes), small)

    def motion(self, first: Picture, second: Picture, moment: float = 0.5, way: Way = WHOLE) -> Motion:
        """Find how the picture at ``moment`` (0: the first frame, 1: the second) is made of both frames; its size is theirs by ``way.shrink``.

        Raises torch's error where the device's memory does not suffice, ToolFailed when it computes nonsense.
        """
        import torch

        from .rife_search import search

        with torch.inference_mode():
            found = search(self._network, first.rgb, second.rgb, moment, way)
        if not all(torch.isfinite(part).all() for part in found):
            raise ToolFailed(f"RIFE computed values that are no numbers on '{self.device}'. Update its driver, or use --route smooth.")
        return found

    def between(self, first: Picture, second: Picture, moment: float = 0.5, way: Way = WHOLE) -> Made:
        """Make the picture at ``moment``. Raises as ``motion`` does."""
        import torch

        from .ghosts import doubled

        if way.on_cpu and self.device != "cpu":
            return self._on_cpu.between(first.on("cpu"), second.on("cpu"), moment, way)
        motion = self.motion(first, second, moment, way)
        with torch.inference_mode():
            moved = (motion.blend(*pair)[0, 0].cpu().numpy() for pair in zip(first.planes, second.planes, strict=True))
            return Made(tuple(moved), doubled(motion, first.small, second.small))

    def middle(self, first: NDArray[np.float32], second: NDArray[np.float32], moment: float = 0.5) -> NDArray[np.float32]:
        """Make the picture at ``moment`` between two of (h, w, 3), RGB 0-1. Raises as ``motion`` does."""
        one, other = (self.picture(rgb, tuple(rgb.transpose(2, 0, 1))) for rgb in (first, second))
        return np.stack(self.between(one, other, moment).planes, axis=2)

    @cached_property
    def _on_cpu(self) -> Rife:
        return Rife(copy.deepcopy(self._network).cpu(), "cpu")


def _small_luma(rgb: NDArray[np.uint8] | NDArray[np.float32]) -> NDArray[np.float32]:
    """The picture's luma, 0-1, of as many lines as ghosts are looked for in."""
    height, width = rgb.shape[:2]
    lines = min(height, _GHOST_LINES)
    small = cv2.resize(rgb, (max(1, round(width * lines / height)), lines), interpolation=cv2.INTER_AREA)
    scale = 255 if rgb.dtype == np.uint8 else 1
    return np.asarray(small.reshape(lines, -1, 3) @ (_LUMA / np.float32(scale)), np.float32)


def _tensor(array: NDArray[Any], device: str, kind: type[np.generic] = np.float32) -> Tensor:
    import torch

    return torch.from_numpy(np.array(array[None], kind)).to(device)


def load(device: str | None = None, weights: Path = WEIGHTS) -> Rife:
    """Load the network on ``device`` (``cuda``, ``cuda:1``, ``mps``, ``cpu``; None: the best there is), once a process.

    Raises NotSetUp, which says how to install what is missing, and SettingsError for ``weights`` that cannot be used.
    """
    torch_devices.require_torch()
    changed_ns = weights.stat().st_mtime_ns if weights.exists() else 0
    return _load(device or torch_devices.best(), weights, changed_ns)


@contextmanager
def loaned(weights: Path = WEIGHTS) -> Generator[Rife, None, None]:
    """The network on the best device for the length of the block. A GPU has one holder of its memory for each user: others wait.

    Raises as ``load`` does.
    """
    rife = load(weights=weights)
    with torch_devices.held(rife.device):
        yield rife


@cache
def _load(device: str, weights: Path, changed_ns: int) -> Rife:
    from . import rife_weights

    return Rife(rife_weights.network(weights).to(device), device)
