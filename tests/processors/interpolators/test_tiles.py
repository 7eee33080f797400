"""Tiles: they cover the picture, overlap, and leave no seam."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from clipmaker import photograph
from hypothesis import given
from hypothesis import strategies as st

from deshimmer.processors.interpolators import tiles


@given(st.integers(1, 4000), st.integers(16, 1280))
def test_tiles_cover_a_side_and_overlap_by_an_eighth(length: int, side: int) -> None:
    places = tiles.starts(length, side)
    assert places[0] == 0
    assert max(places[-1] + side, length) == max(length, side)
    assert all(later - earlier <= side - side // 8 for earlier, later in pairwise(places))


@pytest.mark.parametrize("side", [64, 100, 301, 1000])
def test_work_that_looks_at_one_pixel_is_the_same_in_tiles(side: int) -> None:
    first, second = photograph(), photograph()[::-1]
    made = tiles.in_tiles(lambda one, other: (one + other) / 2, (first, second), side)
    assert np.abs(made - (first + second) / 2).max() < 1e-3


def test_tiles_that_disagree_fade_into_each_other() -> None:
    calls: list[tuple[int, ...]] = []

    def shifted(picture: tiles.Picture) -> tiles.Picture:
        calls.append(picture.shape)
        return picture + 10 * (len(calls) % 2)

    made = tiles.in_tiles(shifted, (np.zeros((128, 512, 3), np.float32),), 128)
    assert set(calls) == {(128, 128, 3)}
    assert len(calls) == 5
    assert np.abs(np.diff(made, axis=1)).max() < 10 / 8
    assert (made.min(), made.max()) == (0, 10)
