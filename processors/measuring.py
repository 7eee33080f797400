"""One walk through a clip's frames: shots, flicker in each, codec traces, curves over time. Memory does not grow with the clip,
but for a few numbers a frame.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass, field
from typing import NamedTuple

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from ..config.errors import UnreadableClip
from . import banding, flicker, media, shots
from . import flow as fl
from .records import Clip, Progress, Shot
from .samples import Layout, Sample, sample

CURVES = ("global_luma", "low_luma", "low_chroma", "detail", "mean_diff", "sharpness")

_CODEC_EVERY = 12  # frames between looks at grid and ramps
_PROGRESS_EVERY = 8
_LEAST_JUMP = 4.0  # levels
_JUMP_RATIO = 5.0  # over the jumps near it
_STRUCTURE_LOST = 0.1  # of the guides' correlation, at a step


class Step(NamedTuple):
    """An abrupt restyle of a scene that goes on: at the border of two batches, most often."""

    frame: int
    jump: float  # levels


@dataclass(frozen=True)
class ShotMeasure:
    start: int
    end: int
    flicker: flicker.Flicker
    steps: tuple[Step, ...]
    coherence: float  # median correlation of a guide with the one before, along motion
    motion: float  # pixels a frame
    counted: int  # products behind the flicker


@dataclass(frozen=True)
class Measurement:
    frames: int
    shots: tuple[ShotMeasure, ...]
    curves: dict[str, NDArray[np.float32]]
    mean_diff: float | None
    sharpness: float
    blockiness: float | None
    keyframe_pulse: float | None
    stairs: float
    repeats: NDArray[np.bool_]
    bad_frames: tuple[int, ...]

    @property
    def motion(self) -> float:
        return float(np.average([shot.motion for shot in self.shots], weights=[shot.end - shot.start for shot in self.shots]))


def measure(clip: Clip, progress: Progress, *, guide: Clip | None = None, known: tuple[Shot, ...] | None = None) -> Measurement:
    """``guide`` has the same frames: flow, cuts and repeats come from it. ``known`` shots are taken as they are. Raises UnreadableClip."""
    walk = _Walk(None if known is None else frozenset(shot.start for shot in known[1:]))
    layout = Layout.of(guide or clip)
    with closing(media.frames(clip)) as own, closing(media.frames(guide or clip)) as guides:
        pairs: Iterable[tuple[av.VideoFrame, av.VideoFrame]] = (
            zip(own, guides, strict=False) if guide else ((frame, frame) for frame in own)
        )
        for index, (frame, guiding) in enumerate(pairs):
            now = sample(frame, layout)
            walk.add(now, now if guide is None else sample(guiding, layout))
            if index % _PROGRESS_EVERY == 0:
                progress(min(1.0, index / clip.frames))
    if not walk.frames:
        raise UnreadableClip("No frame of it can be decoded. Render it again, or re-export it.", path=clip.path)
    return walk.result()


@dataclass
class _OpenShot:
    start: int
    meter: flicker.Meter = field(default_factory=flicker.Meter)
    pairs: list[tuple[int, float, float]] = field(default_factory=lambda: [])  # frame, jump in levels, correlation of guides
    residual: flicker.Residual | None = None

    def closed(self, end: int) -> ShotMeasure:
        return ShotMeasure(
            self.start,
            end,
            self.meter.bands(),
            _steps(self.pairs),
            float(np.median([pair[2] for pair in self.pairs])) if self.pairs else 1.0,
            float(np.mean(self.meter.motion)) if self.meter.motion else 0.0,
            self.meter.counted,
        )


class _Walk:
    def __init__(self, cuts: frozenset[int] | None) -> None:
        self.frames = 0
        self._cuts = cuts
        self._shot = _OpenShot(0)
        self._closed: list[ShotMeasure] = []
        self._repeats = shots.RepeatFinder()
        self._repeated: list[bool] = []
        self._bad: list[int] = []
        self._last: tuple[Sample, Sample] | None = None  # of the last frame that is no repeat: own, guide
        self._previous: Sample | None = None
        self._suspect: tuple[int, Sample] | None = None  # a frame that may begin a shot, and the guide before it
        self._curves: dict[str, list[float]] = {name: [] for name in CURVES}
        self._change: list[float] = []
        self._keys: tuple[list[bool], list[bool]] = ([], [])  # own, guide: a result pulses where its source had its key frames
        self._grid: list[tuple[float, float]] = []
        self._stairs: list[float] = []

    def add(self, now: Sample, guide: Sample) -> None:
        index = self.frames
        self.frames += 1
        self._note(now, index)
        self._keys[1].append(guide.is_key)
        if self._last is None:
            self._last = now, guide
        elif self._repeats.is_repeat(self._last[1], guide) and (self._cuts is None or index not in self._cuts):
            self._repeated[-1] = True
        else:
            self._follow(now, guide, index)
            self._last = now, guide

    def result(self) -> Measurement:
        if self._suspect:
            self._cut(self._suspect[0])
        self._closed.append(self._shot.closed(self.frames))
        on, beside = np.mean(self._grid, axis=0) if self._grid else (0.0, 0.0)
        curves = {name: np.asarray(values, np.float32) for name, values in self._curves.items()}
        return Measurement(
            frames=self.frames,
            shots=tuple(self._closed),
            curves=curves,
            mean_diff=float(curves["mean_diff"][1:].mean()) if self.frames > 1 else None,
            sharpness=float(curves["sharpness"].mean()),
            blockiness=max(0.0, float(on - beside) / (float(beside) + banding.SOFTENING)) if self._grid else None,
            keyframe_pulse=self._keyframe_pulse(),
            stairs=float(np.mean(self._stairs)) if self._stairs else 0.0,
            repeats=np.array(self._repeated),
            bad_frames=tuple(self._bad),
        )

    def _keyframe_pulse(self) -> float | None:
        pulses = [pulse for keys in self._keys if (pulse := banding.keyframe_pulse(self._change, keys)) is not None]
        return max(pulses, default=None)

    def _note(self, now: Sample, index: int) -> None:
        """What needs no motion."""
        for values in self._curves.values():
            values.append(0.0)
        if self._previous is not None and self._previous.rows.shape == now.rows.shape:
            self._curves["mean_diff"][-1] = cv2.norm(self._previous.rows, now.rows, cv2.NORM_L1) / now.rows.size
        edges = cv2.Laplacian(now.strips, cv2.CV_16S)
        self._curves["sharpness"][-1] = cv2.norm(edges, cv2.NORM_L2SQR) / edges.size * now.levels**2
        self._previous = now
        self._change.append(math.nan)
        self._keys[0].append(now.is_key)
        self._repeated.append(False)
        if index % _CODEC_EVERY == 0:
            self._grid.append(banding.grid_gradients(now.strips))
            self._stairs.append(banding.stairs(now.strips))

    def _follow(self, now: Sample, guide: Sample, index: int) -> None:
        assert self._last is not None
        own_last, guide_last = self._last
        flow = fl.resized(fl.flow(guide_last.guide, guide.guide), guide.luma.shape[1], guide.luma.shape[0])
        carried = fl.warp(guide_last.luma.astype(np.float32), flow)
        like = shots.likeness(np.asarray(cv2.convertScaleAbs(carried), np.uint8).reshape(carried.shape), guide_last, guide)
        is_suspect = like.is_another_scene if self._cuts is None else index in self._cuts
        if self._suspect:
            (suspect, before), self._suspect = self._suspect, None
            if is_suspect and self._cuts is None and shots.is_same_scene(before, guide):
                self._bad.append(suspect)
                self._shot.residual = None
                return
            self._cut(suspect)
        if is_suspect:
            self._suspect = index, guide_last
        else:
            own_carried = carried if own_last is guide_last else fl.warp(own_last.luma.astype(np.float32), flow)
            self._pair(own_carried, own_last, now, flow, like, index)

    def _pair(self, carried: NDArray[np.float32], last: Sample, now: Sample, flow: fl.Flow, like: shots.Likeness, index: int) -> None:
        shot = self._shot
        change = flicker.residual(carried, last, now, flow)
        shot.meter.add_pair(change, now, flow)
        shot.pairs.append((index, change.jump * now.levels, like.guide))
        self._change[-1] = cv2.norm(change.fine, cv2.NORM_L1) / change.fine.size * now.levels
        if shot.residual is not None:
            found = flicker.products(shot.residual, change, flow)
            shot.meter.add_products(found)
            self._draw(found, abs(change.exposure - shot.residual.exposure) / math.sqrt(6), now.levels)
        shot.residual = change

    def _draw(self, found: dict[str, flicker.Products], exposure: float, levels: float) -> None:
        self._curves["global_luma"][-1] = exposure * levels
        for curve, name in (("low_luma", "low"), ("low_chroma", "chroma"), ("detail", "fine")):
            self._curves[curve][-1] = math.sqrt(max(0.0, -float(found[name].product.mean()))) * levels

    def _cut(self, start: int) -> None:
        self._closed.append(self._shot.closed(start))
        self._shot = _OpenShot(start)


def _steps(pairs: list[tuple[int, float, float]]) -> tuple[Step, ...]:
    """Frames that jump far more than those near them, over most of the picture, and lose structure in it."""
    if len(pairs) < 5:
        return ()
    jumps, likes = (np.array([pair[column] for pair in pairs]) for column in (1, 2))
    found: list[Step] = []
    for i, (frame, jump, like) in enumerate(pairs):
        near = np.r_[max(0, i - 6) : i, i + 1 : min(len(pairs), i + 7)]
        is_jump = jump > max(_LEAST_JUMP, _JUMP_RATIO * float(np.median(jumps[near])))
        if is_jump and float(np.median(likes[near])) - like > _STRUCTURE_LOST:
            found.append(Step(frame, jump))
    return tuple(found)
