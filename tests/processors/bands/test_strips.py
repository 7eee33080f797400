from __future__ import annotations

import math

import cv2
import numpy as np
import pytest

from deshimmer.processors.bands.strips import enlarged_rows, strips


@pytest.mark.parametrize(
    ("lines", "height"), [(360, 1080), (360, 480), (360, 240), (96, 1080), (360, 534), (129, 129), (96, 97), (360, 802), (360, 1036)]
)
def test_a_field_in_strips_is_the_field_enlarged_at_once(lines: int, height: int) -> None:
    field = np.random.default_rng(3).normal(0, 50, (lines, 171)).astype(np.float32)
    shape = height, 1920
    made = [enlarged_rows(field, shape, rows, 2, 5) for rows in strips(shape, 4)]
    whole = cv2.resize(field, shape[::-1], interpolation=cv2.INTER_LINEAR) * 2 + 5
    assert np.abs(np.concatenate(made) - whole).max() < 0.01


@pytest.mark.parametrize(("height", "unit"), [(1080, 12), (129, 4), (130, 1), (3, 4), (2160, 45)])
def test_strips_cover_a_plane_once_and_none_is_too_thin(height: int, unit: int) -> None:
    found = list(strips((height, 3840), math.lcm(4, unit), least=4))
    assert [row for rows in found for row in range(height)[rows]] == list(range(height))
    assert all(rows.start % unit == 0 and rows.stop - rows.start >= min(4, height) for rows in found)
