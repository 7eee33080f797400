"""Two processes that walk cells, with one folder of inputs and a state of their own."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import walking
from cells import Cell
from walking import Found

PROCESSES = 2


@contextmanager
def crew(folder: Path, cells: Sequence[Cell]) -> Iterator[dict[Cell, Future[Found]]]:
    """What becomes of each cell; they are walked in order, those that nobody waited for are dropped at the end."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(PROCESSES, context, _begin, (folder,)) as pool:
        yield {cell: pool.submit(walking.walk, cell, folder / "inputs") for cell in cells}
        pool.shutdown(cancel_futures=True)


def _begin(folder: Path) -> None:
    """Nothing of the user's is read or written; one thread each, where two share the machine."""
    for name in ("CONFIG", "STATE", "DATA", "CACHE"):
        os.environ[f"XDG_{name}_HOME"] = str(folder / "home" / name.lower())
    runtime = folder / "home" / "runtime"
    runtime.mkdir(mode=0o700, parents=True, exist_ok=True)
    os.environ["XDG_RUNTIME_DIR"] = str(runtime)
    (folder / "inputs").mkdir(exist_ok=True)


def by_input(cells: Iterable[Cell]) -> list[Cell]:
    return sorted(cells)
