"""Checks of what a result holds besides its pictures, against what its source does: frame times, other tracks, chapters, tags.

What its maker could not keep stands in the candidate's notes, by name; anything else that is missing or changed makes the file broken.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from fractions import Fraction

from ..inventory.entries import CHAPTERS, FRAME_RATE, FRAME_TIMES, LAST_FRAME, ROUNDED, TIMECODE, Difference
from ..records import Check, Clip
from ..sequences import frame_folders

_TIMING = (FRAME_TIMES, FRAME_RATE, LAST_FRAME, ROUNDED, TIMECODE)
_GROUPS = (
    ("timing", _TIMING, "Every frame has its time, and the timecode starts where it did."),
    ("chapters", (CHAPTERS,), "Chapters are as they were."),
    ("tags", ("tag ",), "The file's tags are as they were."),
    ("other tracks", ("",), "Sound, subtitles and all else in the file hold the same data at the same times."),
)
"""A difference belongs to the first whose beginnings fit its subject. The sentence holds where nothing differs."""


def checks(found: Sequence[Difference], notes: Collection[str]) -> Iterator[Check]:
    """One check a group. ``notes``: the candidate's."""
    left = list(found)
    for name, beginnings, whole in _GROUPS:
        mine = [each for each in left if each.subject.startswith(beginnings)]
        left = [each for each in left if each not in mine]
        failed = [each for each in mine if not is_named(each, notes)]
        yield Check(name, not failed, 0.0, float(len(failed)), _said(failed, mine, whole))


def is_named(difference: Difference, notes: Collection[str]) -> bool:
    return not difference.grave and any(difference.subject in note for note in notes)


def is_same_size(clip: Clip, result: Clip) -> bool:
    """Equal as a player shows it, but for the pixel that rounding of the pixel aspect may cost. Frames are made of nearly square pixels too."""
    if result.container == frame_folders.CONTAINER:
        clip = replace(clip, sample_aspect=Fraction(1))
    return all(abs(mine - theirs) <= 1 for mine, theirs in zip(clip.display_size, result.display_size, strict=True))


def _said(failed: Sequence[Difference], mine: Sequence[Difference], whole: str) -> str:
    if failed:
        return " ".join(each.detail for each in failed[:3])
    return f"{whole[:-1]}, but for what the notes name." if mine else whole
