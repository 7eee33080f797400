"""Opening files that nobody vouches for.

Only the demuxers in ``SAFE_FORMATS`` are ever opened, because a playlist or an ffconcat script named ``clip.mp4`` would otherwise
read other files of this machine.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import av
import av.error

from ..config.errors import MissingClip, RefusedClip, UnreadableClip

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.video.stream import VideoStream

SAFE_FORMATS = (
    "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpegts,mpeg,mpegvideo,mxf,gif,apng,flv,ogg,asf,nut,ivf,h264,hevc,m4v,obu,"
    "yuv4mpegpipe,wtv,dv,png_pipe,jpeg_pipe,webp_pipe,tiff_pipe,bmp_pipe,mjpeg,wav,mp3,flac,aac"
)
"""FFmpeg's ``format_whitelist``: containers of media, none that names other files."""

LARGEST_PIXELS = 1 << 27
"""A picture larger than this (16384x8192) is refused: it would take gigabytes for a single frame."""

OPEN_OPTIONS = {"format_whitelist": SAFE_FORMATS, "protocol_whitelist": "file"}


def open_container(path: Path) -> InputContainer:
    """Open with the allow-list. Raises MissingClip, RefusedClip (a script in disguise) or UnreadableClip."""
    if not path.is_file():
        raise MissingClip("The file is not there (any more). Check its path.", path=path)
    try:
        return av.open(f"file:{path.absolute()}", options=dict(OPEN_OPTIONS), metadata_errors="replace")
    except PermissionError:
        raise UnreadableClip("The file may not be read. Give yourself permission to read it.", path=path) from None
    except (av.error.FFmpegError, OSError, ValueError):
        if _is_script(path):
            raise RefusedClip(
                "It is a playlist or a script, not a video, and could read other files. Use the video itself.", path=path
            ) from None
        raise UnreadableClip("It is not a video that can be opened. Render it again, or re-export it.", path=path) from None


def video_stream(container: InputContainer, path: Path) -> VideoStream:
    """The first stream of pictures that is no cover art. Raises UnreadableClip."""
    streams = [stream for stream in container.streams.video if not stream.disposition & stream.disposition.attached_pic]
    if not streams:
        raise UnreadableClip("There is no video in it. Use a file with pictures.", path=path)
    if streams[0].codec_context is None:  # pyright: ignore[reportUnnecessaryComparison]  an unknown codec has none
        raise UnreadableClip("Its video has a codec that is not known here. Export it as H.264, HEVC or ProRes.", path=path)
    return streams[0]


def _is_script(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            head = file.read(4096).lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    except OSError:
        return False
    return head.startswith((b"ffconcat", b"#extm3u", b"<?xml", b"<mpd", b"[playlist]", b"file ", b"v=0", b"[script info]", b"<smil"))
