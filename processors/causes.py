"""Faults that a clip's frames give away by themselves, whatever its verdict: repeats, a frozen end, odd single frames, batch borders."""

from __future__ import annotations

import numpy as np

from .measuring import Measurement
from .records import Cause, Clip

_REPEATS_SHARE = 0.2
_FROZEN_S = 0.25
_FROZEN_FRAMES = 4


def find(clip: Clip, found: Measurement) -> tuple[Cause, ...]:
    """In the order of frames. Amounts are shares of the clip's frames, or levels for steps."""
    causes = [*_frozen_end(clip, found), *_repeats(found), *_bad_frames(found), *_steps(found)]
    return tuple(sorted(causes, key=lambda cause: (cause.start_frame, cause.kind)))


def _frozen_length(found: Measurement) -> int:
    """Frames at the end that repeat the one before them."""
    moving = np.flatnonzero(~found.repeats)
    return found.frames - 1 - int(moving[-1])


def _frozen_end(clip: Clip, found: Measurement) -> list[Cause]:
    length = _frozen_length(found)
    before = found.repeats[: found.frames - length]
    if length < max(_FROZEN_FRAMES, _FROZEN_S * clip.frame_rate) or before.mean() > 0.5 or len(before) < 4:
        return []
    start = found.frames - length
    advice = "The last frames stand still: cut them off, or render fewer frames."
    return [Cause("frozen_end", start, found.frames - 1, round(length / found.frames, 4), advice)]


def _repeats(found: Measurement) -> list[Cause]:
    """Frames held all through the clip; a still picture, which only repeats, is no such case."""
    moving = found.repeats[: found.frames - _frozen_length(found)]
    share = float(moving[1:].mean()) if len(moving) > 1 else 0.0
    if not _REPEATS_SHARE <= share <= 0.8 or len(moving) < 8:
        return []
    advice = f"{share:.0%} of the frames repeat the one before: the frame rate is higher than that of the pictures."
    return [Cause("duplicates", 0, len(moving) - 1, round(share, 4), advice)]


def _bad_frames(found: Measurement) -> list[Cause]:
    advice = "This frame is unlike those before and after it, which are alike: a flash, or a damaged frame."
    return [Cause("bad_frame", frame, frame, round(1 / found.frames, 4), advice) for frame in found.bad_frames]


def _steps(found: Measurement) -> list[Cause]:
    advice = "The look of the scene changes here at once: overlap the batches more, or render it as one."
    return [Cause("batch_step", step.frame, step.frame, round(step.jump, 2), advice) for shot in found.shots for step in shot.steps]
