"""What a stream says of its colours and its orientation, in FFmpeg's names."""

from __future__ import annotations

import struct
from typing import Any

import av
from av.sidedata.sidedata import Type

from .records import ColorTags

_TRANSFERS = {
    **{1: "bt709", 4: "bt470m", 5: "bt470bg", 6: "smpte170m", 7: "smpte240m", 8: "linear", 9: "log100", 10: "log316"},
    **{
        11: "iec61966-2-4",
        12: "bt1361e",
        13: "iec61966-2-1",
        14: "bt2020-10",
        15: "bt2020-12",
        16: "smpte2084",
        17: "smpte428",
        18: "arib-std-b67",
    },
}
_PRIMARIES = {
    **{1: "bt709", 4: "bt470m", 5: "bt470bg", 6: "smpte170m", 7: "smpte240m", 8: "film", 9: "bt2020"},
    **{10: "smpte428", 11: "smpte431", 12: "smpte432", 22: "ebu3213"},
}
_MATRICES = {
    **{0: "gbr", 1: "bt709", 4: "fcc", 5: "bt470bg", 6: "smpte170m", 7: "smpte240m", 8: "ycgco", 9: "bt2020nc", 10: "bt2020c"},
    **{11: "smpte2085", 12: "chroma-derived-nc", 13: "chroma-derived-c", 14: "ictcp"},
}
_UNSPECIFIED, _BT2020_NC, _BT2020_C = 2, 9, 10
_CONVERTED = (0, 1, 2, 4, 5, 6, 7, _BT2020_NC)
_RANGES = {1: "tv", 2: "pc"}


def tags(frame: av.VideoFrame) -> ColorTags:
    """The tags of a decoded frame."""
    return ColorTags(
        primaries=_PRIMARIES.get(int(frame.color_primaries)),
        transfer=_TRANSFERS.get(int(frame.color_trc)),
        matrix=_MATRICES.get(int(frame.colorspace)),
        range="pc" if is_always_full_range(frame.format) else _RANGES.get(int(frame.color_range)),
    )


def convertible(frame: av.VideoFrame) -> int:
    """The frame's matrix by its number, or the nearest that FFmpeg converts from: with any other it refuses each reformat, also one that
    leaves the matrix alone.
    """
    matrix = int(frame.colorspace)
    if matrix in _CONVERTED or is_always_full_range(frame.format):
        return matrix
    return _BT2020_NC if matrix == _BT2020_C else _UNSPECIFIED


def is_always_full_range(layout: av.VideoFormat) -> bool:
    """True for yuvj, gray and RGB formats, which FFmpeg takes for full range whatever the tag says."""
    return layout.name.startswith(("yuvj", "gray", "ya")) or layout.is_rgb or layout.has_palette


def is_mirrored(frame: av.VideoFrame) -> bool:
    """True when the display matrix flips the picture, besides turning it."""
    matrix = _side_data(frame, Type.DISPLAYMATRIX)
    if matrix is None:
        return False
    a, b, _, c, d, *_ = struct.unpack("9i", matrix)
    return a * d - b * c < 0


def is_dolby_vision_only(frame: av.VideoFrame) -> bool:
    """True for Dolby Vision profile 5, whose colours nothing but its own metadata explains.

    Source: AVDOVIMetadata in FFmpeg's libavutil/dovi_meta.h; the header begins with rpu_type (uint8), rpu_format (uint16) and
    vdr_rpu_profile (uint8), which is 0 for profile 5.
    """
    metadata = _side_data(frame, Type.DOVI_METADATA)
    if metadata is None:
        return False
    (header,) = struct.unpack_from("N", metadata)
    return metadata[header + 4] == 0


def hdr_parameters(frame: av.VideoFrame) -> dict[str, str]:
    """Mastering display and content light level of a decoded frame, as options of x265."""
    options: dict[str, str] = {}
    mastering = _side_data(frame, Type.MASTERING_DISPLAY_METADATA)
    if mastering is not None:
        values = struct.unpack("22i", mastering)
        ratios = [
            round(n / d * (50000 if index < 8 else 10000)) if d else 0
            for index, (n, d) in enumerate(zip(values[0:20:2], values[1:20:2], strict=True))
        ]
        rx, ry, gx, gy, bx, by, wx, wy, low, high = ratios
        if values[20] and values[21]:
            options["master-display"] = f"G({gx},{gy})B({bx},{by})R({rx},{ry})WP({wx},{wy})L({high},{low})"
    light = _side_data(frame, Type.CONTENT_LIGHT_LEVEL)
    if light is not None:
        peak, average = struct.unpack("2I", light)
        options["max-cll"] = f"{peak},{average}"
    return options


def _side_data(frame: av.VideoFrame, kind: Type) -> bytes | None:
    try:
        container: Any = frame.side_data  # its stub takes it for a mapping of strings
        found = container.get(kind)
    except ValueError:  # PyAV gives up on all side data where one kind is unknown to it (the views of MV-HEVC)
        return None
    return None if found is None else bytes(found)
