"""Smoothing in torch: ``bands.engine.Shot`` on a GPU, or on the CPU for the tests' sake.

A picture goes to the device once and comes back once, as code values. Several moments are computed at once, for a GPU takes longer to
begin a step than to do it.

Imports torch: import this module only where torch is known to be there.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice
from typing import Protocol, TypeVar

import av
import torch
from torch import Tensor

from ..bands.engine import FAR, LIGHT, MOST_APART, TOLERANCE, Run, Work
from ..bands.lowband import view_size
from ..records import Clip
from . import detailband, frames, lowband, search
from .frames import Codes, Tags
from .images import carried, gaussian
from .ladder import Ladder, Way
from .trails import Measure, Trails

T = TypeVar("T")
_PARTS = slice(0, 1), slice(1, 3)  # luma and chroma, of Y, U and V


@dataclass(frozen=True)
class Moment:
    place: int  # in the shot
    frames: list[av.VideoFrame]  # the picture, and its repeats, as they were decoded
    tags: Tags
    codes: list[Codes]  # of the picture, until it is corrected; then of each frame: put by where detail is smoothed, else to be shown
    view: Tensor  # (4, h, w)
    light: Tensor | None = None  # (3, h, w) levels, once corrected
    planes: Codes = ()  # put by, once corrected: averaged never yet, once or twice
    sharpness: tuple[Tensor, ...] = ()  # of luma, and of chroma's two planes, of of the picture without its flicker, once it was averaged


class Begin(Protocol):
    def __call__(self, work: Work) -> GpuShot: ...


@contextmanager
def engine(clip: Clip, *, device: str, ladder: Ladder, measure: Measure = search.flows) -> Generator[Begin, None, None]:
    """``engine.Engine``, with the device's name in torch. What it cannot do raises ``ladder.GaveUpError``."""
    yield partial(GpuShot, clip, device, ladder, measure)


