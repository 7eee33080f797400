"""What a VobSub track says of all its pictures: the canvas that they lie on, and their sixteen colours.

FFmpeg gives the palette of MP4 as RGB, which the way back into YUV rounds, and says no canvas, for which its muxer writes 720x480. So both
are put back into a result as they stand in the source.
"""

from __future__ import annotations

import re
import struct
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from .. import containers
from . import boxes, parts

CODEC = "dvd_subtitle"
_PALETTE_BYTES = 64
_SIZE = re.compile(rb"size:\s*(\d+)x(\d+)")
_COLOURS = re.compile(rb"palette:\s*([0-9a-fA-F, ]+)")
_ES, _DECODER, _SPECIFIC = 3, 4, 5
"""Descriptors of ISO/IEC 14496-1, section 7.2.6: each holds the next."""


class Canvas(NamedTuple):
    size: tuple[int, int] | None  # (width, height); None where nothing says it
    colours: tuple[str, ...]  # "rrggbb"


class _Place(NamedTuple):
    """Where in an MP4 file it stands."""

    size: int  # two numbers of 16.16 bits
    colours: int | None


def canvas(stream: Any, path: Path) -> Canvas | None:
    """Of a stream of a container that is open; None of one that says nothing."""
    said = bytes(stream.codec_context.extradata or b"")
    size, colours = _SIZE.search(said), _COLOURS.search(said)
    if not size and not colours:
        return None
    known = (int(size[1]), int(size[2])) if size else None
    if "mov" in stream.container.format.name:
        with path.open("rb") as file:
            known = _size(file, _places(file).get(stream.id))
    return Canvas(known, tuple(each.strip().lower() for each in colours[1].decode().split(",")) if colours else ())


def keep(source: Path, selectors: tuple[str, ...], result: Path) -> None:
    """Give the tracks of an MP4 file what those of another, copied in this order, say. Nothing else in the file moves."""
    with containers.open_container(source) as container:
        by_selector = {part.selector: part.stream.id for part in parts.of(container).others if part.codec == CODEC}
    wanted = [by_selector[selector] for selector in selectors if selector in by_selector]
    if not wanted:
        return
    with containers.open_container(result) as container:
        mine = [stream.id for stream in container.streams if parts.codec(stream) == CODEC]
    with source.open("rb") as before, result.open("r+b") as after:
        theirs, ours = _places(before), _places(after)
        for there, here in zip(wanted, mine, strict=True):
            if there in theirs and here in ours:
                _copy(before, theirs[there], after, ours[here])


def _copy(before: BinaryIO, there: _Place, after: BinaryIO, here: _Place) -> None:
    both = [(there.size, here.size, 8), (there.colours, here.colours, _PALETTE_BYTES)]
    for source, target, length in both:
        if source is not None and target is not None:
            before.seek(source)
            after.seek(target)
            after.write(before.read(length))


def _size(file: BinaryIO, place: _Place | None) -> tuple[int, int] | None:
    if place is None:
        return None
    file.seek(place.size)
    width, height = (each >> 16 for each in struct.unpack(">II", file.read(8)))
    return (width, height) if width and height else None


def _places(file: BinaryIO) -> dict[int, _Place]:
    """By the track's number."""
    file.seek(0, 2)
    movie = boxes.at(file, 0, file.tell(), b"moov")
    found: dict[int, _Place] = {}
    for track in boxes.inside(file, movie.start, movie.end) if movie else ():
        header = boxes.at(file, track.start, track.end, b"tkhd") if track.name == b"trak" else None
        if header is not None:
            file.seek(header.start)
            is_long = file.read(1) == b"\1"
            file.seek(header.start + (20 if is_long else 12))
            (number,) = struct.unpack(">I", file.read(4))
            found[number] = _Place(header.end - 8, _colours(file, track))
    return found


def _colours(file: BinaryIO, track: boxes.Box) -> int | None:
    table = boxes.at(file, track.start, track.end, b"mdia", b"minf", b"stbl", b"stsd")
    entry = boxes.at(file, table.start + 8, table.end, b"mp4s") if table else None
    described = boxes.at(file, entry.start + 8, entry.end, b"esds") if entry else None
    if described is None:
        return None
    file.seek(described.start + 4)
    return _specific(file)


def _specific(file: BinaryIO) -> int | None:
    """Where the palette begins in what follows; None where it is no palette."""
    for tag, more in ((_ES, 3), (_DECODER, 13), (_SPECIFIC, 0)):
        head = file.read(1)
        length = _length(file)
        if head != bytes([tag]):
            return None
        if tag == _SPECIFIC:
            return file.tell() if length == _PALETTE_BYTES else None
        said = file.read(more)
        if len(said) < more or (tag == _ES and said[2] & 0xE0):
            return None  # cut off, or it depends on another stream
    return None


def _length(file: BinaryIO) -> int:
    """Seven bits a byte, the first bit set where more follow."""
    length = 0
    for _ in range(4):
        byte = (file.read(1) or b"\0")[0]
        length = length << 7 | byte & 0x7F
        if not byte & 0x80:
            break
    return length
