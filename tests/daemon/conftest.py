"""What tests of the queue need: a road with faults that the worker processes can import, and a queue that walks it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from queuedesk import ROAD, Desk

from deshimmer.config.settings import Settings

SUPPORT = Path(__file__).resolve().parents[1] / "support"


@pytest.fixture
def faulty_road(monkeypatch: pytest.MonkeyPatch) -> str:
    """The name of the module; worker processes find it."""
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(SUPPORT), *filter(None, [os.environ.get("PYTHONPATH")])]))
    return ROAD


@pytest.fixture
def desk(tmp_path: Path, faulty_road: str) -> Iterator[Desk]:
    desk = Desk(tmp_path, Settings())
    yield desk
    desk.jobs.close()
