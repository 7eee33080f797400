"""Image sequences: a folder of numbered frames is one clip. Which files are its frames is read from their names alone.

    find(Path("shot_010"))   ->   Sequence(prefix="shot_010.", digits=4, suffix=".exr", first=1001, last=1096)

Everything else in the folder (a sidecar, notes, folders, hidden files, pictures without a number) is let be.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

from ...config.errors import MissingClip, MissingFrames, MixedFrames, NoFrames, RefusedClip, TwoSequences, UnreadableClip

CONTAINER = "frames"
"""What ``Clip.container`` says of a sequence; its ``path`` is the folder."""

SUFFIXES = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".exr", ".bmp", ".webp")
"""What frames end with, in any case of letters."""

_NUMBER = re.compile(r"[0-9]+")
_MOST_NAMED = 6


@dataclass(frozen=True)
class Sequence:
    """Frames ``first`` to ``last``, without gaps. ``digits``: how long a number is at least, zeros in front of it (1: none).
    ``suffix`` is all that follows the number: ``.png``, or ComfyUI's ``_.png``.
    """

    folder: Path
    prefix: str
    digits: int
    suffix: str
    first: int
    last: int

    @property
    def count(self) -> int:
        return self.last - self.first + 1

    @property
    def pattern(self) -> str:
        """For a person: ``frame_####.png``."""
        return f"{self.prefix}{'#' * self.digits}{self.suffix}"

    def name(self, number: int) -> str:
        return f"{self.prefix}{number:0{self.digits}d}{self.suffix}"

    def file(self, number: int) -> Path:
        return self.folder / self.name(number)

    def files(self) -> Iterator[Path]:
        """In order of their numbers."""
        return (self.file(number) for number in range(self.first, self.last + 1))


class _Frame(NamedTuple):
    prefix: str
    number: str
    suffix: str

    @property
    def name(self) -> str:
        return "".join(self)


_Groups = dict[tuple[str, str], list[_Frame]]


def find(folder: Path) -> Sequence:
    """The sequence in a folder, from the names of its files; none of them is opened.

    Raises MissingClip for no such folder, UnreadableClip for one that may not be listed, NoFrames, MissingFrames for gaps, TwoSequences,
    MixedFrames for frames of two kinds, RefusedClip for a frame that is a link.
    """
    names = _pictures(folder)
    groups = _grouped(names)
    if not groups:
        raise NoFrames(
            "The folder holds no numbered pictures. Give one with frames such as frame_0001.png (PNG, JPEG, TIFF, EXR, BMP or WebP).",
            path=folder,
        )
    if len(groups) > 1:
        raise _several(folder, groups)
    [((prefix, suffix), frames)] = groups.items()
    digits = _digits(folder, frames)
    numbers = sorted(int(frame.number) for frame in frames)
    sequence = Sequence(folder, prefix, digits, suffix, numbers[0], numbers[-1])
    gaps = [(before + 1, after - 1) for before, after in pairwise(numbers) if after > before + 1]
    if gaps:
        missing = sequence.count - len(numbers)
        raise MissingFrames(
            f"{_named(sequence, gaps)} {'is' if missing == 1 else 'are'} missing of {sequence.pattern}, {numbers[0]} to {numbers[-1]}. "
            "Render what is missing, or renumber the frames.",
            path=folder,
        )
    return sequence


def _pictures(folder: Path) -> list[str]:
    """The names of the folder's pictures that may be frames."""
    try:
        with os.scandir(folder) as entries:
            found = [entry for entry in entries if is_frame_name(entry.name) and not entry.is_dir()]
    except FileNotFoundError:
        raise MissingClip("There is no such folder (any more). Check its path.", path=folder) from None
    except OSError as error:
        raise UnreadableClip(f"The folder cannot be read ({error.strerror}). Check its path and permissions.", path=folder) from None
    odd = sorted(entry.name for entry in found if not entry.is_file(follow_symlinks=False))
    if odd:
        raise RefusedClip(
            f"{odd[0]} is a link or no regular file, and could lead to other files of this machine. Put the picture itself there.",
            path=folder,
        )
    return [entry.name for entry in found]


def is_frame_name(name: str) -> bool:
    """True for a picture with a number, as the frames of a sequence have."""
    stem, suffix = os.path.splitext(name)
    return suffix.lower() in SUFFIXES and not name.startswith(".") and _NUMBER.search(stem) is not None


def _grouped(names: Iterable[str]) -> _Groups:
    """By what stands around the number: the last number in the name, unless an earlier one makes them all one sequence
    (``shot_0001_v2.png``).
    """
    names = list(names)
    runs = [[*_NUMBER.finditer(os.path.splitext(name)[0])] for name in names]
    by_last = _split(names, [each[-1] for each in runs])
    for place in range(2, min((len(each) for each in runs), default=0) + 1):
        if len(by_last) <= 1:
            break
        earlier = _split(names, [each[-place] for each in runs])
        if len(earlier) == 1:
            return earlier
    return by_last


def _split(names: list[str], runs: list[re.Match[str]]) -> _Groups:
    groups: _Groups = {}
    for name, run in zip(names, runs, strict=True):
        frame = _Frame(name[: run.start()], run[0], name[run.end() :])
        groups.setdefault((frame.prefix, frame.suffix), []).append(frame)
    return groups


def _several(folder: Path, groups: _Groups) -> TwoSequences | MixedFrames:
    ordered = sorted(groups.values(), key=len, reverse=True)
    most, other = ordered[0], ordered[1]
    numbers = [{int(frame.number) for frame in each} for each in (most, other)]
    if len(ordered) == 2 and most[0].prefix == other[0].prefix and not numbers[0] & numbers[1]:
        odd = min(other)
        return MixedFrames(
            f"{odd.name} is not of the kind of {_shown(most)}. Export all frames in one format, under one kind of name.", path=folder
        )
    said = " and ".join(f"{_shown(each)} ({len(each)})" for each in ordered[:2])
    more = f", and {len(ordered) - 2} more" if len(ordered) > 2 else ""
    return TwoSequences(f"It holds {said}{more}. Give each sequence a folder of its own.", path=folder)


def _shown(frames: list[_Frame]) -> str:
    prefix, number, suffix = min(frames, key=lambda frame: len(frame.number))
    return f"{prefix}{'#' * len(number)}{suffix}"


def _digits(folder: Path, frames: list[_Frame]) -> int:
    digits = min(len(frame.number) for frame in frames)
    for frame in sorted(frames):
        if frame.number != f"{int(frame.number):0{digits}d}":
            shortest = min(frames, key=lambda each: (len(each.number), int(each.number)))
            raise MixedFrames(
                f"{frame.name} and {shortest.name} have different numbers of zeros. Rename the frames alike, or give each sequence a folder.",
                path=folder,
            )
    return digits


def _named(sequence: Sequence, gaps: list[tuple[int, int]]) -> str:
    """``frame_0007, frame_0010 to frame_0012 and 3 more ranges``."""

    def bare(number: int) -> str:
        return os.path.splitext(sequence.name(number))[0]

    said = [bare(first) if first == last else f"{bare(first)} to {bare(last)}" for first, last in gaps[:_MOST_NAMED]]
    if len(gaps) > _MOST_NAMED:
        said.append(f"{len(gaps) - _MOST_NAMED} more ranges")
    return said[0] if len(said) == 1 else f"{', '.join(said[:-1])} and {said[-1]}"
