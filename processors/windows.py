"""A stream seen through a sliding window: bounded memory, however long the clip."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from typing import TypeVar

T = TypeVar("T")


def windows(items: Iterable[T], radius: int) -> Iterator[tuple[list[T], int]]:
    """For each item, the items up to ``radius`` before and after it, and its own place among them. Ends give shorter windows."""
    held: deque[T] = deque()
    centre = 0
    for item in items:
        held.append(item)
        if len(held) - centre > radius:
            yield list(held), centre
            centre += 1
            if centre > radius:
                held.popleft()
                centre -= 1
    while centre < len(held):
        yield list(held), centre
        centre += 1
        if centre > radius:
            held.popleft()
            centre -= 1
