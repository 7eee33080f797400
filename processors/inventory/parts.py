"""The parts of a media file besides the picture that is repaired, as its header lists them: for carrying them, and for comparing them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, cast

Kind = Literal["video", "sound", "subtitle", "data", "attachment", "cover"]

WORDS: dict[Kind, str] = {
    "video": "video track",
    "sound": "audio track",
    "subtitle": "subtitle track",
    "data": "data track",
    "attachment": "attachment",
    "cover": "cover picture",
}
_KINDS: dict[str, Kind] = {"video": "video", "audio": "sound", "subtitle": "subtitle", "data": "data", "attachment": "attachment"}
_LETTERS = {"video": "v", "audio": "a", "subtitle": "s", "data": "d", "attachment": "t"}
_DISCARD_ALL = 48


@dataclass(frozen=True)
class Part:
    kind: Kind
    number: int  # among its kind, from 1
    selector: str  # FFmpeg's: "a:0"
    codec: str  # of an attachment the name of its file
    stream: Any  # PyAV's: valid while the container is open
    ticks: int  # of its clock in a second, where those are whole ones

    @property
    def name(self) -> str:
        """How notes and checks name it: "audio track 2 (aac)"."""
        return f"{WORDS[self.kind]} {self.number} ({self.codec})"


@dataclass(frozen=True)
class Parts:
    picture: Part
    others: tuple[Part, ...]  # without the tracks in which MP4 keeps timecode and chapters


def of(container: Any) -> Parts:
    """The first stream of pictures that is no cover is the picture, as in ``containers.video_stream``."""
    picture: Part | None = None
    others: list[Part] = []
    by_type: Counter[str] = Counter()
    for stream in container.streams:
        selector = f"{_LETTERS[stream.type]}:{by_type[stream.type]}"
        by_type[stream.type] += 1
        kind: Kind = "cover" if is_cover(stream) else _KINDS[stream.type]
        if kind == "video" and picture is None:
            picture = Part("video", 0, selector, codec(stream), stream, _ticks(stream))
        elif not (kind == "data" and _stands_elsewhere(stream)):
            number = 1 + sum(each.kind == kind for each in others)
            name = stream.metadata.get("filename") if kind == "attachment" else None
            others.append(Part(kind, number, selector, name or codec(stream), stream, _ticks(stream)))
    assert picture is not None, "a clip was probed, and has a picture"
    return Parts(picture, tuple(others))


def _ticks(stream: Any) -> int:
    return stream.time_base.denominator if stream.time_base else 1


def codec(stream: Any) -> str:
    """FFmpeg's name."""
    context = stream.codec_context
    return context.codec.canonical_name if context else getattr(stream, "name", None) or "unknown"


def is_cover(stream: Any) -> bool:
    return bool(stream.disposition & stream.disposition.attached_pic)


def roles(stream: Any) -> tuple[str, ...]:
    """FFmpeg's dispositions: default, forced, comment, ..."""
    kinds = cast("Any", type(stream.disposition))
    return tuple(str(kind.name).lower() for kind in kinds if kind & stream.disposition)


def tags(container: Any) -> dict[str, str]:
    """Of the file, by lower-case key."""
    return {key.lower(): value for key, value in container.metadata.items()}


def timecode(container: Any, parts: Parts) -> str | None:
    """Of the file, else of its picture, else of any stream."""
    owners: list[Mapping[str, str]] = [container.metadata, parts.picture.stream.metadata, *(each.metadata for each in container.streams)]
    found = [{key.lower(): value for key, value in owner.items()} for owner in owners]
    return next((each["timecode"] for each in found if "timecode" in each), None)


def _stands_elsewhere(stream: Any) -> bool:
    """MP4's timecode is a tag of the picture, too, and its track of chapters' titles is shown to nobody."""
    return "timecode" in stream.metadata or int(stream.discard) == _DISCARD_ALL
