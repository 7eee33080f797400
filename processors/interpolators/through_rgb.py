"""Planes from an interpolator that knows RGB only, without a pulse between source frames, which are not converted, and inserted ones.

Whatever a source frame loses on its way to RGB and back (rounding, chroma detail, colours that RGB cannot show) is put back into the
frames inserted beside it, in the proportion in which they show it. So an inserted frame of things at rest is the source frame itself.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from .. import media
from ..records import Clip
from .rife import Made

Rgb = NDArray[np.float32]
"""``(height, width, 3)``, 0-1."""

Middle = Callable[[Rgb, Rgb, float], Rgb]
"""Makes the picture at a moment between two pictures (0: the first, 1: the second)."""

Plane = NDArray[np.float32]

_BT601 = (0.299, 0.114)
_WEIGHTS = {
    "bt709": (0.2126, 0.0722),
    "fcc": (0.30, 0.11),
    "smpte240m": (0.212, 0.087),
    "bt2020nc": (0.2627, 0.0593),
    "bt2020c": (0.2627, 0.0593),  # converted as the one above
}
"""Of red and blue in luma, by matrix. FFmpeg takes BT.601 for all others (``colors.convertible``). Source: ITU-T H.273, table 4."""


@dataclass(frozen=True)
class Conversion:
    """From RGB to the planes of a working format: FFmpeg's conversion to RGB the other way."""

    red: float  # its weight in luma
    blue: float
    full_range: bool
    depth: int  # bits

    @classmethod
    def of(cls, clip: Clip) -> Conversion:
        tags = media.delivered_color(clip)
        depth = av.VideoFormat(media.working_format(clip)).components[0].bits
        return cls(*_WEIGHTS.get(tags.matrix or "", _BT601), full_range=tags.range == "pc", depth=depth)

    @property
    def peak(self) -> int:
        return (1 << self.depth) - 1

    def planes(self, rgb: Rgb, like: Sequence[NDArray[Any]]) -> list[Plane]:
        """Y, U and V as code values with fractions, of the sizes of ``like``."""
        red, _, blue = cv2.split(rgb)
        luma = np.asarray(rgb @ np.array([self.red, 1 - self.red - self.blue, self.blue], np.float32), np.float32)
        chroma = (blue - luma) / (2 * (1 - self.blue)), (red - luma) / (2 * (1 - self.red))
        step = 1 << (self.depth - 8)
        floor, luma_span, chroma_span = (0, self.peak, self.peak) if self.full_range else (16 * step, 219 * step, 224 * step)
        made = [floor + luma_span * luma, *(128 * step + chroma_span * plane for plane in chroma)]
        return [_at_size(plane, *reference.shape) for plane, reference in zip(made, like, strict=True)]


@dataclass(frozen=True)
class Picture:
    rgb: Rgb
    lost: tuple[Plane, ...]  # Y, U, V: what the way through RGB takes away
    alpha: Rgb | None  # as a gray picture


class ThroughRgb:
    """``interpolators.Interpolator`` made of a ``Middle``. Transparency takes the same way, as a gray picture."""

    def __init__(self, middle: Middle, conversion: Conversion) -> None:
        self._middle = middle
        self._conversion = conversion

    def picture(self, rgb: NDArray[Any], planes: Sequence[NDArray[Any]]) -> Picture:
        """``rgb`` (h, w, 3), 0-255 in uint8 or 0-1, as FFmpeg makes it of ``planes``: Y, U, V and, where there is one, alpha, in code values."""
        rgb = rgb.astype(np.float32) / np.float32(255 if rgb.dtype == np.uint8 else 1)
        colour = planes[:3]
        made = self._conversion.planes(rgb, colour)
        lost = tuple(plane.astype(np.float32) - own for plane, own in zip(colour, made, strict=True))
        return Picture(rgb, lost, self._as_gray(planes[3]) if len(planes) > len(colour) else None)

    def between(self, first: Picture, second: Picture, moment: float = 0.5) -> Made:
        """The planes at ``moment``, code values with fractions; ghosts are not looked for. Raises what the ``Middle`` raises."""
        made = self._conversion.planes(self._middle(first.rgb, second.rgb, moment), first.lost)
        lost = (cv2.addWeighted(one, 1 - moment, other, moment, 0) for one, other in zip(first.lost, second.lost, strict=True))
        planes = [np.add(plane, part, dtype=np.float32) for plane, part in zip(made, lost, strict=True)]
        if first.alpha is not None and second.alpha is not None:
            planes.append(np.multiply(self._middle(first.alpha, second.alpha, moment)[..., 1], self._conversion.peak, dtype=np.float32))
        return Made(tuple(np.clip(plane, 0, self._conversion.peak, dtype=np.float32) for plane in planes), doubled=0.0)

    def notes(self) -> tuple[str, ...]:
        return ()  # the ``Middle`` tells its own

    def _as_gray(self, plane: NDArray[Any]) -> Rgb:
        return np.repeat((plane / self._conversion.peak).astype(np.float32)[..., None], 3, axis=2)


def _at_size(plane: NDArray[Any], height: int, width: int) -> Plane:
    if plane.shape == (height, width):
        return np.asarray(plane, np.float32)
    return np.asarray(cv2.resize(plane, (width, height), interpolation=cv2.INTER_AREA), np.float32)
