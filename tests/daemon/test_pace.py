"""How much of a job is done and how long it still takes: estimates by number, and what may never happen."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deshimmer.daemon import pace
from deshimmer.daemon.live import Live
from deshimmer.processors import road

SMOOTH = {"probe": 1.0, "diagnose": 10.0, "route": 0.0, "process": 40.0, "verify": 20.0, "deliver": 9.0}
KEEP = {"probe": 1.0, "diagnose": 10.0, "route": 0.0, "deliver": 1.0}


def passage(route: str | None, timings: dict[str, float], megapixels: float = 100.0) -> dict[str, Any]:
    clip = {"frames": int(megapixels), "width": 1000, "height": 1000} if timings else None
    return {"clip": clip, "plan": {"route": route} if route else None, "timings": timings}


def test_the_stages_are_those_of_the_road() -> None:
    assert tuple(stage.name for stage in road.STAGES) == pace.STAGES


def test_a_clip_twice_as_large_takes_twice_as_long() -> None:
    rates = pace.learn({}, "smooth", 100.0, SMOOTH)
    expected = pace.expect(rates, "smooth", 200.0)
    start = pace.estimate(expected, "diagnose", 0.0, 0.0, 2.0)
    assert start == pytest.approx((2 / 160, 158.0))
    half = pace.estimate(expected, "process", 0.5, 40.0, 22.0)
    assert half == pytest.approx((62 / 160, 98.0))


def test_a_stage_that_is_slower_than_before_makes_the_rest_of_it_longer() -> None:
    expected = pace.expect(pace.learn({}, "smooth", 100.0, SMOOTH), "smooth", 100.0)
    slow = pace.estimate(expected, "process", 0.5, 40.0, 11.0)  # 40 s for what should take 20
    assert slow is not None
    assert slow.eta_s == pytest.approx(0.5 * (0.5 * 40 + 40) + 29)


def test_what_nothing_is_known_of_is_not_guessed() -> None:
    rates = pace.learn({}, "keep", 100.0, KEEP)
    assert pace.expect({}, None, 100.0) is None
    assert pace.expect(rates, "smooth", 100.0) is None
    assert pace.expect(rates, None, None) is None
    assert pace.estimate(None, "process", 0.5, 1.0, 1.0) is None
    assert pace.learn({}, "keep", 0.0, KEEP) == {}


def test_before_the_route_is_known_clips_count_as_the_average() -> None:
    rates = pace.learn(pace.learn({}, "keep", 100.0, KEEP), "smooth", 100.0, SMOOTH)
    expected = pace.expect(rates, None, 100.0)
    assert expected is not None
    assert expected["process"] == pytest.approx(0.3 * 40)
    assert pace.expect(rates, "keep", 100.0) == pytest.approx({**dict.fromkeys(pace.STAGES, 0.0), **KEEP})


seconds = st.floats(0, 1e4)


@given(
    timings=st.dictionaries(st.sampled_from(pace.STAGES), seconds),
    megapixels=st.floats(0.01, 1e5),
    size=st.floats(0.01, 1e5),
    stage=st.sampled_from([*pace.STAGES, "a new one"]),
    progress=st.floats(0, 1),
    elapsed_s=seconds,
    before_s=seconds,
)
def test_a_part_is_a_part_and_no_time_is_negative(
    timings: dict[str, float], megapixels: float, size: float, stage: str, progress: float, elapsed_s: float, before_s: float
) -> None:
    rates = pace.learn(pace.learn({}, "keep", megapixels, timings), "keep", size, timings)
    found = pace.estimate(pace.expect(rates, "keep", size), stage, progress, elapsed_s, before_s)
    assert (found is None) == (stage not in pace.STAGES)
    if found is not None:
        assert 0 <= found.part <= 1
        assert found.eta_s >= 0


@given(st.lists(st.tuples(st.sampled_from(pace.STAGES), st.floats(0, 1)), min_size=1, max_size=12))
def test_a_bar_never_goes_back(reports: list[tuple[str, float]]) -> None:
    live = Live(pace.learn({}, "smooth", 100.0, SMOOTH))
    said = [-1.0]
    for stage, progress in reports:
        live.begin("job", passage("smooth", {"probe": 1.0, "diagnose": 9.0}))
        live.report("job", stage, progress)
        doing = live.of("job")
        assert doing is not None
        assert doing.part is not None
        assert (doing.stage, doing.progress) == (stage, progress)
        assert doing.part >= said[-1]
        said.append(doing.part)


def test_what_is_learned_is_of_use_to_the_next_job() -> None:
    live = Live({})
    live.begin("one", passage(None, {}))
    assert live.of("one") is None
    live.report("one", "probe", 0.0)
    doing = live.of("one")
    assert doing is not None
    assert (doing.part, doing.eta_s) == (None, None)
    rates = live.learn(passage("smooth", SMOOTH))
    live.end("one")
    assert live.of("one") is None
    following = Live(rates)
    following.begin("two", passage("smooth", {"probe": 1.0, "diagnose": 10.0}))
    following.report("two", "process", 0.0)
    doing = following.of("two")
    assert doing is not None
    assert doing.eta_s == pytest.approx(69, abs=0.5)
    assert live.learn(passage(None, {})) == rates, "a clip that never was probed teaches nothing"


def test_progress_is_told_five_times_a_second_at_most() -> None:
    live = Live({})
    live.begin("job", passage(None, {}))
    live.report("job", "probe", 0.0)
    assert [live.is_due("job") for _ in range(3)] == [True, False, False]
