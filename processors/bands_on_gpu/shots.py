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
from itertools import groupby, islice
from typing import Protocol, TypeVar

import av
import torch
from torch import Tensor

from ..bands.engine import FAR, LIGHT, MOST_APART, Around, Run, Work
from ..bands.lowband import view_size
from ..records import Clip
from . import detailband, frames, lowband, search
from .frames import Codes, Tags
from .images import carried, gaussian
from .ladder import Ladder, Way
from .trails import Measure, Pair, Trails

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
    means: tuple[detailband.Mean, ...] = ()  # of luma and of chroma, once averaged

    @property
    def planes(self) -> Codes:
        """Put by: averaged, where they were."""
        return tuple(mean.planes for mean in self.means) or self.codes[0]


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
        self._kept_moments = work.reach_moments + 2 * (Way().moments + Way().detailed + FAR)

    def seen(self, pictures: Iterable[Run]) -> Iterator[Moment]:
        for runs in _batches(enumerate(pictures), Way().moments):
            yield from self._ladder.each(runs, self._looked_at)

    def corrected(self, windows: Iterable[tuple[list[Moment], int]]) -> Iterator[Moment]:
        for batch in _batches(windows, Way().moments):
            yield from self._ladder.each(batch, self._low_corrected)

    def shown(self, moments: Iterable[Moment]) -> Iterator[av.VideoFrame]:
        for moment in moments:
            yield from self._frames(moment, moment.codes)

    def averaged(self, moments: Iterable[Around[Moment]]) -> Iterator[Moment]:
        for batch in _alike(moments):
            yield from self._ladder.each(batch, self._averaged, detailed=True)

    def smoothed(self, moments: Iterable[Around[Moment]]) -> Iterator[av.VideoFrame]:
        for batch in _alike(moments):
            codes = self._ladder.each(batch, self._smoothed, detailed=True)
            for (here, _), each in zip(batch, codes, strict=True):
                yield from self._frames(here, each)

    def _frames(self, moment: Moment, codes: list[Codes]) -> Iterator[av.VideoFrame]:
        for frame, planes in zip(moment.frames, codes, strict=True):
            yield frames.made(frame, moment.tags, planes, self._work.planar)
        moment.frames.clear()  # later moments look at its mean alone
        moment.codes.clear()

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
        return replace(here, codes=kept, light=lowband.light(after))

    def _averaged(self, batch: Sequence[Around[Moment]], way: Way) -> list[Moment]:
        """Each with as many others."""
        heres = [here for here, _ in batch]
        if not batch[0][1]:
            return [replace(here, means=tuple(map(detailband.unaveraged, here.planes))) for here in heres]
        means: list[list[detailband.Mean]] = []
        for part, around in enumerate(self._neighbours(batch)):
            own = torch.cat([here.planes[part] for here in heres])
            made = detailband.averaged(own, around, way, tolerance=self._work.tolerance)
            means.append(made.split(len(heres)))
        return [replace(here, means=each) for here, each in zip(heres, zip(*means, strict=True), strict=True)]

    def _smoothed(self, batch: Sequence[Around[Moment]], way: Way) -> list[list[Codes]]:
        """Codes to be shown of each moment's frames."""
        heres, strength = [here for here, _ in batch], min(1.0, self._work.strength)
        around = self._neighbours(batch) if batch[0][1] else (None, None)
        changes: list[list[Tensor]] = []
        for part, others in enumerate(around):
            mean = detailband.Mean.joined([here.means[part] for here in heres])
            own = torch.cat([here.codes[0][part] for here in heres])
            if others is not None:
                mean = detailband.averaged_again(mean, others, way, tolerance=self._work.tolerance, at_half=self._work.at_half)
            change = (detailband.finished(own, mean, way) - detailband.levels(own)) * strength
            changes.append(list(change.chunk(len(heres))))
        return [
            [
                tuple(frames.put(detailband.levels(plane) + change, here.tags) for plane, change in zip(planes, each, strict=True))
                for planes in here.codes
            ]
            for here, each in zip(heres, zip(*changes, strict=True), strict=True)
        ]

    def _neighbours(self, batch: Sequence[Around[Moment]]) -> Iterator[detailband.Neighbours]:
        """Of luma and of chroma, what the others are as seen from each moment of the batch."""
        places = [(here.place, others) for here, others in batch]
        pairs = [(here, others[index].place) for index in range(len(places[0][1])) for here, others in places]
        shape = len(places[0][1]), len(batch)
        flows, trust = self._trails.flows(pairs), self._trails.trust(pairs)
        near, far, apart = self._lights(batch, pairs)
        is_even = [len(others) > 1 and others[0].place < here < others[-1].place for here, others in places]
        uneven = apart.new_tensor([not each for each in is_even]).view(-1, 1, 1, 1)
        for part, columns in enumerate(_PARTS):
            is_treated = bool(LIGHT[part] & set(self._work.bands))
            lighter = apart[:, columns].view(*shape, -1, *apart.shape[2:])
            planes = torch.stack([others[index].planes[part] for index in range(shape[0]) for _, others in batch])
            yield detailband.Neighbours(
                planes.view(*shape, *planes.shape[1:]),
                flows.view(*shape, *flows.shape[1:]),
                (trust * (near if is_treated else far)).view(*shape, 1, *trust.shape[1:]),
                lighter * uneven if is_treated else lighter,
            )

    def _lights(self, batch: Sequence[Around[Moment]], pairs: list[Pair]) -> tuple[Tensor, Tensor, Tensor]:
        """``CpuShot._seen``, without the trust in the ways, for all pairs."""
        count = len(batch[0][1])
        here = torch.stack([each.light for each, _ in batch if each.light is not None]).repeat(count, 1, 1, 1)
        there = torch.stack([light for index in range(count) for _, others in batch if (light := others[index].light) is not None])
        apart = carried(there, self._trails.small_flows(pairs)) - here
        lines = apart.shape[2]
        apart = gaussian(apart, lines / 32)
        near, far = ((-(each.square().sum(1)) / MOST_APART**2).exp() for each in (apart, apart - gaussian(apart, lines / 6)))
        return near, far, apart


def _alike(moments: Iterable[Around[Moment]]) -> Iterator[list[Around[Moment]]]:
    """Batches of moments with as many others."""
    for _, group in groupby(moments, key=lambda each: len(each[1])):
        yield from _batches(group, Way().detailed)


def _batches(items: Iterable[T], size: int) -> Iterator[list[T]]:
    ahead = iter(items)
    while batch := list(islice(ahead, size)):
        yield batch
