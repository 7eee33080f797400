"""HDR as a display shows it: code values of PQ brought to the scale on which a level means about the same as in ordinary video."""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

PQ = "smpte2084"
_PEAK_NITS = 1000.0


@cache
def pq_table(depth: int, *, full_range: bool) -> NDArray[np.uint8]:
    """For each code value of PQ luma at ``depth`` bits the level, 0-255, that HLG has for the same light on a display of 1000 nits.

    HLG is made to look right on ordinary displays. Sources: SMPTE ST 2084 (PQ's EOTF); ITU-R BT.2100-2, table 5 (HLG's OETF and its
    system gamma of 1.2 at 1000 nits).
    """
    codes = np.arange(1 << depth, dtype=np.float64)
    steps = float(1 << (depth - 8))
    signal = codes / (256 * steps - 1) if full_range else (codes - 16 * steps) / (219 * steps)
    light = np.minimum(_nits(np.clip(signal, 0, 1)) / _PEAK_NITS, 1.0) ** (1 / 1.2)
    a, b, c = 0.17883277, 0.28466892, 0.55991073
    shown = np.where(light <= 1 / 12, np.sqrt(3 * light), a * np.log(np.maximum(12 * light - b, 1e-9)) + c)
    return np.rint(255 * np.clip(shown, 0, 1)).astype(np.uint8)


def _nits(signal: NDArray[np.float64]) -> NDArray[np.float64]:
    m1, m2, c1, c2, c3 = 2610 / 16384, 2523 / 32, 3424 / 4096, 2413 / 128, 2392 / 128
    power = signal ** (1 / m2)
    return 10000 * (np.maximum(power - c1, 0) / (c2 - c3 * power)) ** (1 / m1)
