"""What a stream says of its colours, its orientation and its fields, in FFmpeg's names."""

from __future__ import annotations

import math
import struct
from fractions import Fraction
from typing import NamedTuple

import av
import av.error
from av.filter import Graph
from av.sidedata.sidedata import Type

from .hdr import side_data
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
_ANY_TIME_BASE = Fraction(1, 1000)
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


def field_order(frame: av.VideoFrame) -> str | None:
    """Which field of a frame comes first, ``"top"`` or ``"bottom"``, as it is flagged; None where it is flagged as a whole frame.

    PyAV does not tell, and what the stream says is often not so; a filter of FFmpeg knows the frame's own flag.
    """
    if not frame.interlaced_frame:
        return None
    graph = Graph()
    nodes = (
        graph.add_buffer(width=frame.width, height=frame.height, format=frame.format, time_base=_ANY_TIME_BASE),
        graph.add("select", "eq(interlace_type,TOPFIRST)"),
        graph.add("buffersink"),
    )
    graph.link_nodes(*nodes).configure()
    graph.push(frame)
    graph.push(None)
    try:
        graph.pull()
    except av.error.EOFError:
        return "bottom"
    return "top"


class Orientation(NamedTuple):
    rotation: int  # degrees clockwise that a player turns the picture: 0, 90, 180, 270
    mirrored: bool  # and then flips it left to right


def orientation(frame: av.VideoFrame) -> Orientation:
    """What the display matrix says. Source: av_display_rotation_get and av_display_matrix_flip in FFmpeg's libavutil/display.c; the angle
    is that of the matrix without its flip.
    """
    matrix = side_data(frame, Type.DISPLAYMATRIX)
    if matrix is None:
        return Orientation(0, False)
    a, b, _, c, d, *_ = struct.unpack("9i", matrix)
    mirrored = a * d - b * c < 0
    return Orientation(round(math.degrees(math.atan2(b, -a if mirrored else a)) / 90) * 90 % 360, mirrored)
