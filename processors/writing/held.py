"""What each container can hold, by FFmpeg's names: tables, and nothing else. docs/fidelity.md says the same for people."""

from __future__ import annotations

from collections.abc import Mapping

from ..inventory.parts import Kind

_PCM_BOTH = {f"pcm_{kind}" for kind in ("u8", "s16le", "s16be", "s24le", "s24be", "s32le", "s32be", "f32le", "f64le", "mulaw", "alaw")}
_PCM = {"mov": {*_PCM_BOTH, "pcm_s8", "pcm_f32be", "pcm_f64be"}, "matroska": _PCM_BOTH}
_MP4_PICTURES = {"h264", "hevc", "av1", "vp9", "mpeg4", "mpeg2video", "mjpeg", "png"}

SOUND: Mapping[str, frozenset[str]] = {
    "mp4": frozenset({"aac", "mp3", "ac3", "eac3", "alac", "opus", "flac", "mp2", "dts", "vorbis"}),
    "mov": frozenset({"aac", "mp3", "ac3", "eac3", "alac", "mp2", "amr_nb", "amr_wb"} | _PCM["mov"]),
    "mpegts": frozenset({"aac", "mp3", "ac3", "eac3", "mp2", "opus", "dts", "truehd"}),
    "webm": frozenset({"opus", "vorbis"}),
    "matroska": frozenset(
        {"aac", "mp3", "ac3", "eac3", "alac", "opus", "flac", "mp2", "dts", "vorbis", "truehd", "wavpack", "tta"} | _PCM["matroska"]
    ),
}
SUBTITLES: Mapping[str, frozenset[str]] = {
    "mp4": frozenset({"mov_text", "dvd_subtitle"}),
    "mov": frozenset({"mov_text"}),
    "mpegts": frozenset({"dvb_subtitle", "dvb_teletext", "hdmv_pgs_subtitle"}),
    "webm": frozenset({"webvtt"}),
    "matroska": frozenset({"subrip", "ass", "ssa", "webvtt", "text", "hdmv_pgs_subtitle", "dvd_subtitle", "dvb_subtitle"}),
}
TEXT_SUBTITLES: Mapping[str, str] = {"mp4": "mov_text", "mov": "mov_text", "matroska": "subrip"}
"""Plain text of another container is written as this."""
PICTURES: Mapping[str, frozenset[str]] = {
    "mp4": frozenset(_MP4_PICTURES),
    "mov": frozenset({*_MP4_PICTURES, "prores", "dnxhd"}),
    "mpegts": frozenset({"h264", "hevc", "mpeg2video", "mpeg4"}),
    "webm": frozenset({"vp8", "vp9", "av1"}),
    "matroska": frozenset({*_MP4_PICTURES, "prores", "vp8", "ffv1", "theora"}),
}
DATA: Mapping[str, frozenset[str]] = {
    "mp4": frozenset({"bin_data"}),  # GoPro's telemetry
    "mov": frozenset({"bin_data"}),
    "mpegts": frozenset({"klv", "timed_id3", "scte_35"}),
}
COVERS = frozenset({"mjpeg", "png", "bmp"})
_HAVE_COVERS = ("mp4", "matroska")

COMMON_TAGS = frozenset(
    {
        *("title", "artist", "album_artist", "composer", "album", "date", "comment", "genre", "copyright", "description", "synopsis"),
        *("creation_time", "location", "track", "disc", "grouping", "lyrics", "timecode"),
    }
)
"""What MP4 has fields for; other keys need FFmpeg's ``use_metadata_tags``."""
HAVE_TAGS = ("mp4", "mov", "matroska", "webm")

_BY_KIND: Mapping[Kind, Mapping[str, frozenset[str]]] = {"sound": SOUND, "subtitle": SUBTITLES, "video": PICTURES, "data": DATA}


def holds(muxer: str, kind: Kind, codec: str) -> bool:
    if kind == "attachment":
        return muxer == "matroska"
    if kind == "cover":
        return muxer in _HAVE_COVERS and codec in COVERS
    return codec in _BY_KIND[kind].get(muxer, ())
