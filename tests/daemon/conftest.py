"""What tests of the queue and the command line need: a road with faults that the worker processes can import, and clips."""

from __future__ import annotations

import json
import os
import shutil
import stat
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from clipmaker import exposure_flicker, pan, write
from commandline import Ended, Run
from queuedesk import ROAD, Desk

from deshimmer.config.settings import HotFolder, Settings
from deshimmer.daemon import cli
from deshimmer.daemon.api import api_file
from deshimmer.daemon.app import Daemon

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


@pytest.fixture
def daemon(tmp_path: Path, faulty_road: str) -> Iterator[Daemon]:
    """One that watches ``hot`` in the test's folder, whose ``old.mp4`` lay there before."""
    (tmp_path / "hot").mkdir()
    write(tmp_path / "hot" / "old.mp4", pan(3, (64, 48)))
    settings = Settings.model_validate({"intake": {"quiet_s": 0.1, "rescan_s": 1.0}})
    daemon = Daemon(settings, [HotFolder(path=tmp_path / "hot")], road=faulty_road)
    daemon.start()
    yield daemon
    daemon.stop()
    assert not api_file().exists()


@pytest.fixture
def client(daemon: Daemon) -> Iterator[httpx.Client]:
    """Asks the daemon with its token."""
    entry = json.loads(api_file().read_text())
    assert entry["pid"] == os.getpid()
    if sys.platform != "win32":
        assert stat.S_IMODE(api_file().stat().st_mode) == 0o600
    with httpx.Client(base_url=entry["url"], headers={"Authorization": f"Bearer {entry['token']}"}, trust_env=False) as client:
        yield client
