"""Folders of numbered frames, written one picture at a time."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any, cast

import av
import numpy as np
from numpy.typing import NDArray

from deshimmer.processors.sequences import linear_light

Picture = NDArray[np.float32]  # (height, width, 3) RGB, 0-255

_CODECS = {".png": "png", ".jpg": "mjpeg", ".tif": "tiff", ".tiff": "tiff", ".exr": "exr", ".bmp": "bmp", ".webp": "libwebp"}
_TARGETS = {"mjpeg": "yuvj444p", "bmp": "bgr24", "libwebp": "bgra"}


def picture(shot: Picture, pixel_format: str = "rgb24", alpha: float | None = None) -> av.VideoFrame:
    """``rgb24``, ``rgba``, ``rgb48le``, ``rgba64le``, ``gray`` or ``gray16le``; 16 bits hold what 8 do not."""
    deep = "48" in pixel_format or "64" in pixel_format or "16" in pixel_format
    levels = np.rint(shot * (257 if deep else 1)).astype(np.uint16 if deep else np.uint8)
    if alpha is not None:
        levels = np.concatenate([levels, np.full_like(levels[..., :1], round(alpha * (65535 if deep else 255)))], axis=2)
    if pixel_format.startswith("gray"):
        levels = levels[..., 1]
    return av.VideoFrame.from_ndarray(np.ascontiguousarray(levels), format=pixel_format)


def write_frame(path: Path, frame: av.VideoFrame, options: dict[str, str] | None = None) -> Path:
    """By the suffix; EXR holds the frame's light."""
    codec = _CODECS[path.suffix.lower()]
    if codec == "exr":
        frame = linear_light.light(frame)
    wanted = _TARGETS.get(codec, frame.format.name)
    if codec == "png":
        wanted = wanted.replace("le", "be")
    if wanted != frame.format.name:
        frame = frame.reformat(format=wanted)
    encoder = av.CodecContext.create(codec, "w")
    assert isinstance(encoder, av.VideoCodecContext)
    encoder.width, encoder.height, encoder.pix_fmt, encoder.time_base = frame.width, frame.height, wanted, Fraction(1, 24)
    encoder.options = {"lossless": "1"} if codec == "libwebp" else options or {}
    frame.pts = 0
    packets = (*encoder.encode(frame), *encoder.encode(None))
    path.write_bytes(b"".join(bytes(cast("Any", packet)) for packet in packets))
    return path


def write_frames(
    folder: Path, pattern: str, shots: Sequence[Picture], *, first: int = 1, pixel_format: str = "rgb24", alpha: float | None = None
) -> Path:
    """``pattern``: ``f_{:04d}.png``."""
    folder.mkdir(parents=True, exist_ok=True)
    for index, shot in enumerate(shots):
        write_frame(folder / pattern.format(first + index), picture(shot, pixel_format, alpha))
    return folder
