"""Faults that a clip's frames give away by themselves, whatever its verdict, each with its place in time, its amount and the cheapest
repair as advice. docs/diagnosis.md lists the kinds; the list is closed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import pairwise

import numpy as np

from ..records import Cause, Clip, CodecReading
from . import verdicts
from .lookshifts import Shifts
from .measuring import Measurement, ShotMeasure
from .tiling import Line

KINDS = (
    *("first_frames", "last_frames", "batch_step", "bad_frame", "tile_blink", "tile_seam"),
    *("duplicates", "frozen_start", "frozen_end", "slow_pulse", "content_change"),
    *("banding", "posterisation", "blocking", "keyframe_pulse", "palette_dither"),
)

_REPEATS_SHARE = 0.2
_FROZEN_S = 0.25
_FROZEN_FRAMES = 4
_MOST = 12  # of one kind: a clip that steps at every other frame flickers
_TORN_LEVELS, _TORN_RATIO, _TORN_MOST = 5.0, 8.0, 2
_STRUCTURE_GONE = 0.25  # of the guides' correlation, over its usual fall
_LEAST_PX = 64  # smaller pictures have too little structure to lose
_DITHER_LEVELS = 0.8


def find(clip: Clip, found: Measurement, codec: CodecReading) -> tuple[Cause, ...]:
    """In the order of frames. Amounts are shares of the clip's frames, display levels, or what the kind says in docs/diagnosis.md."""
    causes = [cause for finder in _FINDERS for cause in finder(clip, found)]
    causes += _codec(found, codec)
    return tuple(sorted(causes, key=lambda cause: (cause.start_frame, cause.kind)))


def _frozen(clip: Clip, found: Measurement) -> Iterator[Cause]:
    start, end = _frozen_lengths(found)
    least = max(_FROZEN_FRAMES, _FROZEN_S * float(clip.frame_rate))
    moving = found.repeats[start + 1 : found.frames - end]
    if len(moving) < 4 or moving.mean() > 0.5:
        return
    if start >= least:
        yield Cause("frozen_start", 0, start, round(start / found.frames, 4), "The first frames stand still: cut them off.")
    if end >= least:
        advice = "The last frames stand still: cut them off, or render fewer frames."
        yield Cause("frozen_end", found.frames - end, found.frames - 1, round(end / found.frames, 4), advice)


def _frozen_lengths(found: Measurement) -> tuple[int, int]:
    """Frames that repeat the first one, at the start; those that repeat the one before them, at the end."""
    moving = np.flatnonzero(~found.repeats)
    second = int(moving[1]) if len(moving) > 1 else found.frames
    return second - 1, found.frames - 1 - int(moving[-1])


def _repeats(clip: Clip, found: Measurement) -> Iterator[Cause]:
    """Frames held all through the clip; a still picture, which only repeats, is no such case."""
    start, end = (length if length >= _FROZEN_FRAMES else 0 for length in _frozen_lengths(found))
    moving = found.repeats[start : found.frames - end]
    share = float(moving[1:].mean()) if len(moving) > 1 else 0.0
    if share >= _REPEATS_SHARE and len(moving) >= 8:
        advice = f"{share:.0%} of the frames repeat the one before: the frame rate is higher than that of the pictures."
        yield Cause("duplicates", start, found.frames - end - 1, round(share, 4), advice)


def _bad_frames(clip: Clip, found: Measurement) -> Iterator[Cause]:
    odd = set(found.bad_frames)
    for shot in found.shots:
        odd |= {*shot.odd_frames, *Shifts.of(shot).odd_frames(), *_torn_frames(shot, found)}
    odd |= {shot.start for shot in (found.shots[0], found.shots[-1]) if len(found.shots) > 1 and shot.end - shot.start == 1}
    advice = "This frame is unlike those before and after it, which are alike: a flash, or a damaged frame. The route smooth evens it out."
    for frame in sorted(odd)[:_MOST]:
        yield Cause("bad_frame", frame, frame, round(1 / found.frames, 4), advice)


def _torn_frames(shot: ShotMeasure, found: Measurement) -> list[int]:
    """Frames of which a part is wrong: flicker stands out just after them, in one band at least, and in few other places."""
    frames = [pair.frame for pair in shot.pairs]
    if len(frames) < 8:
        return []
    odd: list[int] = []
    for band in ("low_luma", "low_chroma", "detail"):
        curve = found.curves[band][frames]
        spikes = np.flatnonzero(curve > max(_TORN_LEVELS, _TORN_RATIO * float(np.median(curve))))
        if len(spikes) <= _TORN_MOST:
            odd += [frames[spike - 1] for spike in spikes if spike > 0]
    return odd


def _ends(clip: Clip, found: Measurement) -> Iterator[Cause]:
    measured = [shot for shot in found.shots if shot.pairs]
    if not measured:
        return
    head, tail = Shifts.of(measured[0]).head(), Shifts.of(measured[-1]).tail()
    if head is not None:
        advice = (
            "The first frames have another look than those after them: render fewer frames, or cut them off. The route smooth softens it."
        )
        yield Cause("first_frames", measured[0].start, head.frame - 1, round(head.levels, 2), advice)
    if tail is not None:
        advice = "The last frames have another look than those before them, as a decoder's last tile has: cut them off. The route smooth softens it."
        yield Cause("last_frames", tail.frame, measured[-1].end - 1, round(tail.levels, 2), advice)


