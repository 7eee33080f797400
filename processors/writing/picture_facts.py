"""What a clip's picture is besides what it shows: the properties that a result must share with its source, and what a result loses."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import av

from ...config.errors import RouteRefused
from .. import ffmpeg, hdr, media
from ..animations import webp
from ..hdr import Mastering
from ..records import Clip, ColorTags, Route, Treatment

if TYPE_CHECKING:
    from ...config.settings import Settings

_CHROMA_LOCATION = re.compile(r"Video:.*\b(left|center|topleft|top|bottomleft|bottom)\b[,)]")
_SAR_TOLERANCE = Fraction(1, 1000)
"""Matroska stores the pixel aspect as a size in whole pixels."""

_DOLBY_LOSS = {
    7: "it is Dolby Vision profile 7: its base layer is delivered ({base}), without Dolby's second layer and metadata",
    8: "it is Dolby Vision profile 8: its base layer is delivered ({base}), without Dolby's metadata",
}


@dataclass(frozen=True)
class PictureFacts:
    bit_depth: int
    subsampling: tuple[int, int]  # of chroma, across and down: (2, 2) is 4:2:0; (1, 1) for 4:4:4 and RGB; (0, 0) for gray
    chroma_location: str | None  # of 4:2:0, FFmpeg's word; None where nothing is said
    color: ColorTags
    mastering: Mastering | None
    light_level: tuple[int, int] | None
    dolby_vision: int | None  # its profile
    size: tuple[int, int]  # as decoded
    sample_aspect: Fraction
    rotation: int
    mirrored: bool
    field_order: str | None  # as flagged; None for progressive
    has_alpha: bool
    has_other_views: bool = False
    left_out: tuple[str, ...] = ()  # what else its frames carry that a result will not


@dataclass(frozen=True)
class Difference:
    """A property that a result does not share with its source. ``words``: a note that has one of them names it."""

    name: str
    before: str
    after: str
    words: tuple[str, ...]

    def is_named(self, notes: Sequence[str]) -> bool:
        return any(word in note for note in notes for word in self.words)


def take(clip: Clip, settings: Settings) -> PictureFacts:
    """Read from the first frame. Raises UnreadableClip when there is none, NotSetUp without FFmpeg."""
    frame = media.first_frame(clip)
    may_be_hdr = clip.color.is_hdr or (clip.color.transfer is None and clip.bit_depth > 8)
    return PictureFacts(
        bit_depth=clip.bit_depth,
        subsampling=_subsampling(clip.pixel_format),
        chroma_location=_chroma_location(clip, settings),
        color=media.delivered_color(clip, clip.pixel_format),
        mastering=hdr.mastering(frame) if may_be_hdr else None,
        light_level=hdr.light_level(frame) if may_be_hdr else None,
        dolby_vision=hdr.dolby_vision(frame),
        size=(clip.width, clip.height),
        sample_aspect=clip.sample_aspect,
        rotation=clip.rotation,
        mirrored=clip.mirrored,
        field_order=clip.field_order,
        has_alpha=clip.has_alpha,
        has_other_views=_has_other_views(clip, frame),
        left_out=hdr.left_out(frame),
    )


def losses(clip: Clip) -> tuple[str, ...]:
    """What any result loses of this clip's picture, one sentence each. Raises RouteRefused where its colours would be lost, too."""
    frame = media.first_frame(clip)
    profile = hdr.dolby_vision(frame)
    if profile == 5:
        raise RouteRefused(
            "It is Dolby Vision profile 5: without its metadata the colours are wrong. Export it as HDR10 or SDR.", path=clip.path
        )
    base = {"smpte2084": "HDR10", "arib-std-b67": "HLG"}.get(clip.color.transfer or "", "SDR")
    dolby = () if profile is None else (_DOLBY_LOSS[profile].format(base=base),)
    views = ("it is stereo (MV-HEVC): the second view is not carried over",) if _has_other_views(clip, frame) else ()
    others = tuple(f"{words} is not carried over" for words in hdr.left_out(frame))
    return (*dolby, *views, *others)


def _has_other_views(clip: Clip, frame: av.VideoFrame) -> bool:
    return clip.codec == "hevc" and hdr.has_unknown_side_data(frame)


