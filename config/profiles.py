"""What a result is delivered as: the profiles that ``--profile`` and a hot folder's ``profile`` name (docs/profiles.md)."""

from __future__ import annotations

from enum import StrEnum


class Profile(StrEnum):
    MATCH = "match"
    PNG = "png"  # these three are folders of numbered frames
    EXR = "exr"
    TIFF = "tiff"
