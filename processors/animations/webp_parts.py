"""The parts of a WebP file: RIFF chunks, and what its frames say.

Source: "WebP Container Specification", developers.google.com.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

FRAME = b"ANMF"
_NO_BLENDING, _CLEARING = 2, 1


class Part(NamedTuple):
    kind: bytes
    data: bytes

    def __bytes__(self) -> bytes:
        return self.kind + struct.pack("<I", len(self.data)) + self.data + b"\0" * (len(self.data) % 2)


@dataclass(frozen=True)
class Frame:
    place: bytes  # as the file says it, in pairs of pixels
    width: int
    height: int
    stays_ms: int
    blends: bool  # over what is there, else in its place
    clears: bool  # its rectangle, before the next frame
    picture: bytes

    @classmethod
    def of(cls, part: Part) -> Frame:
        data, flags = part.data, part.data[15]
        width, height, stays_ms = (int.from_bytes(data[at : at + 3], "little") for at in (6, 9, 12))
        return cls(data[:6], width + 1, height + 1, stays_ms, not flags & _NO_BLENDING, bool(flags & _CLEARING), data[16:])

    def part(self) -> Part:
        numbers = (self.width - 1, self.height - 1, self.stays_ms)
        flags = _NO_BLENDING * (not self.blends) + _CLEARING * self.clears
        return Part(FRAME, self.place + b"".join(each.to_bytes(3, "little") for each in numbers) + bytes([flags]) + self.picture)


def parts(data: bytes) -> Iterator[Part]:
    position = 12
    while position + 8 <= len(data):
        kind, size = struct.unpack_from("<4sI", data, position)
        yield Part(kind, data[position + 8 : position + 8 + size])
        position += 8 + size + size % 2


def file(found: Iterable[Part]) -> bytes:
    content = b"WEBP" + b"".join(map(bytes, found))
    return b"RIFF" + struct.pack("<I", len(content)) + content
