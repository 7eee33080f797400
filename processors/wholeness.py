"""Whether a file is all there: cheap checks of its structure, without decoding the clip.

Half of a faststart MP4 or of an MKV opens and plays; a walk over the top-level boxes shows the rest is missing. A file that was
preallocated has its full size and zeros at its end; its last packets are zeros too.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

import av.error

from ..config.errors import IncompleteClip, MissingClip, UnreadableClip

_STILL = "Wait until it is written; if it is, render or copy it again."
_BOXES = (b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide", b"pnot", b"moof", b"styp", b"sidx", b"uuid")
_EBML = b"\x1a\x45\xdf\xa3"
_SEGMENT = 0x18538067
_UNKNOWN_SIZE = -1
_ZERO_TAIL_BYTES = 512
_PAD_EVERYTHING_WITH_ZEROS = (b"\x00\x00\x01\xba", b"\x00\x00\x01\xb3")  # MPEG program and elementary streams


def check(path: Path) -> None:
    """Raises IncompleteClip where the file is empty, cut off or still being filled; MissingClip where there is none.

    Says nothing about whether it can be decoded: a text file is whole.
    """
    try:
        size = path.stat().st_size
        if size == 0:
            raise IncompleteClip(f"The file is empty (0 bytes). {_STILL}", path=path)
        with path.open("rb") as file:
            head = file.read(64)
            missing = _structure(head)(file, size) or _zero_end(path, file, size, head)
    except FileNotFoundError:
        raise MissingClip("The file is not there (any more). Check its path.", path=path) from None
    except OSError as error:
        raise UnreadableClip(f"The file cannot be read ({error.strerror}). Check its permissions.", path=path) from None
    if missing:
        raise IncompleteClip(f"The file is incomplete: {missing}. {_STILL}", path=path)


def _structure(head: bytes) -> Callable[[BinaryIO, int], str | None]:
    if head[4:8] in _BOXES:
        return _mp4
    if head.startswith(_EBML):
        return _matroska
    if head.startswith(b"RIFF"):
        return _riff
    if head.startswith((b"GIF87a", b"GIF89a")):
        return _gif
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return _png
    return _unknown


def _unknown(file: BinaryIO, size: int) -> str | None:
    return None


def _mp4(file: BinaryIO, size: int) -> str | None:
    seen: set[bytes] = set()
    position = 0
    last = b""
    while position + 8 <= size:
        file.seek(position)
        header = file.read(16)
        length, kind = int.from_bytes(header[:4], "big"), header[4:8]
        if length == 1:
            length = int.from_bytes(header[8:16], "big")
        elif length == 0 and kind in _BOXES:
            length = size - position
        if length < 8 or not kind.isalnum():
            break  # padding or rubbish after the last box
        if position + length > size:
            return f"its box '{kind.decode()}' ends {position + length - size} bytes after the end of the file"
        seen.add(kind)
        last = kind
        position += length
    if b"moov" not in seen:
        return "its index (the box 'moov') is missing"
    return "its last fragment has no data" if last == b"moof" else None


def _matroska(file: BinaryIO, size: int) -> str | None:
    position = 0
    while position < size:
        identity, length, start = _element(file, position)
        if identity is None or start > size:
            return "it ends inside an element" if position else "its header is damaged"
        if length == _UNKNOWN_SIZE:
            position = start  # a live recording: look at what is inside
            continue
        if start + length > size:
            return f"it ends {start + length - size} bytes too early"
        position = start + length
        if identity == _SEGMENT:
            return None
    return None


def _element(file: BinaryIO, position: int) -> tuple[int | None, int, int]:
    """(id, length of the content, where it starts) of the EBML element at ``position``."""
    file.seek(position)
    head = file.read(12)
    id_bytes = _vint_bytes(head[:1])
    size_bytes = _vint_bytes(head[id_bytes : id_bytes + 1])
    if not id_bytes or not size_bytes or len(head) < id_bytes + size_bytes:
        return None, 0, position
    value = int.from_bytes(head[id_bytes : id_bytes + size_bytes], "big") & ((1 << 7 * size_bytes) - 1)
    unknown = value == (1 << 7 * size_bytes) - 1
    return int.from_bytes(head[:id_bytes], "big"), _UNKNOWN_SIZE if unknown else value, position + id_bytes + size_bytes


def _vint_bytes(first: bytes) -> int:
    return 9 - first[0].bit_length() if first and first[0] else 0


def _riff(file: BinaryIO, size: int) -> str | None:
    position = 0
    while position + 12 <= size:
        file.seek(position)
        header = file.read(12)
        length = int.from_bytes(header[4:8], "little")
        if not header.startswith(b"RIFF") or length == 0:
            return None  # rubbish after the last list, or a recording that never wrote its sizes
        if position + 8 + length > size:
            return f"it ends {position + 8 + length - size} bytes too early"
        position += 8 + length + length % 2
    return None


def _gif(file: BinaryIO, size: int) -> str | None:
    file.seek(0)
    data = file.read()
    cut_off = "it ends before its last frame is written"
    try:
        position = 13 + _palette_bytes(data[10])
        while data[position] != 0x3B:
            if data[position] == 0x2C:
                position += 10 + _palette_bytes(data[position + 9]) + 1
            elif data[position] == 0x21:
                position += 2
            else:
                return None  # not a block: what is left is for the decoder to judge
            while data[position]:
                position += data[position] + 1
            position += 1
    except IndexError:
        return cut_off
    return None


def _palette_bytes(flags: int) -> int:
    return 3 << ((flags & 7) + 1) if flags & 0x80 else 0


def _png(file: BinaryIO, size: int) -> str | None:
    position = 8
    while position + 12 <= size:
        file.seek(position)
        header = file.read(8)
        position += 12 + int.from_bytes(header[:4], "big")
        if header[4:] == b"IEND":
            return None
    return "its last chunk is missing"


def _zero_end(path: Path, file: BinaryIO, size: int, head: bytes) -> str | None:
    file.seek(max(0, size - _ZERO_TAIL_BYTES))
    if any(file.read()) or head.startswith(_PAD_EVERYTHING_WITH_ZEROS):
        return None
    if not any(head):
        return "it holds nothing but zeros"
    return "its end holds only zeros" if _last_packet_is_zero(path) else None


def _last_packet_is_zero(path: Path) -> bool:
    from . import media

    last: bytes | None = None
    try:
        with media.open_container(path) as container:
            video = [stream for stream in container.streams.video if stream.codec_context]
            if not video or video[0].codec_context.name == "rawvideo":
                return False
            container.seek(2**62 // 10**6, stream=None)
            for packet in container.demux(video[0]):
                if packet.size:
                    last = bytes(packet)
    except (av.error.FFmpegError, UnreadableClip):
        return True
    return last is None or not any(last[-min(len(last), _ZERO_TAIL_BYTES) :])
