"""Encoders and their settings: a row each, and which of them a profile takes, the first that holds the picture.

Settings are visually lossless; docs/profiles.md has what was measured.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from ...config.profiles import Profile


class FullRange(StrEnum):
    """What becomes of a full-range source."""

    KEPT = "kept"
    BY_CONTAINER = (
        "kept by the container"  # FFmpeg would scale the levels: they are passed as they are, and the container says what they mean
    )
    SCALED = "scaled to limited range"


@dataclass(frozen=True)
class Coder:
    title: str  # for a person
    encoder: str  # FFmpeg's name
    formats: tuple[str, ...]  # FFmpeg's pixel formats
    options: Mapping[str, Any]
    muxers: tuple[str, ...]  # that hold it; the first where the source's does not
    settings: str  # for a person
    x265: Mapping[str, Any] = field(default_factory=dict[str, Any])  # its own parameters
    full_range: FullRange = FullRange.KEPT
    crops_whole_chroma: bool = False
    least_size: tuple[int, int] = (1, 1)
    most_depth: int = 16  # bits, where a format promises more than the encoder keeps
    is_intra: bool = False
    matrices: tuple[str, ...] = ()  # that its files can say; nothing: all
    own_codec: str | None = None  # FFmpeg's name: sources of it are taken though they have more bits than the encoder takes, which is said


_MOVIE = ("mp4", "mov", "matroska", "mpegts")
_EDITORS = ("mov",)  # carrying takes Matroska where that holds no sound

_X264 = {"crf": 16, "preset": "slow", "tune": "grain"}
"""Tuned for grain: otherwise the encoder takes a tenth of the sharpness, and pulses at key frames a quarter more. Files are half as large again."""
_X265 = {"log-level": "error", "aq-mode": 3}
"""Bits go to dark and flat places: at crf 16 one debanded ramp has CAMBI 1.5 with it and 4.8 without, a darker one 5.9 and 6.9."""

_X265_PRESET = "fast"
"""Three quarters of medium's processor time for less bytes; CAMBI of a debanded sky 4.3 instead of 4.1."""


def _x264(title: str, formats: tuple[str, ...]) -> Coder:
    return Coder(
        title,
        "libx264",
        formats,
        _X264,
        _MOVIE,
        "crf 16, slow, grain kept",
        crops_whole_chroma=True,
    )


def _x265(title: str, formats: tuple[str, ...]) -> Coder:
    return Coder(
        title,
        "libx265",
        formats,
        {"crf": 14, "preset": _X265_PRESET},
        _MOVIE,
        f"crf 14, {_X265_PRESET}",
        _X265,
        crops_whole_chroma=True,
    )


def _prores(title: str, profile: str, *formats: str, **options: Any) -> Coder:
    return Coder(
        title,
        "prores_ks",
        formats,
        {"profile:v": profile, "vendor": "apl0", **options},
        _EDITORS,
        "vendor apl0",
        full_range=FullRange.SCALED,
        crops_whole_chroma=True,
        is_intra=True,
        own_codec="prores",
    )


def _dnxhr(title: str, profile: str, pixel_format: str) -> Coder:
    return Coder(
        title,
        "dnxhd",
        (pixel_format,),
        {"profile:v": profile},
        _EDITORS,
        profile,
        full_range=FullRange.SCALED,
        least_size=(256, 120),
        matrices=("bt709",),
        is_intra=True,
    )


H264 = _x264("H.264 8 bit", ("yuv420p", "yuv422p", "yuv444p"))
H264_HIGH10 = _x264("H.264 10 bit", ("yuv420p10le", "yuv422p10le", "yuv444p10le"))
HEVC10 = _x265("HEVC 10 bit", ("yuv420p10le", "yuv422p10le", "yuv444p10le"))
HEVC12 = _x265("HEVC 12 bit", ("yuv420p12le", "yuv422p12le", "yuv444p12le"))
PRORES_HQ = _prores("ProRes 422 HQ", "hq", "yuv422p10le")
PRORES_4444 = _prores("ProRes 4444", "4444", "yuv444p10le")
PRORES_ALPHA = _prores("ProRes 4444", "4444", "yuva444p10le", alpha_bits=16)
DNXHR_HQX = _dnxhr("DNxHR HQX", "dnxhr_hqx", "yuv422p10le")
DNXHR_444 = _dnxhr("DNxHR 444", "dnxhr_444", "yuv444p10le")
SVT_AV1 = Coder(
    "AV1 10 bit",
    "libsvtav1",
    ("yuv420p10le",),
    {"crf": 14, "preset": 6},
    ("mp4", "matroska", "webm"),
    "crf 14, preset 6",
)
AOM_AV1 = Coder(
    "AV1 10 bit",
    "libaom-av1",
    ("yuv420p10le", "yuv422p10le", "yuv444p10le"),
    {"crf": 14, "cpu-used": 6, "row-mt": 1},
    ("mp4", "matroska", "webm"),
    "crf 14, cpu-used 6",
)
VP9 = Coder(
    "VP9",
    "libvpx-vp9",
    ("yuv420p", "yuv422p", "yuv444p", "yuva420p", "yuv420p10le", "yuv422p10le", "yuv444p10le", "yuv420p12le", "yuv422p12le", "yuv444p12le"),
    {"crf": 12, "b:v": 0, "cpu-used": 4, "deadline": "good", "row-mt": 1},
    ("webm", "matroska", "mp4"),
    "crf 12, cpu-used 4",
)
FFV1 = Coder(
    "FFV1",
    "ffv1",
    (
        *(f"gray{depth}le" for depth in (10, 12, 16)),
        *(f"yuv{sampling}p{depth}le" for depth in (10, 12, 16) for sampling in (420, 422, 444)),
        *("yuva420p10le", "yuva422p10le", "yuva444p10le", "yuva420p16le", "yuva422p16le", "yuva444p16le"),
        *("gbrp10le", "gbrp12le", "gbrp16le", "gbrap16le"),  # of 10 and 12 bits FFmpeg makes the alpha half a level too opaque
    ),
    {"level": 3, "slicecrc": 1, "slices": 4, "g": 1},
    ("matroska",),
    "version 3, lossless",
    full_range=FullRange.BY_CONTAINER,
    is_intra=True,
)


