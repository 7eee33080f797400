"""What may be otherwise, each with its reason: cells that are refused, and terms that are not kept though the receipt names them.

Whatever is in neither table has to hold. ``*`` and ``?`` stand for parts of names, ``|`` for "or".
"""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cells import Cell


@dataclass(frozen=True)
class _Where:
    inputs: str
    routes: str
    profiles: str

    def holds(self, cell: Cell) -> bool:
        return all(_fits(value, pattern) for value, pattern in zip(cell, (self.inputs, self.routes, self.profiles), strict=True))


@dataclass(frozen=True)
class Refusal(_Where):
    title: str
    message: str  # a regular expression
    reason: str


@dataclass(frozen=True)
class Loss(_Where):
    terms: str
    reason: str
    is_named: bool = True  # in the receipt; else it is nothing that a person would miss


@dataclass(frozen=True)
class Pending(_Where):
    terms: str
    reason: str


def pending(cell: Cell, term: str) -> Pending | None:
    return next((each for each in PENDING if each.holds(cell) and _fits(term, each.terms)), None)


def refusal(cell: Cell) -> Refusal | None:
    return next((each for each in REFUSALS if each.holds(cell)), None)


def loss(cell: Cell, term: str) -> Loss | None:
    return next((each for each in LOSSES if each.holds(cell) and _fits(term, each.terms)), None)


def _fits(value: str, pattern: str) -> bool:
    return any(fnmatchcase(value, each.strip()) for each in pattern.split("|"))


_CANNOT_TREAT, _CANNOT_HOLD = "This route cannot treat this clip", "The profile cannot hold this clip"
_WRITING = "smooth|deband|deband+smooth|interpolate"
_FRAMES = "png|tiff|exr"
_DEEP = "twelve_bit.mkv|gray16.mkv|tiff_frames|exr_frames"
_HDR = "hdr10.mp4|hlg.mov|dolby.mp4"
_TEN_BIT = f"ten_bit.mp4|camera.mov|alpha.mov|{_HDR}"
_SEE_THROUGH = "alpha.*|animated.png|png_frames"

REFUSALS = (
    Refusal(
        "changing.ts", "*", "*", "The picture changes half-way", "size", "no codec holds several sizes in one track as editors read them"
    ),
    Refusal("fields.mp4", _WRITING, "av1|hevc10|dnxhr", _CANNOT_HOLD, "fields", "FFmpeg writes no fields with this codec"),
    Refusal("fields.mp4", "deband*|interpolate", "*", _CANNOT_TREAT, "interlaced", "this route would mix the pictures of its fields"),
    Refusal("fields.mp4", "smooth", _FRAMES, _CANNOT_TREAT, "interlaced", "frames do not say which field comes first"),
    Refusal("variable.mp4", _WRITING, _FRAMES, _CANNOT_TREAT, "differently long", "frames do not say how long they are shown"),
    Refusal("late_picture.mp4", _WRITING, _FRAMES, _CANNOT_TREAT, "not square", "frames do not say that their pixels are not square"),
    Refusal("turned.mp4|mirrored.mov", _WRITING, _FRAMES, _CANNOT_TREAT, "turned", "frames do not say that they are turned"),
    Refusal(_HDR, _WRITING, "exr", _CANNOT_TREAT, "HDR", "EXR's light is made from another curve, and frames do not say so"),
    Refusal(f"mirrored.mov|{_HDR}", _WRITING, "dnxhr", _CANNOT_HOLD, "matrix", "DNxHR as FFmpeg writes it says BT.709, nothing else"),
    Refusal(
        _SEE_THROUGH, _WRITING, "dnxhr|h264|hevc10|av1", _CANNOT_HOLD, "transparency", "the codec has no transparency as it is written here"
    ),
    Refusal(
        f"{_DEEP}|{_TEN_BIT}",
        _WRITING,
        "h264",
        _CANNOT_HOLD,
        "bits",
        "H.264 of more than 8 bits plays in few editors: it is written with 8",
    ),
    Refusal(_DEEP, _WRITING, "prores|dnxhr|hevc10|av1", _CANNOT_HOLD, "bits", "FFmpeg writes this codec with 10 bits at most"),
    Refusal("odd_size.webm", _WRITING, "dnxhr", _CANNOT_HOLD, "size", "DNxHR starts at 256x120"),
)

_BESIDES = "sound*|subtitles|chapters|attachments|cover|data|tags|timecode"

LOSSES = (
    Loss("*", "*", _FRAMES, _BESIDES, "a folder of frames holds pictures and nothing else"),
    Loss("*", "*", _FRAMES, "rate|times", "frames do not say how long they are shown"),
    Loss(_HDR, "*", _FRAMES, "colour tags|mastering|light level", "these files do not say what their colours mean"),
    Loss("*", "*", _FRAMES, "colour tags", "RGB without a word is taken for sRGB, which shares its primaries with BT.709", is_named=False),
    Loss(
        "turned.mp4", "*", "prores|dnxhr", "colour tags", "files of this codec do not tell full range: levels are scaled, and look the same"
    ),
    Loss("dolby.mp4", "*", "*", "dynamic metadata", "it tells of the pictures before their repair, and no encoder here writes it"),
    Loss("titled.mp4", "*", "prores|dnxhr", "cover", "QuickTime movies have no place for a cover picture"),
    Loss("titled.mp4", "*", "ffv1", "subtitles", "Matroska does not hold the subtitles of MP4"),
    Loss("*.mp4|*.mov", "*", "av1|ffv1", "sound's ends", "Matroska has no edit lists, which say where AAC begins to be heard"),
    Loss("odd_size.webm", "*", "h264|hevc10", "sound's ends", "WebM's clock rounds where Opus begins and ends to be heard"),
    Loss(
        "jpeg_frames",
        "*",
        "*",
        "colour tags|chroma location",
        "JPEG frames are worked on as RGB, and a movie of them says BT.709",
        is_named=False,
    ),
    Loss("old.avi|tape.mxf", "*", "dnxhr", "colour tags", "DNxHR always names a matrix", is_named=False),
)
"""The first that fits holds."""


PENDING: tuple[Pending, ...] = ()
"""What the product owes, and who: such a cell must fail, until it is mended and its row goes."""
