"""Reading clips: what a file is, and its frames one at a time. PyAV decodes; Pillow decodes animated WebP.

A hot folder holds files that nobody vouches for. Only the demuxers in ``SAFE_FORMATS`` are ever opened, because a playlist or
an ffconcat script named ``clip.mp4`` would otherwise read other files of this machine.
"""

from __future__ import annotations

import hashlib
import statistics
from collections.abc import Generator, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import av
import av.error
import numpy as np
from numpy.typing import NDArray

from ..config.errors import MissingClip, RefusedClip, UnreadableClip
from . import webp, wholeness
from .records import AudioTrack, Clip, ColorTags, Passage, Progress

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.video.stream import VideoStream

    from ..config.settings import Settings

SAFE_FORMATS = (
    "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpegts,mpeg,mpegvideo,mxf,gif,apng,flv,ogg,asf,nut,ivf,h264,hevc,m4v,obu,"
    "yuv4mpegpipe,png_pipe,jpeg_pipe,webp_pipe,tiff_pipe,bmp_pipe,mjpeg,wav,mp3,flac,aac"
)
"""FFmpeg's ``format_whitelist``: containers of media, none that names other files."""

OPEN_OPTIONS = {"format_whitelist": SAFE_FORMATS, "protocol_whitelist": "file"}

_TRANSFERS = {
    1: "bt709",
    4: "gamma22",
    6: "smpte170m",
    13: "iec61966-2-1",
    14: "bt2020-10",
    15: "bt2020-12",
    16: "smpte2084",
    18: "arib-std-b67",
}
_PRIMARIES = {1: "bt709", 5: "bt470bg", 6: "smpte170m", 9: "bt2020", 11: "smpte431", 12: "smpte432"}
_MATRICES = {0: "gbr", 1: "bt709", 5: "bt470bg", 6: "smpte170m", 9: "bt2020nc", 10: "bt2020c"}
_FULL_RANGE = 2
_RANGES = {1: "tv", 2: "pc"}


class Planes(NamedTuple):
    """One frame as arrays. Luma ``(height, width)``; chroma ``(height', width')`` by the pixel format; uint8 or uint16 levels."""

    y: NDArray[np.uint8] | NDArray[np.uint16]
    u: NDArray[np.uint8] | NDArray[np.uint16] | None
    v: NDArray[np.uint8] | NDArray[np.uint16] | None
    a: NDArray[np.uint8] | NDArray[np.uint16] | None


def probe_stage(passage: Passage, settings: Settings, progress: Progress) -> Passage:
    wholeness.check(passage.request.path)
    return replace(passage, clip=probe(passage.request.path))


def probe(path: Path) -> Clip:
    """What the file is. Reads every packet once and decodes one frame.

    Raises MissingClip, RefusedClip or UnreadableClip.
    """
    if webp.is_animated(path):
        return _clip_of_webp(path)
    with open_container(path) as container:
        stream = _video_stream(container, path)
        table = _packet_table(container, stream)
        audio = tuple(_audio_track(track, container) for track in container.streams.audio)
    with open_container(path) as container:
        stream = _video_stream(container, path)
        frame = next(_decode(container, stream), None)
        if frame is None:
            raise UnreadableClip("No frame of it can be decoded. Render it again, or re-export it.", path=path)
        return _clip_of_stream(path, container, stream, frame, table, audio)


def open_container(path: Path) -> InputContainer:
    """Open with the allow-list. Raises MissingClip, RefusedClip (a script in disguise) or UnreadableClip."""
    if not path.is_file():
        raise MissingClip("The file is not there (any more). Check its path.", path=path)
    try:
        return av.open(str(path.absolute()), options=dict(OPEN_OPTIONS), metadata_errors="replace")
    except (av.error.FFmpegError, OSError, ValueError) as error:
        if _is_script(path):
            raise RefusedClip(
                "It is a playlist or a script, not a video, and could read other files. Use the video itself.", path=path
            ) from None
        raise UnreadableClip(f"It is not a video that can be opened ({error}). Render it again, or re-export it.", path=path) from None


