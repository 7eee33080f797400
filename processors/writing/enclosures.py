"""Enclosures: files in the work folder that FFmpeg reads while it muxes, of what it cannot copy from the source itself: tags that it does
not see there, and cover pictures, which its Matroska muxer takes from files alone.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from .. import media
from ..inventory import parts

if TYPE_CHECKING:
    from ..inventory.parts import Part
    from ..records import Clip
    from .carrying import Along

_MIME = {"mjpeg": ("image/jpeg", ".jpg"), "png": ("image/png", ".png"), "bmp": ("image/bmp", ".bmp")}
_ESCAPED = str.maketrans({character: f"\\{character}" for character in "=;#\\\n"})


@dataclass(frozen=True)
class Cover:
    path: Path
    name: str
    mime: str


@dataclass(frozen=True)
class Enclosed:
    tags: Path | None = None  # in FFmpeg's own format of tags
    covers: tuple[Cover, ...] = ()


@contextmanager
def written(clip: Clip, along: Along, output: Path) -> Generator[Enclosed, None, None]:
    """Beside ``output`` for as long as the context lasts."""
    made: list[Path] = []
    try:
        tags = _write(output.with_name(f"{output.name}.tags"), as_metadata(along.tags).encode(), made) if along.tags else None
        yield Enclosed(tags, tuple(_covers(clip, along.covers, output, made)) if along.covers else ())
    finally:
        for path in made:
            with suppress(OSError):
                path.unlink(missing_ok=True)


def as_metadata(tags: Mapping[str, str]) -> str:
    """FFmpeg's format of tags: a line each, special characters escaped."""
    lines = (f"{key.translate(_ESCAPED)}={value.translate(_ESCAPED)}\n" for key, value in tags.items())
    return ";FFMETADATA1\n" + "".join(lines)


def _covers(clip: Clip, wanted: tuple[Part, ...], output: Path, made: list[Path]) -> Generator[Cover, None, None]:
    selectors = {part.selector for part in wanted}
    with media.open_container(clip.path) as container:
        found = [part for part in parts.of(container).others if part.selector in selectors]
        for part in found:
            mime, suffix = _MIME[part.codec]
            data = next((bytes(packet) for packet in cast("Iterator[Any]", container.demux(part.stream)) if packet.size), b"")
            container.seek(0)
            path = _write(output.with_name(f"{output.name}.cover-{part.number}"), data, made)
            yield Cover(path, part.stream.metadata.get("filename", f"cover{suffix}"), part.stream.metadata.get("mimetype", mime))


def _write(path: Path, data: bytes, made: list[Path]) -> Path:
    made.append(path)
    path.write_bytes(data)
    return path
