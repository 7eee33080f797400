"""Makers of small clips with a known truth: pans and zooms over photographs that scikit-image ships."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from fractions import Fraction
from functools import cache
from pathlib import Path

import av
import cv2
import numpy as np
from numpy.typing import NDArray
from skimage import data

from deshimmer.config import spawn
from deshimmer.config.settings import Settings
from deshimmer.processors import ffmpeg

Picture = NDArray[np.float32]  # (height, width, 3) RGB, 0-255


@cache
def photograph(name: str = "chelsea") -> Picture:
    """``chelsea`` (300x451), ``astronaut`` (512x512), ``coffee`` (400x600)."""
    return np.asarray(getattr(data, name)(), np.float32)


def pan(frames: int = 24, size: tuple[int, int] = (192, 128), name: str = "chelsea", step_px: float = 1.0) -> list[Picture]:
    """A slow pan with a slight zoom: frames of ``size`` (width, height)."""
    picture = photograph(name)
    width, height = size
    shots: list[Picture] = []
    for index in range(frames):
        scale = 1.0 + 0.002 * index
        matrix = np.array([[scale, 0, -step_px * index - 10], [0, scale, -0.3 * step_px * index - 10]], np.float32)
        shots.append(cv2.warpAffine(picture, matrix, (width, height), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT))
    return [np.clip(shot, 0, 255) for shot in shots]


def ramp(frames: int = 12, size: tuple[int, int] = (320, 180), low: float = 40, high: float = 72) -> list[Picture]:
    """A smooth gray ramp: the picture in which banding shows first."""
    width, height = size
    row = np.linspace(low, high, width, dtype=np.float32)
    return [np.repeat(np.repeat(row[None, :], height, 0)[..., None], 3, 2) for _ in range(frames)]


def exposure_flicker(shots: Iterable[Picture], levels: float = 8.0, seed: int = 1) -> list[Picture]:
    """Whole-frame brightness drawn anew for each frame."""
    rng = np.random.default_rng(seed)
    return [np.clip(shot + rng.normal(0, levels), 0, 255).astype(np.float32) for shot in shots]


def patch_flicker(shots: Iterable[Picture], levels: float = 8.0, seed: int = 1, *, hue: bool = False) -> list[Picture]:
    """Patches of a sixth of the height drawn anew for each frame, in brightness or in hue."""
    rng = np.random.default_rng(seed)
    result: list[Picture] = []
    for shot in shots:
        height, width = shot.shape[:2]
        cells = rng.normal(0, 1, (6, 6 * width // height, 3 if hue else 1)).astype(np.float32)
        field = cv2.resize(cells, (width, height), interpolation=cv2.INTER_CUBIC)
        field = field if field.ndim == 3 else field[..., None]
        if hue:
            field = field - field @ np.array([0.299, 0.587, 0.114], np.float32)[:, None]
        result.append(np.clip(shot + levels * field, 0, 255).astype(np.float32))
    return result


def detail_flicker(shots: Iterable[Picture], levels: float = 8.0, seed: int = 1) -> list[Picture]:
    """Fine texture drawn anew for each frame."""
    rng = np.random.default_rng(seed)
    return [np.clip(shot + rng.normal(0, levels, (*shot.shape[:2], 1)), 0, 255).astype(np.float32) for shot in shots]


def write(
    path: Path,
    shots: Iterable[Picture],
    *,
    fps: int | Fraction = 24,
    codec: str = "libx264",
    pixel_format: str = "yuv420p",
    options: dict[str, str] | None = None,
    container: str | None = None,
    on_frame: Callable[[av.VideoFrame, int], None] | None = None,
) -> Path:
    """Encode pictures with PyAV (crf 12 unless ``options`` says otherwise). ``on_frame`` may change a frame, its pts for one."""
    with av.open(str(path), "w", format=container) as output:
        stream = None
        for index, shot in enumerate(shots):
            if stream is None:
                stream = output.add_stream(codec, rate=Fraction(fps), options=options or {"crf": "12", "preset": "veryfast"})
                stream.height, stream.width = shot.shape[:2]
                stream.pix_fmt = pixel_format
            frame = av.VideoFrame.from_ndarray(shot.round().astype(np.uint8), format="rgb24")
            frame.pts = index
            frame.time_base = 1 / Fraction(fps)
            if on_frame:
                on_frame(frame, index)
            output.mux(stream.encode(frame))
        assert stream is not None
        output.mux(stream.encode(None))
    return path


def turn(source: Path, output: Path) -> Path:
    """The same pictures, which a player turns by a quarter."""
    binary = str(ffmpeg.tool(Settings()))
    spawn.run([binary, "-v", "error", "-display_rotation", "90", "-i", str(source), "-c", "copy", str(output)], timeout_s=30)
    return output
