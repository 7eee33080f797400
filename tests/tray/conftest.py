"""A recording daemon, and the tray as a process on a desktop of the test's own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from recordingdaemon import RecordingDaemon
from sessiondesk import Bus

from deshimmer.config import paths


@pytest.fixture
def recorder() -> Iterator[RecordingDaemon]:
    with RecordingDaemon(paths.state_dir()).running() as recorder:
        yield recorder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "hot folder").mkdir()
    return tmp_path / "hot folder"


@pytest.fixture
def bus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bus]:
    bus = Bus(tmp_path)
    monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", bus.address)
    yield bus
    bus.kill()
