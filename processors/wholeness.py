"""Whether a file is all there: cheap checks of its structure, without decoding the clip.

Half of a faststart MP4 or of an MKV opens and plays; a walk over the top-level boxes shows the rest is missing. A file that was
preallocated has its full size and zeros at its end; its last packets are zeros too.
"""

from __future__ import annotations

import mmap
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, NamedTuple

import av.error

from ..config.errors import ClipError, IncompleteClip, MissingClip, UnreadableClip
from . import containers
from .sequences import frame_folders

_STILL = "Wait until it is written; if it is, render or copy it again."
_BOXES = (b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide", b"pnot", b"moof", b"styp", b"sidx", b"uuid")
_EBML = b"\x1a\x45\xdf\xa3"
_SEGMENT = 0x18538067
_UNKNOWN_SIZE = -1
_ZERO_TAIL_BYTES = 512
_TAIL_OF_PACKET_BYTES = 64
_FAR = 2**62 // 10**6  # microseconds
_TRANSPORT_SYNC = 0x47
_LONGEST_TRAILER_BYTES = 1 << 20
"""Cameras and phones append to a JPEG what is no picture."""

_PADDED_WITH_ZEROS = (b"\x00\x00\x01\xba", b"\x00\x00\x01\xb3")
"""MPEG program and elementary streams fill their last sector."""

_ZEROS = "it was given its size beforehand, and its end holds only zeros"


class _Finding(NamedTuple):
    missing: str | None
    end: int | None = None  # where the media ends and zeros are looked for; None where none can be


def check(path: Path) -> None:
    """Raises IncompleteClip where the file is empty, cut off or still being filled; MissingClip where there is none.

    Of a sequence every frame is looked at, and gaps are named (``frame_folders.find``). Says nothing about whether it can be decoded: a text
    file is whole.
    """
    if path.is_dir():
        _check_sequence(path)
        return
    try:
        size = path.stat().st_size
        if size == 0:
            raise IncompleteClip(f"The file is empty (0 bytes). {_STILL}", path=path)
        with path.open("rb") as file:
            head = file.read(64)
            finding = _structure(head)(file, size)
            missing = finding.missing or _zero_end(path, file, finding.end, head)
    except FileNotFoundError:
        raise MissingClip("The file is not there (any more). Check its path.", path=path) from None
    except OSError as error:
        raise UnreadableClip(f"The file cannot be read ({error.strerror}). Check its permissions.", path=path) from None
    if missing:
        raise IncompleteClip(f"{missing[0].upper()}{missing[1:]}. {_STILL}", path=path)


def _check_sequence(folder: Path) -> None:
    for file in frame_folders.find(folder).files():
        try:
            check(file)
        except ClipError as error:
            raise type(error)(f"{file.name}: {error.message}", path=folder) from None


def _structure(head: bytes) -> Callable[[BinaryIO, int], _Finding]:
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
    if head.startswith(b"\xff\xd8\xff"):
        return _jpeg
    return lambda file, size: _Finding(None, size)


def _mp4(file: BinaryIO, size: int) -> _Finding:
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
            return _Finding(f"its box '{kind.decode()}' ends {position + length - size} bytes after the end of the file")
        seen.add(kind)
        last = kind
        position += length
    if b"moov" not in seen:
        return _Finding("its index (the box 'moov') is missing")
    return _Finding("its last fragment has no data" if last == b"moof" else None, position)


def _matroska(file: BinaryIO, size: int) -> _Finding:
    position, end = 0, size
    while position < end:
        identity, length, start = _element(file, position)
        if identity is None or start > size:
            return _Finding(_ZEROS if _holds_zeros(file, position) else "it ends inside an element")
        if length == _UNKNOWN_SIZE:
            position = start  # a live recording: look at what is inside
            continue
        if start + length > size:
            return _Finding(f"it ends {start + length - size} bytes too early")
        if identity == _SEGMENT:
            position, end = start, start + length
        else:
            position = start + length
    return _Finding(None, end)


def _element(file: BinaryIO, position: int) -> tuple[int | None, int, int]:
    """(id, length of the content, where it starts) of the EBML element at ``position``; no id where there is none."""
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


def _riff(file: BinaryIO, size: int) -> _Finding:
    position = 0
    while position + 12 <= size:
        file.seek(position)
        header = file.read(12)
        length = int.from_bytes(header[4:8], "little")
        if not header.startswith(b"RIFF") or length == 0:
            break  # rubbish after the last list, or a recording that never wrote its sizes
        end = position + 8 + length
        if end > size:
            return _Finding(f"it ends {end - size} bytes too early")
        position += 12
        while position + 8 <= end:
            file.seek(position)
            chunk = file.read(8)
            if not any(chunk):
                return _Finding(_ZEROS)
            position += 8 + int.from_bytes(chunk[4:], "little") + chunk[4] % 2
        position = end + length % 2
    return _Finding(None, position or size)


def _gif(file: BinaryIO, size: int) -> _Finding:
    with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        try:
            position = 13 + _palette_bytes(data[10])
            while data[position] != 0x3B:
                if data[position] == 0x2C:
                    position += 10 + _palette_bytes(data[position + 9]) + 1
                elif data[position] == 0x21:
                    position += 2
                else:  # no block: zeros were never written, anything else is for the decoder to judge
                    return _Finding(_ZEROS if _holds_zeros(file, position) else None)
                while data[position]:
                    position += data[position] + 1
                position += 1
        except IndexError:
            return _Finding("it ends before its last frame is written")
    return _Finding(None)


def _palette_bytes(flags: int) -> int:
    return 3 << ((flags & 7) + 1) if flags & 0x80 else 0


def _png(file: BinaryIO, size: int) -> _Finding:
    position = 8
    while position + 12 <= size:
        file.seek(position)
        header = file.read(8)
        position += 12 + int.from_bytes(header[:4], "big")
        if header[4:] == b"IEND":
            return _Finding(None)
    return _Finding("its last chunk is missing")


def _jpeg(file: BinaryIO, size: int) -> _Finding:
    file.seek(max(0, size - _LONGEST_TRAILER_BYTES))
    return _Finding(None if b"\xff\xd9" in file.read() else "its end marker is missing")


def _zero_end(path: Path, file: BinaryIO, end: int | None, head: bytes) -> str | None:
    if end is None or head.startswith(_PADDED_WITH_ZEROS) or not _holds_zeros(file, max(0, end - _ZERO_TAIL_BYTES)):
        return None
    is_transport = _TRANSPORT_SYNC in (*head[:1], *head[4:5])
    return _ZEROS if is_transport or not any(head) or _last_packet_is_zero(path) else None


def _holds_zeros(file: BinaryIO, start: int) -> bool:
    file.seek(start)
    return not any(file.read(_ZERO_TAIL_BYTES))


def _last_packet_is_zero(path: Path) -> bool:
    """True when the last picture was never written. Its tail counts: a copy may stop inside it."""
    last: bytes | None = None
    try:
        with containers.open_container(path) as container:
            video = containers.video_stream(container, path)
            if video.codec_context.name == "rawvideo":
                return False
            container.seek(_FAR, backward=True)
            for packet in container.demux(video):
                if packet.size:
                    last = bytes(packet)
    except (av.error.FFmpegError, UnreadableClip):
        return True
    return last is None or not any(last[-_TAIL_OF_PACKET_BYTES:])
