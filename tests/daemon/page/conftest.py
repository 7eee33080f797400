"""A browser for tests of the page; they are skipped, and say so, where there is no Chromium."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from pagedesk import PageDesk
from playwright.sync_api import Browser, expect, sync_playwright

from deshimmer.config.settings import load_settings
from deshimmer.daemon.workers import ROAD

expect.set_options(timeout=20_000)  # the machine may be busy
PROGRAMS = ("chromium", "chromium-browser", "google-chrome")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Of a module: as long as it is open, no test in this process could run an event loop of its own."""
    program = next(filter(None, map(shutil.which, PROGRAMS)), None)
    if program is None:
        pytest.skip("there is no Chromium here")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def page_desk(tmp_path: Path, browser: Browser, own_state: Path, faulty_road: str, request: pytest.FixtureRequest) -> Iterator[PageDesk]:
    """A daemon with the hot folder Renders, set up by a file with comments. What any console complains of fails the test.

    An indirect parameter names another road for its workers, which ``faulty_road`` lets them find.
    """
    (tmp_path / "Renders").mkdir()
    file = own_state / "config" / "deshimmer" / "deshimmer.toml"
    file.parent.mkdir(parents=True)
    file.write_text(SETTINGS.format(hot=tmp_path / "Renders"))
    desk = PageDesk(tmp_path, browser, load_settings(), getattr(request, "param", ROAD))
    yield desk
    desk.close()
    assert desk.faults == []


SETTINGS = """# Mine.
[[hot_folders]]
path = "{hot}"  # the renders

[intake]
# the shares are quick here
quiet_s = 0.1
rescan_s = 1.0
"""
