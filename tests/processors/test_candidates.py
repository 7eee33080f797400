"""Of several seeds the one that measures best is kept."""

from __future__ import annotations

from deshimmer.processors import candidates


def test_the_lowest_is_kept_and_the_others_go() -> None:
    gone: list[int] = []
    measured = {7: 3.0, 8: 1.0, 9: 2.0}
    best = candidates.best_of(candidates.seeds(7, 3), lambda seed: seed, lambda made: measured[made], gone.append)
    assert (best.made, best.seed, best.scores, gone) == (8, 8, measured, [7, 9])
    assert best.note() == "seed 8 was kept of 3 (flicker by seed: 7: 3.00, 8: 1.00, 9: 2.00)"


def test_one_is_made_and_not_measured() -> None:
    def measure(made: int) -> float:
        raise AssertionError(made)

    best = candidates.best_of((5,), lambda seed: seed * 2, measure)
    assert (best.made, best.scores, best.note()) == (10, {}, None)


def test_seeds_stay_below_what_every_node_takes() -> None:
    assert candidates.seeds(2**32 - 1, 3) == (2**32 - 1, 0, 1)
    assert candidates.seeds(987948718394762, 2) == (987948718394762, 987948718394763 % 2**32)
