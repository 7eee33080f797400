"""The texts of an EXIF block, read from its directory alone: no picture is decoded.

The form is TIFF's: a header, and directories of twelve-byte entries (tag, type, count, value or its place).
"""

from __future__ import annotations

import struct
from collections.abc import Container, Iterator

USER_COMMENT = 0x9286
MAKER_NOTE = 0x927C
IMAGE_DESCRIPTION = 0x010E
_EXIF_DIRECTORY = 0x8769
_MOST_ENTRIES = 200
_TEXT_TYPES = (1, 2, 7)  # bytes, ASCII, undefined
_LONG = 4
_CODES = {b"ASCII\0\0\0": "ascii", b"UNICODE\0": "utf-16", b"JIS\0\0\0\0\0": "shift_jis"}


def texts(block: bytes, wanted: Container[int]) -> dict[int, str]:
    """Texts of the wanted tags, of the first directory and of EXIF's own. Empty where the block is none."""
    block = block.removeprefix(b"Exif\0\0")
    order = {b"II": "<", b"MM": ">"}.get(block[:2])
    if order is None or len(block) < 8:
        return {}
    found: dict[int, str] = {}
    places = [struct.unpack_from(order + "I", block, 4)[0]]
    for place in places:
        for tag, kind, value in _entries(block, place, order):
            if tag == _EXIF_DIRECTORY and kind == _LONG and len(places) == 1 and len(value) >= 4:
                places.append(struct.unpack_from(order + "I", value)[0])
            elif kind in _TEXT_TYPES and tag in wanted and tag not in found:
                found[tag] = decoded(value, order)
    return found


def decoded(value: bytes, order: str = "<") -> str:
    """Text whose first eight bytes may name its code, as a user comment's do."""
    code = _CODES.get(value[:8])
    if code == "utf-16":
        return value[8:].decode(_utf16(value[8:], order), "ignore").rstrip("\0")
    if code is not None:
        return value[8:].decode("utf-8" if code == "ascii" else code, "replace").rstrip("\0")
    return value.removeprefix(b"\0" * 8).decode("utf-8", "replace").rstrip("\0")


def _utf16(value: bytes, order: str) -> str:
    """Writers disagree with their own header: mostly Latin text has its zeros in every second byte."""
    if value[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return "utf-16"
    first, second = value[:400:2].count(0), value[1:400:2].count(0)
    if first == second:
        return "utf-16-le" if order == "<" else "utf-16-be"
    return "utf-16-be" if first > second else "utf-16-le"


def _entries(block: bytes, place: int, order: str) -> Iterator[tuple[int, int, bytes]]:
    if place + 2 > len(block):
        return
    count = min(struct.unpack_from(order + "H", block, place)[0], _MOST_ENTRIES)
    for at in range(place + 2, place + 2 + 12 * count, 12):
        if at + 12 > len(block):
            return
        tag, kind, length = struct.unpack_from(order + "HHI", block, at)
        size = length * (4 if kind == _LONG else 1)
        start = at + 8 if size <= 4 else struct.unpack_from(order + "I", block, at + 8)[0]
        if start + size <= len(block):
            yield tag, kind, block[start : start + size]
