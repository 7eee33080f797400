"""A model's frames on their way into a file: the clip's size, colours and times, and its sound where the length is the same."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import av
import numpy as np
from numpy.typing import NDArray

from . import encoding, media, results
from .families.family import Kind
from .interpolators.through_rgb import Conversion
from .records import Candidate
from .rendering import Ask
from .writing.orders import Order

if TYPE_CHECKING:
    from .jobs import Job


def encode(job: Job, ask: Ask, made: NDArray[np.float32]) -> Candidate:
    """Write ``made`` (n, height, width, 3), RGB, 0-1. From video it has the clip's frames and times; else as many as were made."""
    clip = job.clip
    if ask.kind is Kind.VIDEO:
        made = made[max(0, len(made) - ask.frames) :][: clip.frames]  # frames made beyond those given stand first
    chosen = encoding.choose(clip, job.treatment)
    as_source = len(made) == clip.frames
    if not as_source:
        chosen = chosen.without_streams("the length is another")
    notes = list(chosen.notes)
    if (ask.width, ask.height) != (clip.width, clip.height):
        notes.append(f"rendered at {ask.width}x{ask.height}, and scaled to {clip.width}x{clip.height}")
    stored = ask.prompt.prompt.fps
    rate = clip.frame_rate if as_source or not stored else Fraction(stored).limit_denominator(1001)
    if not as_source:
        notes.append(f"{len(made)} frames at {float(rate):g} a second, where the clip has {clip.frames} at {float(clip.frame_rate):g}")
    frames = _frames(job, made, rate, as_source)
    output = job.output_stem.with_suffix(chosen.suffix)
    written = results.write(
        Order(clip, frames, chosen, output, job.settings, frame_rate=rate, progress=job.progress, expected_frames=len(made))
    )
    return Candidate(output, job.treatment, chosen.description, written, 0.0, tuple(notes))


def _frames(job: Job, made: NDArray[np.float32], rate: Fraction, as_source: bool) -> Iterator[av.VideoFrame]:
    clip, conversion = job.clip, Conversion.of(job.clip)
    like = media.blank_like(media.to_format(media.first_frame(clip), media.working_format(clip)))
    times = (int(frame.pts or 0) for frame in media.frames(clip)) if as_source else iter(())
    start = round(media.origin(clip) * rate)
    for index, rgb in enumerate(made):
        frame = media.blank_like(like)
        planes = media.planes(frame)
        targets = [plane for plane in (planes.y, planes.u, planes.v) if plane is not None]
        for target, plane in zip(targets, conversion.planes(_scaled(rgb, clip.width, clip.height), targets), strict=True):
            target[:] = np.clip(np.rint(plane), 0, conversion.peak).astype(target.dtype)
        frame.pts, frame.time_base = (next(times), clip.time_base) if as_source else (start + index, 1 / rate)
        yield frame


def _scaled(rgb: NDArray[np.float32], width: int, height: int) -> NDArray[Any]:
    deep = av.VideoFrame.from_ndarray(np.rint(np.clip(rgb, 0, 1) * 65535).astype(np.uint16), format="rgb48le")
    scaled = deep if (deep.width, deep.height) == (width, height) else deep.reformat(width, height, interpolation="LANCZOS")
    return scaled.to_ndarray().astype(np.float32) / np.float32(65535)
