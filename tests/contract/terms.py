"""The terms of the contract: what a result has to share with its source. Each gives what was expected and what came, or nothing where it holds.

``named`` is what the receipt must say, among the candidate's notes, where a term is not kept and ``losses`` allows that.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from witness import Facts, Sound, Text

_LEVELS = 3.0  # of 255, mean brightness or colour may move: flicker's own share in ten frames
_FRAME_LEVELS = 14.0  # of 255, a small picture may differ from its source's: twice the flicker that is in it
_ALPHA_LEVELS = 3.0
_MATROSKA_TICK = Fraction(1, 1000)
_MATROSKA_STEP = Fraction(1, 10**8)
"""Matroska says how long a frame lasts in whole nanoseconds; FFmpeg makes a short fraction of that."""

_SAMPLINGS = {"gray": 0, "420": 1, "422": 2, "444": 3, "rgb": 3}


class Breach(NamedTuple):
    term: str
    expected: str
    got: str


@dataclass(frozen=True)
class Pair:
    source: Facts
    result: Facts
    factor: int = 1  # of the frame count

    @property
    def tolerance(self) -> Fraction:
        """What rounding to the time bases of both may move one time against another by."""
        return max(self.source.time_base / 2 + self.result.time_base / 2, self.result.time_base) + Fraction(1, 1_000_000)


Answer = tuple[Any, Any] | None
Rule = Callable[[Pair], Answer]


@dataclass(frozen=True)
class Term:
    name: str
    rule: Rule
    named: str  # a regular expression

    def breach(self, pair: Pair) -> Breach | None:
        answer = self.rule(pair)
        return None if answer is None else Breach(self.name, _shown(answer[0]), _shown(answer[1]))


def breaches(pair: Pair) -> Iterator[tuple[Term, Breach]]:
    for term in ALL:
        breach = term.breach(pair)
        if breach is not None:
            yield term, breach


def _shown(value: Any) -> str:
    if isinstance(value, tuple):
        return f"({', '.join(map(_shown, value))})"
    return f"{float(value):.4f}" if isinstance(value, Fraction) and value.denominator > 1001 else str(value)


def _unlike(expected: Any, got: Any) -> Answer:
    return None if expected == got else (expected, got)


def _same(key: str) -> Rule:
    return lambda pair: _unlike(getattr(pair.source, key), getattr(pair.result, key))


def _frames(pair: Pair) -> Answer:
    return _unlike(pair.factor * len(pair.source.times), len(pair.result.times))


def _times(pair: Pair) -> Answer:
    """Every frame of the source where it was, and those between them evenly."""
    mine, theirs = pair.source.times, pair.result.times[:: pair.factor]
    off = [index for index, (a, b) in enumerate(zip(mine, theirs, strict=False)) if abs(a - b) > pair.tolerance]
    if off:
        return f"frame {off[0]} at {_shown(mine[off[0]])} s", f"at {_shown(theirs[off[0]])} s ({len(off)} frames are off)"
    later = [b - a for a, b in pairwise(pair.result.times)]
    return ("times that rise", "they do not") if any(step <= 0 for step in later) else None


def _rate(pair: Pair) -> Answer:
    steps = pair.source.steps
    if len(steps) == 0 or max(steps) - min(steps) > min(steps) / 4 or pair.source.rate == 0:
        return None  # it varies or is not said: the times say all
    wanted = pair.source.rate * pair.factor
    is_close = pair.result.time_base == _MATROSKA_TICK and abs(1 / wanted - 1 / pair.result.rate) < _MATROSKA_STEP
    return None if is_close else _unlike(wanted, pair.result.rate)


def _sampling(pair: Pair) -> Answer:
    mine, theirs = pair.source.sampling, pair.result.sampling
    return None if _SAMPLINGS[theirs] >= _SAMPLINGS[mine] else (mine, theirs)


def _depth(pair: Pair) -> Answer:
    """Float has the 11 bits of its mantissa, where it is a half, which is how it is written."""
    mine, theirs = (min(facts.depth, 16) for facts in (pair.source, pair.result))
    return None if theirs >= mine else (f"{mine} bit", f"{theirs} bit")


def _colors(pair: Pair) -> Answer:
    """What the source says is said; RGB that becomes YUV has to say how; what it does not say is not made up."""
    mine, theirs = list(pair.source.colors), list(pair.result.colors)
    if pair.source.sampling == "rgb" and pair.result.sampling != "rgb":
        mine[2:] = theirs[2:] if theirs[2] else ("a matrix", theirs[3])
        mine[:2] = [own or other for own, other in zip(mine[:2], theirs[:2], strict=True)]
    elif pair.result.sampling in ("rgb", "gray"):
        mine[2:] = theirs[2:]
    is_yuv = pair.result.sampling in ("420", "422", "444")
    for said in (mine, theirs) if is_yuv else ():
        said[3] = said[3] or "tv"  # what every reader takes YUV for
    return _unlike(tuple(mine), tuple(theirs))


def _mastering(pair: Pair) -> Answer:
    mine, theirs = pair.source.mastering, pair.result.mastering
    close = mine.keys() == theirs.keys() and all(abs(mine[key] - theirs[key]) <= 2e-4 * max(1.0, mine[key]) for key in mine)
    return None if close else (dict(mine) or None, dict(theirs) or None)


def _chroma_location(pair: Pair) -> Answer:
    mine, theirs = pair.source.chroma_location, pair.result.chroma_location
    return None if mine is None or "420" not in (pair.source.sampling, pair.result.sampling) or theirs in (mine, None) else (mine, theirs)


def _transparency(pair: Pair) -> Answer:
    mine, theirs = pair.source.looks.alphas, pair.result.looks.alphas
    if not pair.source.has_alpha:
        return ("opaque", "see-through") if pair.result.has_alpha else None
    if not pair.result.has_alpha or theirs is None or mine is None:
        return "see-through", "opaque"
    off = float(np.abs(mine[: len(theirs)] - theirs[:: pair.factor][: len(mine)]).mean())
    return None if off < _ALPHA_LEVELS else ("the same holes", f"they differ by {off:.1f} levels")


def _pictures(pair: Pair) -> Answer:
    """Each shows its own frame, at the same place and brightness; transparent places may hold anything."""
    mine, theirs = pair.source.looks.small, pair.result.looks.small[:: pair.factor]
    if len(mine) != len(theirs):
        return None  # ``frames`` says so
    weights = pair.source.looks.alphas / 255 if pair.source.looks.alphas is not None else np.ones_like(mine)
    distance = np.array([[np.abs((a - b) * w).mean() for b in theirs] for a, w in zip(mine, weights, strict=True)])
    worst = float(np.diagonal(distance).max())
    strays = [index for index, row in enumerate(distance) if row.argmin() != index]
    if worst > _FRAME_LEVELS:
        return "the source's pictures", f"a frame differs by {worst:.0f} levels"
    return ("each picture in its place", f"frames {strays} show others") if strays else None


def _tint(pair: Pair) -> Answer:
    """Nothing is washed out: mean brightness and colour, each read as its own tags say."""
    weights = pair.source.looks.alphas / 255 if pair.source.looks.alphas is not None else np.ones_like(pair.source.looks.small)
    mine = float((pair.source.looks.small * weights).mean())
    theirs = pair.result.looks.small[:: pair.factor]
    if len(theirs) != len(weights):
        return None
    moved = [mine - float((theirs * weights).mean())]
    is_opaque = pair.source.looks.alphas is None
    moved += list(pair.source.looks.colour.mean(0) - pair.result.looks.colour.mean(0)) if is_opaque else []
    return (
        None
        if max(map(abs, moved)) < _LEVELS
        else ("brightness and colour as they were", "moved by " + ", ".join(f"{-each:.1f}" for each in moved))
    )


def _sound(pair: Pair) -> Answer:
    """Every packet, in order."""
    return _unlike(*(tuple((each.codec, each.packets[:8]) for each in facts.sound) for facts in (pair.source, pair.result)))


def _labels(each: Sound | Text) -> tuple[str | None, ...]:
    return (each.language, each.title if isinstance(each, Sound) else None)


def _sound_labels(pair: Pair) -> Answer:
    return (
        _unlike(*(tuple(map(_labels, facts.sound)) for facts in (pair.source, pair.result)))
        if len(pair.source.sound) == len(pair.result.sound)
        else None
    )


def _offset(pair: Pair) -> Answer:
    """When each track starts, against the picture."""
    both = zip(pair.source.sound, pair.result.sound, strict=False)
    return next(((a.starts, b.starts) for a, b in both if abs(a.starts - b.starts) > pair.tolerance), None)


def _heard(pair: Pair) -> Answer:
    """What is played of it: edit lists and encoders' delay leave out some at its ends."""
    both = [(a.heard, b.heard) for a, b in zip(pair.source.sound, pair.result.sound, strict=False)]
    off = [(a, b) for a, b in both if abs(a[0] - b[0]) > pair.tolerance or a[1] != b[1]]
    return next(((f"{a[1]} samples from {_shown(a[0])} s", f"{b[1]} from {_shown(b[0])} s") for a, b in off), None)


