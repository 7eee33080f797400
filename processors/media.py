"""Reading clips: what a file is, and its frames one at a time. PyAV decodes; Pillow decodes animated WebP; ``sequence_clips`` reads folders.

Every file is opened by ``containers``, with its allow-list.
"""

from __future__ import annotations

import hashlib
import statistics
from collections.abc import Generator, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import islice, pairwise
from pathlib import Path
from typing import TYPE_CHECKING, cast

import av
import av.error

from ..config.errors import UnreadableClip
from . import changes, colors
from .animations import apng_times, webp
from .containers import LARGEST_PIXELS as LARGEST_PIXELS
from .containers import OPEN_OPTIONS as OPEN_OPTIONS
from .containers import open_container as open_container
from .containers import video_stream
from .pixels import Planes as Planes
from .pixels import blank_like as blank_like
from .pixels import chroma as chroma
from .pixels import field_of as field_of
from .pixels import is_full_range as is_full_range
from .pixels import is_rgb as is_rgb
from .pixels import opacity as opacity
from .pixels import planes as planes
from .pixels import tagged_like as tagged_like
from .pixels import to_format as to_format
from .pixels import working_steps as working_steps
from .records import AudioTrack, Clip, ColorTags
from .sequences import frame_folders, sequence_clips

if TYPE_CHECKING:
    from av.audio.codeccontext import AudioCodecContext
    from av.container import InputContainer
    from av.video.stream import VideoStream

_RATE_ROUNDING = Fraction(1, 5_000_000)
_ALPHA_DECODERS = {"vp8": "libvpx", "vp9": "libvpx-vp9"}
"""FFmpeg's own decoders drop the transparency of WebM, which travels beside the picture."""

_MAY_HIDE_FRAMES = ("vp8", "mpeg1video", "mpeg2video")
"""Codecs whose packets are not always one frame each: hidden reference frames, single fields."""


_NO_STREAMS = (webp.CONTAINER, frame_folders.CONTAINER)
"""What is not opened by FFmpeg's demuxers."""


def probe(path: Path, *, sequence_fps: Fraction | None = None) -> Clip:
    """What the file is. Reads every packet once and decodes one frame, or all where packets do not tell the frames. A folder is a
    sequence of frames, of ``sequence_fps`` where its sidecar does not say.

    Raises MissingClip, RefusedClip, UnreadableClip or SequenceError.
    """
    if path.is_dir():
        clip = sequence_clips.probe(path, sequence_fps)
        return replace(clip, has_alpha=clip.has_alpha and _shows_alpha(clip))
    if webp.is_animated(path):
        return _clip_of_webp(path)
    with open_container(path) as container:
        stream = video_stream(container, path)
        audio = tuple(_audio_track(track) for track in container.streams.audio)
        declared = (stream.codec_context.width, stream.codec_context.height)
        codec = stream.codec_context.codec.canonical_name
        if declared[0] * declared[1] > LARGEST_PIXELS:
            raise UnreadableClip(f"Its pictures are too large ({declared[0]}x{declared[1]}). Scale it to 16384x8192 or less.", path=path)
        table = _packet_table(container, stream)
    with open_container(path) as container:
        stream = video_stream(container, path)
        frame = next(_decode(container, stream), None)
        if frame is None:
            raise UnreadableClip("No frame of it can be decoded. Render it again, or re-export it.", path=path)
        size = declared if codec in _ALPHA_DECODERS and all(declared) else (frame.width, frame.height)
        clip = _clip_of_stream(path, container, stream, frame, table, audio, size)
    if not _tells_frames(table, clip):
        stamps = tuple(int(each.pts or 0) for each in frames(clip))
        clip = timed(clip, len(stamps), tuple(sorted(stamps)))
    return clip


def probe_result(path: Path, source: Clip) -> Clip:
    """``probe`` for what was made of ``source``: its frames compare with the source's."""
    return sequence_clips.beside(probe(path), source)


def has_streams(clip: Clip) -> bool:
    """Whether FFmpeg opens its file: there may be sound and tags to carry over."""
    return clip.container not in _NO_STREAMS


