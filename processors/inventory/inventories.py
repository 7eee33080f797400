"""The inventory of a media file: everything besides what its pictures show, read with PyAV; and what differs between two of them."""

from __future__ import annotations

import hashlib
import math
import re
import struct
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .. import media
from ..animations import apng_times
from ..prompts import container_texts, picture_texts
from ..sequences import frame_folders
from . import clocks, parts, vobsub
from .differences import differences as differences
from .entries import Chapter, Inventory, Pictures, Track

if TYPE_CHECKING:
    from av.container import InputContainer

    from ..records import Clip
    from .parts import Part

TEXT_CODECS = frozenset({"subrip", "text", "mov_text", "webvtt"})
_MUXERS_OWN = frozenset(
    {
        *("major_brand", "minor_version", "compatible_brands", "encoder", "duration", "handler_name", "vendor_id", "language"),
        *("timecode", "alpha_mode", "number_of_frames", "number_of_bytes", "bps", "filename", "mimetype", "reel_name"),
    }
)
"""Tags that a muxer makes, or that stand in a field of their own here."""
_MXF_OWN = ("uid", "umid", "operational_pattern", "product_", "toolkit_version", "modification_date", "application_platform")
_MARKUP = re.compile(r"<[^>]+>|\{\\[^}]*\}")
_ADTS_SYNC, _ADTS_MASK = 0xFFF0, 0xFFF6


def take(path: Path) -> Inventory:
    """Raises what ``media.probe`` raises."""
    return of(media.probe(path))


def of(clip: Clip) -> Inventory:
    """The same of a clip that was probed. An excerpt has its pictures alone."""
    if not media.has_streams(clip) or clip.excerpt is not None:
        times = tuple(int(frame.pts or 0) for frame in media.frames(clip))
        tags = hidden_tags(clip.path) if clip.excerpt is None else {}
        return Inventory(clip.container, Pictures(times, clip.time_base, None, None, None, None, ()), tags=tags)
    with media.open_container(clip.path) as container:
        return _of_container(container, clip)


def hidden_tags(path: Path) -> dict[str, str]:
    """Texts that belong to the file and that FFmpeg does not show: those of pictures, and of one box of MP4."""
    path = next(frame_folders.find(path).files()) if path.is_dir() else path
    found = {key: text.rstrip("\0") for key, text in picture_texts.read(path).items()}  # FFmpeg ends a JPEG's comment so
    if found:
        return found
    return {key: text for key, text in container_texts.read(path).items() if key == "workflow"}


def is_muxers_own(key: str) -> bool:
    """Whether a muxer makes this tag (lower case), or it has a field of its own here."""
    return key in _MUXERS_OWN or key.startswith("_statistics") or any(part in key for part in _MXF_OWN)


def with_markup(container: InputContainer, selectors: Collection[str]) -> set[str]:
    """Which of these text subtitles hold more than words: colours, places, italics."""
    asked = {part.stream.index: part.selector for part in parts.of(container).others if part.selector in selectors}
    found: set[str] = set()
    for packet in container.demux([stream for stream in container.streams if stream.index in asked]):
        data, codec = bytes(packet), parts.codec(packet.stream)
        text = _text(codec, data)
        if (
            _MARKUP.search(text)
            or (codec == "mov_text" and len(data) > 2 + int.from_bytes(data[:2]))
            or packet.has_sidedata("webvtt_settings")
        ):
            found.add(asked[packet.stream_index])
    return found


_EVEN_PACKETS = ("aac", "opus", "libopus", "mp3", "mp3float", "ac3", "eac3", "mp2", "mp2float")
"""Decoders of sound whose packets are all equally long."""
_FEW_PACKETS = 2


@dataclass
class _Seen:
    """What the packets of one stream hold."""

    times: list[int] = field(default_factory=lambda: [])
    latest: float = -math.inf  # the greatest time, and how long what is shown then lasts
    last_duration: int = 0
    trimmed: tuple[int, int] = (0, 0)
    usual_duration: int = 0
    digest: Any = field(default_factory=lambda: hashlib.blake2b(digest_size=16))
    texts: list[str] = field(default_factory=lambda: [])


def _of_container(container: InputContainer, clip: Clip) -> Inventory:
    found = parts.of(container)
    picture = found.picture.stream.index
    seen = {stream.index: _Seen() for stream in container.streams}
    for packet in apng_times.packets(container, *(stream for stream in container.streams if stream.type != "attachment")):
        if packet.size and packet.pts is not None:
            (_see_picture if packet.stream_index == picture else _see)(packet, seen[packet.stream_index])
    tags = hidden_tags(clip.path) | parts.tags(container)
    return Inventory(
        container=clip.container,
        pictures=_pictures(found.picture.stream, seen[picture], clip),
        tracks=tuple(_track(part, seen[part.stream.index], clip) for part in found.others),
        chapters=tuple(_chapter(each) for each in container.chapters()),
        timecode=parts.timecode(container, found),
        tags={key: value for key, value in tags.items() if not is_muxers_own(key)},
    )


