"""What animated images say besides their pictures: how often they play, how long the last frame stays, comments and EXIF.

Sources: GIF89a; APNG and acTL in the PNG specification, third edition; "WebP Container Specification", developers.google.com.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av.error

from ..containers import open_container, video_stream
from ..records import Clip
from . import apng_times, png_chunks, webp, webp_parts, webp_repeats
from .webp_parts import FRAME, Frame, Part

GIF, APNG = "gif", apng_times.CONTAINER
CONTAINERS = (GIF, APNG, webp.CONTAINER)
"""Of ``Clip.container``."""

ENDLESS = 0
ONCE = -1
"""Of a GIF that says nothing: it plays once."""

_NETSCAPE = b"NETSCAPE2.0\x03\x01"
_LONGEST_BLOCK = 255
_ANIMATION_FLAG, _XMP_FLAG, _EXIF_FLAG, _ALPHA_FLAG, _ICC_FLAG = 0x02, 0x04, 0x08, 0x10, 0x20


def loops(clip: Clip) -> int:
    """As the file says it: 0 endless; GIF's repeats, or ``ONCE``; plays of APNG and WebP."""
    data = clip.path.read_bytes()
    if clip.container == GIF:
        at = data.find(_NETSCAPE)
        return int(struct.unpack_from("<H", data, at + len(_NETSCAPE))[0]) if at >= 0 else ONCE
    if clip.container == APNG:
        controls = (begin for kind, begin, _ in png_chunks.spans(data) if kind == b"acTL")
        return next((int(struct.unpack_from(">I", data, begin + 12)[0]) for begin in controls), ENDLESS)
    anim = next((part.data for part in webp_parts.parts(data) if part.kind == b"ANIM"), b"\0" * 6)
    return int(struct.unpack_from("<H", anim, 4)[0])


def last_delay(clip: Clip) -> Fraction | None:
    """Seconds that the last frame of a GIF or APNG stays; None where the file does not say, and of WebP."""
    if clip.container == webp.CONTAINER:
        return None
    last: Fraction | None = None
    with open_container(clip.path) as container:
        stream = video_stream(container, clip.path)
        try:
            for packet in apng_times.packets(container, stream):
                if packet.size and packet.duration and packet.time_base:
                    last = Fraction(packet.duration * packet.time_base)
        except av.error.FFmpegError:
            return None  # it is cut off: nothing is known of its last frame
    return last


def comments(path: Path) -> tuple[str, ...]:
    """Of a GIF, as FFmpeg reads them."""
    with open_container(path) as container:
        return tuple(value for key, value in container.metadata.items() if key == "comment")


def comment_gif(path: Path, texts: tuple[str, ...]) -> None:
    """Write comments into a GIF, before its first frame: FFmpeg would take one at the end for a frame."""
    data = path.read_bytes()
    start = 13 + (3 << ((data[10] & 7) + 1) if data[10] & 0x80 else 0)
    added = b"".join(b"\x21\xfe" + _blocks(text.encode("utf-8", "replace")) for text in texts)
    path.write_bytes(data[:start] + added + data[start:])


def describe_webp(source: Path, path: Path, times: Sequence[Fraction], delay: Fraction | None) -> None:
    """Carry colour profile, EXIF (ComfyUI's prompt and graph among it) and XMP of one WebP into another; give it a frame for each of
    ``times`` (seconds); and let the last stay for ``delay`` seconds, as long as the source's where it is None: the encoder is not told.
    """
    given = [*webp_parts.parts(source.read_bytes())]
    said = {part.kind: part for part in given if part.kind in (b"ICCP", b"EXIF", b"XMP ")}
    written = [part for part in webp_parts.parts(path.read_bytes()) if part.kind not in said]
    head, *parts = webp_repeats.restored(_animated(written, given), times)
    stays_ms = [Frame.of(part).stays_ms for part in given if part.kind == FRAME][-1] if delay is None else round(delay * 1000)
    last = max(place for place, part in enumerate(parts) if part.kind == FRAME)
    parts[last] = replace(Frame.of(parts[last]), stays_ms=stays_ms).part()
    flags = head.data[0]
    for kind, flag in ((b"ICCP", _ICC_FLAG), (b"EXIF", _EXIF_FLAG), (b"XMP ", _XMP_FLAG)):
        flags |= flag if kind in said else 0
    before = [said[b"ICCP"]] if b"ICCP" in said else []
    after = [said[kind] for kind in (b"EXIF", b"XMP ") if kind in said]
    ordered = [Part(b"VP8X", bytes([flags]) + head.data[1:]), *before, *parts, *after]
    path.write_bytes(webp_parts.file(ordered))


def _animated(made: list[Part], given: list[Part]) -> list[Part]:
    """The encoder writes a single frame as a still: it becomes the one frame of an animation of the source's size and number of plays."""
    if any(part.kind == FRAME for part in made):
        return made
    head, loop = (next(part for part in given if part.kind == kind) for kind in (b"VP8X", b"ANIM"))
    picture = b"".join(bytes(part) for part in made if part.kind in (b"ALPH", b"VP8 ", b"VP8L"))
    width, height = (1 + int.from_bytes(head.data[at : at + 3], "little") for at in (4, 7))
    frame = Frame(bytes(6), width, height, stays_ms=0, blends=False, clears=False, picture=picture)
    kept = head.data[0] & (_ANIMATION_FLAG | _ALPHA_FLAG)
    return [Part(b"VP8X", bytes([kept]) + head.data[1:]), loop, frame.part()]


def is_lossless_webp(path: Path) -> bool:
    """Whether the frames of an animated WebP are without loss."""
    frames = [Frame.of(part) for part in webp_parts.parts(path.read_bytes()) if part.kind == FRAME]
    return bool(frames) and all(frame.picture.startswith(b"VP8L") for frame in frames)


def _blocks(data: bytes) -> bytes:
    cut = (data[start : start + _LONGEST_BLOCK] for start in range(0, len(data), _LONGEST_BLOCK))
    return b"".join(bytes([len(block)]) + block for block in cut) + b"\0"
