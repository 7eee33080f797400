"""A queue in use, for tests: makes clips, enqueues them, waits for what becomes of them."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from clipmaker import pan, write

from deshimmer.config.settings import Settings
from deshimmer.daemon.jobs import Jobs
from deshimmer.daemon.table import JobRow
from deshimmer.processors import media
from deshimmer.processors.records import Receipt, Request

ROAD = "faulty_road"


class Desk:
    """``ended`` holds the receipts that the queue told of."""

    def __init__(self, folder: Path, settings: Settings, **options: Any) -> None:
        self.folder = folder
        self.output = folder / "out"
        self.settings = settings
        self.ended: list[Receipt] = []
        self.jobs = self.open(**options)

    def open(self, **options: Any) -> Jobs:
        self.jobs = Jobs(self.settings, on_finished=self.ended.append, road=ROAD, **options)
        self.jobs.launch()
        return self.jobs

    def clip(self, name: str, frames: int = 4) -> Path:
        return write(self.folder / f"{name}.mp4", pan(frames, (64, 48)))

    def enqueue(self, path: Path, priority: int = 10) -> JobRow:
        return self.jobs.enqueue(Request(path, self.output, str(path)), media.digest(path), priority)

    def wait(self, condition: Callable[[], object], seconds: float = 20.0) -> None:
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, [row.as_dict() for row in self.jobs.list()]
            time.sleep(0.02)

    def wait_for_end(self) -> None:
        self.wait(lambda: not self.jobs.unfinished() and not self.jobs.is_telling())

    def outcome(self, row: JobRow) -> str | None:
        return self.jobs.get(row.id).outcome

    def leftovers(self) -> list[Path]:
        """Files in the output folder that are neither receipt nor report."""
        return [path for path in self.output.rglob("*") if not path.name.endswith((".receipt.json", ".report.html"))]
