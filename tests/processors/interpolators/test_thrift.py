"""Memory that does not suffice: each step down is taken once, told, and never ends a job while there is another."""

from __future__ import annotations

import pytest

from deshimmer.config.errors import DeshimmerError
from deshimmer.processors import memory
from deshimmer.processors.interpolators import thrift
from deshimmer.processors.interpolators.thrift import Way

GPU_4K = thrift.ways("cuda", 3840, 2160)


class OutOfMemoryError(RuntimeError):
    """Named as torch's."""


class Network:
    """Runs out of memory so many times."""

    def __init__(self, failures: int) -> None:
        self.failures = failures
        self.tried: list[Way] = []

    def __call__(self, way: Way) -> str:
        self.tried.append(way)
        if len(self.tried) <= self.failures:
            raise OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")
        return str(way)


@pytest.mark.parametrize(
    ("failures", "found"),
    [
        (0, "in whole pictures"),
        (1, "at 1/2 of the size"),
        (2, "at 1/2 of the size, in 4 parts"),
        (3, "at 1/2 of the size, in 4 parts, on the CPU"),
    ],
)
def test_each_failure_is_one_step_down(failures: int, found: str) -> None:
    ladder, network = thrift.ladder(GPU_4K, "RIFE on 'cuda' at 3840x2160"), Network(failures)
    assert ladder.run(network) == found
    assert network.tried == list(GPU_4K[: failures + 1])
    told = (f"memory did not suffice for RIFE on 'cuda' at 3840x2160: motion was looked for {found}",)
    assert ladder.notes() == (told if failures else ())


def test_what_did_not_fit_once_is_not_tried_again() -> None:
    ladder = thrift.ladder(GPU_4K, "RIFE")
    ladder.run(Network(2))
    later = Network(0)
    ladder.run(later)
    assert later.tried == [GPU_4K[2]]


def test_where_nothing_fits_a_person_is_told_what_to_do() -> None:
    with pytest.raises(DeshimmerError, match="Close other programs"):
        thrift.ladder(GPU_4K, "RIFE").run(Network(len(GPU_4K)))


def test_other_errors_are_not_memory() -> None:
    def broken(way: Way) -> None:
        raise RuntimeError("sizes do not match")

    ladder = thrift.ladder(GPU_4K, "RIFE")
    with pytest.raises(RuntimeError, match="sizes"):
        ladder.run(broken)
    assert ladder.way == GPU_4K[0]


@pytest.mark.parametrize(
    ("size", "first"),
    [((1920, 1080), Way()), ((2560, 1440), Way(2, (2, 2))), ((3840, 2160), Way(2, (2, 2))), ((7680, 4320), Way(4, (2, 2)))],
)
def test_on_the_cpu_the_search_is_cheap_above_1080p(size: tuple[int, int], first: Way) -> None:
    assert thrift.ways("cpu", *size)[0] == first
    assert not any(way.on_cpu for way in thrift.ways("cpu", *size))


@pytest.mark.parametrize("words", ["MPS backend out of memory", "[enforce fail] DefaultCPUAllocator: can't allocate memory"])
def test_memory_errors_without_a_class_are_known_by_their_words(words: str) -> None:
    assert memory.is_out_of_memory(RuntimeError(words))


def test_torch_s_own_error_is_known() -> None:
    torch = pytest.importorskip("torch")
    assert memory.is_out_of_memory(torch.OutOfMemoryError("CUDA"))