def _see_picture(packet: Any, seen: _Seen) -> None:
    if packet.is_discard or packet.pts is None:
        return
    if packet.pts >= seen.latest:
        seen.latest, seen.last_duration = packet.pts, int(packet.duration or 0)
    seen.times.append(packet.pts)


def _see(packet: Any, seen: _Seen) -> None:
    assert packet.pts is not None
    data, codec = bytes(packet), parts.codec(packet.stream)
    if packet.stream.type == "subtitle":
        text = _text(codec, data)
        if codec == "mov_text" and not text:
            return  # a pause between two
        seen.texts += [text] if text else []
        data += struct.pack(">q", round(int(packet.duration or 0) * Fraction(packet.time_base or 0) * 1000))
    before, after = seen.trimmed
    for side in packet.iter_sidedata():
        if side.data_type == "skip_samples":
            start, end = struct.unpack("<II", bytes(side)[:8])
            before, after = before + start, after + end
    seen.trimmed = (before, after)
    if not packet.is_discard:  # what an edit list hides wholly has no end that is cut
        seen.last_duration = int(packet.duration or 0)
        seen.usual_duration = max(seen.usual_duration, seen.last_duration)
    seen.times.append(packet.pts)
    seen.digest.update(data[_transport_head(codec, data) :])


def _transport_head(codec: str, data: bytes) -> int:
    """How many bytes stand before an AAC packet that belong to the transport stream (ADTS)."""
    if codec != "aac" or len(data) < 9 or int.from_bytes(data[:2]) & _ADTS_MASK != _ADTS_SYNC:
        return 0
    return 7 if data[1] & 1 else 9


def _text(codec: str, data: bytes) -> str:
    if codec not in TEXT_CODECS:
        return ""
    if codec == "mov_text":
        data = data[2 : 2 + int.from_bytes(data[:2])]
    return data.decode("utf-8", "replace").strip()


def _track(part: Part, seen: _Seen, clip: Clip) -> Track:
    stream = part.stream
    tick, start = Fraction(stream.time_base or 1), stream.start_time
    is_timed = part.kind not in ("attachment", "cover")
    if part.kind == "attachment":
        seen.digest.update(stream.data or b"")
    return Track(
        kind=part.kind,
        number=part.number,
        selector=part.selector,
        codec=part.codec,
        time_base=tick,
        times=tuple(seen.times) if is_timed else (),
        start=start * tick if part.kind == "sound" and start is not None else None,
        trimmed=_trimmed(stream, seen) if part.kind == "sound" else seen.trimmed,
        digest=seen.digest.hexdigest(),
        language=_language(stream),
        title=_title(stream),
        roles=parts.roles(stream),
        texts=tuple(seen.texts),
        canvas=vobsub.canvas(stream, clip.path) if part.codec == vobsub.CODEC else None,
    )


def _trimmed(stream: Any, seen: _Seen) -> tuple[int, int]:
    """Samples cut off at begin and end: MP4 says the end by a shorter last packet, others by a number. Of one packet, and of one beside that
    which an edit list hides, only the codec knows how long it would be.
    """
    start, end = seen.trimmed
    codec = stream.codec_context
    if codec is None:  # of which the file does not say what it is
        return start, end
    whole = codec.frame_size or 0
    if len(seen.times) == 1 and 0 < whole <= start:
        return start, 0  # nothing of it is heard
    is_by_duration = codec.name in _EVEN_PACKETS and stream.time_base == Fraction(1, stream.rate)
    if end or not is_by_duration or not seen.last_duration:
        return start, end
    usual = max(seen.usual_duration, whole) if len(seen.times) <= _FEW_PACKETS else seen.usual_duration
    return start, usual - seen.last_duration


def _pictures(stream: Any, seen: _Seen, clip: Clip) -> Pictures:
    times = tuple(sorted(seen.times))
    if len(times) != clip.frames or len(set(times)) != len(times):  # packets do not tell the frames
        times = tuple(int(frame.pts or 0) for frame in media.frames(clip))
    is_said = bool(stream.average_rate) and clip.container != apng_times.CONTAINER
    is_reordered = clip.variable_frame_rate and clip.container.startswith("mov,") and seen.times != sorted(seen.times)
    is_a_guess = is_reordered or not clocks.tells_durations(clip)
    return Pictures(  # MP4 stores durations in decoding order: with reordered frames of a variable rate they are other frames'
        times=times,
        time_base=clip.time_base,
        declared_rate=None if clip.variable_frame_rate or not is_said else media.stated_rate(stream),
        last_duration=seen.last_duration * clip.time_base if seen.last_duration and not is_a_guess else None,
        language=_language(stream),
        title=_title(stream),
        roles=parts.roles(stream),
    )


def _chapter(chapter: Mapping[str, Any]) -> Chapter:
    tick = Fraction(chapter["time_base"])
    return Chapter(chapter["start"] * tick, chapter["end"] * tick, chapter["metadata"].get("title", ""))


def _language(stream: Any) -> str | None:
    language = _tag(stream, "language")
    return None if language == "und" else language


def _title(stream: Any) -> str | None:
    return _tag(stream, "title")


def _tag(stream: Any, key: str) -> str | None:
    return next((value for name, value in stream.metadata.items() if name.lower() == key), None)
