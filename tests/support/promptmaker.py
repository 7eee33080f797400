"""Small real files that carry texts as generators write them."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import av
import numpy as np
from PIL import Image
from PIL.PngImagePlugin import PngInfo

_SIZE = (64, 48)


def video(path: Path, tags: dict[str, str] | None = None, *, atoms: bool = False) -> Path:
    """Two gray frames with tags of the container. ``atoms``: those of mp4 go where iTunes has them, as ``(c)cmt``."""
    options = {"movflags": "use_metadata_tags"} if path.suffix == ".mp4" and not atoms else {}
    with av.open(str(path), "w", options=options) as output:
        output.metadata.update(tags or {})
        stream = output.add_stream("mpeg4" if path.suffix != ".webm" else "libvpx-vp9", 24)
        stream.width, stream.height, stream.pix_fmt = *_SIZE, "yuv420p"
        for _ in range(2):
            output.mux(stream.encode(av.VideoFrame.from_ndarray(np.full((_SIZE[1], _SIZE[0], 3), 90, np.uint8), "rgb24")))
        output.mux(stream.encode(None))
    return path


def encoded_by(path: Path, name: bytes) -> Path:
    """The file with another program's name where FFmpeg put its own."""
    data = path.read_bytes()
    at = data.rindex(b"Lavf")
    end = next((place for place in range(at, len(data)) if data[place] not in b"Lavf0123456789."), len(data))
    path.write_bytes(data[:at] + name.ljust(end - at) + data[end:])
    return path


def with_box(path: Path, workflow: bytes) -> Path:
    """The mp4 with a box ``wflo`` in moov/udta: four zero bytes, then the workflow. The moov box must be its last."""
    data = bytearray(path.read_bytes())
    start = 0
    while data[start + 4 : start + 8] != b"moov":
        start += struct.unpack_from(">I", data, start)[0]
    (size,) = struct.unpack_from(">I", data, start)
    assert start + size == len(data)
    box = _box(b"wflo", b"\0\0\0\0" + workflow)
    at, udta = start + 8, None
    while at < len(data):
        if data[at + 4 : at + 8] == b"udta":
            udta = at
        at += struct.unpack_from(">I", data, at)[0]
    if udta is None:
        box = _box(b"udta", box)
    else:
        struct.pack_into(">I", data, udta, struct.unpack_from(">I", data, udta)[0] + len(box))
        assert udta + struct.unpack_from(">I", data, udta)[0] == len(data) + len(box)
    struct.pack_into(">I", data, start, size + len(box))
    path.write_bytes(bytes(data) + box)
    return path


def _box(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", 8 + len(content)) + kind + content


def png(path: Path, texts: dict[str, str], *, chunk: str = "tEXt") -> Path:
    info = PngInfo()
    for key, value in texts.items():
        if chunk == "iTXt":
            info.add_itxt(key, value)
        else:
            info.add_text(key, value, zip=chunk == "zTXt")
    Image.new("RGB", _SIZE, "gray").save(path, pnginfo=info)
    return path


def exif_picture(path: Path, tags: dict[int, Any], comment: bytes | None = None, maker: bytes | None = None) -> Path:
    """A JPEG or WebP with tags of EXIF's first directory, a user comment, a maker's note."""
    exif = Image.Exif()
    for tag, value in tags.items():
        exif[tag] = value
    inner = exif.get_ifd(0x8769)
    if comment is not None:
        inner[0x9286] = comment
    if maker is not None:
        inner[0x927C] = maker
    Image.new("RGB", _SIZE, "gray").save(path, exif=exif)
    return path
