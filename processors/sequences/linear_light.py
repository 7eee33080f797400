"""EXR holds light itself, as floats; everything here works on display values. Between them lies the curve of sRGB, at 16 bit.

    display = encode(light)        light = decode(display)        on 0 to 1, IEC 61966-2-1

One step of 16 bits is less than a half float tells apart but in the darkest 0.2 %, so the way there and back keeps a half's picture.
Light beyond 0 to 1 has no place on that scale: it is refused by name and never clipped.
"""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from ...config.errors import UnreadableClip

Floats = NDArray[np.float32]

BEYOND = 1e-3
"""Of light: so far out it is a resampler's rounding, and taken for 0 or 1."""

_TOP = 65535


def is_linear(frame: av.VideoFrame) -> bool:
    """Formats of floats come from EXR alone."""
    return frame.format.name.startswith(("gbrpf", "gbrapf", "grayf"))


def is_half(frame: av.VideoFrame) -> bool:
    return "f16" in frame.format.name


def encode(light: Floats) -> Floats:
    """0-1 to 0-1."""
    return np.where(light <= 0.0031308, light * 12.92, 1.055 * np.power(np.maximum(light, 0.0031308), 1 / 2.4) - 0.055).astype(np.float32)


def decode(display: Floats) -> Floats:
    """The inverse of ``encode``."""
    return np.where(display <= 0.04045, display / 12.92, np.power((display + 0.055) / 1.055, 2.4)).astype(np.float32)


def encoded(frame: av.VideoFrame, path: Path) -> av.VideoFrame:
    """A frame of floats as ``rgb48le``, ``rgba64le`` or ``gray16le`` on the curve. Raises UnreadableClip for light beyond 0 to 1."""
    planes = [_floats(frame, index) for index in range(len(frame.planes))]
    least, most = min(float(plane.min()) for plane in planes), max(float(plane.max()) for plane in planes)
    if not (least >= -BEYOND and most <= 1 + BEYOND):  # also NaN
        raise UnreadableClip(
            f"{path.name} holds light from {least:.4g} to {most:.4g}. Only 0 to 1 can be worked on, and the rest would be clipped: "
            "tone-map or scale the frames first.",
            path=path.parent,
        )
    if len(planes) == 1:
        made = av.VideoFrame.from_ndarray(_levels(encode(planes[0])), format="gray16le")
    else:
        green, blue, red, *alpha = planes
        channels = [_levels(encode(np.clip(plane, 0, 1))) for plane in (red, green, blue)] + [_levels(plane) for plane in alpha]
        made = av.VideoFrame.from_ndarray(np.stack(channels, axis=2), format="rgba64le" if alpha else "rgb48le")
    made.color_range = 2
    return made


def light(frame: av.VideoFrame) -> av.VideoFrame:
    """The inverse of ``encoded``: a 16-bit frame on the curve as floats (``gbrpf32le``, ``gbrapf32le``)."""
    alpha = any(component.is_alpha for component in frame.format.components)
    levels = frame.to_ndarray(format="rgba64le" if alpha else "rgb48le").astype(np.float32) / np.float32(_TOP)
    red, green, blue = (decode(levels[..., index]) for index in range(3))
    planes = [green, blue, red, levels[..., 3]] if alpha else [green, blue, red]
    made = av.VideoFrame(frame.width, frame.height, "gbrapf32le" if alpha else "gbrpf32le")
    for index, plane in enumerate(planes):
        rows = np.frombuffer(memoryview(made.planes[index]), np.float32).reshape(frame.height, -1)
        rows[:, : frame.width] = plane
    return made


def _levels(values: Floats) -> NDArray[np.uint16]:
    return np.rint(np.clip(values, 0, 1) * _TOP).astype(np.uint16)


def _floats(frame: av.VideoFrame, index: int) -> Floats:
    kind = np.float16 if is_half(frame) else np.float32
    rows = np.frombuffer(memoryview(frame.planes[index]), kind).reshape(frame.height, -1)
    return rows[:, : frame.width].astype(np.float32)
