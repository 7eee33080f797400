"""Where in a clip something was found, and what became of it there: the frame ranges of a receipt, from which markers are made.

Flicker: a shot's flicker is set against what begins to show (its score is 0.5 there), and the curves of the bands that flicker say how it
is spread over the shot's frames. A range is where half a second of it, root mean square, stands over that border; gaps of less than a
second are closed, and a shot that is over it nearly everywhere is one range. Causes are ranges as the diagnosis has them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..checks.tolerances import LEAST_FALL
from ..measurement import verdicts
from ..records import Band, Cause, CodecReading, Diagnosis, Passage, Route, Shot, Verdict
from ..reports import pictures

FLICKER = "flicker"

_WINDOW_S, _GAP_S = 0.5, 1.0
_LEAST_FRAMES = 3
_NEARLY_ALL = 0.8
_SAME_CAUSE_S = 0.25
_PLACE_FALL = 0.5  # a jump of which more than half is left is still one

Curve = NDArray[np.float64]


@dataclass(frozen=True)
class Range:
    """Frames are the source's, both ends included. ``amount`` is in levels of 255 for flicker, as docs/diagnosis.md has it for causes."""

    start_frame: int
    end_frame: int
    what: str  # FLICKER, or the kind of the cause
    repaired: bool | None  # None: there is a result, and nobody measured it here
    band: Band | None  # of flicker: the one that shows most
    cause: str | None  # the diagnosis' advice
    amount: float
    after: float | None = None  # the amount left in the result, where it was measured frame for frame


def find(passage: Passage, *, delivered: bool) -> tuple[Range, ...]:
    """In the order of frames. ``delivered``: the candidate becomes the result. Nothing of a clip that was not diagnosed."""
    found, clip = passage.diagnosis, passage.clip
    if found is None or clip is None:
        return ()
    rate = float(clip.frame_rate)
    before = pictures.read_curves(found.curves)
    flicker = [each for shot in found.shots for each in _in_shot(shot, found, before, rate)]
    causes = [_of(cause) for cause in _merged(found.causes, rate) if not _is_told(cause, flicker)]
    became = _Result(passage, before, delivered)
    return tuple(sorted((became.of(each) for each in (*flicker, *causes)), key=lambda each: (each.start_frame, each.end_frame)))


def as_records(ranges: Sequence[Range]) -> list[dict[str, Any]]:
    """As the receipt has them."""
    return [asdict(each) for each in ranges]


def _in_shot(shot: Shot, found: Diagnosis, curves: Mapping[str, Curve], rate: float) -> Iterator[Range]:
    bands = [band for band in found.flickering if band not in shot.still and band in curves]
    if shot.verdict is Verdict.CLEAN or not bands:
        return
    part: dict[str, Curve] = {band: curves[band][shot.start : shot.end] for band in bands}
    strength = pictures.flicker(part)
    border = _fault(shot)
    if strength.size < _LEAST_FRAMES or not strength.any():
        stretches = [(0, strength.size)]
    else:
        local = border * _running(strength, max(1, round(_WINDOW_S * rate))) / np.sqrt(np.square(strength).mean())
        stretches = _stretches(local > 1, round(_GAP_S * rate))
    for start, end in stretches:
        cut = {band: curve[start:end] for band, curve in part.items()}
        band = max(bands, key=lambda each: float(np.square(pictures.flicker({each: cut[each]})).sum()))
        yield Range(shot.start + start, shot.start + end - 1, FLICKER, False, band, None, _level(cut[band]))


def _fault(shot: Shot) -> float:
    """How many times what begins to show: the inverse of verdicts.amount."""
    return shot.flicker_score / max(1e-6, 1 - shot.flicker_score)


def _running(values: Curve, width: int) -> Curve:
    """Root mean square of ``width`` values around each; fewer at the ends."""
    kernel = np.ones(min(width, len(values)))
    energy, count = (np.convolve(line, kernel, "same") for line in (np.square(values), np.ones(len(values))))
    return np.sqrt(energy / count)


def _stretches(over: NDArray[np.bool_], gap: int) -> list[tuple[int, int]]:
    """(first, one past the last) of each stretch, gaps closed."""
    edges = np.flatnonzero(np.diff(np.concatenate(([False], over, [False])).astype(np.int8))).reshape(-1, 2)
    joined: list[tuple[int, int]] = []
    for start, end in edges.tolist():
        if joined and start - joined[-1][1] < gap:
            joined[-1] = joined[-1][0], end
        else:
            joined.append((start, end))
    kept = [(start, end) for start, end in joined if end - start >= _LEAST_FRAMES] or joined
    return [(0, len(over))] if sum(end - start for start, end in kept) >= _NEARLY_ALL * len(over) else kept


