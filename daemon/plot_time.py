"""What happens when: a lane for each cause and the worst second, and a panel for each band, over one axis of seconds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..processors.records import Band
from ..processors.reports.charts import title
from . import diagnosis_words as words
from .plot_marks import FAINT, GREY, INK, SMALL, Area, Line, Mark, Words, fitted
from .plot_scale import LEAST_SCALE, nice_above, ticks

if TYPE_CHECKING:
    from ..processors.api import Finding

_COLOURS = {Band.GLOBAL_LUMA: "#b84a00", Band.LOW_LUMA: "#0b7a5b", Band.LOW_CHROMA: "#5a55a8", Band.DETAIL: "#444444"}
_FILLS = {Band.GLOBAL_LUMA: "#f6d3b8", Band.LOW_LUMA: "#b9e0d3", Band.LOW_CHROMA: "#d4d2ec", Band.DETAIL: "#d6d6d6"}
_HINTS = {
    Band.GLOBAL_LUMA: "jumps of the whole picture",
    Band.LOW_LUMA: "areas lighter or darker",
    Band.LOW_CHROMA: "areas that change hue",
    Band.DETAIL: "texture drawn anew",
}
_WORST, _WORST_TINT, _CAUSE, _CUT = "#c99700", "#fff3c4", "#4a5f78", "#888888"
_LABELS, _SCALES = 176, 34  # widths, px: names left of the panels, and the numbers of their scales
_LANE, _GAP, _AXIS = 22, 22, 40  # heights, px
_MOST_LANES = 8
_LEAST_MARK = 6  # px wide
_PEAK_SHARE = 0.1  # of the scale: the largest value is marked from there on


@dataclass(frozen=True)
class _Axis:
    """Where seconds lie."""

    left: float
    right: float
    times: NDArray[np.float32]  # of each frame
    seconds: float  # up to the end of the last frame

    def at(self, second: float) -> float:
        return self.left + min(second, self.seconds) / self.seconds * (self.right - self.left)

    def start(self, frame: int) -> float:
        """Where a frame begins; one past the last is the end."""
        return self.at(float(self.times[frame]) if frame < len(self.times) else self.seconds)

    def span(self, place: words.Place) -> tuple[float, float]:
        """A mark for these frames: about the beginning of one, where its point of the curve lies; else to the end of the last."""
        start, end = self.start(place.start), self.start(place.end + 1)
        if place.start < place.end and end - start >= _LEAST_MARK:
            return start, end
        return start - _LEAST_MARK / 2, start + _LEAST_MARK / 2


class _Lane(NamedTuple):
    name: str
    places: Sequence[words.Place]
    colour: str


def timeline(finding: Finding, left: int, top: int, width: int, height: int) -> Iterator[Mark]:
    """Lanes and panels in this box."""
    record = finding.as_dict()
    times = finding.curves.get("time_s", np.zeros(1, np.float32))
    seconds = max(float(finding.clip.duration), float(times[-1]) if len(times) else 0.0, 1e-3)
    axis = _Axis(left + _LABELS + _SCALES, left + width, times if len(times) else np.zeros(1, np.float32), seconds)
    worst = words.worst_second(record)
    groups = words.grouped(record["causes"])
    lanes = _lanes(groups, worst)
    floor = top + height - _AXIS
    first = top + len(lanes) * _LANE + (_GAP if lanes else 0)
    whole = words.Place(0, record["frames"] - 1)
    if worst is not None and worst != whole:
        start, end = axis.span(worst)
        yield Area.box(start, top, end, floor, _WORST_TINT)
    for index, lane in enumerate(lanes):
        yield from _lane(lane, axis, left, top + index * _LANE)
    bands = [band for band in Band if band in finding.curves]
    each = (floor - first - _GAP * (len(bands) - 1)) / max(1, len(bands))
    for index, band in enumerate(bands):
        upper = first + index * (each + _GAP)
        yield from _panel(finding, band, axis, left, upper, upper + each)
    yield from _cuts([shot["start"] for shot in record["shots"][1:]], axis, first, floor)
    yield from _points(groups, axis, top, floor)
    yield from _seconds(axis, floor)


def _lanes(groups: Sequence[words.CauseGroup], worst: words.Place | None) -> list[_Lane]:
    lanes = [_Lane(group.name.capitalize(), group.places, _CAUSE) for group in groups]
    if len(lanes) > _MOST_LANES - 1:
        rest = [place for lane in lanes[_MOST_LANES - 2 :] for place in lane.places]
        lanes = [*lanes[: _MOST_LANES - 2], _Lane(f"{len(lanes) - _MOST_LANES + 2} other causes", rest, _CAUSE)]
    return lanes + ([_Lane("Worst second", (worst,), _WORST)] if worst else [])


def _lane(lane: _Lane, axis: _Axis, left: int, top: float) -> Iterator[Mark]:
    middle = top + _LANE / 2
    yield Words(left, middle, fitted(lane.name, SMALL, _LABELS + _SCALES - 8), SMALL, INK)
    yield Line(((axis.left, middle), (axis.right, middle)), FAINT, 1)
    for place in lane.places:
        start, end = axis.span(place)
        yield Area.box(start, middle - 5, end, middle + 5, lane.colour)


def _panel(finding: Finding, band: Band, axis: _Axis, left: int, top: float, bottom: float) -> Iterator[Mark]:
    curve = np.abs(finding.curves[band])
    largest = float(curve.max()) if len(curve) else 0.0
    full = nice_above(max(largest, LEAST_SCALE[band]))
    yield Words(left, top + 8, title(band), SMALL + 1, _COLOURS[band])
    yield Words(left, top + 28, _HINTS[band], SMALL, GREY)
    yield Words(left, top + 50, f"largest {largest:.1f} levels", SMALL, INK)
    for part in (0.0, 0.5, 1.0):
        y = bottom - part * (bottom - top)
        yield Line(((axis.left, y), (axis.right, y)), FAINT, 1)
        yield Words(axis.left - 6, y, f"{full * part:g}", SMALL, GREY, "end")
    points = [(axis.at(t), bottom - v / full * (bottom - top)) for t, v in _peaks(axis, curve)]
    if len(points) > 1:
        yield Area(((points[0][0], bottom), *points, (points[-1][0], bottom)), _FILLS[band])
        yield Line(tuple(points), _COLOURS[band], 1.6)
    if largest > _PEAK_SHARE * full and len(curve) > 1:
        x = axis.at(float(axis.times[int(curve.argmax())]))
        y = bottom - largest / full * (bottom - top)
        yield Area(((x - 4, y - 8), (x + 4, y - 8), (x, y - 2)), _COLOURS[band])


def _peaks(axis: _Axis, curve: NDArray[np.float32]) -> Iterator[tuple[float, float]]:
    """Time and value, the largest of each pixel, so that no spike is lost when a long clip is drawn."""
    bins = min(len(curve), int(axis.right - axis.left))
    for part in np.array_split(np.arange(len(curve)), max(1, bins)):
        if len(part):
            frame = int(part[curve[part].argmax()])
            yield float(axis.times[frame]), float(curve[frame])


def _cuts(starts: Sequence[int], axis: _Axis, top: float, bottom: float) -> Iterator[Mark]:
    for index, start in enumerate(starts):
        x = axis.start(start)
        yield Line(((x, top), (x, bottom)), _CUT, 1)
        if index == 0:
            yield Words(x + 4, bottom - 8, "cut", SMALL, GREY)


def _points(groups: Sequence[words.CauseGroup], axis: _Axis, top: float, bottom: float) -> Iterator[Mark]:
    """Sudden causes go down through the panels, dotted."""
    for x in sorted({axis.start(place.start) for group in groups for place in group.places if place.start == place.end}):
        for y in np.arange(top + _LANE, bottom, 9.0):
            yield Line(((x, float(y)), (x, min(float(y) + 4, bottom))), _CAUSE, 1)


def _seconds(axis: _Axis, floor: float) -> Iterator[Mark]:
    for second in ticks(axis.seconds, 9):
        x = axis.at(second)
        yield Line(((x, floor), (x, floor + 5)), GREY, 1)
        yield Words(x, floor + 15, f"{second:g}", SMALL, GREY, "middle")
    yield Words((axis.left + axis.right) / 2, floor + 32, "seconds", SMALL, GREY, "middle")
