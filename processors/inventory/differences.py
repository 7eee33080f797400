"""What differs between what a source holds besides its pictures, and what its result does.

Frame times, sound and what else goes along are compared in seconds from the first frame, as exact fractions. The coarser of two clocks
may round: each time by itself, so that nothing drifts.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from fractions import Fraction
from typing import TYPE_CHECKING

from ..records import Route
from .entries import (
    CHAPTERS,
    FRAME_RATE,
    FRAME_TIMES,
    LAST_FRAME,
    PICTURE,
    ROUNDED,
    TIMECODE,
    Chapter,
    Difference,
    Inventory,
    Pictures,
    Track,
    canvas_name,
    colours_name,
    tag_name,
)

if TYPE_CHECKING:
    from ..records import Treatment

_CHAPTER_TICK = Fraction(1, 1000)
"""The finest clock of chapters that MP4 and Matroska share."""
_NO_DATE = "1970-01-01T00:00:00"
"""What many encoders write that know no date; FFmpeg leaves it out of MP4 and MOV."""
_NUMBER = re.compile(r"[+-]\d+(?:\.\d+)?")
_WITHOUT_TIMES = ("attachment", "cover")


def differences(source: Inventory, result: Inventory, treatment: Treatment) -> tuple[Difference, ...]:
    """Everything that is not as it was, the gravest first. An interpolated clip, or one rendered again, has frame times of its own, and a
    slower one a length of its own: what hangs on them is compared as far as it can be.
    """
    new_times = treatment.route in (Route.INTERPOLATE, Route.REGENERATE)
    found = [] if new_times else list(_frame_times(source.pictures, result.pictures))
    found += _names(PICTURE, source.pictures, result.pictures, marked=_is_marked(source))
    found += _tracks(source, result, slower=treatment.slow_motion)
    found += _timecode(source, result, new_times=new_times)
    found += _chapters(source, result)
    found += _tags(source, result)
    return tuple(sorted(found, key=lambda each: not each.grave))


def _frame_times(source: Pictures, result: Pictures) -> Iterator[Difference]:
    if len(source.times) != len(result.times):
        detail = f"{len(result.times)} frames have a time of their own instead of {len(source.times)}."
        yield Difference(FRAME_TIMES, detail, grave=True)
        return
    off = [abs((result.at(i) - result.at(0)) - (source.at(i) - source.at(0))) for i in range(len(source.times))]
    worst = max(off, default=Fraction(0))
    if worst:
        detail = f"Frame {off.index(worst)} is shown {_ms(worst)} ms from its time; the clock ticks once in {_ms(result.time_base)} ms."
        grave = worst > max(source.time_base, result.time_base)
        yield Difference(FRAME_TIMES if grave else ROUNDED, detail, grave)
    if not _is_same_rate(source, result):
        detail = f"The rate is said to be {result.declared_rate} frames per second instead of {source.declared_rate}."
        yield Difference(FRAME_RATE, detail)
    yield from _last_frame(source, result)


def _is_same_rate(source: Pictures, result: Pictures) -> bool:
    """Equal but for a tick of the clocks over the whole clip: MP4 and MOV keep no rate, it follows from the times. So does the one of a
    source that says another than its own frames have: a GIF's 12 are said to be 12.5, a stream's header may count fields.
    """
    before, after = source.declared_rate, result.declared_rate
    if not before or not after:
        return True
    slack = 2 * max(source.time_base, result.time_base) / len(source.times)  # seconds a frame
    return any(abs(step - 1 / after) <= slack for step in (1 / before, _mean_step(source)) if step)


def _mean_step(pictures: Pictures) -> Fraction | None:
    """Seconds from frame to frame, by their times."""
    steps = len(pictures.times) - 1
    return (pictures.at(steps) - pictures.at(0)) / steps if steps > 0 else None


def _last_frame(source: Pictures, result: Pictures) -> Iterator[Difference]:
    if source.last_duration is None or result.last_duration is None:
        return
    if abs(source.last_duration - result.last_duration) > max(source.time_base, result.time_base):
        detail = f"The last frame is shown for {_ms(result.last_duration)} ms instead of {_ms(source.last_duration)} ms."
        yield Difference(LAST_FRAME, detail)


def _tracks(source: Inventory, result: Inventory, *, slower: bool) -> Iterator[Difference]:
    left = list(result.tracks)
    for track in source.tracks:
        mine = _counterpart(track, left, source, result)
        if mine is None:
            yield Difference(track.name, f"{track.name.capitalize()} is gone.")
            continue
        left.remove(mine)
        yield from _track(track, mine, source.pictures, result.pictures, slower=slower, marked=_is_marked(source))
    for track in left:
        yield Difference(track.name, f"{track.name.capitalize()} is there that the source does not have.", grave=True)


def _counterpart(track: Track, left: Sequence[Track], source: Inventory, result: Inventory) -> Track | None:
    alike = [each for each in left if each.kind == track.kind]
    same = [each for each in alike if _is_same(track, each)]
    if same:
        return same[0]
    complete = len(source.of_kind(track.kind)) == len(result.of_kind(track.kind))
    return next((each for each in alike if each.number == track.number), None) if complete else None


def _is_same(track: Track, mine: Track) -> bool:
    """Equal bytes, or, in a subtitle track that was converted, equal texts."""
    return mine.digest == track.digest or (bool(track.texts) and mine.codec != track.codec and mine.texts == track.texts)


def _track(track: Track, mine: Track, before: Pictures, after: Pictures, *, slower: bool, marked: bool) -> Iterator[Difference]:
    name = track.name
    if not _is_same(track, mine) and track.codec != mine.codec:
        yield Difference(name, f"{name.capitalize()} was encoded again as {mine.codec}.")
    elif not _is_same(track, mine):
        yield Difference(name, f"{name.capitalize()} does not hold the same data.", grave=True)
    elif track.kind not in _WITHOUT_TIMES and not slower:
        yield from _places(track, mine, before, after)
    yield from _canvas(track, mine)
    yield from _names(name, track, mine, marked=marked)


def _canvas(track: Track, mine: Track) -> Iterator[Difference]:
    """Where VobSub's pictures lie, and in which colours, of a source that says it."""
    before, after = track.canvas, mine.canvas
    if before is None or after is None:
        return
    if before.size != after.size:
        was, now = ("no size" if each.size is None else "x".join(map(str, each.size)) for each in (before, after))
        yield Difference(canvas_name(track.name), f"{track.name.capitalize()} lies on a canvas of {now} instead of {was}.")
    if before.colours != after.colours:
        yield Difference(colours_name(track.name), f"{track.name.capitalize()} has other colours in its palette.")


