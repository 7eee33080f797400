"""Fixtures that every test may use."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from pathlib import Path

import pytest

_SHARED = Path(__file__).resolve().parents[2] / "shared" / "clips"


@pytest.fixture(scope="session")
def shared_clips() -> Path:
    """The folder of labelled clips beside the checkout; a test that needs it is skipped, and says so, where it is absent."""
    if not _SHARED.is_dir():
        pytest.skip("the labelled clips (../shared/clips) are not here")
    return _SHARED


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Where the labelled clips are, a test of them that is skipped has failed."""
    report = yield
    if report.skipped and "shared_clips" in getattr(item, "fixturenames", ()) and _SHARED.is_dir():
        report.outcome = "failed"
    return report


@pytest.fixture(autouse=True)
def own_state(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Each test has state, settings, runtime and log folders of its own."""
    home = tmp_path_factory.mktemp("home")
    for name in ("CONFIG", "STATE", "DATA", "CACHE"):
        monkeypatch.setenv(f"XDG_{name}_HOME", str(home / name.lower()))
    runtime = home / "runtime"
    runtime.mkdir(mode=0o700)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(runtime))
    return home


@pytest.fixture(autouse=True)
def no_logged_errors(caplog: pytest.LogCaptureFixture, request: pytest.FixtureRequest):
    """A test that logs ERROR fails, unless it is marked ``logs_errors``."""
    yield
    if request.node.get_closest_marker("logs_errors"):
        return
    errors = [record.getMessage() for phase in ("setup", "call") for record in caplog.get_records(phase) if record.levelno >= 40]
    assert not errors, errors


@pytest.fixture
def one_torch_thread() -> Iterator[None]:
    """torch on one thread: quicker for small pictures, and on a busy machine by far."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)