def stamps(clip: Clip) -> tuple[int, ...]:
    """The pts of all frames in display order, read from the packets; nothing where those do not tell."""
    if not has_streams(clip):
        return ()
    with open_container(clip.path) as container:
        table = _packet_table(container, video_stream(container, clip.path))
    return table.pts if _tells_frames(table, clip) and table.count == clip.frames else ()


def frames(clip: Clip) -> Generator[av.VideoFrame, None, None]:
    """Decode the clip's frames (or one field of each, for a clip that is that) in display order, ``pts`` in ``clip.time_base`` and rising.
    A matrix that FFmpeg cannot convert is given as one that it can: what the stream says stands in ``clip.color``.

    Undecodable packets are passed over. Close the generator to release the file. Raises ChangingClip where size, format or colours are
    not what they were at the beginning.
    """
    if clip.field is not None:
        with closing(frames(replace(clip, field=None, height=clip.height * 2))) as whole:
            yield from (field_of(frame, clip.field) for frame in whole)
        return
    with closing(_decoded(clip)) as decoded:
        if clip.excerpt is None:
            yield from decoded
        else:
            first_pts = clip.excerpt.first_pts
            yield from islice((frame for frame in decoded if (frame.pts or 0) >= first_pts), clip.frames)


def _decoded(clip: Clip, *, may_change: bool = False) -> Generator[av.VideoFrame, None, None]:
    if clip.container == webp.CONTAINER:
        return webp.frames(clip.path)
    if clip.container == frame_folders.CONTAINER:
        return sequence_clips.frames(clip)
    return _frames_of_stream(clip, may_change=may_change)


def _frames_of_stream(clip: Clip, *, may_change: bool) -> Generator[av.VideoFrame, None, None]:
    last_pts: int | None = None
    with open_container(clip.path) as container:
        stream = video_stream(container, clip.path)
        if clip.excerpt is not None and clip.excerpt.seek_pts is not None:
            container.seek(clip.excerpt.seek_pts, stream=stream)
        for frame in _decode(container, stream):
            if not may_change:
                changes.require_as_begun(frame, clip)
            if last_pts is not None and frame.pts is not None and frame.pts <= last_pts:
                frame.pts = last_pts + 1  # a damaged file's; no encoder takes it
            last_pts = frame.pts
            frame.colorspace = colors.convertible(frame)
            yield frame


def first_frame(clip: Clip) -> av.VideoFrame:
    """Raises UnreadableClip when there is none."""
    with closing(_decoded(clip, may_change=True)) as decoded:
        frame = next(decoded, None)
    if frame is None:
        raise UnreadableClip("No frame of it can be decoded. Render it again, or re-export it.", path=clip.path)
    return frame


def origin(clip: Clip) -> Fraction:
    """The time in seconds at which the first of picture and sound starts."""
    return first_start(clip)[0]


def first_start(clip: Clip) -> tuple[Fraction, list[Fraction]]:
    """Seconds, and the clocks of the tracks."""
    if clip.excerpt is not None:
        return clip.excerpt.first_pts * clip.time_base, [clip.time_base]
    if not has_streams(clip):
        return Fraction(0), [clip.time_base]
    with open_container(clip.path) as container:
        tracks = (video_stream(container, clip.path), *container.streams.audio)
        known = [(track.start_time, Fraction(track.time_base)) for track in tracks if track.start_time is not None and track.time_base]
    return min((start * tick for start, tick in known), default=Fraction(0)), [clip.time_base, *(tick for _, tick in known)]


def stated_rate(stream: VideoStream) -> Fraction | None:
    """Frames per second as the header says. FFmpeg reads Matroska's 59.94 as 19001/317: such a rate is given as what it stands for."""
    stated = stream.average_rate or stream.base_rate
    if not stated:
        return None
    near = Fraction(round(stated * 1001 / 1000) * 1000, 1001)
    return near if near and abs(stated / near - 1) < _RATE_ROUNDING else Fraction(stated)


