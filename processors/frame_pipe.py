"""Frames on their way into FFmpeg: rawvideo in NUT, written by PyAV into its standard input, each with its own timestamp."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction
from itertools import chain
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import av

from ..config.errors import CannotWrite, UnreadableClip
from . import ffmpeg, media, picture_facts, webp
from .picture_facts import PictureFacts

if TYPE_CHECKING:
    from ..config.settings import Settings
    from .encoding import Encoding
    from .records import Clip, Progress

_CHECK_EVERY_FRAMES = 16
_FIELD_MODES = {"top": "tff", "bottom": "bff"}


def encode(
    clip: Clip,
    frames: Iterable[av.VideoFrame],
    encoding: Encoding,
    output: Path,
    settings: Settings,
    *,
    filters: str | None = None,
    frame_rate: Fraction | None = None,
    progress: Progress | None = None,
    expected_frames: int | None = None,
) -> int:
    """Write ``frames`` (in the clip's working format, pts rising) to ``output``; the number of frames written.

    Sound, subtitles, chapters and metadata come from the source. ``frame_rate`` (frames per second, the clip's where
    it is None) says how long the last frame is shown; ``expected_frames`` is for ``progress``.
    Raises ToolFailed with FFmpeg's own words, CannotWrite when the disk is full or its reserve is reached, NotSetUp for an FFmpeg that
    cannot write the clip's HDR metadata.
    """
    origin = media.origin(clip)
    facts = picture_facts.take(clip, settings)
    ffmpeg.require_options(picture_facts.input_options(facts), settings)
    argv = command(ffmpeg.tool(settings), clip, encoding, output, filters, origin, facts)
    rate = frame_rate or clip.frame_rate
    return feed(argv, clip, frames, rate, output, settings, progress=progress, expected_frames=expected_frames, origin=origin)


def feed(
    argv: Sequence[str],
    clip: Clip,
    frames: Iterable[av.VideoFrame],
    frame_rate: Fraction,
    output: Path,
    settings: Settings,
    *,
    progress: Progress | None = None,
    expected_frames: int | None = None,
    origin: Fraction = Fraction(0),
) -> int:
    """Run an FFmpeg command that reads NUT from its standard input and writes ``output``; the number of frames written.

    ``origin``, in seconds, is taken from every frame's time. Raises as ``encode`` does.
    """
    require_space(output.parent, settings)
    watched = _watched(frames, output.parent, settings, progress, expected_frames or clip.frames)
    with ffmpeg.running(argv, stdin=True) as run:
        with ffmpeg.feeding(run, output) as pipe:
            _write(pipe, clip, watched, frame_rate, origin)
            pipe.close()
        return run.finish(output)


def command(
    binary: Path, clip: Clip, encoding: Encoding, output: Path, filters: str | None, origin: Fraction, facts: PictureFacts
) -> list[str]:
    """FFmpeg's arguments: NUT on standard input is the picture, the source gives all else.

    ``origin`` is the source's time, in seconds, that becomes 0; with ``-copyts`` nothing else moves sound against picture.
    """
    turned = {"display_rotation": -clip.rotation} if clip.rotation or clip.mirrored else {}
    flipped = {"display_hflip": None} if clip.mirrored else {}
    told = {**turned, **flipped, **picture_facts.input_options(facts)}
    piped = ffmpeg.graph.input("pipe:0", f="nut", format_whitelist="nut", protocol_whitelist="pipe", noautorotate=None, copyts=None, **told)
    parts: list[Any] = [piped["v:0"]]
    copied: dict[str, Any] = {}
    if clip.container != webp.CONTAINER and clip.excerpt is None:
        source = ffmpeg.source(clip.path, itsoffset=f"{-float(origin):.6f}")
        selectors = encoding.streams or ("d:99?",)  # FFmpeg knows the source only when something is mapped from it
        parts += [source[selector] for selector in selectors]
        tags = {f"map_metadata:s:{index}": f"1:s:{selector}" for index, selector in enumerate(("v:0", *encoding.streams))}
        copied = {"map_metadata": 1, **tags, "map_chapters": 1, "c:a": "copy", "c:s": "copy", "c:t": "copy"}
    picture = {"vf": _chain(clip, encoding, filters), "fps_mode": "passthrough", "enc_time_base": "demux"}
    located = {"chroma_sample_location": facts.chroma_location} if facts.chroma_location else {}
    written = ffmpeg.graph.output(*parts, ffmpeg.url(output), **picture, **located, **encoding.options, **copied)
    return ffmpeg.arguments(binary, written)


def require_space(folder: Path, settings: Settings) -> None:
    """Raises CannotWrite when the disk of ``folder`` has no more free than its reserve."""
    try:
        free = shutil.disk_usage(folder).free
    except OSError as error:
        raise CannotWrite(
            f"The output folder cannot be used ({error.strerror}). Check that it exists and may be written.", path=folder
        ) from None
    if free < settings.disk.reserve_gb * 1e9:
        raise CannotWrite(
            f"Only {free / 1e9:.1f} GB are free, and disk.reserve_gb keeps {settings.disk.reserve_gb:g}. Free some space, then retry.",
            path=folder,
        )


def _chain(clip: Clip, encoding: Encoding, filters: str | None) -> str:
    """Range and fields are told before levels are converted, which they decide; the rest after, because FFmpeg converts no YCgCo."""
    color = media.delivered_color(clip)
    before = _params(range=color.range, field_mode=_FIELD_MODES.get(clip.field_order or ""))
    after = _params(color_primaries=color.primaries, color_trc=color.transfer, colorspace=color.matrix)
    shape = f"setsar={clip.sample_aspect.numerator}/{clip.sample_aspect.denominator}"
    return ",".join(part for part in (before, shape, filters or "", f"format={encoding.pixel_format}", after) if part)


def _params(**tags: str | None) -> str:
    known = ":".join(f"{key}={value}" for key, value in tags.items() if value)
    return f"setparams={known}" if known else ""


def _watched(
    frames: Iterable[av.VideoFrame], folder: Path, settings: Settings, progress: Progress | None, expected: int
) -> Iterator[av.VideoFrame]:
    for index, frame in enumerate(frames):
        if index % _CHECK_EVERY_FRAMES == 0:
            require_space(folder, settings)
            if progress is not None:
                progress(min(index / expected, 1.0))
        yield frame


def _write(pipe: IO[bytes], clip: Clip, frames: Iterator[av.VideoFrame], frame_rate: Fraction, origin: Fraction) -> None:
    first = next(frames, None)
    if first is None:
        raise UnreadableClip("No frame of it can be decoded. Render it again, or re-export it.", path=clip.path)
    time_base = Fraction(first.time_base or clip.time_base)
    shift = round(origin / time_base)
    with av.open(_WriteOnly(pipe), "w", format="nut") as container:
        stream = container.add_stream("rawvideo", rate=frame_rate)
        stream.width, stream.height, stream.pix_fmt = first.width, first.height, first.format.name
        stream.time_base = stream.codec_context.time_base = time_base
        for frame in chain((first,), frames):
            frame.pts = (frame.pts or 0) - shift
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


class _WriteOnly:
    """A pipe as PyAV wants it: with no way to seek."""

    def __init__(self, pipe: IO[bytes]) -> None:
        self._pipe = pipe

    def write(self, data: bytes) -> int:
        return self._pipe.write(data)
