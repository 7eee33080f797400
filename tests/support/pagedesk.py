"""A daemon that serves, and a browser on its page: for tests of what a person sees."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import sqlalchemy as sa
from playwright.sync_api import Browser, BrowserContext, Page

from deshimmer.config.settings import Settings
from deshimmer.daemon.api import api_file
from deshimmer.daemon.app import Daemon
from deshimmer.daemon.database import JOBS
from deshimmer.daemon.workers import ROAD
from deshimmer.processors.records import Outcome, Request

REASONS = {
    Outcome.REPAIRED: "flicker fell by 71%; motion and detail are as they were",
    Outcome.KEPT: "nothing to repair",
    Outcome.FLAGGED: "objects change between frames: no filter helps",
    Outcome.CANCELLED: "cancelled by you",
}


class PageDesk:
    """``settings`` are read from ``file``, so that the page can edit it. ``faults`` gathers what a console or a script complained of."""

    def __init__(self, folder: Path, browser: Browser, settings: Settings, road: str = ROAD) -> None:
        self.hot = Path(settings.hot_folders[0].path)
        self.folder = folder
        self.faults: list[str] = []
        self._browser = browser
        self._settings = settings
        self._road = road
        self._contexts: list[BrowserContext] = []
        self.start()

    def start(self) -> None:
        self.daemon = Daemon(self._settings, self._settings.hot_folders, road=self._road)
        _apart(self.daemon.start)

    def stop(self) -> None:
        _apart(self.daemon.stop)

    def close(self) -> None:
        for context in self._contexts:
            context.close()
        self.stop()

    def api(self) -> httpx.Client:
        entry = json.loads(api_file().read_text())
        return httpx.Client(base_url=entry["url"], headers={"Authorization": f"Bearer {entry['token']}"}, trust_env=False)

    def post(self, endpoint: str, **body: Any) -> dict[str, Any]:
        with self.api() as client:
            return client.post(f"/api/v1{endpoint}", json=body).raise_for_status().json()

    def link(self, path: str = "/") -> str:
        """A one-time link, as ``deshimmer open`` makes it."""
        return self.post("/link", path=path)["url"]

    def open(self, path: str = "/", *, scheme: str = "dark", size: tuple[int, int] = (1440, 900), ignored: Iterable[str] = ()) -> Page:
        """A new browser window that entered by a link. ``ignored``: words of complaints that the test provokes."""
        width, height = size
        context = self._browser.new_context(color_scheme=scheme, viewport={"width": width, "height": height}, reduced_motion="reduce")
        self._contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(20_000)

        def complain(words: str) -> None:
            if not any(each in words for each in ignored):
                self.faults.append(words)

        page.on("console", lambda message: complain(message.text) if message.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: complain(str(error)))
        page.goto(self.link(path))
        page.wait_for_url(lambda url: "/enter" not in url)
        page.wait_for_selector("html[data-connection=live]")
        return page

    def queue_up(self, number: int) -> None:
        """Jobs that wait, entered behind the queue's back: they never run."""
        row = {"digest": "0", "number": 1, "output_dir": "/out", "content_digest": "", "request_text": "{}", "priority": 10}
        jobs = [
            {
                **row,
                "id": f"{index:012x}-1",
                "path": f"/renders/{index}.mp4",
                "state": "queued",
                "crashes": 0,
                "created": time.time() + index,
            }
            for index in range(number)
        ]
        with self.daemon.jobs.table.engine.begin() as connection:
            connection.execute(sa.insert(JOBS), jobs)

    def seed(self, number: int) -> None:
        """Jobs that ended one minute after the other, the newest last; their clips are not there."""
        for index in range(number):
            self._end(index, time.time() - 60 * (number - index))

    def end_one(self, index: int) -> dict[str, Any]:
        """A job that ends now, as the page's events tell of it."""
        job_id = self._end(index, time.time())
        return self.daemon.jobs.get(job_id).as_dict()

    def _end(self, index: int, finished: float) -> str:
        path = self.hot / ("harbour", "neon")[index % 2] / f"clip_{index:05}.mp4"
        summary = _summary(index, list(REASONS)[index % len(REASONS)], path)
        self.daemon.jobs.table.insert_ended(summary, _request(path), "", finished)
        return summary["id"]


def wait_until(page: Page, expression: str, seconds: float = 20.0) -> None:
    """Until this JavaScript is true (Playwright's own wait is not let in by the page's CSP)."""
    deadline = time.monotonic() + seconds
    while not page.evaluate(expression):
        assert time.monotonic() < deadline, expression
        page.wait_for_timeout(30)


def _apart(act: Callable[[], None]) -> None:
    """In a thread: Playwright keeps an event loop in ours, where the queue refuses to work."""
    with ThreadPoolExecutor(1) as pool:
        pool.submit(act).result()


def _request(path: Path) -> Request:
    return Request(path, path.parent / "deshimmered", str(path))


def _summary(index: int, outcome: Outcome, path: Path) -> dict[str, Any]:
    repaired = outcome is Outcome.REPAIRED
    return {
        "id": f"{index:012x}-1",
        "path": str(path),
        "outcome": outcome,
        "reason": REASONS[outcome],
        "verdict": None,
        "route": "smooth" if repaired else "keep",
        "before": {"flicker_score": 0.62},
        "after": {"flicker_score": 0.11} if repaired else None,
    }
