"""What tests of the queue and the command line need: a road with faults that the worker processes can import, and clips."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from clipmaker import exposure_flicker, pan, write
from commandline import Ended, Run
from queuedesk import ROAD, Desk

from deshimmer.config.settings import Settings
from deshimmer.daemon import cli

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


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    def call(*arguments: str | Path) -> Ended:
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            cli.main([str(argument) for argument in arguments])
        assert isinstance(ended.value.code, int)
        return Ended(ended.value.code, *capsys.readouterr())

    return call


@pytest.fixture(scope="session")
def flickering(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("flickering") / "flickering.mp4", exposure_flicker(pan(16), 10))


@pytest.fixture
def clip(flickering: Path, tmp_path: Path) -> Path:
    return Path(shutil.copyfile(flickering, tmp_path / "clip.mp4"))
