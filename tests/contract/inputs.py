"""Inputs: small files, each with properties that are easily lost. ``says`` is what the witness must read in it: no empty promises."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import dynamic
from footage import FRAMES, Store

BT709, BT601 = ("bt709", "bt709", "bt709"), ("smpte170m", "smpte170m", "smpte170m")
PQ, HLG = ("bt2020", "smpte2084", "bt2020nc"), ("bt2020", "arib-std-b67", "bt2020nc")
PROMPT = json.dumps({"3": {"class_type": "KSampler", "inputs": {"seed": 42, "steps": 30, "text": "a cat, 'quoted' = yes; #1"}}})


def _tagged(primaries: str, transfer: str, matrix: str, range_: str = "tv") -> str:
    """Filters that bring RGB to YUV and say so."""
    conversion = f"scale=out_color_matrix={matrix}:out_range={range_}"
    return f"{conversion},setparams=color_primaries={primaries}:color_trc={transfer}:colorspace={matrix}:range={range_}"


_X264 = "-c:v libx264 -crf 10 -preset veryfast -pix_fmt yuv420p"
_X265 = "-c:v libx265 -crf 10 -preset veryfast -tag:v hvc1 -pix_fmt yuv420p10le"
_709 = "-vf " + _tagged(*BT709)
_TONE = "-f lavfi -i sine=440:duration=0.42:sample_rate=48000"
_HIGH_TONE = "-f lavfi -i sine=880:duration=0.3:sample_rate=44100"
_MASTER = "G(13250,34500)B(7500,3000)R(34000,16000)WP(15635,16450)L(10000000,50)"


@dataclass(frozen=True)
class Input:
    """``name`` is its file's, or its folder's where it is a sequence of pictures."""

    name: str
    hard: str  # what is easily lost, for a person
    make: Callable[[Store, Path], None]
    says: Mapping[str, Any] = field(default_factory=dict)  # of witness.Facts
    frames: int = FRAMES


def _by(arguments: str, **words: str) -> Callable[[Store, Path], None]:
    return lambda store, path: store.run(arguments, path, **words)


def _by_two(first: str, second: str) -> Callable[[Store, Path], None]:
    """``$step`` of the second is what the first made."""

    def make(store: Store, path: Path) -> None:
        between = store.folder / f"step-{path.name}"
        store.run(first, between)
        store.run(second, path, step=str(between))

    return make


def _sequence(arguments: str, pattern: str) -> Callable[[Store, Path], None]:
    def make(store: Store, path: Path) -> None:
        path.mkdir()
        store.run(arguments, path / pattern)

    return make


def _with_dynamic(arguments: str) -> Callable[[Store, Path], None]:
    def make(store: Store, path: Path) -> None:
        plain = store.folder / f"plain-{path.name}"
        store.run(arguments, plain)
        dynamic.add(plain, path)

    return make


def _changes_size(store: Store, path: Path) -> None:
    parts = [store.folder / f"{part}-{path.name}" for part in ("large", "small")]
    store.run(f"-i <film> {_X264}", parts[0])
    store.run(f"-i <film> -vf scale=192:108 -output_ts_offset 1 {_X264}", parts[1])
    path.write_bytes(b"".join(part.read_bytes() for part in parts))


ALL = (
    Input(
        "plain.mp4",
        "H.264, 24 frames a second, one AAC track",
        _by(f"-i <film> {_TONE} {_709} {_X264} -c:a aac"),
        {"rate": Fraction(24), "depth": 8, "sampling": "420", "colors": (*BT709, "tv"), "sound_codecs": ("aac",)},
    ),
    Input(
        "film_rate.mkv",
        "23.976 as a fraction, SubRip, chapters, an attached font, a cover, FLAC, languages and titles",
        _by(
            f"-r 24000/1001 -i <film> {_TONE} -i <subtitles.srt> -i <chapters.txt> -map 0:v -map 1:a -map 2:s -map_metadata 3 "
            "-attach <letter.ttf> -metadata:s:t:0 mimetype=font/ttf -attach <cover.png> -metadata:s:t:1 mimetype=image/png "
            f"-metadata:s:a:0 language=fra -metadata:s:a:0 title=Voix -metadata:s:s:0 language=eng "
            f"-metadata title=Harbour {_709} {_X264} -c:a flac -c:s srt"
        ),
        {
            "rate": Fraction(24000, 1001),
            "subtitle_codecs": ("subrip",),
            "chapter_titles": ("Dawn", "Dusk"),
            "attached": 2,
            "sound_codecs": ("flac",),
        },
    ),
    Input(
        "broadcast.mov",
        "29.97 as a fraction, drop-frame timecode, AAC and PCM tracks that start at different times",
        _by(
            f"-r 30000/1001 -i <film> {_TONE} -itsoffset 0.1 {_HIGH_TONE} -map 0:v -map 1:a -map 2:a "
            f"-timecode 01:00:59;20 -metadata:s:a:1 language=deu {_709} {_X264} -c:a:0 aac -c:a:1 pcm_s16le"
        ),
        {"rate": Fraction(30000, 1001), "timecode": "01:00:59;20", "sound_codecs": ("aac", "pcm_s16le")},
    ),
    Input(
        "variable.mp4",
        "variable frame rate",
        _by(
            f"-i <film> {_TONE} -vf {_tagged(*BT709)},settb=1/24000,setpts=1000*N+37*N*N "
            f"-fps_mode passthrough -enc_time_base 1/24000 -video_track_timescale 24000 {_X264} -c:a aac"
        ),
        {"steps": tuple(Fraction(1037 + 74 * index, 24000) for index in range(FRAMES - 1))},
    ),
    Input(
        "late_sound.ts",
        "transport stream that starts late, sound a quarter of a second after the picture",
        _by(f"-i <film> -itsoffset 0.25 {_TONE} {_709} {_X264} -c:a aac"),
        {"sound_codecs": ("aac",), "offset_s": 0.2287},
    ),
    Input(
        "late_picture.mp4",
        "pixels that are not square; the picture starts after the sound",
        _by(f"-itsoffset 0.2 -i <film> {_TONE} {_709.replace('-vf ', '-vf setsar=4/3,')} {_X264} -c:a aac"),
        {"offset_s": -0.2083, "pixel_aspect": Fraction(4, 3)},
    ),
    Input(
        "edit_list.mp4",
        "an edit list that leaves out the first frames of a GOP",
        _by_two(f"-i <film> {_TONE} {_709} {_X264} -g 12 -bf 0 -c:a aac", "-ss 0.12 -i $step -map 0 -c copy"),
        {"rate": Fraction(24)},
        frames=FRAMES - 3,
    ),
    Input(
        "titled.mp4",
        "mov_text subtitles, chapters, cover art, title, comment and date",
        _by(
            f"-i <film> {_TONE} -i <subtitles.srt> -i <chapters.txt> -i <cover.png> -map 0:v -map 1:a -map 2:s -map 4:v -map_metadata 3 "
            "-c:v:1 copy -disposition:v:1 attached_pic "
            f"-metadata title=Harbour -metadata comment=first -metadata date=2026 -metadata:s:s:0 language=eng {_709.replace('-vf', '-filter:v:0')} "
            f"{_X264.replace('-c:v', '-c:v:0').replace('-pix_fmt', '-pix_fmt:v:0')} -c:a aac -c:s mov_text"
        ),
        {"subtitle_codecs": ("mov_text",), "chapter_titles": ("Dawn", "Dusk"), "covers": 1},
    ),
    Input(
        "ten_bit.mp4",
        "HEVC, 10 bit, a ComfyUI prompt in its tags",
        _by(
            f"-i <film> -metadata prompt=$prompt -metadata title=Cat -movflags use_metadata_tags {_709} {_X265} -x265-params log-level=error",
            prompt=PROMPT,
        ),
        {"depth": 10, "sampling": "420", "tag": ("prompt", PROMPT)},
    ),
    Input(
        "camera.mov",
        "ProRes 422 HQ: 4:2:2, 10 bit, 24-bit PCM, timecode",
        _by(f"-r 25 -i <film> {_TONE} -timecode 10:00:00:00 {_709} -c:v prores_ks -profile:v 3 -pix_fmt yuv422p10le -c:a pcm_s24le"),
        {"depth": 10, "sampling": "422", "timecode": "10:00:00:00", "sound_codecs": ("pcm_s24le",)},
    ),
    Input("twelve_bit.mkv", "4:4:4, 12 bit", _by(f"-i <film> {_709} -c:v ffv1 -pix_fmt yuv444p12le"), {"depth": 12, "sampling": "444"}),
    Input("gray16.mkv", "gray, 16 bit", _by("-i <film> -c:v ffv1 -pix_fmt gray16le"), {"depth": 16, "sampling": "gray"}),
    Input(
        "hdr10.mp4",
        "HDR10: PQ, BT.2020, mastering display, light level",
        _by(f"-i <film> -vf {_tagged(*PQ)} {_X265} -x265-params log-level=error:hdr10=1:master-display={_MASTER}:max-cll=1000,400"),
        {"depth": 10, "colors": (*PQ, "tv"), "has_mastering": True, "light": (1000, 400)},
    ),
    Input(
        "dolby.mp4",
        "HDR10 with the metadata of Dolby Vision (profile 8) and of HDR10+",
        _with_dynamic(
            f"-i <film> -vf {_tagged(*PQ)} {_X265} -x265-params log-level=error:hdr10=1:master-display={_MASTER}:max-cll=1000,400"
        ),
        {"depth": 10, "colors": (*PQ, "tv"), "has_mastering": True, "dynamic": ("Dolby Vision", "HDR10+")},
    ),
    Input(
        "hlg.mov",
        "HLG, BT.2020",
        _by(f"-i <film> -vf {_tagged(*HLG)} {_X265} -x265-params log-level=error"),
        {"depth": 10, "colors": (*HLG, "tv")},
    ),
    Input(
        "turned.mp4",
        "full range, turned by a quarter",
        _by_two(f"-i <film> -vf {_tagged(*BT709, 'pc')} {_X264}", "-display_rotation 90 -i $step -c copy"),
        {"orientation": (90, False), "colors": (*BT709, "pc")},
    ),
    Input(
        "mirrored.mov",
        "BT.601, mirrored",
        _by_two(f"-i <film> -vf {_tagged(*BT601)} {_X264}", "-display_hflip -i $step -c copy"),
        {"orientation": (0, True), "colors": (*BT601, "tv")},
    ),
    Input(
        "odd_size.webm",
        "VP9 of an odd size, Opus",
        _by(
            f"-i <film> {_TONE} {_709.replace('-vf ', '-vf crop=161:121,')} -c:v libvpx-vp9 -crf 10 -b:v 0 -cpu-used 8 -pix_fmt yuv420p -c:a libopus"
        ),
        {"size": (161, 121), "sound_codecs": ("opus",)},
    ),
    Input(
        "fields.mp4",
        "interlaced, top field first",
        _by(
            f"-r 50 -i <film> {_TONE} {_709.replace('-vf ', '-vf tinterlace=interleave_top,')} "
            f"-flags +ildct+ilme -x264-params tff=1 -r 25 {_X264} -c:a aac"
        ),
        {"field_order": "tt", "rate": Fraction(25)},
        frames=FRAMES // 2,
    ),
    Input(
        "alpha.mov",
        "ProRes 4444 with alpha",
        _by(f"-i <holes> {_709} -c:v prores_ks -profile:v 4 -alpha_bits 16 -pix_fmt yuva444p10le"),
        {"has_alpha": True, "depth": 12, "sampling": "444"},
    ),
    Input(
        "alpha.webm",
        "VP9 with alpha",
        _by(f"-i <holes> {_709} -c:v libvpx-vp9 -crf 10 -b:v 0 -cpu-used 8 -auto-alt-ref 0 -pix_fmt yuva420p"),
        {"has_alpha": True},
    ),
    Input("alpha.webp", "animated WebP with alpha", _by("-i <holes> -c:v libwebp_anim -lossless 1 -loop 0"), {"has_alpha": True}),
    Input("animated.gif", "GIF", _by("-r 10 -i <film> -vf split[a][b];[a]palettegen[p];[b][p]paletteuse"), {"rate": Fraction(10)}),
    Input("animated.png", "APNG with alpha", _by("-r 12 -i <holes> -c:v apng -f apng -plays 0 -pix_fmt rgba"), {"has_alpha": True}),
    Input("rgb.mkv", "RGB, 8 bit", _by("-i <film> -c:v ffv1 -pix_fmt gbrp"), {"sampling": "rgb", "depth": 8}),
    Input(
        "old.avi",
        "AVI: MPEG-4 with a dropped frame, MP3",
        _by(f"-i <film> {_TONE} -c:v mpeg4 -q:v 2 -c:a libmp3lame"),
        {"sound_codecs": ("mp3",)},
    ),
    Input(
        "tape.mxf",
        "MXF: MPEG-2 4:2:2, PCM, timecode",
        _by(f"-r 25 -i <film> {_TONE} -timecode 09:59:58:00 -c:v mpeg2video -q:v 2 -bf 0 -pix_fmt yuv422p -c:a pcm_s16le"),
        {"sampling": "422", "timecode": "09:59:58:00", "sound_codecs": ("pcm_s16le",)},
    ),
    Input("one_frame.mp4", "a single frame", _by(f"-i <still> {_709} {_X264}"), {}, frames=1),
    Input("changing.ts", "its size changes half-way", _changes_size, {}, frames=2 * FRAMES),
    Input("png_frames", "PNG sequence with alpha", _sequence("-i <holes> -pix_fmt rgba", "shot_%04d.png"), {"has_alpha": True}),
    Input(
        "tiff_frames", "TIFF sequence, 16 bit", _sequence("-i <film> -pix_fmt rgb48le -start_number 1001", "shot.%04d.tif"), {"depth": 16}
    ),
    Input("exr_frames", "EXR sequence, half float", _sequence("-i <film> -c:v exr -format half -pix_fmt gbrpf32le", "shot.%05d.exr"), {}),
    Input("jpeg_frames", "JPEG sequence", _sequence("-i <film> -q:v 2 -pix_fmt yuvj420p", "shot%d.jpg"), {"depth": 8}),
)
