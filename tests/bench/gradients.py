"""Scenes of smooth gradients that move, where banding shows, and the same cut into steps. RGB float32 with parts of a level."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import numpy as np
from degraded import Picture
from numpy.typing import NDArray

Coordinates = NDArray[np.float32]  # pixels over the height: y runs from 0 to 1

_WHITE, _WARM, _BLUE = (1.0, 1.0, 1.0), (1.0, 0.85, 0.7), (0.75, 0.9, 1.1)


def _halo(x: Coordinates, y: Coordinates, time: float) -> Picture:
    """Bright in the middle, dark towards the corners; it wanders."""
    return _tinted(170 - 75 * np.hypot(x - 0.7 - 0.3 * time, y - 0.45), _WHITE)


def _sky(x: Coordinates, y: Coordinates, time: float) -> Picture:
    """Dusk: dark above, light below, while the camera tilts."""
    return _tinted(70 + 90 * np.clip(y + 0.15 * time, 0, 2), _BLUE)


def _lights(x: Coordinates, y: Coordinates, time: float) -> Picture:
    """Two soft lights in fog, one going each way."""
    left = np.exp(-3 * ((x - 0.5 - 0.2 * time) ** 2 + (y - 0.6) ** 2))
    right = np.exp(-4 * ((x - 1.3 + 0.2 * time) ** 2 + (y - 0.4) ** 2))
    return _tinted(35 + 80 * left + 60 * right, _WARM)


def _wall(x: Coordinates, y: Coordinates, time: float) -> Picture:
    """A wall lit from one side, as the light turns."""
    angle = 0.4 + 0.3 * time
    return _tinted(90 + 45 * (x * np.cos(angle) + y * np.sin(angle)), _WHITE)


GRADIENTS: dict[str, Callable[[Coordinates, Coordinates, float], Picture]] = {
    "halo": _halo,
    "sky": _sky,
    "lights": _lights,
    "wall": _wall,
}
"""``time`` runs from 0 to 1 over the clip."""


def shots(name: str, frames: int, size: tuple[int, int]) -> Iterator[Picture]:
    width, height = size
    y, x = np.mgrid[0:height, 0:width].astype(np.float32) / height
    for index in range(frames):
        yield GRADIENTS[name](x, y, index / frames)


def posterised(shots: Iterable[Picture], step: float, rng: np.random.Generator) -> Iterator[Picture]:
    """Every channel in steps of so many levels."""
    for shot in shots:
        yield np.floor(shot / step) * step + step / 2


def _tinted(luma: NDArray[np.floating], tint: tuple[float, float, float]) -> Picture:
    return (luma[..., None] * np.array(tint)).astype(np.float32)
