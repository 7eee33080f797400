"""Carrying: the container of a result, and what goes into it from the source besides the picture.

The rule is DESIGN.md's 'Outputs': the source's container where it holds the result, else mov (alpha, PCM), else Matroska.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import media

if TYPE_CHECKING:
    from av.audio.stream import AudioStream
    from av.subtitles.stream import SubtitleStream

    from .records import Clip, Treatment

_MUXERS = {".mp4": "mp4", ".m4v": "mp4", ".mov": "mov", ".mkv": "matroska", ".ts": "mpegts", ".mts": "mpegts", ".m2ts": "mpegts"}
_SUFFIXES = {"mp4": ".mp4", "mov": ".mov", "matroska": ".mkv", "mpegts": ".ts"}
_FAMILIES: dict[str, tuple[str, ...]] = {"mov,mp4,m4a,3gp,3g2,mj2": ("mp4", "mov"), "matroska,webm": ("matroska",), "mpegts": ("mpegts",)}
"""The muxers that write what a demuxer reads; any other source goes to Matroska."""

_HOLDS = {
    "mp4": {"aac", "mp3", "ac3", "eac3", "alac", "opus", "flac", "mp2", "dts", "vorbis", "mov_text", "dvd_subtitle"},
    "mov": {"aac", "mp3", "ac3", "eac3", "alac", "mp2", "amr_nb", "amr_wb", "mov_text"},
    "mpegts": {"aac", "mp3", "ac3", "eac3", "mp2", "opus", "dts", "truehd", "dvb_subtitle", "dvb_teletext", "hdmv_pgs_subtitle"},
    "matroska": {"aac", "mp3", "ac3", "eac3", "alac", "opus", "flac", "mp2", "dts", "vorbis", "truehd", "wavpack", "tta"}
    | {"subrip", "ass", "ssa", "webvtt", "hdmv_pgs_subtitle", "dvd_subtitle", "dvb_subtitle", "text", "ttf", "otf"},
}
_COMMON_TAGS = {
    *("major_brand", "minor_version", "compatible_brands", "encoder", "creation_time", "title", "artist", "album_artist", "composer"),
    *("album", "date", "comment", "genre", "copyright", "description", "synopsis", "location", "track", "disc", "grouping", "lyrics"),
}
"""What MP4 has fields for; other keys need FFmpeg's ``use_metadata_tags``."""

_HOLDS_PCM = ("mov", "matroska")


@dataclass(frozen=True)
class Carried:
    """Where the picture goes, and what goes with it. ``lost``: what the container cannot hold, one sentence each."""

    suffix: str
    muxer: str
    options: dict[str, Any]  # FFmpeg's, for the container
    streams: tuple[str, ...] = ()  # FFmpeg's selectors of what is copied from the source
    lost: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Source:
    """What the source holds besides its picture: (FFmpeg's selector, codec) of each stream."""

    sound: tuple[tuple[str, str], ...] = ()
    others: tuple[tuple[str, str], ...] = ()  # subtitles and attachments
    has_own_tags: bool = False  # that MP4 has no field for: ComfyUI's workflow


def choose(clip: Clip, treatment: Treatment, video: dict[str, Any]) -> Carried:
    """``video``: FFmpeg's options for the picture, ``c:v`` among them."""
    source = _source_streams(clip)
    muxer = _muxer(clip, [codec for _, codec in source.sound])
    streams, lost = _kept((*source.sound, *source.others), muxer, treatment)
    suffix = clip.path.suffix.lower()
    if _MUXERS.get(suffix) != muxer:
        suffix = _SUFFIXES[muxer]
    return Carried(suffix, muxer, _muxer_options(muxer, video, source), streams, lost)


def _muxer(clip: Clip, sound: list[str]) -> str:
    family = _FAMILIES.get(clip.container, ("matroska",))
    wished = _MUXERS.get(clip.path.suffix.lower(), family[0])
    muxer = wished if wished in family else family[0]
    if clip.has_alpha:
        return "mov"
    if muxer == "mp4" and any(codec.startswith("pcm_") for codec in sound):
        muxer = "mov"
    return muxer if all(_holds(muxer, codec) for codec in sound if _holds("matroska", codec)) else "matroska"


def _muxer_options(muxer: str, video: dict[str, Any], source: _Source) -> dict[str, Any]:
    if muxer not in ("mp4", "mov"):
        return {"f": muxer}
    tag = {"tag:v": "hvc1"} if video["c:v"] == "libx265" else {}
    return {"f": muxer, "movflags": "+faststart" + "+use_metadata_tags" * source.has_own_tags, **tag}


def _holds(muxer: str, codec: str) -> bool:
    return codec in _HOLDS[muxer] or (codec.startswith("pcm_") and muxer in _HOLDS_PCM)


def _source_streams(clip: Clip) -> _Source:
    if not media.has_streams(clip) or clip.excerpt is not None:
        return _Source()
    with media.open_container(clip.path) as container:
        streams = container.streams
        sound = [(f"a:{index}", _codec(stream)) for index, stream in enumerate(streams.audio)]
        subtitles = [(f"s:{index}", _codec(stream)) for index, stream in enumerate(streams.subtitles)]
        attached = [
            (f"t:{index}", Path(stream.metadata.get("filename", "")).suffix[1:].lower()) for index, stream in enumerate(streams.attachments)
        ]
        own_tags = any(key.lower().split("-")[0] not in _COMMON_TAGS for key in container.metadata)
        return _Source(tuple(sound), (*subtitles, *attached), own_tags)


def _codec(stream: AudioStream | SubtitleStream) -> str:
    context = stream.codec_context
    return context.codec.canonical_name if context else "unknown"


def _kept(streams: tuple[tuple[str, str], ...], muxer: str, treatment: Treatment) -> tuple[tuple[str, ...], tuple[str, ...]]:
    if treatment.slow_motion:
        return (), ("sound and subtitles are left out: slow motion changes the length",) if streams else ()
    kept = tuple(selector for selector, codec in streams if _holds(muxer, codec))
    lost = [codec for _, codec in streams if not _holds(muxer, codec)]
    return kept, (f"not carried over, {_SUFFIXES[muxer]} does not hold it: {', '.join(lost)}",) if lost else ()