def _subtitles(pair: Pair) -> Answer:
    def told(facts: Facts) -> tuple[Any, ...]:
        return tuple((each.language, tuple(words for _, words in each.lines)) for each in facts.subtitles)

    if told(pair.source) != told(pair.result):
        return told(pair.source), told(pair.result)
    times = [
        (a, b)
        for mine, theirs in zip(pair.source.subtitles, pair.result.subtitles, strict=True)
        for (a, _), (b, _) in zip(mine.lines, theirs.lines, strict=True)
    ]
    return next(((a, b) for a, b in times if abs(a - b) > pair.tolerance + Fraction(1, 1000)), None)


def _chapters(pair: Pair) -> Answer:
    mine, theirs = pair.source.chapters, pair.result.chapters
    off = [abs(a - b) for one, two in zip(mine, theirs, strict=False) for a, b in zip(one[:2], two[:2], strict=True)]
    same = [each[2] for each in mine] == [each[2] for each in theirs] and max(off, default=0) <= pair.tolerance + Fraction(1, 1000)
    return None if same else (mine, theirs)


def _tags(pair: Pair) -> Answer:
    mine, theirs = pair.source.tags, pair.result.tags
    lost = {key: value for key, value in mine.items() if theirs.get(key) != value}
    return ({key: value[:40] for key, value in lost.items()}, {key: theirs.get(key) for key in lost}) if lost else None