def _steps(clip: Clip, found: Measurement) -> Iterator[Cause]:
    steps = {step.frame: step.jump for shot in found.shots for step in shot.steps}
    for shot in found.shots:
        steps |= {step.frame: step.levels for step in Shifts.of(shot).steps() if step.frame not in steps}
    frames = sorted(steps)[:_MOST]
    pace = _pace(frames)
    often = f", every {pace} frames" if pace else ""
    advice = f"The look changes here at once and stays{often}: overlap the batches more, or render it as one. The route smooth softens it a little."
    for frame in frames:
        yield Cause("batch_step", frame, frame, round(steps[frame], 2), advice)


def _pace(frames: list[int]) -> int | None:
    gaps = [later - earlier for earlier, later in pairwise(frames)]
    return gaps[0] if len(gaps) >= 2 and max(gaps) - min(gaps) <= 1 else None


def _tiles(clip: Clip, found: Measurement) -> Iterator[Cause]:
    for shot in found.shots:
        if shot.blink is not None:
            advice = f"Parts of the picture on both sides of {_where(shot.blink, clip)} blink apart: decode without tiles."
            yield Cause("tile_blink", shot.start, shot.end - 1, round(shot.blink.levels, 2), advice)
        if shot.seam is not None:
            place = _where(shot.seam, clip)
            advice = f"A straight edge stays at {place} while things move: decode without tiles, or overlap them more."
            yield Cause("tile_seam", shot.start, shot.end - 1, round(shot.seam.levels, 2), advice)


def _where(line: Line, clip: Clip) -> str:
    """Its place in the picture as a player shows it."""
    is_turned = clip.rotation in (90, 270)
    is_upright = (line.axis == "x") != is_turned
    is_reversed = clip.rotation == 180 or (clip.rotation == 90 and line.axis == "y") or (clip.rotation == 270 and line.axis == "x")
    if is_upright and clip.mirrored:
        is_reversed = not is_reversed
    return f"{1 - line.place if is_reversed else line.place:.0%} of the {'width' if is_upright else 'height'}"


def _pulses(clip: Clip, found: Measurement) -> Iterator[Cause]:
    for shot in found.shots:
        if verdicts.pulses(shot.flicker):
            advice = "Brightness swings up and down more slowly than from frame to frame: smooth its global band, or deflicker with a long window."
            yield Cause("slow_pulse", shot.start, shot.end - 1, round(shot.flicker.exposure.pulse, 2), advice)


def _content(clip: Clip, found: Measurement) -> Iterator[Cause]:
    """Structure lost at once that does not come back, without a cut: something vanished, or became another thing. Occlusion by fast
    things looks like it, so it is advice only.
    """
    for shot in found.shots:
        likes = np.array([pair.likeness for pair in shot.pairs])
        steps = {step.frame for step in shot.steps}
        if len(likes) < 8 or min(clip.width, clip.height) < _LEAST_PX:
            continue
        falls = float(np.median(likes)) - likes
        gone = set(np.flatnonzero(falls > _STRUCTURE_GONE).tolist())
        changed = [place for place in sorted(gone) if not {place - 1, place + 1} & gone]  # a fade from black goes on
        advice = "Content may change identity or vanish here: look. No filter mends it; another seed, prompt or shorter sequence may."
        for place in [place for place in changed if shot.pairs[place].frame not in steps][:_MOST]:
            frame = shot.pairs[place].frame
            yield Cause("content_change", frame, frame, round(float(falls[place]), 2), advice)


_FINDERS: tuple[Callable[[Clip, Measurement], Iterator[Cause]], ...] = (
    *(_frozen, _repeats, _bad_frames, _ends, _steps, _tiles, _pulses, _content),
)


def _codec(found: Measurement, codec: CodecReading) -> Iterator[Cause]:
    kinds = (
        ("banding", verdicts.cambi_fault(codec), codec.cambi, "Smooth ramps show fine bands: deband, and deliver at 10 bit."),
        (
            "posterisation",
            verdicts.posterised_fault(codec),
            codec.posterisation,
            "Ramps go in coarse steps: export anew; deband helps where they are small.",
        ),
        (
            "blocking",
            verdicts.blocking_fault(codec),
            codec.blockiness,
            "Blocks show: export at a higher rate; deband deblocks.",
        ),
        (
            "keyframe_pulse",
            verdicts.pulse_fault(codec),
            codec.keyframe_pulse,
            "It pulses at key frames: export at a higher rate.",
        ),
    )
    for kind, fault, amount, advice in kinds:
        if fault > 1:
            yield Cause(kind, 0, found.frames - 1, round(amount or 0.0, 4), advice)
    dithered = [shot.flicker.fine.amplitude for shot in found.shots if shot.is_dithered and verdicts.faults(shot).temporal <= 1]
    if dithered and max(dithered) > _DITHER_LEVELS:
        advice = "Its palette draws dither anew in each frame, which is the file's fault, not the model's: export to video from the frames."
        yield Cause("palette_dither", 0, found.frames - 1, round(max(dithered), 2), advice)
