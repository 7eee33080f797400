"""What a decoded frame carries of HDR besides its colour tags: static metadata, which is delivered, and dynamic, which is not."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Any

import av
from av.sidedata.sidedata import Type

_PRIMARIES_UNIT, _NITS_UNIT = 50_000, 10_000
"""Of SMPTE ST 2086, as HEVC, H.264 and MP4 store it."""

_DOLBY_PROFILE, _DOLBY_NO_RESIDUAL = 4, 16
"""Bytes from the header's start. Source: AVDOVIRpuDataHeader in FFmpeg's libavutil/dovi_meta.h."""

_LEFT_OUT = {
    Type.DYNAMIC_HDR_PLUS: "HDR10+ dynamic metadata",
    Type.DYNAMIC_HDR_VIVID: "HDR Vivid dynamic metadata",
    Type.AMBIENT_VIEWING_ENVIRONMENT: "the ambient light it was made for",
    Type.A53_CC: "closed captions inside the picture",
    Type.SPHERICAL: "the mapping of a 360 degree picture",
    Type.ICC_PROFILE: "an ICC profile",
}
"""Side data of frames that the way into FFmpeg does not take along."""


@dataclass(frozen=True)
class Mastering:
    """The display that a clip was made on (SMPTE ST 2086)."""

    chromaticities: tuple[int, ...]  # x and y of red, green, blue, white, in 1/50000
    low: int  # darkest and brightest, in 1/10000 nits
    high: int

    def __str__(self) -> str:
        """As FFmpeg's ``-mastering_display`` and x265 take it."""
        rx, ry, gx, gy, bx, by, wx, wy = self.chromaticities
        return f"G({gx},{gy})B({bx},{by})R({rx},{ry})WP({wx},{wy})L({self.high},{self.low})"

    def is_like(self, other: Mastering | None) -> bool:
        """Equal but for the rounding of Matroska's and AV1's units."""
        if other is None:
            return False
        pairs = zip((*self.chromaticities, self.low, self.high), (*other.chromaticities, other.low, other.high), strict=True)
        return all(abs(mine - theirs) <= max(2, mine // 2000) for mine, theirs in pairs)


def mastering(frame: av.VideoFrame) -> Mastering | None:
    """None also where only half of it is known, which no container holds."""
    found = side_data(frame, Type.MASTERING_DISPLAY_METADATA)
    if found is None:
        return None
    values = struct.unpack("22i", found)
    has_primaries, has_luminance = values[20:]
    if not has_primaries or not has_luminance:
        return None
    ratios = list(zip(values[0:20:2], values[1:20:2], strict=True))
    *chromaticities, low, high = [
        round(number / over * (_PRIMARIES_UNIT if index < 8 else _NITS_UNIT)) if over else 0 for index, (number, over) in enumerate(ratios)
    ]
    return Mastering(tuple(chromaticities), low, high)


def light_level(frame: av.VideoFrame) -> tuple[int, int] | None:
    """MaxCLL and MaxFALL, in nits."""
    found = side_data(frame, Type.CONTENT_LIGHT_LEVEL)
    return None if found is None else struct.unpack("2I", found)


def dolby_vision(frame: av.VideoFrame) -> int | None:
    """Dolby Vision's profile: 5 (nothing but its own metadata explains its colours), 7 (a second layer corrects the first) or 8 (its
    base layer is HDR10, HLG or SDR). AV1's profile 10 counts as the one it is built like.
    """
    found = side_data(frame, Type.DOVI_METADATA)
    if found is None:
        return None
    (header,) = struct.unpack_from("N", found)
    if found[header + _DOLBY_PROFILE] == 0:
        return 5
    return 8 if found[header + _DOLBY_NO_RESIDUAL] else 7


def left_out(frame: av.VideoFrame) -> tuple[str, ...]:
    """What else the frame carries that a result will not, in words."""
    return tuple(words for kind, words in _LEFT_OUT.items() if side_data(frame, kind) is not None)


def has_unknown_side_data(frame: av.VideoFrame) -> bool:
    """True where PyAV gives up on a frame's side data: the names of MV-HEVC's views, EXIF of stills."""
    try:
        len(frame.side_data)
    except ValueError:
        return True
    return False


def side_data(frame: av.VideoFrame, kind: Type) -> bytes | None:
    """None also where a kind that PyAV does not know hides all side data."""
    try:
        container: Any = frame.side_data  # its stub takes it for a mapping of strings
        found = container.get(kind)
    except ValueError:
        return None
    return None if found is None else bytes(found)
