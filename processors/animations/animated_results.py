"""Animated GIF, APNG and WebP as results: what they were, under ``match``."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import av

from ...config.errors import CannotWrite
from ...config.profiles import Profile
from .. import ffmpeg, timing
from ..writing import frame_pipe
from ..writing.picture_codecs import Picture
from . import animation_files, png_chunks, webp
from .animation_files import APNG, GIF

if TYPE_CHECKING:
    from ..records import Clip, Treatment
    from ..writing.orders import Order

FASTEST_GIF = 50
"""Frames a second: browsers show a GIF with shorter delays at ten a second."""

MUXERS = {GIF: "gif", APNG: "apng", webp.CONTAINER: "webp"}
_LOSSY_QUALITY = 95
_DITHER: dict[str, Any] = {"dither": "bayer", "bayer_scale": 5}
"""A pattern that stands still: what diffuses an error draws it anew in each frame."""


def choose(clip: Clip, treatment: Treatment) -> Picture | None:
    """How the result is written where it is to be an animated image, else None."""
    if not _is_asked(clip, treatment) or why_a_movie(clip, treatment):
        return None
    picture = _CHOICES[clip.container](clip)
    loops = animation_files.loops(clip)
    return replace(picture, options={**picture.options, ("plays" if clip.container == APNG else "loop"): loops})


def why_a_movie(clip: Clip, treatment: Treatment) -> str | None:
    """What keeps an animated image that was to come back as one from it."""
    if not _is_asked(clip, treatment):
        return None
    if treatment.as_movie:
        return "it is a movie, because in the 256 colours of a GIF the repair did not verify"
    if clip.container == GIF and timing.frame_rate(clip, treatment) > FASTEST_GIF:
        return f"it is a movie, because no GIF is shown at more than {FASTEST_GIF} frames a second"
    return None


def _is_asked(clip: Clip, treatment: Treatment) -> bool:
    return clip.container in MUXERS and treatment.profile is Profile.MATCH and treatment.preset is None


def suffix(clip: Clip) -> str:
    return clip.path.suffix if clip.path.suffix.lower() in _SUFFIXES[clip.container] else _SUFFIXES[clip.container][0]


def write(order: Order) -> int:
    """``frame_pipe.encode`` for an animated image. Raises as that does."""
    clip, encoding, output = order.clip, order.encoding, order.output
    frames, times = order.frames, list[Fraction]()

    def noted() -> Iterator[av.VideoFrame]:
        for frame in frames:
            times.append((frame.pts or 0) * Fraction(frame.time_base or clip.time_base))
            yield frame

    order, rate = replace(order, frames=noted()), order.rate
    delay = (animation_files.last_delay(clip) if rate == clip.frame_rate else None) or 1 / rate
    try:
        if clip.container == GIF:
            raw = output.with_suffix(".nut")
            plain = replace(encoding, muxer="nut", options={"c:v": "ffv1", "f": "nut"})
            written = frame_pipe.encode(replace(order, encoding=plain, output=raw))
            _palette(order, raw, delay)
            raw.unlink()
            animation_files.comment_gif(output, animation_files.comments(clip.path))
            return written
        timed = {"final_delay": f"{delay.numerator}/{delay.denominator}"} if clip.container == APNG else {}
        written = frame_pipe.encode(replace(order, encoding=replace(encoding, options={**encoding.options, **timed})))
        if clip.container == APNG:
            plain = output.with_suffix(".plain")
            output.replace(plain)
            png_chunks.write(plain, output, png_chunks.kept(clip.path))
            plain.unlink()
        else:
            animation_files.describe_webp(clip.path, output, times, None if rate == clip.frame_rate else delay)
            written = webp.facts(output).frames  # FFmpeg counts the one packet that holds them all
        return written
    except OSError as error:
        raise CannotWrite(f"The result cannot be written ({error.strerror}). Free some space, then retry.", path=output.parent) from error


def _palette(order: Order, raw: Path, delay: Fraction) -> None:
    """Two passes over ``raw``: one palette for the whole clip, then its use. A palette a frame would flicker itself."""
    binary, output, palette = ffmpeg.tool(order.settings), order.output, order.output.with_suffix(".palette.png")
    made = ffmpeg.source(raw).filter("palettegen", reserve_transparent=int(order.clip.has_alpha), stats_mode="full")
    passes = [(ffmpeg.graph.output(made, ffmpeg.url(palette), f="image2", update=1), palette)]
    used = ffmpeg.graph.filter([ffmpeg.source(raw), ffmpeg.source(palette)], "paletteuse", **_DITHER)
    timed = {"fps_mode": "passthrough", "enc_time_base": "demux", "final_delay": round(delay * 100)}
    passes.append((ffmpeg.graph.output(used, ffmpeg.url(output), **order.encoding.options, **timed), output))
    for graph, target in passes:
        with ffmpeg.running(ffmpeg.arguments(binary, graph)) as run:
            run.finish(target)
    palette.unlink()


def _gif(clip: Clip) -> Picture:
    pixel_format = "bgra" if clip.has_alpha else "bgr0"
    return Picture(pixel_format, {"f": "gif"}, "GIF, 256 colours for the whole clip, dithered by a pattern that stands still")


def _apng(clip: Clip) -> Picture:
    deep, alpha = clip.bit_depth > 8, clip.has_alpha
    pixel_format = f"rgb{'a' if alpha else ''}{'64be' if deep and alpha else '48be' if deep else '' if alpha else '24'}"
    return Picture(pixel_format, {"c:v": "apng", "f": "apng"}, f"APNG, {16 if deep else 8} bit without loss")


def _webp(clip: Clip) -> Picture:
    lossless = animation_files.is_lossless_webp(clip.path)
    how: dict[str, Any] = {"lossless": 1} if lossless else {"quality": _LOSSY_QUALITY}
    description = f"animated WebP, {'without loss' if lossless else f'quality {_LOSSY_QUALITY}'}"
    return Picture("bgra", {"c:v": "libwebp_anim", "f": "webp", **how}, description)


_CHOICES: dict[str, Callable[[Clip], Picture]] = {GIF: _gif, APNG: _apng, webp.CONTAINER: _webp}
_SUFFIXES = {GIF: (".gif",), APNG: (".png", ".apng"), webp.CONTAINER: (".webp",)}
