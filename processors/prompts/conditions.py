"""When a rule of lint speaks, and what it suggests: functions of a case, and functions that make them."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from .case import Case, log_ratio

LEAST_GUIDANCE, MOST_GUIDANCE = 0.5, 1.6
"""Times the model's own."""
_SAME_SHAPE = 0.12
_SVD_1_1 = re.compile(r"xt[-_.]1[-_.]1", re.IGNORECASE)
_TILE_CAUSES = frozenset({"tile_blink", "tile_seam"})


def over(field: str, limit: float) -> Callable[[Case], bool]:
    return lambda case: (value := case.number(field)) is not None and value > limit


def under(field: str, limit: float) -> Callable[[Case], bool]:
    return lambda case: (value := case.number(field)) is not None and value < limit


def always(value: Any) -> Callable[[Case], Any]:
    return lambda case: value


def steady_motion(case: Case) -> int:
    """The bucket: SVD-XT 1.1 was tuned at one."""
    return 127 if _SVD_1_1.search(case.prompt.model or "") else 100


def few_steps(case: Case) -> bool:
    return not case.is_distilled and under("num_inference_steps", case.known.least_steps)(case)


def few_cogvideox_steps(case: Case) -> bool:
    return not case.is_distilled and under("num_inference_steps", 35)(case)


def odd_guidance(field: str) -> Callable[[Case], bool]:
    def is_odd(case: Case) -> bool:
        value, own = case.number(field), case.known.guidance
        return value is not None and not case.is_distilled and not LEAST_GUIDANCE * own <= value <= MOST_GUIDANCE * own

    return is_odd


def is_off_grid(case: Case) -> bool:
    frames = case.prompt.num_frames
    return frames is not None and frames <= case.known.most_frames and case.known.nearest_frames(frames) != frames


def is_beyond(case: Case) -> bool:
    return case.frames is not None and case.frames > case.known.most_frames


def most_frames(case: Case) -> int:
    return case.known.most_frames


def is_no_multiple(field: str) -> Callable[[Case], bool]:
    return lambda case: (side := case.number(field)) is not None and side % case.known.multiple != 0


def multiple_of(field: str) -> Callable[[Case], int]:
    return lambda case: max(1, round((case.number(field) or 0) / case.known.multiple)) * case.known.multiple


def is_foreign(side: int) -> Callable[[Case], bool]:
    """One lint for each side that differs from the nearest size of the model's own."""

    def is_foreign(case: Case) -> bool:
        size = case.size
        if size is None or case.known.is_native(size) or any(each % case.known.multiple for each in size):
            return False
        return size[side] != case.native_size[side]

    return is_foreign


def native(side: int) -> Callable[[Case], int | None]:
    """None where the picture would get another shape: that is for a person to choose."""

    def suggested(case: Case) -> int | None:
        own = case.native_size
        return own[side] if case.size and abs(log_ratio(own) - log_ratio(case.size)) <= _SAME_SHAPE else None

    return suggested


def blinks_in_tiles(case: Case) -> bool:
    blinks = case.diagnosis is not None and any(cause.kind in _TILE_CAUSES for cause in case.diagnosis.causes)
    return blinks and bool(case.value("vae_tiling"))


def is_random(case: Case) -> bool:
    return case.prompt.seed is not None and case.value("control_after_generate") == "randomize"
