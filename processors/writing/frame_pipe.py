"""Frames on their way into FFmpeg: rawvideo in NUT, written by PyAV into its standard input, each with its own timestamp."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction
from itertools import chain
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import av

from ...config.errors import CannotWrite, UnreadableClip
from .. import ffmpeg, media
from ..inventory import clocks, vobsub
from . import carrying, enclosures, encoders, picture_facts
from .enclosures import Enclosed
from .picture_facts import PictureFacts

if TYPE_CHECKING:
    from ...config.settings import Settings
    from ..inventory.clocks import Shown
    from ..records import Clip, Progress
    from .grid import Grid
    from .orders import Encoding, Order

_CHECK_EVERY_FRAMES = 16
_READ_BEYOND = ("dnxhd",)
"""Encoders that read whole blocks of 16 pixels: of a frame as it came through the pipe, which has no room after its last line, FFmpeg dies.
A copy has room.
"""

_FIELD_MODES = {"top": "tff", "bottom": "bff"}
NOTHING = Enclosed()
UNUSED = "d:99?"
"""A stream that is not there: FFmpeg knows an input only when something is mapped from it."""


def encode(order: Order) -> int:
    """Write the frames; how many were written. Sound, subtitles, chapters and metadata come from the source.

    Raises ToolFailed with FFmpeg's own words, CannotWrite when the disk is full or its reserve is reached, NotSetUp without the encoder,
    and for an FFmpeg that cannot write the clip's HDR metadata.
    """
    clip, encoding, output, settings = order.clip, order.encoding, order.output, order.settings
    require_space(output.parent, settings)
    encoders.require(encoding.options["c:v"], settings)
    facts = picture_facts.take(clip, settings)
    ffmpeg.require_options(picture_facts.input_options(facts), settings)
    rate, origin, last = order.rate, clocks.common_origin(clip), None
    as_source = rate == clip.frame_rate and order.expected_frames in (None, clip.frames)
    exact = encoding.along.grid if as_source else None
    if as_source:
        rate, last = clocks.declared_rate(clip), clocks.last_frame(clip)
    if last is not None and exact is not None:
        last = last._replace(duration=exact.duration(last.duration))
    with enclosures.written(clip, encoding.along, output) as enclosed:
        argv = command(ffmpeg.tool(settings), order, origin, enclosed, last, facts)
        written = feed(
            argv,
            clip,
            order.frames,
            rate,
            output,
            settings,
            progress=order.progress,
            expected_frames=order.expected_frames,
            origin=origin,
            grid=exact,
        )
    if clip.container.startswith("mov,") and encoding.muxer in carrying.BOXED:
        vobsub.keep(clip.path, encoding.streams, output)
    return written


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
    grid: Grid | None = None,
) -> int:
    """Run an FFmpeg command that reads NUT from its standard input and writes ``output``; the number of frames written.

    ``origin``, in seconds, is taken from every frame's time, once that is on the ``grid``. Raises as ``encode`` does.
    """
    require_space(output.parent, settings)
    watched = _watched(frames, output.parent, settings, progress, expected_frames or clip.frames)
    with ffmpeg.running(argv, stdin=True) as run:
        with ffmpeg.feeding(run, output) as pipe:
            _write(pipe, clip, watched, frame_rate, origin, grid)
            pipe.close()
        return run.finish(output)


def command(
    binary: Path,
    order: Order,
    origin: Fraction,
    enclosed: Enclosed = NOTHING,
    last: Shown | None = None,
    facts: PictureFacts | None = None,
) -> list[str]:
    """FFmpeg's arguments: NUT on standard input is the picture, the source gives all else.

    ``origin`` is the source's time, in seconds, that becomes 0; with ``-copyts`` nothing else moves sound against picture. ``last``: when
    the source's last frame is shown, and for how long, where that is known.
    """
    clip, encoding = order.clip, order.encoding
    turned = {"display_rotation": -clip.rotation} if clip.rotation or clip.mirrored else {}
    flipped = {"display_hflip": None} if clip.mirrored else {}
    told = {**turned, **flipped, **(picture_facts.input_options(facts) if facts else {})}
    piped = ffmpeg.graph.input("pipe:0", f="nut", format_whitelist="nut", protocol_whitelist="pipe", noautorotate=None, copyts=None, **told)
    picture = {"c:v:0" if key == "c:v" else key: value for key, value in encoding.options.items()}
    picture |= {"filter:v:0": _chain(clip, encoding, order.filters), "fps_mode:v:0": "passthrough", "enc_time_base:v:0": "demux"}
    if facts is not None and facts.chroma_location is not None:
        picture["chroma_sample_location:v:0"] = facts.chroma_location
    if last is not None:
        picture["bsf:v:0"] = _lasting(last, origin)
    inputs, options, repeated = _along(clip, encoding, origin, enclosed)
    written = ffmpeg.graph.output(piped["v:0"], *inputs, ffmpeg.url(order.output), **picture, **options)
    argv = ffmpeg.arguments(binary, written)
    place = argv.index(f"file:{order.output.absolute()}")
    return [*argv[:place], *repeated, *argv[place:]]


def _along(clip: Clip, encoding: Encoding, origin: Fraction, enclosed: Enclosed) -> tuple[list[Any], dict[str, Any], list[str]]:
    """FFmpeg's further inputs, and the options that say what of them goes into the output; those last that come more than once."""
    along, inputs, options, repeated = encoding.along, list[Any](), dict[str, Any](), list[str]()
    owners: list[int] = []  # inputs that tags of the file come from
    options["disposition:v:0"] = along.roles
    if along.picture is not None:
        source = ffmpeg.source(clip.path, itsoffset=f"{-float(origin):.6f}")
        inputs += [source[selector] for selector in encoding.streams or (UNUSED,)]
        owners.append(1)
        options["map_chapters"] = 1 if along.has_chapters else -1
        for index, selector in enumerate((along.picture, *encoding.streams)):
            options[f"map_metadata:s:{index}"] = f"1:s:{selector}"
        for index, selector in enumerate(encoding.streams, 1):
            options[f"c:{index}"] = along.converted.get(selector, "copy")
    if enclosed.tags is not None:
        owners.append(len(owners) + 1)
        tags = ffmpeg.graph.input(ffmpeg.url(enclosed.tags), f="ffmetadata", format_whitelist="ffmetadata", protocol_whitelist="file")
        inputs.append(tags[UNUSED])
    repeated += [each for owner in owners for each in ("-map_metadata", str(owner))]
    if along.timecode is not None:
        options |= {"metadata": f"timecode={along.timecode}", "metadata:s:v:0": f"timecode={along.timecode}"}
    for index, cover in enumerate(enclosed.covers, 1 + len(encoding.streams)):
        named = [f"-metadata:s:{index}", f"filename={cover.name}", f"-metadata:s:{index}", f"mimetype={cover.mime}"]
        repeated += ["-attach", str(cover.path.absolute()), *named]
    return inputs, options, repeated


