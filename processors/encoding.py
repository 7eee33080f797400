"""Encoding: which container and codec hold a result, and what is copied from the source.

The rule is DESIGN.md's 'Outputs': the source's container where it holds the result, else mov (alpha, PCM), else mkv; H.264 for
8 bit, HEVC 10 bit after debanding and for deeper sources, ProRes 4444 for alpha.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..config.errors import RouteRefused
from . import colors, media, webp
from .records import Route

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
_X264 = {"crf": 16, "preset": "slow", "tune": "grain"}
"""Tuned for grain: otherwise the encoder takes a tenth of the sharpness, and pulses at key frames a quarter more. Files are half as large again."""
_X265 = {"log-level": "error", "aq-mode": 3}
"""Bits go to dark and flat places: at crf 16 one debanded ramp has CAMBI 1.5 with it and 4.8 without, a darker one 5.9 and 6.9."""

_X265_PRESET = "fast"
"""Three quarters of medium's processor time for less bytes; CAMBI of a debanded sky 4.3 instead of 4.1."""

_LARGE_PIXELS = 2560 * 1440
_LARGE_LOOKAHEAD_FRAMES = 10


@dataclass(frozen=True)
class Encoding:
    """How a result is written. ``description`` is for a person."""

    suffix: str
    muxer: str
    pixel_format: str
    options: dict[str, Any]  # FFmpeg's, for the video
    description: str
    streams: tuple[str, ...] = ()  # FFmpeg's selectors of what is copied from the source
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Source:
    """What the source holds besides its picture: (FFmpeg's selector, codec) of each stream."""

    sound: tuple[tuple[str, str], ...] = ()
    others: tuple[tuple[str, str], ...] = ()  # subtitles and attachments
    has_own_tags: bool = False  # that MP4 has no field for: ComfyUI's workflow


def choose(clip: Clip, treatment: Treatment) -> Encoding:
    """The delivery for this clip and treatment."""
    pixel_format, options, description, notes = _video(clip, treatment)
    source = _source_streams(clip)
    muxer = _muxer(clip, [codec for _, codec in source.sound])
    streams, dropped = _kept((*source.sound, *source.others), muxer, treatment)
    suffix = clip.path.suffix.lower()
    if _MUXERS.get(suffix) != muxer:
        suffix = _SUFFIXES[muxer]
    return Encoding(suffix, muxer, pixel_format, options | _muxer_options(muxer, options, source), description, streams, (*notes, *dropped))


def is_ten_bit(clip: Clip, treatment: Treatment) -> bool:
    debands = treatment.route in (Route.DEBAND, Route.DEBAND_SMOOTH)
    return treatment.preset is None and (clip.bit_depth > 8 or debands)


def _video(clip: Clip, treatment: Treatment) -> tuple[str, dict[str, Any], str, tuple[str, ...]]:
    if clip.has_alpha:
        options = {"c:v": "prores_ks", "profile:v": "4444", "vendor": "apl0", "alpha_bits": 16}
        return "yuva444p10le", options, "ProRes 4444, 10 bit with alpha", ()
    if treatment.preset == "article":
        options = {"c:v": "libx264", "crf": 18 if treatment.route is Route.INTERPOLATE else 16}
        return "yuv420p", options, f"H.264 8 bit, crf {options['crf']}, as the article has it", ()
    sampling, notes = _sampling(clip)
    lookahead = {"rc-lookahead": _LARGE_LOOKAHEAD_FRAMES} if clip.width * clip.height > _LARGE_PIXELS else {}
    if clip.interlaced:
        notes = (*notes, "the source is interlaced; the result holds the same pictures, not marked as fields")
    if is_ten_bit(clip, treatment):
        values = {**_X265, **lookahead, **_hdr(clip)}
        parameters = ":".join(f"{key}={value}" for key, value in values.items())
        options = {"c:v": "libx265", "crf": 14, "preset": _X265_PRESET, "x265-params": parameters}
        deeper = ("the source has more than 10 bits; the result has 10",) if clip.bit_depth > 10 else ()
        return f"yuv{sampling}p10le", options, f"HEVC 10 bit, crf 14, {_X265_PRESET}", (*notes, *deeper)
    return f"yuv{sampling}p", {"c:v": "libx264", **_X264, **lookahead}, "H.264 8 bit, crf 16, slow, grain kept", notes


def _hdr(clip: Clip) -> dict[str, str]:
    """HDR's static metadata. Raises RouteRefused for colours that only a Dolby decoder understands."""
    if clip.bit_depth <= 8:
        return {}
    frame = media.first_frame(clip)
    if colors.is_dolby_vision_only(frame):
        raise RouteRefused(
            "It is Dolby Vision profile 5: without its metadata the colours are wrong. Export it as HDR10 or SDR.", path=clip.path
        )
    return colors.hdr_parameters(frame) if clip.color.is_hdr else {}


def _sampling(clip: Clip) -> tuple[str, tuple[str, ...]]:
    """The source's chroma sampling, or the nearest that H.264 and HEVC can hold at an odd size (they crop in whole chroma pixels)."""
    sampling = next(each for each in ("420", "422", "444") if each in media.working_format(clip))
    needed = "444" if clip.width % 2 else "422" if clip.height % 2 else "420"
    if needed <= sampling:
        return sampling, ()
    return needed, (f"its odd size {clip.width}x{clip.height} needs 4:{needed[1]}:{needed[2]} chroma",)


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
    if clip.container == webp.CONTAINER or clip.excerpt is not None:
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