def _level(curve: Curve) -> float:
    return round(float(np.sqrt(np.square(curve).mean())), 2) if curve.size else 0.0


def _merged(causes: Sequence[Cause], rate: float) -> list[Cause]:
    """Causes of one kind that lie close together are one."""
    joined: list[Cause] = []
    for cause in sorted(causes, key=lambda each: (each.kind, each.start_frame)):
        last = joined[-1] if joined else None
        if last is not None and last.kind == cause.kind and cause.start_frame - last.end_frame <= max(1, round(_SAME_CAUSE_S * rate)):
            joined[-1] = replace(last, end_frame=max(last.end_frame, cause.end_frame), amount=max(last.amount, cause.amount))
        else:
            joined.append(cause)
    return joined


def _of(cause: Cause) -> Range:
    return Range(cause.start_frame, cause.end_frame, cause.kind, False, None, cause.advice, cause.amount)


def _is_told(cause: Cause, flicker: Sequence[Range]) -> bool:
    """A slow pulse is flicker of the whole frame, which has its ranges."""
    overlaps = (each for each in flicker if each.start_frame <= cause.end_frame and cause.start_frame <= each.end_frame)
    return cause.kind == "slow_pulse" and any(each.band is Band.GLOBAL_LUMA for each in overlaps)


_FAULTS: dict[str, Callable[[CodecReading], float]] = {
    "banding": verdicts.cambi_fault,
    "posterisation": verdicts.posterised_fault,
    "blocking": verdicts.blocking_fault,
    "keyframe_pulse": verdicts.pulse_fault,
}
_AMOUNTS: dict[str, Callable[[CodecReading], float | None]] = {
    "banding": lambda codec: codec.cambi,
    "posterisation": lambda codec: codec.posterisation,
    "blocking": lambda codec: codec.blockiness,
    "keyframe_pulse": lambda codec: codec.keyframe_pulse,
}
_SHOW_IN_CURVES = frozenset({"first_frames", "last_frames", "batch_step", "bad_frame", "slow_pulse"})


class _Result:
    """What the result has in the place of what was found."""

    def __init__(self, passage: Passage, before: Mapping[str, Curve], delivered: bool) -> None:
        self._delivered = delivered and passage.candidate is not None
        self._judged = passage.verification
        self._before = before
        self._after = pictures.read_curves(self._file(passage))
        self._route = passage.candidate.treatment.route if passage.candidate else Route.KEEP

    def _file(self, passage: Passage) -> Path | None:
        made, clip, judged = passage.candidate, passage.clip, passage.verification
        if made is None or clip is None or judged is None or made.frames != clip.frames:
            return None
        return None if made.treatment.route in (Route.INTERPOLATE, Route.REGENERATE) else judged.curves

    def of(self, found: Range) -> Range:
        if not self._delivered:
            return found
        if found.band is not None:
            return self._flicker(found, found.band)
        if found.what in _FAULTS:
            return self._codec(found)
        if found.what in _SHOW_IN_CURVES:
            return self._place(found)
        return replace(found, repaired=None if self._route is Route.REGENERATE else False)

    def _flicker(self, found: Range, band: Band) -> Range:
        if band not in self._after:
            return replace(found, repaired=self._judged.better if self._judged else None)
        after = _level(self._after[band][found.start_frame : found.end_frame + 1])
        return replace(found, repaired=after <= (1 - LEAST_FALL) * found.amount, after=after)

    def _codec(self, found: Range) -> Range:
        """Of the whole clip: gone where it is under its border, or less by what can be seen."""
        if self._judged is None:
            return replace(found, repaired=None)
        codec = self._judged.reading.codec
        after = _AMOUNTS[found.what](codec)
        gone = after is not None and (_FAULTS[found.what](codec) <= 1 or after <= (1 - LEAST_FALL) * found.amount)
        return replace(found, repaired=gone if after is not None else None, after=after)

    def _place(self, found: Range) -> Range:
        """By the flicker at its borders, where the look changes."""
        place = slice(max(0, found.start_frame), found.end_frame + 3)  # a frame stands out against its successors too
        before, after = (
            pictures.flicker({band: side[band][place] for band in Band if band in side}) for side in (self._before, self._after)
        )
        if not before.size or not after.size:
            return replace(found, repaired=None)
        return replace(found, repaired=bool(after.max() <= (1 - _PLACE_FALL) * before.max()))
