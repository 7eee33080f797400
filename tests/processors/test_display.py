"""PQ on the scale of ordinary video."""

from __future__ import annotations

import numpy as np
import pytest

from deshimmer.processors.display import pq_table


@pytest.mark.parametrize(("depth", "full_range"), [(8, True), (10, False), (10, True), (12, False)])
def test_table_rises_from_black_to_white(depth: int, full_range: bool) -> None:
    table = pq_table(depth, full_range=full_range)
    assert len(table) == 1 << depth
    assert (np.diff(table.astype(int)) >= 0).all()
    assert (table[0], table[-1]) == (0, 255)


def test_diffuse_white_is_three_quarters() -> None:
    """BT.2408: 203 nits are 58 % of PQ and 75 % of HLG."""
    table = pq_table(10, full_range=False)
    assert table[round(64 + 0.58 * 876)] / 255 == pytest.approx(0.75, abs=0.02)