def frames(clip: Clip) -> Generator[av.VideoFrame, None, None]:
    """Decode the clip's frames in display order, each with ``pts`` in ``clip.time_base``. Undecodable packets are passed over.

    Close the generator to release the file.
    """
    if clip.container == webp.CONTAINER:
        yield from webp.frames(clip.path)
        return
    with open_container(clip.path) as container:
        stream = _video_stream(container, clip.path)
        stream.thread_type = "AUTO"
        yield from _decode(container, stream)


def planes(frame: av.VideoFrame) -> Planes:
    """Views, not copies, of a planar YUV or gray frame's memory. They are valid as long as ``frame`` is."""
    names = [component.is_alpha for component in frame.format.components]
    arrays = [_plane(frame, index) for index in range(len(frame.planes))]
    alpha = arrays.pop() if names and names[-1] and len(arrays) in (2, 4) else None
    y, u, v = (*arrays, None, None)[:3]
    assert y is not None
    return Planes(y, u, v, alpha)


def to_format(frame: av.VideoFrame, pixel_format: str) -> av.VideoFrame:
    """The frame in another pixel format, levels, matrix, range and pts unshifted. RGB becomes limited-range BT.709."""
    if frame.format.name == pixel_format:
        return frame
    if frame.format.is_rgb or frame.format.has_palette:
        return frame.reformat(format=pixel_format, dst_colorspace="itu709", dst_color_range="MPEG")
    color_range = "JPEG" if is_full_range(frame) else "MPEG"
    return frame.reformat(format=pixel_format, src_color_range=color_range, dst_color_range=color_range)


def is_full_range(frame: av.VideoFrame) -> bool:
    """True when a YUV frame's black is 0 and not 16."""
    return frame.format.name.startswith("yuvj") or int(frame.color_range) == _FULL_RANGE


def working_format(clip: Clip) -> str:
    """The planar format that arithmetic is done in: the source's chroma sampling at 10 bit, at 12 for deeper sources."""
    layout = av.VideoFormat(clip.pixel_format)
    depth = 10 if clip.bit_depth <= 10 else 12
    chroma = "444"
    if not layout.is_rgb and len(layout.components) >= 3:
        half_width = layout.chroma_width(16) < 16
        half_height = layout.chroma_height(16) < 16
        chroma = {(True, True): "420", (True, False): "422"}.get((half_width, half_height), "444")
    elif len(layout.components) <= 2 and not layout.is_rgb and not layout.has_palette:
        chroma = "420"  # gray: encoders and editors want chroma planes, empty ones cost least
    return f"yuv{'a' if clip.has_alpha else ''}{chroma}p{depth}le"


