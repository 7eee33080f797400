"""When the frames of an APNG are shown. FFmpeg rounds how long each stays to 10 microseconds, which adds up: these are the file's own times.

Sources: fcTL in the PNG specification, third edition; what FFmpeg makes of it in libavformat/apngdec.c.
"""

from __future__ import annotations

import math
import struct
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import png_chunks

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.packet import Packet
    from av.stream import Stream
    from av.video.stream import VideoStream

CONTAINER = "apng"
"""FFmpeg's demuxer."""

_FFMPEG_TICK = Fraction(1, 100_000)
_UNSAID, _UNSAID_DENOMINATOR = Fraction(1, 15), 100
_DELAY_AT = 20  # bytes into fcTL
_FINEST = 1 << 31
"""No clock ticks more often in a second."""


@dataclass(frozen=True)
class Times:
    """Of each frame, in the file's order."""

    time_base: Fraction
    stamps: tuple[int, ...]  # FFmpeg's
    starts: tuple[int, ...]  # ticks of ``time_base``
    durations: tuple[int, ...]

    def put(self, packet: Packet[Any]) -> None:
        """The packet's own times in place of FFmpeg's."""
        if packet.pts is None or not self.stamps:
            return
        index = max(0, bisect_right(self.stamps, packet.pts) - 1)
        packet.time_base = self.time_base
        packet.pts = packet.dts = self.starts[index]
        packet.duration = self.durations[index]


def time_base(container: InputContainer, stream: VideoStream) -> Fraction:
    """Of the packets that ``packets`` gives."""
    found = _times(container)
    return found.time_base if found else Fraction(stream.time_base or Fraction(1, 1000))


def constant_rate(container: InputContainer) -> Fraction | None:
    """Frames per second of an APNG whose frames but the last all stay for the same time."""
    found = _times(container)
    steps = set(found.durations[:-1]) if found else set[int]()
    return 1 / (steps.pop() * found.time_base) if found and len(steps) == 1 else None


def packets(container: InputContainer, *streams: Stream) -> Iterator[Packet[Any]]:
    """The packets of these streams; those of an APNG say exactly when they are shown, and for how long."""
    found = _times(container)
    for packet in container.demux(streams):
        if found is not None:
            found.put(packet)
        yield packet


def _times(container: InputContainer) -> Times | None:
    """None of other files, and where no clock is fine enough: then FFmpeg's stand."""
    if container.format.name != CONTAINER:
        return None
    delays = [_delay(chunk.data) for chunk in png_chunks.of_kinds(Path(container.name.removeprefix("file:")), (b"fcTL",))]
    ticks = math.lcm(*(delay.denominator for delay in delays))
    if ticks >= _FINEST:
        return None
    durations = tuple(int(delay * ticks) for delay in delays)
    rounded = (round(delay / _FFMPEG_TICK) for delay in delays)
    return Times(Fraction(1, ticks), _starts(rounded), _starts(durations), durations)


def _delay(data: bytes) -> Fraction:
    """Seconds."""
    number, over = struct.unpack_from(">HH", data, _DELAY_AT)
    return Fraction(number, over or _UNSAID_DENOMINATOR) or _UNSAID


def _starts(durations: Iterator[int] | tuple[int, ...]) -> tuple[int, ...]:
    return tuple(accumulate(durations, initial=0))[:-1]
