"""HDR as a display shows it: code values of PQ brought to the scale on which a level means about the same as in ordinary video."""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

PQ = "smpte2084"
HLG_CURVE = 0.17883277, 0.28466892, 0.55991073
"""a, b and c of HLG's OETF."""

_PEAK_NITS = 1000.0
_M1, _M2, _C1, _C2, _C3 = 2610 / 16384, 2523 / 32, 3424 / 4096, 2413 / 128, 2392 / 128


@cache
def pq_table(depth: int, *, full_range: bool) -> NDArray[np.uint8]:
    """For each code value of PQ luma at ``depth`` bits the level, 0-255, that HLG has for the same light on a display of 1000 nits.

    HLG is made to look right on ordinary displays. Sources: SMPTE ST 2084 (PQ's EOTF); ITU-R BT.2100-2, table 5 (HLG's OETF and its
    system gamma of 1.2 at 1000 nits).
    """
    codes = np.arange(1 << depth, dtype=np.float64)
    steps = float(1 << (depth - 8))
    signal = codes / (256 * steps - 1) if full_range else (codes - 16 * steps) / (219 * steps)
    light = np.minimum(nits(np.clip(signal, 0, 1)) / _PEAK_NITS, 1.0) ** (1 / 1.2)
    a, b, c = HLG_CURVE
    shown = np.where(light <= 1 / 12, np.sqrt(3 * light), a * np.log(np.maximum(12 * light - b, 1e-9)) + c)
    return np.rint(255 * np.clip(shown, 0, 1)).astype(np.uint8)


def nits(signal: NDArray[np.float64]) -> NDArray[np.float64]:
    """PQ's EOTF: light of a signal of 0 to 1."""
    power = signal ** (1 / _M2)
    return 10000 * (np.maximum(power - _C1, 0) / (_C2 - _C3 * power)) ** (1 / _M1)


def pq(light: NDArray[np.float64]) -> NDArray[np.float64]:
    """Its inverse: the signal of 0 to 1 for light in nits."""
    power = (light / 10000) ** _M1
    return ((_C1 + _C2 * power) / (1 + _C3 * power)) ** _M2
