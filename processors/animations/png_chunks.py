"""What a PNG holds besides its picture: texts (ComfyUI's prompt and graph among them), EXIF, and what its colours mean.

PNG specification, third edition, section 11: https://www.w3.org/TR/png-3/
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from PIL import Image, UnidentifiedImageError

from ...config.errors import UnreadableClip

SIGNATURE = b"\x89PNG\r\n\x1a\n"

_COLORS = (b"iCCP", b"cICP", b"sRGB", b"cHRM", b"gAMA", b"pHYs", b"mDCV", b"cLLI")
_TEXTS = (b"tEXt", b"zTXt", b"iTXt", b"eXIf")
_MOST_BYTES = 64 << 20  # of one chunk that is kept


class Chunk(NamedTuple):
    kind: bytes
    data: bytes

    def __bytes__(self) -> bytes:
        return struct.pack(">I", len(self.data)) + self.kind + self.data + struct.pack(">I", zlib.crc32(self.kind + self.data))


def kept(path: Path) -> tuple[Chunk, ...]:
    """What a picture file says besides its pixels, as chunks that belong in a PNG made from it."""
    with path.open("rb") as file:
        if file.read(8) != SIGNATURE:
            return _translated(path)
        return tuple(of_kinds(path, (*_COLORS, *_TEXTS)))


def texts(tags: Iterable[tuple[str, str]]) -> tuple[Chunk, ...]:
    """A file's tags as international texts."""
    made: list[Chunk] = []
    for key, text in tags:
        name = key.encode("latin-1", "replace")[:79].strip()
        if name:
            made.append(Chunk(b"iTXt", name + b"\0\0\0\0\0" + text.encode("utf-8", "replace")))
    return tuple(made)


def write(source: Path, target: Path, chunks: Iterable[Chunk]) -> None:
    """Copy a PNG with these chunks in place of its own of the kinds that are kept."""
    data = source.read_bytes()
    end_of_header = 8 + 25
    with target.open("wb") as file:
        file.write(data[:end_of_header])
        for kind in (*_COLORS, *_TEXTS):
            file.writelines(bytes(chunk) for chunk in chunks if chunk.kind == kind)
        for kind, start, end in spans(data, end_of_header):
            if kind not in (*_COLORS, *_TEXTS):
                file.write(data[start:end])


def of_kinds(path: Path, kinds: Collection[bytes]) -> Iterator[Chunk]:
    """The chunks of these kinds, in the file's order; only they are read."""
    with path.open("rb") as file:
        file.seek(8)
        while len(head := file.read(8)) == 8:
            size, kind = struct.unpack(">I4s", head)
            if kind in kinds and size <= _MOST_BYTES:
                yield Chunk(kind, file.read(size))
                file.seek(4, 1)
            elif kind == b"IEND":
                return
            else:
                file.seek(size + 4, 1)


def spans(data: bytes, start: int = len(SIGNATURE)) -> Iterator[tuple[bytes, int, int]]:
    """(kind, begin, end) of each chunk of a PNG file from ``start`` on."""
    while start + 12 <= len(data):
        size, kind = struct.unpack(">I4s", data[start : start + 8])
        yield kind, start, start + 12 + size
        start += 12 + size


def _translated(path: Path) -> tuple[Chunk, ...]:
    """EXIF, colour profile and comment of a JPEG, WebP, TIFF or BMP; only its headers are read."""
    if path.suffix.lower() == ".exr":
        return ()
    try:
        with Image.open(path, formats=["JPEG", "WEBP", "TIFF", "BMP"]) as picture:
            told = dict(picture.info)
    except (UnidentifiedImageError, Image.DecompressionBombError):
        return ()  # of a kind that Pillow does not know, floats for instance: there is nothing else to ask
    except OSError as error:
        raise UnreadableClip(f"{path.name} cannot be read ({error}). Copy that frame again.", path=path) from None
    made: list[Chunk] = []
    if isinstance(profile := told.get("icc_profile"), bytes) and profile:
        made.append(Chunk(b"iCCP", b"ICC profile\0\0" + zlib.compress(profile)))
    if isinstance(exif := told.get("exif"), bytes) and exif:
        made.append(Chunk(b"eXIf", exif.removeprefix(b"Exif\0\0")))
    if isinstance(comment := told.get("comment"), bytes) and comment:
        made += texts([("Comment", comment.decode("utf-8", "replace"))])
    return tuple(made)
