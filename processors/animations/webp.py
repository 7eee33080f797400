"""Animated WebP, which FFmpeg cannot decode, through Pillow."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from PIL import Image, ImageSequence, UnidentifiedImageError

from ...config.errors import UnreadableClip

CONTAINER = "webp_pillow"
PIXEL_FORMAT = "rgba"
TIME_BASE = Fraction(1, 1000)
_UNSAID_MS = 100
_ANIMATION_FLAG = 0x02


@dataclass(frozen=True)
class WebpFacts:
    width: int
    height: int
    frames: int
    frame_rate: Fraction
    duration: Fraction
    variable_frame_rate: bool
    has_alpha: bool


def is_animated(path: Path) -> bool:
    """True for a WebP file that holds an animation, by its bytes and not its name."""
    try:
        with path.open("rb") as file:
            head = file.read(32)
    except OSError:
        return False
    return head[:4] == b"RIFF" and head[8:16] == b"WEBPVP8X" and len(head) > 20 and bool(head[20] & _ANIMATION_FLAG)


def facts(path: Path) -> WebpFacts:
    """Decodes every frame once, because WebP keeps durations in its frames. Raises UnreadableClip."""
    durations_ms: list[int] = []
    has_alpha = False
    width = height = 0
    for image, duration_ms in _images(path):
        if not durations_ms:
            width, height = image.size
        has_alpha = has_alpha or bool((np.asarray(image)[..., 3] < 255).any())
        durations_ms.append(duration_ms)
    if not durations_ms:
        raise UnreadableClip("The animated WebP holds no frame. Render it again.", path=path)
    total = Fraction(sum(durations_ms), 1000)
    varies = max(durations_ms) - min(durations_ms) > 1
    return WebpFacts(width, height, len(durations_ms), len(durations_ms) / total, total, varies, has_alpha)


def frames(path: Path) -> Generator[av.VideoFrame, None, None]:
    """RGBA frames with ``pts`` in milliseconds."""
    pts = 0
    for image, duration_ms in _images(path):
        frame = av.VideoFrame.from_ndarray(np.asarray(image), format="rgba")  # from_image would drop the alpha
        frame.pts = pts
        frame.time_base = TIME_BASE
        pts += duration_ms
        yield frame


def _images(path: Path) -> Generator[tuple[Image.Image, int], None, None]:
    try:
        with Image.open(path, formats=["WEBP"]) as animation:
            for image in ImageSequence.Iterator(animation):
                image.load()
                yield image.convert("RGBA"), max(1, int(image.info.get("duration") or _UNSAID_MS))
    except (OSError, UnidentifiedImageError, Image.DecompressionBombError, ValueError) as error:
        raise UnreadableClip(f"The animated WebP is damaged ({error}). Render it again.", path=path) from None