def _is_marked(source: Inventory) -> bool:
    return any(each.roles for each in (source.pictures, *source.tracks) if each.roles != ("attached_pic",))


def _names(name: str, before: Track | Pictures, after: Track | Pictures, *, marked: bool) -> Iterator[Difference]:
    """``marked``: the source's container has marks."""
    if (before.language, before.title) != (after.language, after.title):
        was, now = (f"{each.title or 'without title'} ({each.language or 'no language'})" for each in (before, after))
        yield Difference(f"name of {name}", f"{name.capitalize()} is called {now} instead of {was}.")
    if set(before.roles) != set(after.roles) - (set() if marked else {"default"}):
        was, now = (", ".join(each.roles) or "nothing" for each in (before, after))
        yield Difference(f"marks of {name}", f"{name.capitalize()} is marked {now} instead of {was}.")


def _places(track: Track, mine: Track, before: Pictures, after: Pictures) -> Iterator[Difference]:
    """Where a track lies against the first frame, packet by packet."""
    name = track.name
    pairs = list(zip(track.times, mine.times, strict=False))
    if track.codec.startswith("pcm_"):
        pairs = pairs[:1]  # it is cut into packets otherwise; its bytes were compared
    elif len(track.times) != len(mine.times):
        yield Difference(f"time of {name}", f"{name.capitalize()} has {len(mine.times)} packets instead of {len(track.times)}.", grave=True)
    shift = after.at(0) - before.at(0)
    worst = max((abs(new * mine.time_base - old * track.time_base - shift) for old, new in pairs), default=Fraction(0))
    if track.start is not None and mine.start is not None:
        worst = max(worst, abs(mine.start - track.start - shift))
    most = (mine.time_base + max(before.time_base, after.time_base)) / 2
    if worst:
        grave = worst > most
        yield Difference(f"time of {name}" if grave else ROUNDED, f"{name.capitalize()} lies {_ms(worst)} ms from its place.", grave)
    if track.trimmed != mine.trimmed:
        ticks = max(abs(new - old) for old, new in zip(track.trimmed, mine.trimmed, strict=True))
        is_rounded = ticks * min(track.time_base, mine.time_base) <= max(track.time_base, mine.time_base)
        yield Difference(
            ROUNDED if is_rounded else f"trim of {name}",
            f"{name.capitalize()} is cut by {mine.trimmed} samples instead of {track.trimmed}.",
        )


def _timecode(source: Inventory, result: Inventory, *, new_times: bool) -> Iterator[Difference]:
    same = source.timecode == result.timecode or (new_times and bool(source.timecode) == bool(result.timecode))
    if not same:
        yield Difference(TIMECODE, f"The timecode starts at {result.timecode or 'nothing'} instead of {source.timecode or 'nothing'}.")


def _chapters(source: Inventory, result: Inventory) -> Iterator[Difference]:
    if len(source.chapters) != len(result.chapters):
        yield Difference(CHAPTERS, f"It has {len(result.chapters)} chapters instead of {len(source.chapters)}.")
        return
    for number, (old, new) in enumerate(zip(source.chapters, result.chapters, strict=True), 1):
        if old.title != new.title:
            yield Difference(CHAPTERS, f"Chapter {number} is called '{new.title}' instead of '{old.title}'.")
        elif _moved(old, new, source.pictures, result.pictures):
            yield Difference(CHAPTERS, f"Chapter {number} does not lie where it lay.")


def _moved(old: Chapter, new: Chapter, before: Pictures, after: Pictures) -> bool:
    shift = after.at(0) - before.at(0)
    return any(abs(mine - theirs - shift) > _CHAPTER_TICK for theirs, mine in ((old.start, new.start), (old.end, new.end)))


def _tags(source: Inventory, result: Inventory) -> Iterator[Difference]:
    for key, value in source.tags.items():
        mine = result.tags.get(key)
        if mine is None:
            if not (key == "creation_time" and value.startswith(_NO_DATE)):
                yield Difference(tag_name(key), f"The {tag_name(key)} is gone.")
        elif mine != value and not _is_same_place(key, value, mine):
            yield Difference(tag_name(key), f"The {tag_name(key)} reads otherwise.")


def _is_same_place(key: str, value: str, mine: str) -> bool:
    """MOV's muxer writes a location to four digits."""
    before, after = ([float(number) for number in _NUMBER.findall(each)] for each in (value, mine))
    return key.startswith("location") and len(before) == len(after) and all(abs(a - b) < 1e-4 for a, b in zip(before, after, strict=True))


def _ms(seconds: Fraction) -> str:
    return f"{float(seconds * 1000):.4g}"
