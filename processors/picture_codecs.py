"""Picture codecs: how the frames of a result are encoded, by profile.

``match`` is DESIGN.md's 'Outputs': H.264 for 8 bit, HEVC 10 bit after debanding and for deeper sources, ProRes 4444 for alpha.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from . import media
from .records import Route

if TYPE_CHECKING:
    from .records import Clip, Treatment

_X264 = {"crf": 16, "preset": "slow", "tune": "grain"}
"""Tuned for grain: otherwise the encoder takes a tenth of the sharpness, and pulses at key frames a quarter more. Files are half as large again."""
_X265 = {"log-level": "error", "aq-mode": 3}
"""Bits go to dark and flat places: at crf 16 one debanded ramp has CAMBI 1.5 with it and 4.8 without, a darker one 5.9 and 6.9."""

_X265_PRESET = "fast"
"""Three quarters of medium's processor time for less bytes; CAMBI of a debanded sky 4.3 instead of 4.1."""

_LARGE_PIXELS = 2560 * 1440
_LARGE_LOOKAHEAD_FRAMES = 10


@dataclass(frozen=True)
class Picture:
    """``description`` is for a person."""

    pixel_format: str
    options: dict[str, Any]  # FFmpeg's, for the video
    description: str
    notes: tuple[str, ...] = ()


def choose(clip: Clip, treatment: Treatment) -> Picture:
    if clip.has_alpha:
        options = {"c:v": "prores_ks", "profile:v": "4444", "vendor": "apl0", "alpha_bits": 16}
        return Picture("yuva444p10le", options, "ProRes 4444, 10 bit with alpha")
    if treatment.preset == "article":
        options = {"c:v": "libx264", "crf": 18 if treatment.route is Route.INTERPOLATE else 16}
        lost = ("the article's command writes 4:2:0 chroma",) if "420" not in media.working_format(clip) else ()
        unnamed = ("the article's command names no matrix, primaries and transfer",) if media.delivered_color(clip) != clip.color else ()
        return Picture("yuv420p", options, f"H.264 8 bit, crf {options['crf']}, as the article has it", (*lost, *unnamed))
    sampling, notes = _sampling(clip)
    lookahead = {"rc-lookahead": _LARGE_LOOKAHEAD_FRAMES} if clip.width * clip.height > _LARGE_PIXELS else {}
    if clip.field_order is not None:  # of the codecs here only H.264 keeps fields apart
        deep = clip.bit_depth > 8
        options = {"c:v": "libx264", **_X264, **lookahead}
        return Picture(f"yuv{sampling}p{'10le' * deep}", options, f"H.264 {10 if deep else 8} bit, crf 16, slow, as fields", notes)
    if _is_ten_bit(clip, treatment):
        values = {**_X265, **lookahead}
        parameters = ":".join(f"{key}={value}" for key, value in values.items())
        options = {"c:v": "libx265", "crf": 14, "preset": _X265_PRESET, "x265-params": parameters}
        deeper = ("the source has more than 10 bits; the result has 10",) if clip.bit_depth > 10 else ()
        return Picture(f"yuv{sampling}p10le", options, f"HEVC 10 bit, crf 14, {_X265_PRESET}", (*notes, *deeper))
    options = {"c:v": "libx264", **_X264, **lookahead}
    return Picture(f"yuv{sampling}p", options, "H.264 8 bit, crf 16, slow, grain kept", notes)


def _is_ten_bit(clip: Clip, treatment: Treatment) -> bool:
    debands = treatment.route in (Route.DEBAND, Route.DEBAND_SMOOTH)
    return treatment.preset is None and (clip.bit_depth > 8 or debands)


def _sampling(clip: Clip) -> tuple[str, tuple[str, ...]]:
    """The source's chroma sampling, or the nearest that H.264 and HEVC can hold at an odd size (they crop in whole chroma pixels)."""
    sampling = next(each for each in ("420", "422", "444") if each in media.working_format(clip))
    needed = "444" if clip.width % 2 else "422" if clip.height % 2 else "420"
    if needed <= sampling:
        return sampling, ()
    return needed, (f"its odd size {clip.width}x{clip.height} needs 4:{needed[1]}:{needed[2]} chroma",)