def _timecode(pair: Pair) -> Answer:
    """The same moment: its last part counts frames."""
    said = pair.source.timecode
    if said is not None:
        said = f"{said[:-2]}{int(said[-2:]) * pair.factor:02}"
    return _unlike(said, pair.result.timecode)


def _orientation(pair: Pair) -> Answer:
    return _unlike(pair.source.orientation, pair.result.orientation)


def _pixel_aspect(pair: Pair) -> Answer:
    return _unlike(pair.source.pixel_aspect, pair.result.pixel_aspect)


def _readable(pair: Pair) -> Answer:
    return _unlike((), pair.result.complaints)


def _data(pair: Pair) -> Answer:
    """Data tracks besides timecode and chapter text, which are asked for by what they say."""
    mine, theirs = (tuple(each for each in facts.data if each not in ("tmcd", "text")) for facts in (pair.source, pair.result))
    return _unlike(mine, theirs)


ALL = (
    Term("decodes", _readable, r"$^"),
    Term("frames", _frames, r"$^"),
    Term("times", _times, r"rate|time"),
    Term("rate", _rate, r"rate"),
    Term("pictures", _pictures, r"$^"),
    Term("brightness and colour", _tint, r"$^"),
    Term("size", _same("size"), r"size"),
    Term("bit depth", _depth, r"\bbits?\b"),
    Term("chroma sampling", _sampling, r"chroma|4:\d:\d|gray|RGB"),
    Term("colour tags", _colors, r"range|colou?rs?|primaries|transfer|matrix|values of"),
    Term("mastering", _mastering, r"mastering|HDR"),
    Term("light level", _same("light"), r"light|HDR"),
    Term("dynamic metadata", _same("dynamic"), r"Dolby|HDR10\+"),
    Term("chroma location", _chroma_location, r"chroma"),
    Term("pixel aspect", _pixel_aspect, r"aspect|square"),
    Term("orientation", _orientation, r"turn|rotat|mirror|orient"),
    Term("field order", _same("field_order"), r"interlace|field"),
    Term("transparency", _transparency, r"transparen|alpha"),
    Term("timecode", _timecode, r"timecode"),
    Term("sound", _sound, r"sound|audio|track"),
    Term("sound's start", _offset, r"sound|audio|offset|start"),
    Term("sound's ends", _heard, r"sound|audio|edit list|delay|trim"),
    Term("sound's labels", _sound_labels, r"language|title|sound|audio"),
    Term("subtitles", _subtitles, r"subtitle"),
    Term("chapters", _chapters, r"chapter"),
    Term("attachments", _same("attachments"), r"attach|ttf|font"),
    Term("cover", _same("covers"), r"cover|picture|attach"),
    Term("data", _data, r"data"),
    Term("tags", _tags, r"tag|metadata"),
)
