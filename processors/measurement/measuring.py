"""One walk through a clip's frames: shots, flicker in each, codec traces, curves over time. Memory does not grow with the clip,
but for a few numbers a frame.
"""

from __future__ import annotations

import math
from collections.abc import Generator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from ...config.errors import UnreadableClip
from ...config.settings import Settings
from .. import flow as fl
from .. import media
from ..records import Clip, Progress, Shot
from . import banding, flicker, pairs, samples, shots
from .cambi import CambiMeter
from .pairs import Pair, Step
from .samples import Glance, Layout, Sample, Source
from .sampling import Sampling
from .tiling import Line, TileMeter

FramePairs = Generator[tuple[av.VideoFrame, av.VideoFrame], None, None]
"""Frames of a clip, each with its guide's."""

BAND_CURVES = ("global_luma", "low_luma", "low_chroma", "detail")
CURVES = (*BAND_CURVES, "mean_diff", "sharpness")

_LEAST_CODEC_EVERY, _CODEC_LOOKS = 12, 24  # frames between looks at grid and ramps, and how many of them suffice
_CAMBI_LOOKS = 6  # frames that are also looked at for bands and steps, which takes longer
_REFINEMENTS = 0  # variational: flicker put into clips is found as often without, at two thirds of the time
_TILES_EVERY = 2  # pairs between looks for blinking tiles
_PALETTES = ("gif",)
_PICTURE_EVERY = 4  # pairs between looks at sharpness and for seams
_PROGRESS_EVERY = 4


@dataclass(frozen=True)
class ShotMeasure:
    start: int
    end: int
    flicker: flicker.Flicker
    steps: tuple[Step, ...]
    odd_frames: tuple[int, ...]  # whose look the next frame takes back
    coherence: float  # median correlation of a guide with the one before, along motion
    motion: float  # pixels a frame
    counted: int  # products behind the flicker
    is_dithered: bool = False  # drawn with a palette, whose dither changes from frame to frame
    pairs: tuple[Pair, ...] = ()
    blink: Line | None = None
    seam: Line | None = None


@dataclass(frozen=True)
class Measurement:
    frames: int
    shots: tuple[ShotMeasure, ...]
    curves: dict[str, NDArray[np.float32]]
    mean_diff: float | None
    sharpness: float
    blockiness: float | None
    keyframe_pulse: float | None
    cambi: float | None
    posterisation: float | None
    repeats: NDArray[np.bool_]
    bad_frames: tuple[int, ...]

    @property
    def motion(self) -> float:
        return float(np.average([shot.motion for shot in self.shots], weights=[shot.end - shot.start for shot in self.shots]))


def measure(
    clip: Clip,
    progress: Progress,
    *,
    guide: Clip | None = None,
    known: tuple[Shot, ...] | None = None,
    settings: Settings | None = None,
    folder: Path | None = None,
    decoded: FramePairs | None = None,
) -> Measurement:
    """``guide`` has the same frames: flow, cuts, repeats and the choice of frames come from it. ``known`` shots are taken as they are.
    ``folder`` takes temporary files. ``decoded``: the frames of both, from somebody who looks at them too. Raises UnreadableClip,
    ToolFailed, NotSetUp.
    """
    with fl.one_thread(), CambiMeter(settings or Settings(), folder) as cambi, closing(decoded or _decoded(clip, guide)) as both:
        walk = _Walk(clip, guide or clip, None if known is None else frozenset(shot.start for shot in known[1:]), cambi)
        for index, (frame, guiding) in enumerate(both):
            walk.add(frame, guiding)
            if index % _PROGRESS_EVERY == 0:
                progress(min(1.0, index / clip.frames))
        if not walk.frames:
            raise UnreadableClip("No frame of it can be decoded. Render it again, or re-export it.", path=clip.path)
        return walk.result()


def _decoded(clip: Clip, guide: Clip | None) -> FramePairs:
    with closing(media.frames(clip)) as own, closing(media.frames(guide or clip)) as guides:
        yield from zip(own, guides, strict=False) if guide else ((frame, frame) for frame in own)


class _Frame(NamedTuple):
    """A frame in planar formats, as it came and as its guide; one and the same where a clip guides itself."""

    own: Source
    guide: Source


@dataclass
class _OpenShot:
    start: int
    meter: flicker.Meter = field(default_factory=flicker.Meter)
    tiles: TileMeter = field(default_factory=TileMeter)
    pairs: list[Pair] = field(default_factory=lambda: [])
    residual: flicker.Residual | None = None

    def closed(self, end: int, frame_rate: float, *, is_dithered: bool) -> ShotMeasure:
        motion = float(np.mean(self.meter.motion)) if self.meter.motion else 0.0
        return ShotMeasure(
            self.start,
            end,
            self.meter.flicker(pairs.exposure_runs(self.pairs), frame_rate),
            pairs.restyles(self.pairs),
            pairs.odd_frames(self.pairs),
            float(np.median([pair.likeness for pair in self.pairs])) if self.pairs else 1.0,
            motion,
            self.meter.counted,
            is_dithered,
            tuple(self.pairs),
            self.tiles.blink(self.meter.levels),
            self.tiles.seam(self.meter.levels, float(self.meter.moved.mean()) if self.meter.moved is not None else 0.0),
        )


