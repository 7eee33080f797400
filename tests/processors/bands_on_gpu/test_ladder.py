"""Memory that does not suffice makes smoothing slower, never fail."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

torch = pytest.importorskip("torch")


def ladder(*ways: Any):
    from deshimmer.processors.bands_on_gpu import ladder

    return ladder.Ladder("cpu", "1920x1080", ways or ladder.WAYS)


def test_fewer_at_once_where_memory_is_short_and_it_is_told(caplog: pytest.LogCaptureFixture):
    steps, sizes = ladder(), list[int]()

    def double(items: Sequence[int], way: Any) -> list[int]:
        sizes.append(len(items))
        if len(items) > 2:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")
        return [2 * item for item in items]

    assert steps.each(range(5), double) == [0, 2, 4, 6, 8]
    assert sizes == [5, 2, 2, 1]
    assert steps.notes() == ("memory did not suffice for smoothing on 'cpu' at 1920x1080: computed few pictures at a time",)
    assert "out of memory" in caplog.text
    assert steps.each(range(3), double) == [0, 2, 4]
    assert sizes[4:] == [2, 1]  # it is not asked for again


def test_it_gives_up_after_strips():
    from deshimmer.processors.bands_on_gpu.ladder import GaveUpError

    steps, ways = ladder(), list[str]()

    def short(way: Any) -> None:
        ways.append(str(way))
        raise RuntimeError("MPS backend out of memory")

    with pytest.raises(GaveUpError, match="memory did not suffice for smoothing on 'cpu' at 1920x1080"):
        steps.run(short)
    assert ways == ["whole", "few pictures at a time", "few pictures at a time, in 8 strips"]


def test_what_torch_lacks_on_a_device_is_given_up_and_errors_go_through():
    from deshimmer.processors.bands_on_gpu.ladder import GaveUpError

    def lacking(way: Any) -> None:
        raise NotImplementedError("The operator 'aten::quantile' is not implemented for the MPS device. Report it")

    def wrong(way: Any) -> None:
        raise RuntimeError("shapes do not fit")

    with pytest.raises(GaveUpError, match=r"'aten::quantile' is not implemented"):
        ladder().run(lacking)
    with pytest.raises(RuntimeError, match="shapes"):
        ladder().run(wrong)
