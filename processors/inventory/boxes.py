"""The boxes of an MP4 or MOV file, as far as FFmpeg does not show what stands in them. Source: ISO/IEC 14496-12, section 4.2."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

_MOST_BOXES = 10_000


class Box(NamedTuple):
    name: bytes
    start: int  # of its content, in the file
    end: int


def inside(file: BinaryIO, start: int, end: int) -> Iterator[Box]:
    """The boxes between two places, until one that cannot be."""
    for _ in range(_MOST_BOXES):
        file.seek(start)
        head = file.read(16)
        if len(head) < 8 or start + 8 > end:
            return
        size, header = struct.unpack(">I", head[:4])[0], 8
        if size == 1 and len(head) == 16:
            size, header = struct.unpack(">Q", head[8:])[0], 16
        size = end - start if size == 0 else size
        if size < header or start + size > end:
            return
        yield Box(head[4:8], start + header, start + size)
        start += size


def at(file: BinaryIO, start: int, end: int, *names: bytes) -> Box | None:
    """The first box of the first name, in it the first of the next, and so on."""
    found: Box | None = None
    for name in names:
        found = next((box for box in inside(file, start, end) if box.name == name), None)
        if found is None:
            return None
        start, end = found.start, found.end
    return found