class GpuShot:
    """``engine.Shot``."""

    def __init__(self, clip: Clip, device: str, ladder: Ladder, measure: Measure, work: Work) -> None:
        width, height = view_size(clip.width, clip.height)
        self._device = device
        self._ladder = ladder
        self._work = work
        self._trails = Trails((height, width), fine=work.smooths_detail, measure=measure)
        self._kept_moments = work.reach_moments + 2 * Way().moments + 2 * FAR

    def seen(self, pictures: Iterable[Run]) -> Iterator[Moment]:
        for runs in _batches(enumerate(pictures)):
            yield from self._ladder.each(runs, self._looked_at)

    def corrected(self, windows: Iterable[tuple[list[Moment], int]]) -> Iterator[Moment]:
        for batch in _batches(windows):
            yield from self._ladder.each(batch, self._low_corrected)

    def averaged(self, here: Moment, others: list[Moment]) -> Moment:
        if not others:
            return replace(here, sharpness=tuple(torch.zeros(len(planes), device=self._device) for planes in here.planes))
        return self._ladder.run(partial(self._detail_averaged, here, others))

    def shown(self, here: Moment, mean: Moment | None) -> Iterator[av.VideoFrame]:
        codes = here.codes if mean is None else self._ladder.run(partial(self._with_detail, here, mean))
        for frame, planes in zip(here.frames, codes, strict=True):
            yield frames.made(frame, here.tags, planes, self._work.planar)
        here.frames.clear()  # later moments look at its mean alone
        here.codes.clear()

    def _looked_at(self, runs: Sequence[tuple[int, Run]], way: Way) -> list[Moment]:
        codes = [frames.codes(picture, self._device) for _, (picture, _) in runs]
        tags = [Tags.of(picture) for _, (picture, _) in runs]
        planes = [frames.values(torch.stack(each)) for each in zip(*codes, strict=True)]
        self._trails.add(runs[0][0], frames.guides(planes[0], tags[0].steps), keep=self._kept_moments)
        views = lowband.view(planes, tags[0].steps)
        return [Moment(place, run, tag, [each], view) for (place, (_, run)), tag, each, view in zip(runs, tags, codes, views, strict=True)]

    def _low_corrected(self, batch: Sequence[tuple[list[Moment], int]], way: Way) -> list[Moment]:
        """The moments at the windows' centres. All windows of a shot have the same length."""
        heres = [window[centre] for window, centre in batch]
        others = [[other for other in window if other.place != here.place] for here, (window, _) in zip(heres, batch, strict=True)]
        found = self._correction(heres, others) if others[0] else None
        corrected = [self._applied(here, found and found.of(index)) for index, here in enumerate(heres)]
        for here in heres:
            here.codes.clear()  # other moments look at its view alone
        return corrected

    def _correction(self, heres: list[Moment], others: list[list[Moment]]) -> lowband.Correction:
        pairs = [(here.place, other.place) for here, around in zip(heres, others, strict=True) for other in around]
        shape = len(heres), len(others[0])
        back = [(there, here) for here, there in pairs]
        there, back = (self._trails.small_flows(each) for each in (pairs, back))
        distances = torch.tensor([other - here for here, other in pairs], dtype=torch.float32, device=self._device).view(shape)
        views = torch.stack([other.view for around in others for other in around])
        neighbours = lowband.Neighbours(distances, *(each.view(*shape, *each.shape[1:]) for each in (views, there, back)))
        return lowband.correction(torch.stack([here.view for here in heres]), neighbours, follows_light=self._work.follows_light)

    def _applied(self, here: Moment, found: lowband.Correction | None) -> Moment:
        work, steps = self._work, here.tags.steps
        before = frames.levels(here.codes[0], steps)
        after = found.applied(before, work.bands, min(1.0, work.strength)) if found else before
        shown = [after]
        for frame in here.frames[1:]:  # a repeat gets what the first frame got, added to what it shows itself
            own = frames.levels(frames.codes(work.planar(frame), self._device), steps)
            shown.append([each + (new - old) for each, new, old in zip(own, after, before, strict=True)])
        if not work.smooths_detail:
            return replace(here, codes=[tuple(frames.put(plane, here.tags) for plane in planes) for planes in shown])
        kept = [tuple(map(detailband.kept, planes)) for planes in shown]
        return replace(here, codes=kept, light=lowband.light(after), planes=kept[0])

    def _detail_averaged(self, here: Moment, others: list[Moment], way: Way) -> Moment:
        """The planes of ``here`` as the mean of theirs and those of the others, where they have the same to show."""
        pairs = [(here.place, other.place) for other in others]
        flows, trust = self._trails.flows(pairs), self._trails.trust(pairs)
        near, far, apart = self._alike(here, others)
        is_even = others[0].place < here.place < others[-1].place
        means: list[detailband.Mean] = []
        for index, (own, part) in enumerate(zip(here.planes, _PARTS, strict=True)):
            is_treated = bool(LIGHT[index] & set(self._work.bands))
            lighter = None if is_treated and is_even else apart[:, part]
            planes = torch.stack([other.planes[index] for other in others])
            neighbours = detailband.Neighbours(planes, flows, (trust * (near if is_treated else far))[:, None], lighter)
            means.append(detailband.averaged(own, neighbours, way, tolerance=TOLERANCE * max(1.0, self._work.strength)))
        return replace(here, planes=tuple(mean.planes for mean in means), sharpness=tuple(mean.sharpness for mean in means))

    def _alike(self, here: Moment, others: list[Moment]) -> tuple[Tensor, Tensor, Tensor]:
        """``CpuShot._seen``, without the trust in the ways, for all others."""
        assert here.light is not None
        lights = torch.stack([other.light for other in others if other.light is not None])
        apart = carried(lights, self._trails.small_flows([(here.place, other.place) for other in others])) - here.light
        lines = apart.shape[2]
        apart = gaussian(apart, lines / 32)
        near, far = ((-(each.square().sum(1)) / MOST_APART**2).exp() for each in (apart, apart - gaussian(apart, lines / 6)))
        return near, far, apart

    def _with_detail(self, here: Moment, mean: Moment, way: Way) -> list[Codes]:
        """Codes to be shown of each frame: what was put by, with what smoothing the detail adds to it."""
        strength = min(1.0, self._work.strength)
        changes = [
            (detailband.finished(own, plane, sharpness, way) - detailband.levels(own)) * strength
            for own, plane, sharpness in zip(here.codes[0], mean.planes, here.sharpness, strict=True)
        ]
        return [
            tuple(frames.put(detailband.levels(plane) + change, here.tags) for plane, change in zip(planes, changes, strict=True))
            for planes in here.codes
        ]


def _batches(items: Iterable[T]) -> Iterator[list[T]]:
    ahead = iter(items)
    while batch := list(islice(ahead, Way().moments)):
        yield batch
