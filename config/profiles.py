"""What a result is delivered as: the profiles that ``--profile`` and a hot folder's ``profile`` name (docs/profiles.md)."""

from __future__ import annotations

from enum import StrEnum


class Profile(StrEnum):
    MATCH = "match"
    PNG = "png"  # these three are folders of numbered frames
    EXR = "exr"
    TIFF = "tiff"
    PRORES = "prores"
    DNXHR = "dnxhr"
    H264 = "h264"
    HEVC10 = "hevc10"
    AV1 = "av1"
    FFV1 = "ffv1"
    # hardware encoders, by FFmpeg's names
    H264_NVENC = "h264_nvenc"
    HEVC_NVENC = "hevc_nvenc"
    AV1_NVENC = "av1_nvenc"
    H264_QSV = "h264_qsv"
    HEVC_QSV = "hevc_qsv"
    H264_VIDEOTOOLBOX = "h264_videotoolbox"
    HEVC_VIDEOTOOLBOX = "hevc_videotoolbox"
    PRORES_VIDEOTOOLBOX = "prores_videotoolbox"
    H264_AMF = "h264_amf"
    HEVC_AMF = "hevc_amf"

    @property
    def is_hardware(self) -> bool:
        return "_" in self


def unknown(name: str) -> str:
    """What is said of a name that is no profile's."""
    return f"There is no profile '{name}'. The profiles are: {', '.join(Profile)}."
