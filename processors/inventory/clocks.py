"""The clocks of a clip's tracks, and what its file says of rate and end: what a result is timed by."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import TYPE_CHECKING, NamedTuple

from .. import media
from ..animations import apng_times
from ..containers import video_stream

if TYPE_CHECKING:
    from ..records import Clip

_WITHOUT_DURATIONS = ("mpegts", "mpeg")
"""Containers that hold times only: FFmpeg makes a frame's duration of the rate that the picture's header says, which may be another."""


def common_origin(clip: Clip) -> Fraction:
    """The last moment before ``media.origin`` that picture and sound both have a tick at: taken from the times of both, none is rounded."""
    start, ticks = media.first_start(clip)
    common = Fraction(math.lcm(*(tick.numerator for tick in ticks)), math.gcd(*(tick.denominator for tick in ticks)))
    return math.floor(start / common) * common


def declared_rate(clip: Clip) -> Fraction:
    """Frames per second as the file says: of a variable rate in Matroska, and of AVI with frames left out, it is the usual one, the clip's is
    the average.
    """
    if clip.container != "avi" and not (clip.variable_frame_rate and clip.container.startswith("matroska")):
        return clip.frame_rate
    with media.open_container(clip.path) as container:
        return media.stated_rate(video_stream(container, clip.path)) or clip.frame_rate


def tells_durations(clip: Clip) -> bool:
    """Whether the file itself says for how long a frame is shown."""
    return clip.container not in _WITHOUT_DURATIONS


class Shown(NamedTuple):
    time: Fraction  # seconds
    duration: Fraction  # seconds


def last_frame(clip: Clip) -> Shown | None:
    """When the last frame is shown, and for how long; None where the file does not say."""
    if not media.has_streams(clip) or clip.excerpt is not None or not tells_durations(clip):
        return None
    with media.open_container(clip.path) as container:
        stream = video_stream(container, clip.path)
        container.seek(2**31, stream=stream, backward=True)
        shown = [
            (packet.pts, int(packet.duration or 0))
            for packet in apng_times.packets(container, stream)
            if packet.pts is not None and packet.size
        ]
    time, duration = max(shown, default=(0, 0))
    return Shown(time * clip.time_base, duration * clip.time_base) if duration else None