def digest(path: Path) -> str:
    """BLAKE2b of the file's bytes, 32 hex digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=16)).hexdigest()


@dataclass(frozen=True)
class _PacketTable:
    count: int
    pts: tuple[int, ...]  # sorted, ticks


def _packet_table(container: InputContainer, stream: VideoStream) -> _PacketTable:
    count = 0
    stamps: list[int] = []
    for packet in container.demux(stream):
        if packet.size == 0 or packet.is_discard:
            continue
        count += 1
        if packet.pts is not None:
            stamps.append(packet.pts)
    return _PacketTable(count, tuple(sorted(stamps)))


def _decode(container: InputContainer, stream: VideoStream) -> Iterator[av.VideoFrame]:
    last_pts: int | None = None
    for packet in container.demux(stream):
        try:
            decoded = packet.decode()
        except av.error.FFmpegError:
            continue  # a damaged packet costs its frames, not the clip
        for frame in decoded:
            assert isinstance(frame, av.VideoFrame)
            if frame.pts is None:
                step = 1 if not stream.average_rate or not stream.time_base else round(1 / (stream.average_rate * stream.time_base))
                frame.pts = 0 if last_pts is None else last_pts + step
            last_pts = frame.pts
            yield frame


def _video_stream(container: InputContainer, path: Path) -> VideoStream:
    streams = [stream for stream in container.streams.video if not stream.disposition & stream.disposition.attached_pic]
    if not streams:
        raise UnreadableClip("There is no video in it. Use a file with pictures.", path=path)
    return streams[0]


def _clip_of_stream(
    path: Path, container: InputContainer, stream: VideoStream, frame: av.VideoFrame, table: _PacketTable, audio: tuple[AudioTrack, ...]
) -> Clip:
    time_base = stream.time_base or Fraction(1, 1000)
    steps = [later - earlier for earlier, later in zip(table.pts, table.pts[1:], strict=False) if later > earlier]
    typical = statistics.median(steps) if steps else 0
    rate = Fraction(stream.average_rate or stream.base_rate or 25)
    if steps:
        span = (table.pts[-1] - table.pts[0]) * time_base
        rate = Fraction((len(steps)) / span).limit_denominator(1001) if abs(rate - len(steps) / span) > rate / 50 else rate
    layout = av.VideoFormat(frame.format.name)
    has_alpha = any(component.is_alpha for component in layout.components) and _shows_alpha(frame)
    return Clip(
        path=path,
        digest=digest(path),
        size_bytes=path.stat().st_size,
        container=container.format.name,
        codec=stream.codec_context.name,
        pixel_format=frame.format.name,
        bit_depth=max((component.bits for component in layout.components), default=8),
        width=frame.width,
        height=frame.height,
        frames=max(table.count, 1),
        frame_rate=rate,
        time_base=time_base,
        duration=(table.pts[-1] - table.pts[0]) * time_base + 1 / rate if table.pts else table.count / rate,
        variable_frame_rate=bool(steps) and max(steps) - min(steps) > max(2, typical / 50),
        rotation=round(-frame.rotation) % 360,
        sample_aspect=Fraction(stream.sample_aspect_ratio or 1) or Fraction(1),
        has_alpha=has_alpha,
        interlaced=bool(frame.interlaced_frame),
        color=ColorTags(
            primaries=_PRIMARIES.get(int(frame.color_primaries)),
            transfer=_TRANSFERS.get(int(frame.color_trc)),
            matrix=_MATRICES.get(int(frame.colorspace)),
            range=_RANGES.get(int(frame.color_range)),
        ),
        audio=audio,
    )


def _clip_of_webp(path: Path) -> Clip:
    facts = webp.facts(path)
    return Clip(
        path=path,
        digest=digest(path),
        size_bytes=path.stat().st_size,
        container=webp.CONTAINER,
        codec="webp",
        pixel_format="rgba" if facts.has_alpha else "rgb24",
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


def _audio_track(track: av.AudioStream, container: InputContainer) -> AudioTrack:
    seconds = float(track.duration * track.time_base) if track.duration and track.time_base else None
    return AudioTrack(track.codec_context.name, track.codec_context.channels, track.codec_context.sample_rate or 0, seconds)


def _shows_alpha(frame: av.VideoFrame) -> bool:
    return bool((frame.to_ndarray(format="rgba")[..., 3] < 255).any())


def _plane(frame: av.VideoFrame, index: int) -> NDArray[np.uint8] | NDArray[np.uint16]:
    plane = frame.planes[index]
    deep = frame.format.components[0].bits > 8
    array = np.frombuffer(plane, np.uint16 if deep else np.uint8)
    return array.reshape(plane.height, -1)[:, : plane.width]


def _is_script(path: Path) -> bool:
    with path.open("rb") as file:
        head = file.read(512).lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    return head.startswith((b"ffconcat", b"#extm3u", b"<?xml", b"<mpd", b"[playlist]", b"file "))
