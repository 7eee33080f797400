"""Debanding, deblocking and deflicker as FFmpeg filter chains, and the article's own command.

Banding is repaired at 10 bit and must be delivered at 10 bit: an 8-bit H.264 undoes nearly all of it.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..config.errors import RouteRefused
from . import ffmpeg, media
from .animations import webp
from .measurement import verdicts
from .records import Route
from .sequences import frame_folders

if TYPE_CHECKING:
    from .records import Clip, CodecReading, Treatment

ARTICLE_FILTERS = "deflicker=size=5:mode=am,deband=1thr=0.02:2thr=0.02:3thr=0.02:blur=false"

DEBLOCK = "deblock=filter=strong:block=8:planes=7:alpha=0.05:beta=0.03:gamma=0.03:delta=0.03"
"""Half of FFmpeg's thresholds: blockiness of an MPEG-2 pan 0.79 to 0.10 at the same PSNR. Beyond what encoding costs,
the full ones take 2.9 dB from a clean pan, these 1.3."""

FINE, COARSE = 0.012, 0.024
"""Thresholds of deband, parts of the full scale: the first mends steps of up to six 8-bit levels, the second of up to fourteen. Texture
pays for it: the mean squared error of one pan is 1.0 with the first and 2.4 with the second (encoding alone: 0.8).
"""

_COARSE_FAULT = 8.0  # of coarse steps, which CAMBI does not see: here the second threshold is reached

_RANGE_PX = 64
"""At 32 the CAMBI of eighteen gradients was 0 to 1.2 higher; a threshold of 0.02 was no better than 0.012 on any of them."""

_LEAST_WINDOW = 2
"""Frames. FFmpeg's deflicker takes what a longer window than the clip lacks for black, and darkens all of it."""

_STRONGEST = 2.0
_LEAST = 0.0001  # that FFmpeg takes
_NOTHING = 0.00003  # that it takes, too: less than a level of transparency, which has no bands


def filters(clip: Clip, treatment: Treatment, found: CodecReading | None = None) -> str:
    """The chain for frames in the clip's working format; empty when the treatment asks for none of it. ``found`` is what was measured,
    for the strength that it calls for; gentle without it.
    """
    chain: list[str] = []
    window = min(treatment.deflicker_size or 0, clip.frames)
    if window >= _LEAST_WINDOW:
        chain.append(f"deflicker=size={window}:mode=am")
    if treatment.deblock:
        chain.append(DEBLOCK)
    if treatment.deband:
        chain.append(deband(treatment.strength, found))
    return ",".join(chain)


def deband(strength: float = 1.0, found: CodecReading | None = None) -> str:
    """FFmpeg's deband, its threshold by ``strength`` (0-2) and by how much coarse steps show."""
    steps = 0.0 if found is None else min(1.0, verdicts.posterised_fault(found) / _COARSE_FAULT)
    threshold = f"{max(_LEAST, (FINE + (COARSE - FINE) * steps) * min(strength, _STRONGEST)):.4f}"
    return f"deband=1thr={threshold}:2thr={threshold}:3thr={threshold}:4thr={_NOTHING}:range={_RANGE_PX}:blur=true"


def refuse_article(clip: Clip, route: Route) -> None:
    """Raises RouteRefused where the article's 8-bit commands (for ``deband`` or ``interpolate``) would take something from the clip."""
    debands = route is Route.DEBAND
    loses = (
        (
            clip.bit_depth > 8,
            f"it has {clip.bit_depth} bits, and the article's command would cut it to 8 or write a file that editors refuse",
        ),
        (clip.has_alpha, "it has transparency, which the article's H.264 cannot hold"),
        (clip.color.is_hdr, "it is HDR, which the article's command would flatten"),
        (bool(clip.width % 2 or clip.height % 2), "its size is odd, which the article's H.264 4:2:0 cannot hold"),
        (debands and clip.container == webp.CONTAINER, "it is an animated WebP, which FFmpeg cannot decode"),
        (debands and clip.container == frame_folders.CONTAINER, "it is a folder of frames, and the article's command takes a movie"),
        (debands and len(clip.audio) > 1, f"it has {len(clip.audio)} audio tracks, of which the article's command carries over one"),
    )
    for lost, reason in loses:
        if lost:
            raise RouteRefused(f"The article's preset is refused: {reason}. Leave out --preset.", path=clip.path)


def article_command(binary: Path, clip: Clip, output: Path) -> list[str]:
    """The article's deband command as written: 8-bit H.264 at crf 16, preset slow, audio copied. A rotation stays a tag, as it was."""
    before, only = _cut(clip) if clip.excerpt is not None else ({}, {"acodec": "copy"})
    source = ffmpeg.source(clip.path, noautorotate=None, **before)
    written = ffmpeg.graph.output(source, ffmpeg.url(output), vf=ARTICLE_FILTERS, vcodec="libx264", crf=16, preset="slow", **only)
    return ffmpeg.arguments(binary, written)


def _cut(clip: Clip) -> tuple[dict[str, Any], dict[str, Any]]:
    """FFmpeg's options, for input and output, that leave the frames of an excerpt."""
    start = media.origin(clip) - media.origin(replace(clip, excerpt=None)) - 1 / (2 * clip.frame_rate)
    return {"ss": f"{max(0.0, float(start)):.6f}"}, {"frames:v": clip.frames, "an": None}
