"""Results that are image sequences: a folder of numbered frames, named and numbered as the source's.

FFmpeg writes plain frames into a folder of our own; each is then given its name, and what the source's frame says besides its picture.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import av

from ...config.errors import CannotWrite
from .. import ffmpeg, media, naming
from ..animations import png_chunks
from ..prompts import sidecar
from ..writing import carrying, frame_pipe
from . import frame_files, frame_folders, linear_light, tiff_alpha
from .frame_folders import Sequence
from .sequence_codecs import is_half, is_multiplied

if TYPE_CHECKING:
    from ..records import Clip
    from ..writing.orders import Order

SIDECAR = f"frames{sidecar.SUFFIX}"
"""Inside a result: how many frames a second it has."""

_DIGITS = 4  # of a movie's frames
_SUFFIXES = {"png": ".png", "tiff": ".tif", "exr": ".exr"}


def write(order: Order) -> int:
    """``frame_pipe.encode`` for a folder ``output``. Raises as that does."""
    clip, kind, output = order.clip, order.encoding.frames_of, order.output
    assert kind is not None
    raw = output.with_name(f"{output.name}.raw")
    for folder in (raw, output):
        shutil.rmtree(folder, ignore_errors=True)  # of a run that was killed
        folder.mkdir()
    suffix = "png" if kind == "png" else "tif"
    pattern = Path(str(raw.absolute()).replace("%", "%%")) / f"%08d.{suffix}"
    origin, settings = media.origin(clip), order.settings
    argv = frame_pipe.command(ffmpeg.tool(settings), replace(order, output=pattern), origin)
    written = frame_pipe.feed(
        argv,
        clip,
        order.frames,
        order.rate,
        raw / "frame",
        settings,
        progress=order.progress,
        expected_frames=order.expected_frames,
        origin=origin,
    )
    try:
        _finish(clip, kind, [raw / f"{index:08d}.{suffix}" for index in range(written)], output)
        (output / SIDECAR).write_bytes(sidecar.as_bytes(sidecar.checked({"schema": 1, "fps": float(order.rate)}, output / SIDECAR)))
        raw.rmdir()
    except OSError as error:
        raise CannotWrite(f"The frames cannot be written ({error.strerror}). Free some space, then retry.", path=output.parent) from error
    return written


def _finish(clip: Clip, kind: str, made: list[Path], output: Path) -> None:
    named = _Naming.of(clip, output, kind, len(made))
    for index, raw in enumerate(made):
        _FINISHERS[kind](raw, named.result.file(named.result.first + index), named.said(index), clip)
        raw.unlink(missing_ok=True)


@dataclass(frozen=True)
class _Naming:
    """The result's names, and which of the source's frames each stands for."""

    result: Sequence
    source: Sequence | None
    tags: tuple[png_chunks.Chunk, ...] = ()  # of a movie: they go into the first frame

    @classmethod
    def of(cls, clip: Clip, output: Path, kind: str, count: int) -> _Naming:
        if clip.container != frame_folders.CONTAINER:
            tags = png_chunks.texts(carrying.tags(clip).items())
            prefix = f"{naming.shortened(clip.path.stem)}_"
            return cls(Sequence(output, prefix, _DIGITS, _SUFFIXES[kind], 1, count), None, tags)
        source = frame_folders.find(clip.path)
        suffix = source.file(source.first).suffix
        same = frame_files.BY_SUFFIX[suffix.lower()].name == kind
        shown = source.suffix if same else source.suffix.removesuffix(suffix) + _SUFFIXES[kind]
        return cls(Sequence(output, source.prefix, source.digits, shown, source.first, source.first + count - 1), source)

    def said(self, index: int) -> tuple[png_chunks.Chunk, ...]:
        if self.source is None:
            return self.tags if index == 0 else ()
        shown = index * self.source.count // self.result.count
        return png_chunks.kept(self.source.file(self.source.first + shown))


def _as_png(made: Path, target: Path, said: tuple[png_chunks.Chunk, ...], clip: Clip) -> None:
    png_chunks.write(made, target, said)


def _as_tiff(made: Path, target: Path, said: tuple[png_chunks.Chunk, ...], clip: Clip) -> None:
    os.replace(made, target)
    if is_multiplied(clip):
        tiff_alpha.say_multiplied(target)


def _as_exr(made: Path, target: Path, said: tuple[png_chunks.Chunk, ...], clip: Clip) -> None:
    light = linear_light.light(frame_files.decode(made))
    encoder = av.CodecContext.create("exr", "w")
    assert isinstance(encoder, av.VideoCodecContext)
    encoder.width, encoder.height, encoder.pix_fmt, encoder.time_base = light.width, light.height, light.format.name, Fraction(1, 25)
    encoder.options = {"compression": "zip16", "format": "half" if is_half(clip) else "float"}
    with target.open("wb") as file:
        packets = cast("list[Any]", [*encoder.encode(light), *encoder.encode(None)])  # their stub leaves open what they hold
        file.writelines(bytes(packet) for packet in packets)


_FINISHERS: dict[str, Callable[[Path, Path, tuple[png_chunks.Chunk, ...], Clip], None]] = {
    "png": _as_png,
    "tiff": _as_tiff,
    "exr": _as_exr,
}
