"""The page and the tray's client with 5,000 jobs in the table, a real clip at work and events arriving.

python tests/bench/page.py [--out FILE.md]
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
import threading
import time
from pathlib import Path
from statistics import median, quantiles

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "support"))

from clipmaker import exposure_flicker, pan, write  # noqa: E402
from pagedesk import PageDesk, wait_until  # noqa: E402
from playwright.sync_api import Page, sync_playwright  # noqa: E402

JOBS = 5000
WATCHED_S = 10
ENDS_EVERY_S = 0.2
TURNS = 20
PROGRAMS = ("chromium", "chromium-browser", "google-chrome")

WATCH = """async (seconds) => {
  const frames = [], tasks = [];
  new PerformanceObserver((list) => tasks.push(...list.getEntries().map((each) => each.duration))).observe({ type: "longtask" });
  let last = performance.now();
  const end = last + 1000 * seconds;
  await new Promise((done) => {
    const look = (now) => { frames.push(now - last); last = now; now < end ? requestAnimationFrame(look) : done(); };
    requestAnimationFrame(look);
  });
  return { frames: frames.slice(1), tasks };
}"""
SEEN = """() => {
  window.states = [];
  const told = document.getElementById("state");
  new MutationObserver(() => window.states.push([Date.now(), told.innerText.includes("Paused")]))
    .observe(told, { childList: true, subtree: true, characterData: true });
}"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        for name in ("CONFIG", "STATE", "DATA", "CACHE"):
            os.environ[f"XDG_{name}_HOME"] = f"{folder}/{name}"
        os.environ["XDG_RUNTIME_DIR"] = folder
        (Path(folder) / "hot").mkdir()
        rows = measure(Path(folder))
    text = "\n".join(
        [f"{JOBS} jobs in the table, one clip at work.", "", "| | |", "|---|---|", *(f"| {name} | {said} |" for name, said in rows)]
    )
    print(text)
    if arguments.out:
        arguments.out.write_text(text + "\n")


def measure(folder: Path) -> list[tuple[str, str]]:
    from deshimmer.config.settings import HotFolder, Settings

    settings = Settings.model_validate({"intake": {"quiet_s": 0.1}, "hot_folders": [HotFolder(path=folder / "hot").model_dump()]})
    program = next(filter(None, map(shutil.which, PROGRAMS)))
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        desk = PageDesk(folder, browser, settings)
        try:
            desk.seed(JOBS)
            write(folder / "hot" / "long.mp4", exposure_flicker(pan(600, (640, 360)), 10))
            page = desk.open()
            page.wait_for_selector(".running progress", timeout=60_000)
            rows = [*fluency(desk, page), ("an event reaches the page's picture", told(latencies(desk, page)))]
            rows.append(("an event reaches the tray's client", told(client_latencies(desk))))
            with desk.api() as client:
                client.get("/api/v1/status")
                rows.append(("`GET /status`", told([timed(lambda: client.get("/api/v1/status").raise_for_status()) for _ in range(200)])))
                assert client.get("/api/v1/status").json()["running"], "the clip has ended: these are figures of an idle daemon"
            assert desk.faults == []
        finally:
            desk.close()
            browser.close()
    return rows


def fluency(desk: PageDesk, page: Page) -> list[tuple[str, str]]:
    """While a job ends five times a second, so that list, counts and bar are drawn anew."""
    over = threading.Event()

    def end_jobs() -> None:
        number = JOBS
        while not over.wait(ENDS_EVERY_S):
            number += 1
            row = desk.end_one(number)
            desk.daemon.jobs.hub.tell("job", row)

    ending = threading.Thread(target=end_jobs)
    ending.start()
    seen = page.evaluate(WATCH, WATCHED_S)
    over.set()
    ending.join()
    frames, tasks = seen["frames"], seen["tasks"]
    late = sum(each > 50 for each in frames)
    return [
        ("frames of the page in 10 s while five jobs a second end", f"{len(frames)}; {shown(frames)}; {late} over 50 ms"),
        (
            "long tasks of its scripts (over 50 ms) meanwhile",
            f"{len(tasks)}; longest {max(tasks, default=0):.0f} ms, {sum(tasks):.0f} ms in all",
        ),
    ]


def latencies(desk: PageDesk, page: Page) -> list[float]:
    """From before the request to pause or resume until the bar says so."""
    page.evaluate(SEEN)
    waits: list[float] = []
    for turn in range(TURNS):
        wanted, at = turn % 2 == 0, time.time()
        desk.post("/pause" if wanted else "/resume")
        word = "true" if wanted else "false"
        wait_until(page, f"window.states.some(([at, paused]) => at >= {1000 * at} && paused === {word})")
        first = page.evaluate(f"window.states.find(([at, paused]) => at >= {1000 * at} && paused === {word})[0]")
        waits.append(first / 1000 - at)
        page.wait_for_timeout(150)
    return waits


def client_latencies(desk: PageDesk) -> list[float]:
    from deshimmer.tray.client import Client

    heard: list[tuple[float, bool]] = []
    waits: list[float] = []
    client = Client()
    client.listen(lambda event, data, state: heard.append((time.time(), state.paused)) if event == "status" else None)
    client.start()
    try:
        time.sleep(1)
        for turn in range(TURNS):
            wanted, at = turn % 2 == 0, time.time()
            desk.post("/pause" if wanted else "/resume")
            while not any(when >= at and paused == wanted for when, paused in heard):
                time.sleep(0.001)
            waits.append(next(when for when, paused in heard if when >= at and paused == wanted) - at)
    finally:
        client.stop()
    return waits


def timed(act: object) -> float:
    at = time.perf_counter()
    act()  # type: ignore[operator]
    return time.perf_counter() - at


def told(seconds: list[float]) -> str:
    return shown([1000 * each for each in seconds])


def shown(milliseconds: list[float]) -> str:
    return f"median {median(milliseconds):.1f} ms, 95 % under {quantiles(milliseconds, n=20)[-1]:.1f}, longest {max(milliseconds):.1f}"


if __name__ == "__main__":
    main()
