"""Which image sequence a result is, if any, and what its frames are."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from typing import TYPE_CHECKING, Any, NamedTuple

from ...config.errors import RouteRefused
from ...config.profiles import Profile
from ..inventory.entries import ROUNDED
from ..records import Route
from ..writing import carrying
from ..writing.picture_codecs import Picture
from . import frame_files, frame_folders

if TYPE_CHECKING:
    from ..records import Clip, Treatment

MUXER = "image2"


_NEARLY_SQUARE = Fraction(1, 200)
"""As far as pixels may be from square for frames, which say no aspect: 427:426 is what any scaling to 854x480 leaves."""

_EXACT = "bicubic+accurate_rnd+full_chroma_int"
"""FFmpeg's quick way from 4:2:0 to RGB lies 1.2 levels too low."""


class Frames(NamedTuple):
    kind: str  # "png", "tiff" or "exr"
    picture: Picture


_MATCHES = {"png": "png", "jpeg": "png", "bmp": "png", "webp": "png", "tiff": "tiff", "exr": "exr"}
"""What a sequence comes back as under ``match``. A JPEG would lose once more: its frames come back as PNG."""

PROFILES = {Profile.PNG: "png", Profile.TIFF: "tiff", Profile.EXR: "exr"}
_TIFF = {"c:v": "tiff", "compression_algo": "deflate"}
_OPTIONS: dict[str, dict[str, Any]] = {"png": {"c:v": "png"}, "tiff": _TIFF, "exr": {"c:v": "tiff", "compression_algo": "raw"}}
_FORMATS = {
    **{(False, False): ("rgb24", "rgb48"), (False, True): ("rgba", "rgba64")},
    **{(True, False): ("gray", "gray16"), (True, True): ("rgba", "rgba64")},
}
"""By (gray, alpha): at 8 and at 16 bit, for which PNG is big-endian and TIFF little-endian."""


def choose(clip: Clip, treatment: Treatment) -> Frames | None:
    """How the result is written where it is to be a sequence, else None. Raises RouteRefused for what frames cannot say."""
    kind = _kind(clip, treatment)
    if kind is None:
        return None
    _refuse(clip, kind)
    deep = kind == "exr" or clip.bit_depth > 8 or treatment.route in (Route.DEBAND, Route.DEBAND_SMOOTH)
    gray = clip.pixel_format.startswith("gray") and kind != "exr"
    pixel_format = _FORMATS[gray, clip.has_alpha][deep]
    if deep:
        pixel_format += "be" if kind == "png" else "le"
    light = "" if kind != "exr" else " half floats, light on the curve of sRGB" if is_half(clip) else " floats, light on the curve of sRGB"
    description = f"{kind.upper()} sequence,{light or f' {16 if deep else 8} bit'}{' with alpha' if clip.has_alpha else ''}"
    options = {**_OPTIONS[kind], "f": MUXER, "start_number": 0, "sws_flags": _EXACT}
    return Frames(kind, Picture(pixel_format, options, description, tuple(_notes(clip, kind))))


def require(clip: Clip, profile: Profile) -> None:
    """Raises RouteRefused where frames of this profile could not say what the clip is."""
    _refuse(clip, PROFILES[profile])


def _kind(clip: Clip, treatment: Treatment) -> str | None:
    if treatment.preset is not None:
        return None
    if treatment.profile is Profile.MATCH and clip.container == frame_folders.CONTAINER:
        return _MATCHES[clip.codec]
    return PROFILES.get(treatment.profile)


def _refuse(clip: Clip, kind: str) -> None:
    refusals = (
        (abs(clip.sample_aspect - 1) > _NEARLY_SQUARE, "its pixels are not square"),
        (clip.interlaced, "it is interlaced"),
        (clip.variable_frame_rate, "its frames last differently long"),
        (bool(clip.rotation) or clip.mirrored, "it is turned by a tag"),
        (kind == "exr" and clip.color.is_hdr, "it is HDR, whose light is on another curve than EXR's is made from"),
    )
    for refused, reason in refusals:
        if refused:
            what = f"No {kind.upper()} sequence is made of it: {reason}, and frames cannot say so."
            raise RouteRefused(f"{what} Use a movie's profile.", path=clip.path)


def _notes(clip: Clip, kind: str) -> Iterable[str]:
    yield from carrying.lost_in_frames(clip, f"{kind.upper()} frames", keeps_tags=kind == "png")
    if clip.container != frame_folders.CONTAINER and (1 / clip.frame_rate / clip.time_base).denominator != 1:
        yield f"{ROUNDED}: each frame is one of {clip.frame_rate} a second"
    if clip.sample_aspect != 1:
        aspect = "{}:{}".format(*clip.sample_aspect.as_integer_ratio())
        yield f"pixel aspect {aspect} is left out: frames are taken for square, which is less than half a percent from it"
    if clip.color.is_hdr:
        yield f"the frames hold {clip.color.transfer} values of {clip.color.primaries}, which no tag of theirs says"
        yield "mastering display and light level are left out: frames hold neither"
    if clip.container == frame_folders.CONTAINER:
        if clip.codec == "jpeg":
            yield "JPEG would lose once more at each writing: the frames are PNG"
        if kind != "png":
            yield f"whatever else the files say is left out of {kind.upper()}"
        yield from _channels(clip, kind)
    yield from of_alpha(clip, kind)


def _channels(clip: Clip, kind: str) -> Iterable[str]:
    if clip.codec != "exr":
        return
    others = frame_files.other_channels(next(frame_folders.find(clip.path).files()))
    if others:
        yield f"channels of EXR besides the picture's are left out: {', '.join(others)}"


def of_alpha(clip: Clip, kind: str | None) -> Iterable[str]:
    """What colours mean beside their alpha, where the result's files are taken for something else. ``kind``: None for a movie."""
    if not clip.has_alpha or kind == "tiff":  # which says it
        return
    if kind == "exr" and not is_multiplied(clip):
        yield "the colours are not multiplied by their alpha, as EXR's mostly are, and stay so"
    elif kind != "exr" and is_multiplied(clip):
        yield "the colours are multiplied by their alpha already, and stay so"


def is_multiplied(clip: Clip) -> bool:
    """Whether its colours are multiplied by their alpha."""
    is_frames = clip.has_alpha and clip.container == frame_folders.CONTAINER
    return is_frames and frame_files.is_multiplied(next(frame_folders.find(clip.path).files()))


def is_half(clip: Clip) -> bool:
    """EXR that is no sequence's own is written as halves, which hold any picture of 8 to 12 bits."""
    if clip.codec != "exr":
        return True
    return frame_files.is_half(next(frame_folders.find(clip.path).files()))