def _hardware(title: str, encoder: str, formats: tuple[str, ...], options: Mapping[str, Any], **more: Any) -> Coder:
    settings = ", ".join(f"{key} {value}" for key, value in options.items())
    return Coder(title, encoder, formats, options, _MOVIE, settings, crops_whole_chroma=True, **more)


_NVENC = {"preset": "p7", "tune": "hq", "rc": "vbr", "cq": 15, "b:v": 0}
_QSV = {"preset": "veryslow", "global_quality": 15}
_VIDEOTOOLBOX = {"q:v": 80}
_AMF = {"quality": "quality", "rc": "cqp", "qp_i": 15, "qp_p": 15}

CODERS: Mapping[Profile, tuple[Coder, ...]] = {
    Profile.PRORES: (PRORES_HQ, PRORES_4444, PRORES_ALPHA),
    Profile.DNXHR: (DNXHR_HQX, DNXHR_444),
    Profile.H264: (H264,),
    Profile.HEVC10: (HEVC10,),
    Profile.AV1: (SVT_AV1, AOM_AV1),
    Profile.FFV1: (FFV1,),
    Profile.H264_NVENC: (_hardware("H.264 8 bit", "h264_nvenc", ("yuv420p", "yuv444p"), _NVENC),),
    Profile.HEVC_NVENC: (_hardware("HEVC 10 bit", "hevc_nvenc", ("p010le", "yuv444p16le"), _NVENC, most_depth=10),),
    Profile.AV1_NVENC: (_hardware("AV1 10 bit", "av1_nvenc", ("p010le",), _NVENC),),
    Profile.H264_QSV: (_hardware("H.264 8 bit", "h264_qsv", ("nv12",), _QSV),),
    Profile.HEVC_QSV: (_hardware("HEVC 10 bit", "hevc_qsv", ("p010le", "y210le"), _QSV),),
    Profile.H264_VIDEOTOOLBOX: (_hardware("H.264 8 bit", "h264_videotoolbox", ("yuv420p",), _VIDEOTOOLBOX),),
    Profile.HEVC_VIDEOTOOLBOX: (_hardware("HEVC 10 bit", "hevc_videotoolbox", ("p010le",), _VIDEOTOOLBOX),),
    Profile.PRORES_VIDEOTOOLBOX: tuple(
        Coder(
            title,
            "prores_videotoolbox",
            (pixel_format,),
            {"profile:v": profile},
            _EDITORS,
            "Apple's encoder",
            full_range=FullRange.SCALED,
            crops_whole_chroma=True,
            most_depth=depth,
            is_intra=True,
        )
        for title, profile, pixel_format, depth in (
            ("ProRes 422 HQ", "hq", "p210le", 10),
            ("ProRes 4444", "4444", "p416le", 12),
            ("ProRes 4444", "4444", "ayuv64le", 12),
        )
    ),
    Profile.H264_AMF: (_hardware("H.264 8 bit", "h264_amf", ("yuv420p",), _AMF),),
    Profile.HEVC_AMF: (_hardware("HEVC 10 bit", "hevc_amf", ("p010le",), _AMF),),
}
"""What each profile takes. Hardware encoders were never run by those who wrote this: FFmpeg's documentation has their options."""

_HOLD_MORE = (HEVC10, HEVC12, PRORES_ALPHA, FFV1)
_INTRA = (PRORES_HQ, PRORES_4444, PRORES_ALPHA, FFV1)


@dataclass(frozen=True)
class Family:
    """What ``match`` takes for a family of source codecs."""

    name: str
    codecs: tuple[str, ...]  # FFmpeg's names
    coders: tuple[Coder, ...]
    debanded: tuple[Coder, ...] = ()  # after debanding, where 8 bit would undo it
    is_intra: bool = False  # every frame by itself


FAMILIES = (
    Family("H.264", ("h264",), (H264, H264_HIGH10, *_HOLD_MORE), debanded=_HOLD_MORE),
    Family("HEVC", ("hevc",), _HOLD_MORE),
    Family("AV1", ("av1",), (SVT_AV1, AOM_AV1, *_HOLD_MORE)),
    Family("VP8, VP9", ("vp8", "vp9"), (VP9, *_HOLD_MORE)),
    Family("ProRes, QuickTime Animation, CineForm", ("prores", "qtrle", "cfhd"), _INTRA, is_intra=True),
    Family("DNxHD, DNxHR", ("dnxhd",), (DNXHR_HQX, DNXHR_444, *_INTRA), is_intra=True),
    Family(
        "FFV1, other lossless, uncompressed",
        ("ffv1", "ffvhuff", "huffyuv", "utvideo", "magicyuv", "lagarith", "rawvideo", "v210", "r210", "v308", "v410", "jpeg2000", "png"),
        (FFV1,),
        is_intra=True,
    ),
    Family("Motion JPEG, DV", ("mjpeg", "dvvideo"), (H264, H264_HIGH10, PRORES_ALPHA, FFV1), debanded=_INTRA, is_intra=True),
)
OTHERS = Family("all others", (), (H264, *_HOLD_MORE), debanded=_HOLD_MORE)


def family(codec: str) -> Family:
    return next((each for each in FAMILIES if codec in each.codecs), OTHERS)
