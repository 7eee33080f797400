"""The texts in a PNG, WebP or JPEG file, by key. Only the list of its parts is read: no pixel is decoded."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from . import exif
from .untrusted import MOST_BYTES

SUFFIXES = (".png", ".apng", ".webp", ".jpg", ".jpeg")
_MOST_PARTS = 100_000
_MOST_JPEG_PARTS = 1_000
_MOST_TEXT = 2 * MOST_BYTES  # of one picture
_PNG = b"\x89PNG\r\n\x1a\n"
_EXIF_KEYS = {exif.USER_COMMENT: "parameters", exif.MAKER_NOTE: "fooocus_scheme", exif.IMAGE_DESCRIPTION: "description"}
"""Where JPEG and WebP keep what PNG keeps under these keys."""

_NAMED_TAGS = range(0x0100, 0x0111)
"""ComfyUI writes ``key:value`` into 0x0110 and counts down from there."""

_WANTED = frozenset((*_EXIF_KEYS, *_NAMED_TAGS))


def read(path: Path) -> dict[str, str]:
    """Texts by lower-case key. Empty where the file is no such picture, or has none."""
    try:
        with path.open("rb") as file:
            return _texts(file)
    except OSError:
        return {}


def _texts(file: BinaryIO) -> dict[str, str]:
    head = file.read(12)
    if head.startswith(_PNG):
        file.seek(8)
        return _of_png(file)
    if head[:4] == b"RIFF" and head[8:] == b"WEBP":
        return _of_exif(next((data for kind, data in _riff_parts(file) if kind == b"EXIF"), b""))
    if head[:2] == b"\xff\xd8":
        file.seek(2)
        return _of_jpeg(file)
    return {}


def _of_png(file: BinaryIO) -> dict[str, str]:
    found: dict[str, str] = {}
    for kind, data in _png_parts(file):
        if sum(map(len, found.values())) > _MOST_TEXT:
            break
        if kind == b"eXIf":
            for key, text in _of_exif(data).items():
                found.setdefault(key, text)
            continue
        key, separator, rest = data.partition(b"\0")
        text = _PNG_TEXTS[kind](rest) if separator else None
        if text is not None:
            found.setdefault(key.decode("latin-1").lower(), text)
    return found


def _png_parts(file: BinaryIO) -> Iterator[tuple[bytes, bytes]]:
    for _ in range(_MOST_PARTS):
        head = file.read(8)
        if len(head) < 8 or head[4:] == b"IEND":
            return
        (size,) = struct.unpack(">I", head[:4])
        if (head[4:] in _PNG_TEXTS or head[4:] == b"eXIf") and size <= MOST_BYTES:
            yield head[4:], file.read(size)
            file.seek(4, 1)
        else:
            file.seek(size + 4, 1)


def _plain(rest: bytes) -> str:
    """Latin-1 by the standard; most writers put UTF-8."""
    try:
        return rest.decode("utf-8")
    except UnicodeDecodeError:
        return rest.decode("latin-1")


def _packed(rest: bytes) -> str | None:
    unpacked = _inflated(rest[1:])
    return None if unpacked is None else _plain(unpacked)


def _international(rest: bytes) -> str | None:
    if len(rest) < 2:
        return None
    parts = rest[2:].split(b"\0", 2)  # language, translated key, text
    if len(parts) < 3:
        return None
    data = _inflated(parts[2]) if rest[0] == 1 else parts[2]
    return None if data is None else data.decode("utf-8", "replace")


def _inflated(data: bytes) -> bytes | None:
    """None where it would grow past the limit, or is broken."""
    unpacker = zlib.decompressobj()
    try:
        unpacked = unpacker.decompress(data, MOST_BYTES)
    except zlib.error:
        return None
    return unpacked if unpacker.eof else None


_PNG_TEXTS = {b"tEXt": _plain, b"zTXt": _packed, b"iTXt": _international}


def _riff_parts(file: BinaryIO) -> Iterator[tuple[bytes, bytes]]:
    for _ in range(_MOST_PARTS):
        head = file.read(8)
        if len(head) < 8:
            return
        (size,) = struct.unpack("<I", head[4:])
        if head[:4] == b"EXIF" and size <= MOST_BYTES:
            yield head[:4], file.read(size)
            file.seek(size & 1, 1)
        else:
            file.seek(size + (size & 1), 1)


def _of_jpeg(file: BinaryIO) -> dict[str, str]:
    found: dict[str, str] = {}
    for _ in range(_MOST_JPEG_PARTS):
        head = file.read(4)
        if len(head) < 4 or head[0] != 0xFF or head[1] in (0xDA, 0xD9):
            return found
        data = file.read(max(0, struct.unpack(">H", head[2:])[0] - 2))
        if head[1] == 0xE1 and data.startswith(b"Exif\0\0"):
            found |= _of_exif(data)
        elif head[1] == 0xFE:
            found.setdefault("comment", data.decode("utf-8", "replace"))
    return found


def _of_exif(block: bytes) -> dict[str, str]:
    found: dict[str, str] = {}
    for tag, text in exif.texts(block, _WANTED).items():
        key, separator, value = text.partition(":")
        if tag in _NAMED_TAGS and tag not in _EXIF_KEYS and separator and key.isidentifier():
            found.setdefault(key.lower(), value)
        elif tag in _EXIF_KEYS:
            found.setdefault(_EXIF_KEYS[tag], text)
    return found