class _Walk:
    def __init__(self, clip: Clip, guide: Clip, cuts: frozenset[int] | None, cambi: CambiMeter) -> None:
        self.frames = 0
        self._layout = Layout.of(guide)
        self._frame_rate = float(clip.frame_rate)
        self._is_guided = guide is not clip
        self._has_fields = guide.interlaced
        self._is_dithered = guide.codec in _PALETTES
        self._cuts = cuts
        self._cambi = cambi
        self._codec_every = max(_LEAST_CODEC_EVERY, math.ceil(clip.frames / _CODEC_LOOKS))
        self._cambi_every = self._codec_every * max(1, math.ceil(clip.frames / _CAMBI_LOOKS / self._codec_every))
        self._sampling = Sampling(guide)
        self._shot = _OpenShot(0)
        self._closed: list[ShotMeasure] = []
        self._repeats = shots.RepeatFinder()
        self._repeated: list[bool] = []
        self._bad: list[int] = []
        self._held: _Frame | None = None  # the last frame that is no repeat
        self._held_glance: Glance | None = None
        self._last: tuple[Sample, Sample] | None = None  # its samples, where it was looked at closely: own, guide
        self._previous: Glance | None = None
        self._suspect: tuple[int, Sample] | None = None  # a frame that may begin a shot, and the guide before it
        self._curves: dict[str, list[float]] = {name: [] for name in CURVES}
        self._change: list[float] = []
        self._keys: tuple[list[bool], list[bool]] = ([], [])  # own, guide: a result pulses where its source had its key frames
        self._grid: list[tuple[float, float]] = []
        self._stairs: list[float] = []
        self._staircases: list[float] = []

    def add(self, own: av.VideoFrame, guiding: av.VideoFrame) -> None:
        index = self.frames
        self.frames += 1
        self._keys[0].append(bool(own.key_frame))
        self._keys[1].append(bool(guiding.key_frame))
        mine = samples.planar(own)
        frame = _Frame(mine, mine if guiding is own else samples.planar(guiding))
        seen = samples.glance(frame.own, self._layout)
        self._note(frame.own, seen, index)
        glance = seen if frame.guide is frame.own else samples.glance(frame.guide, self._layout)
        change = glance.change(self._held_glance) if self._held_glance is not None else math.inf
        if self._repeats.is_repeat(change) and not self._is_known_cut(index):
            self._repeated[-1] = True
            if self._last is not None:  # in a stretch that is looked at closely
                self._still()
            return
        is_close = self._sampling.is_close(index, change) or self._suspect is not None or self._is_known_cut(index)
        self._look(frame, index) if is_close else self._pass_over()
        self._held, self._held_glance = frame, glance

    def result(self) -> Measurement:
        if self._suspect:
            self._cut(self._suspect[0])
        self._close(self.frames)
        curves = {name: _filled(values) for name, values in self._curves.items()}
        return Measurement(
            frames=self.frames,
            shots=tuple(self._closed),
            curves=curves,
            mean_diff=float(curves["mean_diff"][1:].mean()) if self.frames > 1 else None,
            sharpness=float(curves["sharpness"].mean()),
            blockiness=banding.blockiness(self._grid),
            keyframe_pulse=self._keyframe_pulse(),
            cambi=self._cambi.value() if self._cambi.is_running and float(np.mean(self._stairs)) > banding.LEAST_STAIRS else 0.0,
            posterisation=None if self._is_dithered else float(np.mean(self._staircases)),  # a palette is coarse by design
            repeats=np.array(self._repeated),
            bad_frames=tuple(self._bad),
        )

    def _is_known_cut(self, index: int) -> bool:
        return self._cuts is not None and index in self._cuts

    def _keyframe_pulse(self) -> float | None:
        pulses = [
            pulse for keys in self._keys[: 2 if self._is_guided else 1] if (pulse := banding.keyframe_pulse(self._change, keys)) is not None
        ]
        return max(pulses, default=None)

    def _note(self, own: Source, glance: Glance, index: int) -> None:
        """What needs no motion, of every frame."""
        for values in self._curves.values():
            values.append(math.nan)
        self._curves["mean_diff"][-1] = 0.0 if self._previous is None else min(255.0, glance.change(self._previous))
        self._previous = glance
        self._change.append(math.nan)
        self._repeated.append(False)
        if index % self._codec_every == 0:
            self._look_for_damage(own, thoroughly=index % self._cambi_every == 0)

    def _look_for_damage(self, own: Source, *, thoroughly: bool) -> None:
        ways = samples.strips(own), samples.strips(own, upright=True)
        self._grid.append(banding.grid_gradients(ways[0]))
        self._stairs.append(max(map(banding.stairs, ways)))
        if thoroughly:
            self._staircases.append(max(map(banding.staircases, ways)))
            if self._cambi.is_running or self._stairs[-1] > banding.LEAST_STAIRS:
                self._cambi.add(own.planes.y, own.depth)

    def _still(self) -> None:
        for name in BAND_CURVES:
            self._curves[name][-1] = 0.0

    def _pass_over(self) -> None:
        self._last = self._shot.residual = None

    def _look(self, frame: _Frame, index: int) -> None:
        if self._last is None and self._held is not None:
            self._last = self._sampled(self._held)
        now = self._sampled(frame)
        if len(self._shot.pairs) % _PICTURE_EVERY == 0:
            rows = samples.strips_of_fields(frame.own) if self._has_fields else samples.strips(frame.own)
            edges = cv2.Laplacian(rows, cv2.CV_16S)
            self._curves["sharpness"][-1] = cv2.norm(edges, cv2.NORM_L2SQR) / edges.size * now[0].levels ** 2
        self._still()
        if self._last is not None:
            self._follow(self._last, now, index)
        self._last = now

    def _sampled(self, frame: _Frame) -> tuple[Sample, Sample]:
        own = samples.sample(frame.own, self._layout)
        return own, own if frame.guide is frame.own else samples.sample(frame.guide, self._layout)

    def _follow(self, last: tuple[Sample, Sample], now: tuple[Sample, Sample], index: int) -> None:
        before, guide = last[1], now[1]
        flow = _flow(before, guide)
        motion = flicker.Motion.of(flow, self._layout)
        change = flicker.residual(_carried(before, motion), before, guide, motion)
        like = shots.likeness(flow, guide.cells - change.cells, before, guide)
        is_suspect = like.is_another_scene if self._cuts is None else index in self._cuts
        if self._suspect:
            (suspect, earlier), self._suspect = self._suspect, None
            if is_suspect and self._cuts is None and shots.is_same_scene(earlier, guide):
                self._bad.append(suspect)
                self._shot.residual = None
                return
            self._cut(suspect)
        if is_suspect:
            self._suspect = index, before
            return
        if last[0] is not before:
            change = flicker.residual(_carried(last[0], motion), last[0], now[0], motion)
        self._pair(change, now[0], motion, like.guide, index)

    def _pair(self, change: flicker.Residual, now: Sample, motion: flicker.Motion, likeness: float, index: int) -> None:
        shot = self._shot
        shot.meter.add_pair(change, now, motion, begins=shot.residual is None)
        if len(shot.pairs) % _TILES_EVERY == 0:
            shot.tiles.add_residual(change.flat)
        if len(shot.pairs) % _PICTURE_EVERY == 0:
            shot.tiles.add_picture(now.luma)
        before, levels = shot.residual, now.levels
        tint = change.tint[0] * levels, change.tint[1] * levels
        shot.pairs.append(Pair(index, change.exposure * levels, tint, change.jump * levels, likeness, before is None))
        self._change[-1] = float(np.sqrt(np.abs(change.fine)).mean()) ** 2 * levels
        if before is not None:
            found = flicker.products(before, change, motion)
            shot.meter.add_products(found)
            self._draw(found, abs(change.exposure - before.exposure) / math.sqrt(6), levels)
        shot.residual = change

    def _draw(self, found: dict[str, flicker.Products], exposure: float, levels: float) -> None:
        self._curves["global_luma"][-1] = exposure * levels
        for curve, name in (("low_luma", "low"), ("low_chroma", "chroma"), ("detail", "fine")):
            self._curves[curve][-1] = math.sqrt(max(0.0, -float(found[name].product.mean()))) * levels

    def _cut(self, start: int) -> None:
        self._close(start)
        self._shot = _OpenShot(start)

    def _close(self, end: int) -> None:
        self._closed.append(self._shot.closed(end, self._frame_rate, is_dithered=self._is_dithered))


