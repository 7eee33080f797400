"""Image sequences as clips: what a folder of frames is, and its frames, one file at a time."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Generator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av

from ...config.errors import MixedFrames, SidecarError
from .. import colors, timing
from ..prompts import sidecar
from ..records import Clip, ColorTags
from . import frame_files, frame_folders

DEFAULT_FPS = Fraction(24)
_FULL_RANGE = 2
_BT601 = 5
_MATRICES = {"bt709": 1, "fcc": 4, "bt470bg": 5, "smpte170m": 6, "smpte240m": 7, "bt2020nc": 9, "bt2020c": 9}
"""By FFmpeg's numbers; it takes BT.601 for all others."""


_FORMATS = {
    **{(8, False, False): "gray", (8, False, True): "rgba", (8, True, False): "rgb24", (8, True, True): "rgba"},
    **{(16, False, False): "gray16le", (16, False, True): "rgba64le", (16, True, False): "rgb48le", (16, True, True): "rgba64le"},
}
"""The format that holds a frame of (bits, colour, alpha): what frames are given in. JPEG's and WebP's planes become RGB."""


def probe(folder: Path, fps: Fraction | None = None) -> Clip:
    """What the sequence in a folder is; one frame is decoded, of PNG all headers are read. ``fps`` where no sidecar says it.

    Raises SequenceError, RefusedClip or UnreadableClip.
    """
    sequence = frame_folders.find(folder)
    first = frame_files.decode(sequence.file(sequence.first))
    pixel_format = _format(sequence, first)
    layout = av.VideoFormat(pixel_format)
    rate = stored_rate(sequence) or fps or DEFAULT_FPS
    return Clip(
        path=folder,
        digest=digest(sequence),
        size_bytes=sum(file.stat().st_size for file in sequence.files()),
        container=frame_folders.CONTAINER,
        codec=frame_files.kind_of(sequence.file(sequence.first)).name,
        pixel_format=pixel_format,
        bit_depth=max(component.bits for component in layout.components),
        width=first.width,
        height=first.height,
        frames=sequence.count,
        frame_rate=rate,
        time_base=1 / rate,
        duration=sequence.count / rate,
        variable_frame_rate=False,
        rotation=0,
        sample_aspect=Fraction(1),
        has_alpha=any(component.is_alpha for component in layout.components),
        interlaced=False,
        color=ColorTags(range="pc"),
        audio=(),
    )


def beside(result: Clip, source: Clip) -> Clip:
    """A result that is a sequence, as its frames compare with those of a movie: in the matrix and range that it was made from."""
    layout = av.VideoFormat(source.pixel_format)
    if result.container != frame_folders.CONTAINER or layout.is_rgb or layout.has_palette or len(layout.components) < 3:
        return result
    deep = "p16le" if result.bit_depth > 8 else "p"
    full = colors.is_always_full_range(layout) or source.color.range == "pc"
    color = replace(source.color, range="pc" if full else "tv")
    return replace(result, pixel_format=f"yuv{'a' if result.has_alpha else ''}444{deep}", color=color)


def frames(clip: Clip) -> Generator[av.VideoFrame, None, None]:
    """The sequence's frames in order, all of the clip's size and pixel format, ``pts`` from 0 in ticks of one frame.

    Raises MixedFrames for one that differs in size or would lose something in the clip's format, UnreadableClip.
    """
    for index, file in enumerate(frame_folders.find(clip.path).files()):
        frame = frame_files.decode(file)
        if (frame.width, frame.height) != (clip.width, clip.height):
            raise MixedFrames(
                f"{file.name} is {frame.width}x{frame.height}, the frames before it are {clip.width}x{clip.height}. Export all at one size.",
                path=clip.path,
            )
        if frame.format.name != clip.pixel_format:
            frame = _brought(frame, clip, file)
        frame.pts, frame.time_base = index, clip.time_base
        yield frame


def digest(sequence: frame_folders.Sequence) -> str:
    """BLAKE2b over names and bytes of the frames, 32 hex digits."""
    total = hashlib.blake2b(digest_size=16)
    for file in sequence.files():
        total.update(os.fsencode(file.name) + b"\0")
        with file.open("rb") as opened:
            total.update(hashlib.file_digest(opened, lambda: hashlib.blake2b(digest_size=16)).digest())
    return total.hexdigest()


def stored_rate(sequence: frame_folders.Sequence) -> Fraction | None:
    """Frames a second that a sidecar says: ``<folder>.deshimmer.json`` beside the folder, or one inside."""
    try:
        rates = [sidecar.parsed(sidecar.content(file), file).fps for file in sidecar.of_folder(sequence.folder)]
    except SidecarError:
        return None  # metadata fails no job; the prompt's lint tells of it
    return next((timing.exact_rate(fps) for fps in rates if fps is not None), None)


def _format(sequence: frame_folders.Sequence, first: av.VideoFrame) -> str:
    """The pixel format that holds every frame. Writers of PNG store a black frame as gray, so all of their headers are asked."""
    found = [_holds(first.format)]
    if frame_files.kind_of(sequence.file(sequence.first)) is frame_files.PNG:
        found += map(frame_files.png_format, sequence.files())
    bits, color, alpha = (max(each[place] for each in found) for place in range(3))
    return _FORMATS[bits, bool(color), bool(alpha)]


def _holds(layout: av.VideoFormat) -> tuple[int, bool, bool]:
    """(bits, colour, alpha)."""
    bits = max(component.bits for component in layout.components)
    alpha = layout.has_palette or any(component.is_alpha for component in layout.components)
    return (16 if bits > 8 else 8), layout.has_palette or len(layout.components) > 2, alpha


def _brought(frame: av.VideoFrame, clip: Clip, file: Path) -> av.VideoFrame:
    """The frame in the clip's format, which loses nothing."""
    if any(mine > theirs for mine, theirs in zip(_holds(frame.format), _holds(av.VideoFormat(clip.pixel_format)), strict=True)):
        raise MixedFrames(
            f"{file.name} is {frame.format.name}, and the first frame is not. Export all frames with the same channels and depth.",
            path=clip.path,
        )
    full = colors.is_always_full_range(frame.format) or int(frame.color_range) == _FULL_RANGE
    made = frame.reformat(
        format=clip.pixel_format,
        src_colorspace=_BT601,  # of JPEG and WebP; nothing asks for it where the frame is RGB
        src_color_range="JPEG" if full else "MPEG",
        dst_colorspace=_MATRICES.get(clip.color.matrix or "", _BT601),
        dst_color_range="MPEG" if clip.color.range == "tv" else "JPEG",
    )
    made.color_range = 1 if clip.color.range == "tv" else _FULL_RANGE
    return made
