"""Route ``smooth``: each flickering band is averaged along motion, at the same frame rate; the others are left alone."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import groupby

import av

from . import detailband, lowband, media
from .flow import guide
from .levels import Plane, levels, with_levels
from .lowband import Neighbour, View
from .records import Band, Clip, Diagnosis, Treatment
from .trails import Trails
from .windows import windows

RADIUS = 6  # frames on either side
_GUIDE_LINES = 360
_LOW = (Band.GLOBAL_LUMA, Band.LOW_LUMA, Band.LOW_CHROMA)


@dataclass(frozen=True)
class _Moment:
    place: int
    frame: av.VideoFrame
    planes: list[Plane]
    view: View


def smooth(clip: Clip, diagnosis: Diagnosis, treatment: Treatment) -> Generator[av.VideoFrame, None, None]:
    """The clip's frames in ``media.working_format``, same count, pts and time base; bands outside ``treatment.bands`` untouched."""
    pixel_format = media.working_format(clip)
    starts = sorted(shot.start for shot in diagnosis.shots)
    numbered = enumerate(media.to_format(frame, pixel_format) for frame in media.frames(clip))
    for _, shot in groupby(numbered, key=lambda item: sum(start <= item[0] for start in starts)):
        yield from _smoothed_shot((frame for _, frame in shot), treatment)


def _smoothed_shot(frames: Iterable[av.VideoFrame], treatment: Treatment) -> Iterator[av.VideoFrame]:
    trails = Trails()
    moments = _moments(frames, trails)
    if set(_LOW) & set(treatment.bands):
        moments = _low_corrected(moments, trails, treatment)
    if Band.DETAIL in treatment.bands:
        moments = _detail_smoothed(moments, trails, treatment)
    for moment in moments:
        yield with_levels(moment.frame, list(moment.planes))


def _moments(frames: Iterable[av.VideoFrame], trails: Trails) -> Iterator[_Moment]:
    for place, frame in enumerate(frames):
        planes = levels(frame)
        trails.add(place, guide(media.planes(frame).y, _GUIDE_LINES, bit_depth=frame.format.components[0].bits))
        trails.forget_before(place - 3 * RADIUS)
        yield _Moment(place, frame, planes, lowband.view(planes))


def _low_corrected(moments: Iterable[_Moment], trails: Trails, treatment: Treatment) -> Iterator[_Moment]:
    for window, centre in windows(moments, RADIUS):
        here = window[centre]
        neighbours = [
            Neighbour(other.place - here.place, other.view, trails.flow(here.place, other.place), trails.flow(other.place, here.place))
            for other in window
            if other is not here
        ]
        if neighbours:
            change = lowband.correction(here.view, neighbours)
            here = replace(here, planes=change.applied(here.planes, treatment.bands, treatment.strength))
        yield here


def _detail_smoothed(moments: Iterable[_Moment], trails: Trails, treatment: Treatment) -> Iterator[_Moment]:
    for window, centre in windows(moments, RADIUS):
        here = window[centre]
        others = [other for other in window if other is not here]
        if others:
            planes = [
                detailband.smoothed(
                    own, [(other.place - here.place, other.planes[index], trails.flow(here.place, other.place)) for other in others]
                )
                for index, own in enumerate(here.planes)
            ]
            here = replace(here, planes=planes)
        yield here
