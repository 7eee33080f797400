"""Dense optical flow on the CPU (OpenCV DIS), and frames carried along it."""

from __future__ import annotations

import threading
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import cast

import cv2
import numpy as np
from numpy.typing import NDArray

Flow = NDArray[np.float32]
"""``(height, width, 2)``: where each pixel of the current frame was in the previous one, as (dx, dy) in pixels."""

_SMALLEST_PX = 32  # DIS refuses pictures without room for its patches
_NONE = cast("Flow", None)  # an array that OpenCV's stubs ask for and its functions do without
_local = threading.local()


@dataclass
class _Threads:
    """OpenCV's, as they are once nobody holds them at one."""

    holders: int = 0
    usual: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)


_threads = _Threads()


@contextmanager
def one_thread() -> Generator[None, None, None]:
    """OpenCV on one thread until the last who asked for it is done: small pictures gain nothing from more, and pay for them with half as much
    processor time again; larger ones are shared out by those who ask.
    """
    with _threads.lock:
        if not _threads.holders:
            _threads.usual = cv2.getNumThreads()
            cv2.setNumThreads(1)
        _threads.holders += 1
    try:
        yield
    finally:
        with _threads.lock:
            _threads.holders -= 1
            if not _threads.holders:
                cv2.setNumThreads(_threads.usual)


def flow(
    previous: NDArray[np.uint8],
    current: NDArray[np.uint8],
    *,
    preset: int = cv2.DISOPTICAL_FLOW_PRESET_FAST,
    refinements: int | None = None,
    finest: int | None = None,
) -> Flow:
    """Backward flow between two guides ``(height, width)`` of the same size: ``current(x) ~ previous(x + flow(x))``.

    ``refinements``: iterations of variational refinement; ``finest``: how often the guides are halved for the finest scale that is
    searched. The preset's where they are None.
    """
    height, width = current.shape
    below, right = max(0, _SMALLEST_PX - height), max(0, _SMALLEST_PX - width)
    if below or right:
        previous, current = (_padded(picture, below, right) for picture in (previous, current))
    return np.ascontiguousarray(
        _engine(preset, refinements, finest, current.shape).calc(current, previous, _NONE)[:height, :width], np.float32
    )


def warp(image: NDArray[np.float32] | NDArray[np.uint16], flow: Flow, *, interpolation: int = cv2.INTER_LINEAR) -> NDArray[np.float32]:
    """The previous frame's ``image`` ``(height, width[, channels])`` where the current frame has it, at the size of ``flow``; borders repeat."""
    flags = interpolation | cv2.WARP_RELATIVE_MAP
    carried = cv2.remap(image, flow, _NONE, flags, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(carried, np.float32).reshape(*flow.shape[:2], *image.shape[2:])


def miss(there: Flow, back: Flow) -> NDArray[np.float32]:
    """Squared distance, (height, width), by which the way to another frame and back misses where it began."""
    return squared_length(there + warp(back, there))


def squared_length(flow: Flow) -> NDArray[np.float32]:
    squares = flow * flow
    return np.asarray(squares[..., 0] + squares[..., 1], np.float32)  # a sum over an axis of two takes numpy three times as long


def resized(flow: Flow, width: int, height: int) -> Flow:
    """The same flow for pictures of another size: lengths scale with the picture."""
    if flow.shape[:2] == (height, width):
        return flow
    across, down = width / flow.shape[1], height / flow.shape[0]
    found = np.asarray(cv2.resize(flow, (width, height), interpolation=cv2.INTER_LINEAR), np.float32)
    if across == down:
        found *= np.float32(across)
    else:
        found[..., 0] *= np.float32(across)
        found[..., 1] *= np.float32(down)
    return found


def guide(luma: NDArray[np.uint8] | NDArray[np.uint16], height_px: int, *, bit_depth: int | None = None) -> NDArray[np.uint8]:
    """A luma plane as flow wants it: ``height_px`` lines (never more than it has), local mean 128, so that flicker of exposure or of
    patches does not pass for motion. ``bit_depth`` of a uint16 plane; without it the plane's peak tells.
    """
    height, width = luma.shape
    lines = min(height_px, height)
    small = cv2.resize(luma, (max(1, round(width * lines / height)), lines), interpolation=cv2.INTER_AREA) if lines < height else luma
    return normalised(to_8_bit(small, bit_depth))


def normalised(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A picture less its local mean (box of a sixth of its height), at one and a half times the contrast, around 128."""
    size = max(3, picture.shape[0] // 6) | 1
    mean = cv2.blur(picture, (size, size), borderType=cv2.BORDER_REPLICATE)
    return np.asarray(cv2.addWeighted(picture, 1.5, mean, -1.5, 128.0), np.uint8).reshape(picture.shape)


def to_8_bit(plane: NDArray[np.uint8] | NDArray[np.uint16] | NDArray[np.generic], bit_depth: int | None = None) -> NDArray[np.uint8]:
    """Levels 0-255 of a plane that may be deeper. ``bit_depth`` None: the smallest depth that holds the plane's peak."""
    if plane.dtype == np.uint8:
        return np.asarray(plane, np.uint8)
    depth = bit_depth or max(10, int(plane.max()).bit_length())
    return np.asarray(cv2.convertScaleAbs(np.asarray(plane, np.uint16), alpha=0.5 ** (depth - 8)), np.uint8).reshape(plane.shape)


def _padded(picture: NDArray[np.uint8], below: int, right: int) -> NDArray[np.uint8]:
    return np.asarray(cv2.copyMakeBorder(picture, 0, below, 0, right, cv2.BORDER_REPLICATE), np.uint8)


def _engine(preset: int, refinements: int | None, finest: int | None, shape: tuple[int, ...]) -> cv2.DISOpticalFlow:
    """One engine a thread and kind: it keeps its buffers between calls, and is not safe to share.

    It is made anew for another size, because it also keeps the scales that it chose for the last one.
    """
    engines: dict[tuple[int, int | None, int | None], tuple[tuple[int, ...], cv2.DISOpticalFlow]] = _local.__dict__.setdefault(
        "engines", {}
    )
    kind = preset, refinements, finest
    if kind not in engines or engines[kind][0] != shape:
        engine = cv2.DISOpticalFlow.create(preset)
        if refinements is not None:
            engine.setVariationalRefinementIterations(refinements)
        if finest is not None:
            engine.setFinestScale(finest)
        engines[kind] = shape, engine
    return engines[kind][1]
