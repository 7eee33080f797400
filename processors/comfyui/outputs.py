"""What a prompt left on ComfyUI: which of its files is the clip, fetched under names of ours, and its frames.

The server names its files; those names go back to it and nowhere else.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any, cast

import av
import numpy as np
from PIL import Image, UnidentifiedImageError

from ...config.errors import ClipError, ToolFailed
from .. import media
from ..records import Clip, ColorTags
from .server import File, Graph, Server

LARGEST_BYTES = 8 * 1024**3
"""Of all files of a result: an hour of ProRes, or 2000 large PNGs."""

_MOST_PICTURES = 20_000
_LISTS = ("gifs", "videos", "video", "images")
"""Where nodes put their files: VideoHelperSuite's, newer ones', ComfyUI's own."""

_MOVIES = (".mp4", ".webm", ".mkv", ".mov", ".avi", ".gif", ".webp")
_PICTURES = (".png", ".jpg", ".jpeg", ".webp")


@dataclass(frozen=True)
class Found:
    """A node's output: one movie, or the frames as pictures."""

    node_id: str
    files: tuple[File, ...]
    is_movie: bool


def choose(outputs: Any, graph: Graph, clip: Clip) -> Found:
    """The output of the node that the clip came from: by its name, then by its kind of file. Raises ToolFailed where there is no video."""
    found = sorted(_found(outputs), key=lambda one: _rank(one, graph, clip))
    if not found:
        raise ToolFailed("ComfyUI finished, and left no video: the graph's last node saves none. Open the clip in ComfyUI and look.")
    return found[0]


def fetch(server: Server, found: Found, folder: Path, require_space: Callable[[], None]) -> tuple[Path, ...]:
    """Download the files into ``folder``, numbered. ``require_space`` raises when the disk is too full. Raises ToolFailed beyond the limits."""
    fetched = 0

    def room(count: int) -> None:
        nonlocal fetched
        fetched += count
        if fetched > LARGEST_BYTES:
            raise ToolFailed(
                f"ComfyUI's result is larger than {LARGEST_BYTES / 1e9:g} GB, which no clip of this length is. It is not fetched."
            )
        require_space()

    paths: list[Path] = []
    for index, file in enumerate(found.files):
        path = folder / f"fetched-{index:05}{_suffix(file)}"
        server.download(file, path, room)
        paths.append(path)
    return tuple(paths)


@dataclass(frozen=True)
class Picture:
    """The frames that were fetched, and what they are: ``clip`` with the result's size, format and colours."""

    clip: Clip
    frames: Callable[[], Generator[av.VideoFrame, None, None]]
    count: int


def opened(source: Clip, paths: tuple[Path, ...], is_movie: bool) -> Picture:
    """Raises ToolFailed where the result cannot be read."""
    try:
        return _movie(source, paths[0]) if is_movie else _stills(source, paths)
    except ClipError as error:
        raise ToolFailed(f"ComfyUI's result cannot be read: {error}") from None


def _movie(source: Clip, path: Path) -> Picture:
    made = media.probe(path)
    shape = replace(
        source,
        pixel_format=made.pixel_format,
        bit_depth=made.bit_depth,
        width=made.width,
        height=made.height,
        rotation=made.rotation,
        mirrored=made.mirrored,
        sample_aspect=made.sample_aspect,
        has_alpha=made.has_alpha,
        interlaced=made.interlaced,
        field_order=made.field_order,
        color=made.color,
    )
    return Picture(shape, lambda: media.frames(made), made.frames)


def _stills(source: Clip, paths: tuple[Path, ...]) -> Picture:
    height, width = _pixels(paths[0]).shape[:2]
    shape = replace(
        source,
        pixel_format="rgb24",
        bit_depth=8,
        width=width,
        height=height,
        rotation=0,
        mirrored=False,
        sample_aspect=Fraction(1),
        has_alpha=False,
        interlaced=False,
        field_order=None,
        color=ColorTags(range="pc"),
    )
    return Picture(shape, lambda: _frames_of_stills(paths, (height, width)), len(paths))


def _frames_of_stills(paths: tuple[Path, ...], size: tuple[int, int]) -> Generator[av.VideoFrame, None, None]:
    for path in paths:
        pixels = _pixels(path)
        if pixels.shape[:2] != size:
            raise ToolFailed("The pictures that ComfyUI made differ in size. They are no clip.")
        yield av.VideoFrame.from_ndarray(pixels, format="rgb24")


def _pixels(path: Path) -> Any:
    try:
        with Image.open(path, formats=["PNG", "JPEG", "WEBP"]) as image:
            if image.width * image.height > media.LARGEST_PIXELS:
                raise ToolFailed(f"ComfyUI's pictures are too large ({image.width}x{image.height}).")
            return np.ascontiguousarray(image.convert("RGB"))
    except (OSError, UnidentifiedImageError, Image.DecompressionBombError, SyntaxError, ValueError) as error:  # PNG raises any of these
        raise ToolFailed(f"A picture that ComfyUI made cannot be read ({type(error).__name__}). Retry.") from None


def _found(outputs: Any) -> Iterator[Found]:
    for node_id, output in _table(outputs).items():
        files = tuple(file for name in _LISTS for file in _files(_table(output).get(name)))
        movies = tuple(file for file in files if _suffix(file) in _MOVIES)
        pictures = tuple(file for file in files if _suffix(file) in _PICTURES)
        if 1 < len(pictures) <= _MOST_PICTURES:
            yield Found(node_id, pictures, False)
        elif pictures and not movies and _is_animated(output):
            yield Found(node_id, pictures, True)
        elif movies:
            yield Found(node_id, movies[:1], True)


def _is_animated(output: Any) -> bool:
    """Whether ComfyUI says that a picture moves: a PNG's name does not."""
    told: Any = _table(output).get("animated")
    return isinstance(told, list) and any(each is True for each in cast("list[Any]", told))


def _files(listed: Any) -> Iterator[File]:
    for item in cast("list[Any]", listed if isinstance(listed, list) else []):
        match item:
            case {"filename": str(filename), **rest}:
                yield File(filename, str(rest.get("subfolder") or ""), str(rest.get("type") or "output"))
            case _:
                continue


def _rank(found: Found, graph: Graph, clip: Clip) -> tuple[bool, bool, bool, bool, int]:
    """The first is the best: kept and no preview, of the clip's name, of its kind, a movie, the most pictures."""
    inputs = _table(_table(graph.get(found.node_id)).get("inputs"))
    name = str(inputs.get("filename_prefix") or "").replace("\\", "/").rsplit("/", 1)[-1].split("%", 1)[0]
    first = found.files[0]
    return (
        first.type != "output",
        not (name and clip.path.stem.startswith(name)),
        _suffix(first) != clip.path.suffix.lower(),
        not found.is_movie,
        -len(found.files),
    )


def _suffix(file: File) -> str:
    suffix = Path(file.filename.replace("\\", "/")).suffix.lower()
    return suffix if suffix in (*_MOVIES, *_PICTURES) else ""


def _table(value: Any) -> dict[str, Any]:
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}
