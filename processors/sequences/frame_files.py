"""One picture file at a time: decoded with the codec that its name and its first bytes both mean, and written back.

No demuxer is asked: what is named .png and is none, a script for instance, is refused and never opened as something else. An error's path
is the folder, which is the clip; its message names the frame.
"""

from __future__ import annotations

import struct
from pathlib import Path
from typing import NamedTuple

import av
import av.error

from ...config.errors import RefusedClip, UnreadableClip
from .. import containers
from . import linear_light, tiff_alpha

LARGEST_BYTES = 1 << 31
"""Of one picture: sixteen thousand by eight thousand pixels of four floats."""


class Kind(NamedTuple):
    """A format of picture files."""

    name: str
    codec: str  # FFmpeg's decoder
    magic: tuple[bytes, ...]  # its first bytes, one of them


PNG = Kind("png", "png", (b"\x89PNG\r\n\x1a\n",))
JPEG = Kind("jpeg", "mjpeg", (b"\xff\xd8\xff",))
TIFF = Kind("tiff", "tiff", (b"II*\0", b"MM\0*"))
EXR = Kind("exr", "exr", (b"\x76\x2f\x31\x01",))
BMP = Kind("bmp", "bmp", (b"BM",))
WEBP = Kind("webp", "webp", (b"RIFF",))

BY_SUFFIX = {
    **{".png": PNG, ".jpg": JPEG, ".jpeg": JPEG, ".tif": TIFF, ".tiff": TIFF},
    **{".exr": EXR, ".bmp": BMP, ".webp": WEBP},
}

_SIZES = {PNG: (">II", 16), BMP: ("<ii", 18)}
"""How, and where, the header says width and height."""


def kind_of(path: Path) -> Kind:
    return BY_SUFFIX[path.suffix.lower()]


def head(path: Path, size: int = 64) -> bytes:
    """The first bytes of a picture. Raises RefusedClip where they are not what its name says or where it is a link, UnreadableClip."""
    kind = kind_of(path)
    try:
        if path.is_symlink() or not path.is_file():
            raise RefusedClip(f"{path.name} is a link or no regular file. Put the picture itself there.", path=path.parent)
        with path.open("rb") as file:
            found = file.read(size)
    except OSError as error:
        raise UnreadableClip(f"{path.name} cannot be read ({error.strerror}). Check its permissions.", path=path.parent) from None
    if not found.startswith(kind.magic):
        raise RefusedClip(
            f"{path.name} is no {kind.name.upper()} picture, whatever its name says. Export that frame again, or rename it.",
            path=path.parent,
        )
    return found


def decode(path: Path) -> av.VideoFrame:
    """The picture as FFmpeg's decoder gives it; EXR's light as 16 bits on the curve of sRGB (``linear_light``).

    Raises RefusedClip for what is not what its name says, UnreadableClip for what cannot be decoded.
    """
    width, height = _declared(path)
    if path.stat().st_size > LARGEST_BYTES or width * height > containers.LARGEST_PIXELS:
        raise _too_large(path, f" ({width}x{height})" if width else "")
    decoder = av.CodecContext.create(kind_of(path).codec, "r")
    assert isinstance(decoder, av.VideoCodecContext)
    decoder.options = {"max_pixels": str(containers.LARGEST_PIXELS)}
    try:
        decoded = [*decoder.decode(av.Packet(path.read_bytes())), *decoder.decode(None)]
    except av.error.ArgumentError:  # what FFmpeg says of a size beyond max_pixels
        raise _too_large(path, ", or its header is damaged") from None
    except (av.error.FFmpegError, OSError, ValueError) as error:
        raise UnreadableClip(f"{path.name} cannot be decoded ({error}). Render or copy that frame again.", path=path.parent) from None
    if not decoded:
        raise UnreadableClip(f"{path.name} cannot be decoded. Render or copy that frame again.", path=path.parent)
    frame = decoded[0]
    return linear_light.encoded(frame, path) if linear_light.is_linear(frame) else frame


def _declared(path: Path) -> tuple[int, int]:
    """(width, height) as the header says, of the kinds in which it stands at one place; (0, 0) of others. Raises as ``head`` does."""
    found = head(path)
    kind = kind_of(path)
    if kind not in _SIZES or len(found) < 26:
        return 0, 0
    layout, start = _SIZES[kind]
    width, height = struct.unpack_from(layout, found, start)
    return abs(width), abs(height)


def _too_large(path: Path, why: str) -> UnreadableClip:
    return UnreadableClip(f"{path.name} is too large{why}. Scale the frames to 16384x8192 or less.", path=path.parent)


def png_format(path: Path) -> tuple[int, bool, bool]:
    """(bits, colour, alpha) of a PNG from its header alone. Raises as ``head`` does."""
    found = head(path)
    bits, color_type = struct.unpack(">BB", found[24:26].ljust(2, b"\0"))
    return (16 if bits == 16 else 8), color_type in (2, 3, 6), color_type in (3, 4, 6)  # a palette may hold transparent colours


def is_multiplied(path: Path) -> bool:
    """Whether its colours are multiplied by their alpha: those of EXR are by custom, those of TIFF where it says so."""
    kind = kind_of(path)
    return kind is EXR or (kind is TIFF and tiff_alpha.is_multiplied(path))


class _Channel(NamedTuple):
    name: str
    pixel_type: int  # 0 whole numbers, 1 half, 2 float


def other_channels(path: Path) -> tuple[str, ...]:
    """Names of an EXR's channels that are no part of its picture: depth, mattes, layers."""
    return tuple(channel.name for channel in _channels(path) if channel.name not in ("R", "G", "B", "A", "Y"))


def is_half(path: Path) -> bool:
    """Whether the picture of an EXR is of half floats."""
    return all(channel.pixel_type == 1 for channel in _channels(path) if channel.name in ("R", "G", "B", "Y"))


def _channels(path: Path) -> tuple[_Channel, ...]:
    """The list of channels in an EXR's header: name, zero, and 16 bytes each. openexr.com, "OpenEXR File Layout"."""
    found = head(path, 1 << 16)
    start = found.find(b"channels\0chlist\0")
    if start < 0:
        return ()
    position = start + len(b"channels\0chlist\0") + 4
    channels: list[_Channel] = []
    while (end := found.find(b"\0", position)) > position and len(found) >= end + 17:
        (pixel_type,) = struct.unpack("<i", found[end + 1 : end + 5])
        channels.append(_Channel(found[position:end].decode("ascii", "replace"), pixel_type))
        position = end + 17
    return tuple(channels)