def _lasting(last: Shown, origin: Fraction) -> str:
    """The bitstream filter that tells the muxer for how long the last frame is shown: FFmpeg takes it to last as long as most do."""
    from_tick = f"gte(PTS*TB\\,{float(last.time - origin - last.duration / 2):.6f})"
    return f"setts=pts=PTS:dts=DTS:duration=if({from_tick}\\,round({float(last.duration):.9f}/TB)\\,DURATION)"


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
    """Range and fields are told before levels are converted, which they decide; so is the matrix on the way to RGB. The rest comes after,
    because FFmpeg converts no YCgCo.
    """
    color, delivered = media.delivered_color(clip), media.delivered_color(clip, encoding.pixel_format)
    becomes_rgb = delivered.matrix == "gbr"
    before = _params(
        range=color.range, field_mode=_FIELD_MODES.get(clip.field_order or ""), colorspace=color.matrix if becomes_rgb else None
    )
    matrix = None if becomes_rgb else color.matrix
    after = _params(color_primaries=delivered.primaries, color_trc=delivered.transfer, colorspace=matrix)
    aspect = clip.sample_aspect
    shape = f"setsar={aspect.numerator}/{aspect.denominator}:max={max(*aspect.as_integer_ratio(), 100)}"  # beyond its own 100 it rounds
    kept = "scale=out_range=pc," if color.range == delivered.range == "pc" and not becomes_rgb else ""  # older FFmpegs make it limited
    made = encoding.conversion or f"{kept}format={encoding.pixel_format}"
    room = "copy" if encoding.options["c:v"] in _READ_BEYOND else ""
    opacity = _opacity(media.working_format(clip), encoding.pixel_format) if clip.has_alpha else ""
    return ",".join(part for part in (before, shape, filters or "", opacity, made, after, room) if part)


def _opacity(working: str, delivered: str) -> str:
    """Alpha as FFmpeg gives it back exact on the way to RGB, where it shifts and rounds it: what is opaque has all bits set, a half is 128."""
    layout = av.VideoFormat(delivered)
    wanted, held = (each.components[-1].bits for each in (layout, av.VideoFormat(working)))
    if not media.is_rgb(layout) or wanted == held:
        return ""
    room = held if wanted < held else 16
    deeper = f"format={working.replace(f'p{held}le', 'p16le')}," if room > held else ""
    scaled = f"round(floor(val/{1 << (room - held)})*{(1 << wanted) - 1}/{(1 << held) - 1})*{1 << (room - wanted)}"
    return f"format={working},{deeper}lutyuv=a='{scaled}'"


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


def _write(pipe: IO[bytes], clip: Clip, frames: Iterator[av.VideoFrame], frame_rate: Fraction, origin: Fraction, grid: Grid | None) -> None:
    first = next(frames, None)
    if first is None:
        raise UnreadableClip("No frame of it can be decoded. Render it again, or re-export it.", path=clip.path)
    clock, first_pts = Fraction(first.time_base or clip.time_base), first.pts or 0
    grid = grid if grid is not None and grid.clock == clock else None
    time_base = grid.time_base if grid is not None else clock
    shift = round(origin / time_base)
    with av.open(_WriteOnly(pipe), "w", format="nut") as container:
        stream = container.add_stream("rawvideo", rate=frame_rate)
        stream.width, stream.height, stream.pix_fmt = first.width, first.height, first.format.name
        stream.time_base = stream.codec_context.time_base = time_base
        for frame in chain((first,), frames):
            pts = frame.pts or 0
            frame.pts = (grid.tick(pts, first_pts) if grid is not None else pts) - shift
            frame.time_base = time_base
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


class _WriteOnly:
    """A pipe as PyAV wants it: with no way to seek."""

    def __init__(self, pipe: IO[bytes]) -> None:
        self._pipe = pipe

    def write(self, data: bytes) -> int:
        return self._pipe.write(data)