def working_format(clip: Clip) -> str:
    """The planar format that arithmetic is done in: the source's chroma sampling at 10 bit, at 12 or 16 for deeper sources. RGB gets two bits
    more, which the way there and back takes.
    """
    layout = av.VideoFormat(clip.pixel_format)
    from_rgb = is_rgb(layout)
    needed = clip.bit_depth + 2 * from_rgb
    depth = 10 if needed <= 10 else 12 if needed <= 12 and not clip.has_alpha else 16  # no format has 4:2:0, 12 bit and alpha
    sampling = "444"
    if not from_rgb and len(layout.components) >= 3:
        sampling = {(2, 2): "420", (2, 1): "422", (1, 1): "444"}[working_steps(layout)]
    elif not from_rgb:
        sampling = "420"  # gray: encoders and editors want chroma planes, empty ones cost least
    return f"yuv{'a' if clip.has_alpha else ''}{sampling}p{depth}le"


def delivered_color(clip: Clip, pixel_format: str | None = None) -> ColorTags:
    """The tags of frames in the working format, or in ``pixel_format`` made of it: the source's, but where RGB became YUV."""
    if pixel_format is not None and is_rgb(av.VideoFormat(pixel_format)):
        return replace(clip.color, range="pc", matrix="gbr")
    if not is_rgb(av.VideoFormat(clip.pixel_format)):
        return clip.color
    return replace(
        clip.color, range="tv", matrix="bt709", primaries=clip.color.primaries or "bt709", transfer=clip.color.transfer or "bt709"
    )


def digest(path: Path) -> str:
    """BLAKE2b of the file's bytes, 32 hex digits; of a sequence, over its frames' names and bytes."""
    if path.is_dir():
        return sequence_clips.digest(frame_folders.find(path))
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=16)).hexdigest()


@dataclass(frozen=True)
class _PacketTable:
    count: int
    pts: tuple[int, ...]  # sorted, ticks
    is_plain: bool  # one packet is one frame, as far as packets tell


def _packet_table(container: InputContainer, stream: VideoStream) -> _PacketTable:
    count = 0
    stamps: list[int] = []
    is_plain = True
    for packet in apng_times.packets(container, stream):
        if packet.size == 0 or packet.is_discard:
            continue
        is_plain = is_plain and not packet.is_corrupt and (count > 0 or packet.is_keyframe)
        count += 1
        if packet.pts is not None:
            stamps.append(packet.pts)
    return _PacketTable(count, tuple(sorted(stamps)), is_plain and len(set(stamps)) == count)


def _tells_frames(table: _PacketTable, clip: Clip) -> bool:
    return table.is_plain and not clip.interlaced and clip.codec not in _MAY_HIDE_FRAMES


def _decode(container: InputContainer, stream: VideoStream) -> Iterator[av.VideoFrame]:
    last_pts: int | None = None
    decoder = _decoder(stream)
    key_pts: set[int | None] = set()
    for packet in apng_times.packets(container, stream):
        if packet.is_keyframe:
            key_pts.add(packet.pts)
        try:
            decoded = decoder.decode(packet if packet.size else None)
        except av.error.FFmpegError:
            continue  # a damaged packet costs its frames, not the clip
        for frame in decoded:
            if frame.pts is None:
                step = 1 if not stream.average_rate or not stream.time_base else round(1 / (stream.average_rate * stream.time_base))
                frame.pts = 0 if last_pts is None else last_pts + step
            last_pts = frame.pts
            if decoder is not stream.codec_context:
                setattr(frame, "key_frame", frame.pts in key_pts)  # noqa: B010  libvpx does not say; PyAV's stub has it read-only
                _tag_as(stream.codec_context, frame)
            yield frame


def _tag_as(said: av.VideoCodecContext, frame: av.VideoFrame) -> None:
    """The container's colours, of which a decoder that was made apart knows nothing."""
    for name in ("color_primaries", "color_trc", "color_range"):
        if int(getattr(frame, name)) in _UNSAID[name]:
            setattr(frame, name, getattr(said, name))
    if int(frame.colorspace) == _UNSAID_MATRIX:
        frame.colorspace = int(said.colorspace)


_UNSAID = {"color_primaries": (0, 2), "color_trc": (0, 2), "color_range": (0,)}
_UNSAID_MATRIX = 2


