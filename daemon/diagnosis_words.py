"""What a diagnosis is called in plain words: verdicts, routes, bands and causes. Each table is closed, as what it names is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

ROUTE_WORDS = {
    "keep": "nothing to do, the clip stays as it is",
    "smooth": "the flicker is evened out along motion, same frame rate",
    "deband": "brightness evened, ramps and blocks smoothed, 10 bit",
    "deband+smooth": "ramps and blocks smoothed, then the flicker evened out",
    "interpolate": "frames made in between",
    "regenerate": "rendered anew from its prompt",
}
_HOPELESS = "no filter mends this: the clip is kept, and flagged for you"
_KIND_WORDS = {
    "first_frames": "first frames look different",
    "last_frames": "last frames look different",
    "batch_step": "batch step",
    "bad_frame": "bad frame",
    "tile_blink": "tiles blink",
    "tile_seam": "tile seam",
    "duplicates": "repeated frames",
    "frozen_start": "frozen start",
    "frozen_end": "frozen end",
    "slow_pulse": "slow pulse",
    "content_change": "content changes",
    "banding": "banding",
    "posterisation": "posterisation",
    "blocking": "blocks",
    "keyframe_pulse": "pulse at key frames",
    "palette_dither": "palette dither",
}
_LEVELS, _SHARE = "{:.1f} levels", "{:.0%} of the frames"
_AMOUNT_WORDS = {
    **dict.fromkeys(
        ("first_frames", "last_frames", "batch_step", "tile_blink", "tile_seam", "slow_pulse", "keyframe_pulse", "palette_dither"), _LEVELS
    ),
    **dict.fromkeys(("bad_frame", "duplicates", "frozen_start", "frozen_end"), _SHARE),
    "content_change": "{:.0%} of the structure lost",
    "banding": "CAMBI {:.1f}",
    "posterisation": "{:.0%} of the picture",
    "blocking": "blockiness {:.2f}",
}
_ADDS_UP = frozenset({"bad_frame"})  # of the other kinds, the largest amount says most
_MOST_PLACES = 6
_DRAWN_ANEW, _PARTLY, _MOVES = -0.2, -0.1, 0.1
_UNSEEN_LEVELS = 0.1
_WORTH_A_LOOK = 0.3  # flicker score: below it no second is worse than another to the eye
_SURE = ((0.9, "almost certain"), (0.75, "likely"), (0.6, "rather likely"), (0.0, "a close call"))
_STRENGTH = ((0.75, "strong"), (0.5, "plain to see"), (0.3, "slight"), (0.0, "hardly any"))


class Place(NamedTuple):
    """Frames of a clip, both ends included."""

    start: int
    end: int


@dataclass(frozen=True)
class CauseGroup:
    """Causes of one kind that ask for the same repair, in the order of frames."""

    kind: str
    places: tuple[Place, ...]
    amount: float  # the largest, or the sum of what adds up
    advice: str

    @property
    def name(self) -> str:
        return kind_words(self.kind)

    def frames(self) -> str:
        """``frame 9``, ``frames 0-7`` or ``frames 8, 17, 26``."""
        several = len(self.places) > 1 or any(start < end for start, end in self.places)
        return f"frame{'s' if several else ''} {_listed([_span(str(start), str(end)) for start, end in self.places])}"

    def seconds(self, fps: float) -> str:
        """The same places in seconds, as ``0.7, 1.4, 2.2 s``."""
        return _listed([_span(f"{start / fps:.1f}", f"{(end + (end > start)) / fps:.1f}") for start, end in self.places], " s")

    def size(self) -> str:
        """The amount in the unit of its kind."""
        upto = "up to " if len(self.places) > 1 and self.kind not in _ADDS_UP else ""
        return upto + _AMOUNT_WORDS.get(self.kind, "{:g}").format(self.amount)


def bar(part: float, cells: int) -> str:
    """``part`` 0 to 1 of so many cells."""
    filled = min(cells, round(part * cells))
    return "█" * filled + "░" * (cells - filled)


def grouped(causes: Sequence[Mapping[str, Any]]) -> list[CauseGroup]:
    """Causes of the same kind and advice together, in the order of the first of each."""
    groups: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    for cause in causes:
        groups.setdefault((cause["kind"], cause["advice"]), []).append(cause)
    return [_group(kind, advice, members) for (kind, advice), members in groups.items()]


def kind_words(kind: str) -> str:
    return _KIND_WORDS.get(kind, kind.replace("_", " "))


def route_words(verdict: str, route: str) -> str:
    """What would be done, without the route's name."""
    return _HOPELESS if verdict == "incoherent" and route == "keep" else ROUTE_WORDS[route]


def correlation_words(band: str, amplitude: float, correlation: float | None) -> str:
    """Whether a band flickers or only moves. Flicker's residuals correlate at -1/2, those of motion at zero or more (docs/diagnosis.md)."""
    is_local = band != "global_luma"
    if amplitude < _UNSEEN_LEVELS and not (is_local and correlation is not None and correlation >= _MOVES):
        return "still"
    if correlation is None:
        return "not measurable"
    if correlation <= _PARTLY:
        return "drawn anew each frame" if correlation <= _DRAWN_ANEW else "partly drawn anew"
    if not is_local:
        return "swings more slowly"
    return "moves with the picture" if correlation >= _MOVES else "no clear pattern"


def sureness(confidence: float) -> str:
    return next(words for least, words in _SURE if round(confidence, 2) >= least)


def strength(score: float) -> str:
    return next(words for least, words in _STRENGTH if round(score, 2) >= least)


def worst_second(record: Mapping[str, Any]) -> Place | None:
    """The second that flickers most, in a clip that flickers enough for it to matter."""
    worst = record["worst"]
    if worst is None or record["flicker_score"] < _WORTH_A_LOOK:
        return None
    return Place(worst["start_frame"], worst["end_frame"])


def _group(kind: str, advice: str, members: Sequence[Mapping[str, Any]]) -> CauseGroup:
    places = tuple(Place(member["start_frame"], member["end_frame"]) for member in members)
    amounts: Iterator[float] = (member["amount"] for member in members)
    return CauseGroup(kind, places, sum(amounts) if kind in _ADDS_UP else max(amounts), advice)


def _span(start: str, end: str) -> str:
    return start if start == end else f"{start}-{end}"


def _listed(places: Sequence[str], unit: str = "") -> str:
    more = len(places) - _MOST_PLACES
    return ", ".join(places[:_MOST_PLACES]) + unit + (f" and {more} more" if more > 0 else "")