def _flow(previous: Sample, current: Sample) -> fl.Flow:
    """None to be found where a picture is plain: what its guide shows are the roundings of a ramp."""
    if shots.is_plain(previous) or shots.is_plain(current):
        return np.zeros((*current.guide.shape, 2), np.float32)
    return fl.flow(previous.guide, current.guide, refinements=_REFINEMENTS, finest=samples.FINEST)


def _carried(previous: Sample, motion: flicker.Motion) -> NDArray[np.float32]:
    """Its luma where the current frame has it. Linear interpolation would blur it anew at each fraction of a pixel, which reads as flicker."""
    return fl.warp(previous.luma, motion.picture, interpolation=cv2.INTER_CUBIC)


def _filled(values: list[float]) -> NDArray[np.float32]:
    """A curve with what was not looked at drawn straight from the mean of one run of measured frames to that of the next."""
    curve = np.asarray(values, np.float32)
    known = np.flatnonzero(np.isfinite(curve))
    if not len(known):
        return np.zeros_like(curve)
    runs = np.split(known, np.flatnonzero(np.diff(known) > 1) + 1)
    between = np.interp(np.arange(len(curve)), [run.mean() for run in runs], [curve[run].mean() for run in runs])
    return np.where(np.isfinite(curve), curve, between).astype(np.float32)
