"""Whether the colours of a TIFF are multiplied by their alpha, which FFmpeg neither reads nor writes: its tag ExtraSamples.

Source: TIFF 6.0, sections 2 and 18.
"""

from __future__ import annotations

import struct
from pathlib import Path
from typing import BinaryIO

_EXTRA_SAMPLES, _MULTIPLIED = 338, 1
_ENTRY_BYTES, _VALUE_AT = 12, 8
_ORDERS = {b"II*\0": "<", b"MM\0*": ">"}


def is_multiplied(path: Path) -> bool:
    with path.open("rb") as file:
        place = _place(file)
        if place is None:
            return False
        order, position = place
        file.seek(position)
        return struct.unpack(f"{order}H", file.read(2))[0] == _MULTIPLIED


def say_multiplied(path: Path) -> None:
    """In a file that has the tag."""
    with path.open("r+b") as file:
        place = _place(file)
        assert place is not None, "FFmpeg writes it beside alpha"
        order, position = place
        file.seek(position)
        file.write(struct.pack(f"{order}H", _MULTIPLIED))


def _place(file: BinaryIO) -> tuple[str, int] | None:
    """The order of bytes, and where the tag's first value stands."""
    order = _ORDERS.get(file.read(4))
    if order is None:
        return None  # BigTIFF, which FFmpeg does not read
    (start,) = struct.unpack(f"{order}I", file.read(4))
    file.seek(start)
    (count,) = struct.unpack(f"{order}H", file.read(2))
    entries = file.read(count * _ENTRY_BYTES)
    for at in range(0, len(entries) - _ENTRY_BYTES + 1, _ENTRY_BYTES):
        if struct.unpack_from(f"{order}H", entries, at)[0] == _EXTRA_SAMPLES:
            return order, start + 2 + at + _VALUE_AT
    return None
