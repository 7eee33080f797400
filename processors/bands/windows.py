"""A stream seen through a sliding window: bounded memory, however long the clip."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")


def windows(items: Iterable[T], radius: int, *, full: bool = False) -> Iterator[tuple[list[T], int]]:
    """For each item, the items up to ``radius`` before and after it, and its own place among them.

    Ends give shorter windows; ``full`` ones reach as much farther to the other side instead, as far as there are items.
    """
    held: deque[T] = deque()
    size = 2 * radius + 1
    centre = 0
    for item in items:
        held.append(item)
        if len(held) > size:
            held.popleft()
            centre -= 1
        while centre < len(held) - radius and (len(held) == size or not full):
            yield list(held), centre
            centre += 1
    while centre < len(held):
        if centre > radius and not full:
            held.popleft()
            centre -= 1
        yield list(held), centre
        centre += 1


def in_parallel(work: Callable[[T], R], items: Iterable[T], workers: Executor, ahead: int) -> Iterator[R]:
    """``work`` done on each item, in the items' order, with at most ``ahead`` of them under way or waiting to be taken."""
    under_way: deque[Future[R]] = deque()
    for item in items:
        under_way.append(workers.submit(work, item))
        if len(under_way) >= ahead:
            yield under_way.popleft().result()
    while under_way:
        yield under_way.popleft().result()