def input_options(facts: PictureFacts) -> dict[str, Any]:
    """Static HDR metadata as options of FFmpeg's input: every encoder and container then gets it in its own form."""
    light = ",".join(map(str, facts.light_level)) if facts.light_level else None
    options = {"mastering_display": facts.mastering and str(facts.mastering), "content_light": light}
    return {name: value for name, value in options.items() if value is not None}


def differences(source: PictureFacts, result: PictureFacts, treatment: Treatment) -> tuple[Difference, ...]:
    """What the result does not share. A clip rendered again has a size of its own, and no fields or second layer to keep."""
    own = ("size", "pixel aspect", "field order") if treatment.route is Route.REGENERATE else ()
    return tuple(each for each in _told(source, result) if each.name not in own)


_Compared = tuple[str, Callable[[PictureFacts], object], Callable[[Any, Any], bool], tuple[str, ...]]


def _is_same(before: object, after: object) -> bool:
    return before == after


def _is_no_coarser(before: tuple[int, int], after: tuple[int, int]) -> bool:
    return before == (0, 0) or (after != (0, 0) and after[0] <= before[0] and after[1] <= before[1])


_COMPARED: tuple[_Compared, ...] = (
    ("bit depth", lambda facts: facts.bit_depth, lambda before, after: after >= before, ("bits", "8 bit")),
    ("chroma sampling", lambda facts: facts.subsampling, _is_no_coarser, ("chroma",)),
    ("range", lambda facts: facts.color.range, lambda before, after: (after or "tv") == (before or "tv"), ("range",)),
    ("primaries", lambda facts: facts.color.primaries, _is_same, ("primaries",)),
    ("transfer", lambda facts: facts.color.transfer, _is_same, ("transfer",)),
    ("matrix", lambda facts: facts.color.matrix, _is_same, ("matrix",)),
    ("mastering display", lambda facts: facts.mastering, lambda before, after: before is None or before.is_like(after), ("mastering",)),
    ("light level", lambda facts: facts.light_level, lambda before, after: before is None or before == after, ("light level",)),
    ("Dolby Vision", lambda facts: facts.dolby_vision, _is_same, ("Dolby Vision",)),
    ("size", lambda facts: facts.size, _is_same, ("size", "scaled")),
    (
        "pixel aspect",
        lambda facts: facts.sample_aspect,
        lambda before, after: abs(after / before - 1) <= _SAR_TOLERANCE,
        ("pixel aspect",),
    ),
    ("rotation", lambda facts: (facts.rotation, facts.mirrored), _is_same, ("rotation", "turned")),
    ("field order", lambda facts: facts.field_order, _is_same, ("fields",)),
    ("second view", lambda facts: facts.has_other_views, _is_same, ("second view",)),
)


def _told(source: PictureFacts, result: PictureFacts) -> tuple[Difference, ...]:
    made = [
        Difference(name, _word(read(source)), _word(read(result)), words)
        for name, read, is_kept, words in _COMPARED
        if not is_kept(read(source), read(result))
    ]
    before, after = source.chroma_location, result.chroma_location
    if source.subsampling == result.subsampling == (2, 2) and before is not None and before != after:
        made.append(Difference("chroma location", before, _word(after), ("chroma location",)))
    return tuple(made)


def _word(value: object) -> str:
    match value:
        case None:
            return "not given"
        case bool():
            return "yes" if value else "no"
        case (int() as across, int() as down):
            return f"{across}x{down}"
        case _:
            return str(value)


def _subsampling(pixel_format: str) -> tuple[int, int]:
    layout = av.VideoFormat(pixel_format)
    if layout.is_rgb or layout.has_palette:
        return 1, 1
    if len(layout.components) < 3:
        return 0, 0
    return 16 // layout.chroma_width(16), 16 // layout.chroma_height(16)


def _chroma_location(clip: Clip, settings: Settings) -> str | None:
    """PyAV does not say it, FFmpeg does."""
    if clip.container == webp.CONTAINER or _subsampling(clip.pixel_format) != (2, 2):
        return None
    found = _CHROMA_LOCATION.search(ffmpeg.described(clip.path, settings))
    return found[1] if found else None
