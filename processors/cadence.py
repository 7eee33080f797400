"""Repeated frames: 24 frames a second made of 12 show each picture twice, which neither flow nor an average may count twice."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import av
import cv2
import numpy as np

from .levels import steps_per_level
from .media import planes

_LONGEST, _SHORTEST = 6, 2  # frames; a still shot is cut into runs, so that memory stays bounded
_PIXELS = 6 * 1920 * 1080  # of a run: those of larger frames are cut sooner
_BLOCK_PX = 16
_WORST_BLOCK = 5.0  # levels
_MEAN = 0.35  # levels; decoded repeats differ by 0.0-0.2, the stillest real footage by 0.6


def runs(
    frames: Iterable[av.VideoFrame], planar: Callable[[av.VideoFrame], av.VideoFrame]
) -> Iterator[tuple[av.VideoFrame, list[av.VideoFrame]]]:
    """Pictures, as ``planar`` makes them to be compared, each with the frames, as they came and in order, that show it: at most six,
    and two above 1440p.
    """
    run: list[av.VideoFrame] = []
    first: av.VideoFrame | None = None
    for frame in frames:
        picture = planar(frame)
        longest = min(_LONGEST, max(_SHORTEST, _PIXELS // (frame.width * frame.height)))
        if first is None or len(run) >= longest or not is_repeat(first, picture):
            if first is not None:
                yield first, run
            run, first = [], picture
        run.append(frame)
    if first is not None:
        yield first, run


def is_repeat(first: av.VideoFrame, other: av.VideoFrame) -> bool:
    """True when luma and chroma show the same picture, coding noise apart."""
    limit = steps_per_level(first)
    for before, after in zip(planes(first)[:3], planes(other)[:3], strict=True):
        if before is None or after is None:
            continue
        change = cv2.absdiff(before, after)
        blocks = cv2.resize(change, [max(1, side // _BLOCK_PX) for side in reversed(change.shape)], interpolation=cv2.INTER_AREA)
        if float(np.max(blocks)) > _WORST_BLOCK * limit or float(np.mean(blocks)) > _MEAN * limit:
            return False
    return True