def _decoder(stream: VideoStream) -> av.VideoCodecContext:
    name = _ALPHA_DECODERS.get(stream.codec_context.codec.canonical_name)
    has_alpha = any(key.lower() == "alpha_mode" and value == "1" for key, value in stream.metadata.items())
    if name is None or not has_alpha:
        stream.thread_type = "AUTO"
        return stream.codec_context
    return cast("av.VideoCodecContext", av.CodecContext.create(name, "r"))


def _clip_of_stream(
    path: Path,
    container: InputContainer,
    stream: VideoStream,
    frame: av.VideoFrame,
    table: _PacketTable,
    audio: tuple[AudioTrack, ...],
    size: tuple[int, int],
) -> Clip:
    layout = av.VideoFormat(frame.format.name)
    has_alpha = any(component.is_alpha for component in layout.components) or layout.has_palette
    turned = colors.orientation(frame)
    clip = Clip(
        path=path,
        digest=digest(path),
        size_bytes=path.stat().st_size,
        container=container.format.name,
        codec=stream.codec_context.codec.canonical_name,
        pixel_format=frame.format.name,
        bit_depth=max((component.bits for component in layout.components), default=8),
        width=size[0],
        height=size[1],
        frames=1,
        frame_rate=apng_times.constant_rate(container) or stated_rate(stream) or Fraction(25),
        time_base=apng_times.time_base(container, stream),
        duration=Fraction(0),
        variable_frame_rate=False,
        rotation=turned.rotation,
        sample_aspect=Fraction(stream.sample_aspect_ratio or 1) or Fraction(1),
        has_alpha=has_alpha,
        interlaced=bool(frame.interlaced_frame),
        color=colors.tags(frame),
        audio=audio,
        mirrored=turned.mirrored,
        field_order=colors.field_order(frame),
    )
    return replace(timed(clip, table.count, table.pts), has_alpha=has_alpha and _shows_alpha(clip))


def timed(clip: Clip, count: int, pts: tuple[int, ...]) -> Clip:
    """The clip with count, rate and duration from its frames' own times (sorted), where those contradict the header."""
    steps = [later - earlier for earlier, later in pairwise(pts) if later > earlier]
    typical = statistics.median(steps) if steps else 0
    rate = clip.frame_rate
    span = (pts[-1] - pts[0]) * clip.time_base if steps else Fraction(0)
    if steps and min(steps) == max(steps) and abs(span - len(steps) / rate) > clip.time_base:
        rate = len(steps) / span  # an edit list hides frames, or the last one lasts longer: the header's is an average of all
    elif steps and abs(rate - len(steps) / span) > rate / 50:
        rate = Fraction(len(steps) / span).limit_denominator(1001)
    return replace(
        clip,
        frames=max(count, 1),
        frame_rate=rate,
        duration=span + 1 / rate if pts else count / rate,
        variable_frame_rate=bool(steps) and max(steps) - min(steps) > max(2, typical / 50),
    )


def _clip_of_webp(path: Path) -> Clip:
    facts = webp.facts(path)
    return Clip(
        path=path,
        digest=digest(path),
        size_bytes=path.stat().st_size,
        container=webp.CONTAINER,
        codec="webp",
        pixel_format=webp.PIXEL_FORMAT,
        bit_depth=8,
        width=facts.width,
        height=facts.height,
        frames=facts.frames,
        frame_rate=facts.frame_rate,
        time_base=webp.TIME_BASE,
        duration=facts.duration,
        variable_frame_rate=facts.variable_frame_rate,
        rotation=0,
        sample_aspect=Fraction(1),
        has_alpha=facts.has_alpha,
        interlaced=False,
        color=ColorTags(range="pc"),
        audio=(),
    )


def _audio_track(track: av.AudioStream) -> AudioTrack:
    context = cast("AudioCodecContext | None", track.codec_context)  # its stub knows no unknown codec
    seconds = float(track.duration * track.time_base) if track.duration and track.time_base else None
    if context is None:
        return AudioTrack("unknown", 0, 0, seconds)
    return AudioTrack(context.codec.canonical_name, context.channels, context.sample_rate or 0, seconds)


def _shows_alpha(clip: Clip) -> bool:
    """True when any frame is see-through anywhere; formats with an alpha plane mostly hold opaque pictures."""
    return any(bool((frame.to_ndarray(format="rgba")[..., 3] < 255).any()) for frame in frames(clip))
