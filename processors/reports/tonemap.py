"""HDR frames for ordinary displays: PQ and HLG brought to BT.709, so that comparison, proxy and report look as the clip does.

Only pictures for people take this way; what is delivered stays HDR.
"""

from __future__ import annotations

from fractions import Fraction
from functools import cache

import av
import numpy as np
from numpy.typing import NDArray

from .. import display
from ..records import ColorTags

PEAK_NITS = 1000.0
WHITE_NITS = 203.0
"""Paper white of HDR (ITU-R BT.2408), which is an ordinary display's brightest."""

_TO_709 = np.array([[1.6605, -0.5876, -0.0728], [-0.1246, 1.1329, -0.0083], [-0.0182, -0.1006, 1.1187]], np.float32)
"""Linear BT.2020 to linear BT.709 (ITU-R BT.2087)."""

_LUMA_2020 = np.array([0.2627, 0.6780, 0.0593], np.float32)
_STEPS = 4096
_GAMMA = 1 / 2.4  # BT.1886
_HLG = "arib-std-b67"
_BT709_PRIMARIES = 1
_BT709_TRANSFER = 1


def is_due(color: ColorTags) -> bool:
    return color.is_hdr


def mapped(frame: av.VideoFrame, color: ColorTags, size: tuple[int, int]) -> av.VideoFrame:
    """An HDR frame at ``size`` (width, height) as 16-bit RGB of BT.709, with its pts."""
    scaled = frame.reformat(*size, format="rgb48le", interpolation="AREA")
    codes = np.asarray(scaled.to_ndarray(), np.uint16) >> 4
    light = _light(color.transfer == _HLG)[codes]
    if color.transfer == _HLG:  # the system gamma of a display of 1000 nits
        light = light * (np.maximum(light @ _LUMA_2020, 1e-6) ** np.float32(0.2))[..., None]
    light = light * np.float32(PEAK_NITS)
    if color.primaries in (None, "bt2020"):
        light = np.maximum(light @ _TO_709.T, 0)
    brightest = light.max(axis=2)
    shown = light * (_rolled_off(brightest) / np.maximum(brightest, 1e-6))[..., None] / np.float32(WHITE_NITS)
    steps = np.minimum((np.sqrt(shown) * (_STEPS - 1)).astype(np.uint16), _STEPS - 1)
    made = av.VideoFrame.from_ndarray(_encoded()[steps], format="rgb48le")
    made.pts, made.time_base = frame.pts, frame.time_base or Fraction(1, 1000)
    made.color_primaries, made.color_trc = _BT709_PRIMARIES, _BT709_TRANSFER
    return made


@cache
def _light(is_hlg: bool) -> NDArray[np.float32]:
    """For each 12-bit code, the part of ``PEAK_NITS``: of the display with PQ, of the scene with HLG."""
    signal = np.linspace(0, 1, _STEPS)
    if is_hlg:
        a, b, c = display.HLG_CURVE
        return np.where(signal <= 0.5, signal**2 / 3, (np.exp((signal - c) / a) + b) / 12).astype(np.float32)
    return np.minimum(display.nits(signal) / PEAK_NITS, 1.0).astype(np.float32)


def _rolled_off(nits: NDArray[np.float32]) -> NDArray[np.float32]:
    """Nits up to ``PEAK_NITS`` as nits up to ``WHITE_NITS``: dark and middle tones as they are, bright ones compressed."""
    table = _roll_off()
    places = np.sqrt(nits / np.float32(PEAK_NITS)) * (_STEPS - 1)
    return table[np.minimum(places, _STEPS - 1).astype(np.uint16)]


@cache
def _roll_off() -> NDArray[np.float32]:
    """By the square root of light. Source: ITU-R BT.2390, section 5.4.1: a knee and a Hermite spline, on PQ's scale."""
    light = PEAK_NITS * np.linspace(0, 1, _STEPS) ** 2
    peak = display.pq(np.array(PEAK_NITS))
    signal, most = display.pq(light) / peak, float(display.pq(np.array(WHITE_NITS)) / peak)
    knee = 1.5 * most - 0.5
    t = np.clip((signal - knee) / (1 - knee), 0, 1)
    spline = (2 * t**3 - 3 * t**2 + 1) * knee + (t**3 - 2 * t**2 + t) * (1 - knee) + (-2 * t**3 + 3 * t**2) * most
    return display.nits(np.where(signal < knee, signal, spline) * peak).astype(np.float32)


@cache
def _encoded() -> NDArray[np.uint16]:
    """By the square root of light, the 16-bit signal of an ordinary display."""
    return np.rint(65535 * np.linspace(0, 1, _STEPS) ** (2 * _GAMMA)).astype(np.uint16)
