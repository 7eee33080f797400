"""Draws pictures of the docs anew, of clips that are made here: the queue's page, and the tray's menu on two panels.

python tests/bench/desk_pictures.py [queue] [tray]
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT.parent / "docs"
sys.path.insert(0, str(ROOT / "support"))

from clipmaker import exposure_flicker, pan, patch_flicker, write  # noqa: E402
from desktops import desktop  # noqa: E402
from framemaker import write_frames  # noqa: E402
from pagedesk import PageDesk, wait_until  # noqa: E402
from playwright.sync_api import sync_playwright  # noqa: E402
from recordingdaemon import RecordingDaemon, approval, row, running  # noqa: E402

SIZE = (480, 270)
LOADED = "(each) => each.complete && each.naturalWidth"
OFFERS = (("dusk_v2", 12.0), ("neon_v3", 26.0))
PANELS = {"tray-xfce.png": ("statusnotifier", "statusnotifier", 668), "tray-x.png": ("xembed", "xorg", 740)}
"""Panel, backend, and how much of the screen's width is of use."""
PROGRAMS = ("chromium", "chromium-browser", "google-chrome")


@contextmanager
def own_state() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as name:
        home = Path(name)
        for each in ("CONFIG", "STATE", "DATA", "CACHE"):
            os.environ[f"XDG_{each}_HOME"] = str(home / each.lower())
        (home / "run").mkdir(mode=0o700)
        os.environ |= {"XDG_RUNTIME_DIR": str(home / "run"), "HOME": str(home)}
        yield home


def queue(output: Path) -> None:
    """Real jobs: repaired, kept, failed, a sequence, one that runs and one that waits."""
    from deshimmer.config.settings import HotFolder, Settings

    program = next(filter(None, map(shutil.which, PROGRAMS)))
    with own_state() as home, sync_playwright() as playwright:
        hot = home / "Videos" / "Renders"
        hot.mkdir(parents=True)
        write(hot / "rocket_dusk_v1.mp4", pan(24, SIZE, "rocket"))
        (hot / "harbour_dusk.mp4").write_bytes(b"no video")
        write(hot / "astronaut_portrait.mp4", patch_flicker(pan(36, SIZE, "astronaut"), 9))
        write_frames(hot / "shot_020", "shot_020.{:04d}.png", exposure_flicker(pan(24, SIZE), 9), first=1001)
        write(hot / "orange_cat_v2.mp4", patch_flicker(pan(36, SIZE), 9))
        write(hot / "espresso_closeup.mp4", exposure_flicker(pan(36, SIZE, "coffee"), 9))
        folder = HotFolder(path=hot, existing="process").model_dump()
        settings = Settings.model_validate({"intake": {"quiet_s": 0.1, "incomplete_s": 0.5}, "hot_folders": [folder]})
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        desk = PageDesk(home, browser, settings)
        try:
            wait(lambda: len(list(hot.glob("deshimmered/*.receipt.json"))) == 6)
            page = desk.open(size=(1360, 1010))
            wait_until(page, f"[...document.querySelectorAll('.thumbnails img')].slice(0, 4).every({LOADED})", 60.0)
            write(hot / "espresso_closeup_take2.mp4", exposure_flicker(pan(220, SIZE, "coffee"), 9))
            page.wait_for_selector(".running progress")
            write(hot / "launch_portrait_take2.mp4", pan(24, SIZE, "astronaut"))
            page.wait_for_selector("#waiting li")
            page.wait_for_selector('.track [aria-current] >> text="Repairing"')
            page.wait_for_timeout(1500)
            page.screenshot(path=output)
        finally:
            desk.close()
            browser.close()


def tray(output: Path, panel: str, backend: str, width_px: int) -> None:
    """The menu with the clips that wait for approval opened."""
    with own_state() as home:
        from deshimmer.config import paths

        recorder = RecordingDaemon(paths.state_dir())
        waiting = [
            approval(f"a{place}", f"/r/{name}.mp4", minutes) | {"device": "RTX 4090"} for place, (name, minutes) in enumerate(OFFERS)
        ]
        recorder.status |= {"needs_you": 1, "waiting_for_approval": waiting, "counts": {"queued": 3}, "hot_folders": [{"path": "/r"}]}
        recorder.status |= {"running": [running("r1", "/r/shot_030.mp4", 0.4)]}
        recorder.rows = [row("f1", "/r/crowd.mp4", "failed"), row("d1", "/r/espresso.mp4", "repaired")]
        with recorder.running(), desktop(home, panel) as there:
            time.sleep(2)  # until the panel is there
            process = subprocess.Popen([sys.executable, "-m", "deshimmer.tray", "--backend", backend], env=there.env)
            try:
                wait(lambda: len(there.screen().crop((0, 0, 60, 33)).getcolors(100_000) or ()) > 12)
                time.sleep(2)
                there.click(14, 16, button=3)
                there.do("mousemove", 800, 600)
                time.sleep(2)
                there.do("key", "Down", "Down", "Right")
                time.sleep(2)
                there.screen().crop((0, 0, width_px, 450)).save(output)
            finally:
                process.terminate()
                process.wait(20)


def wait(holds: object) -> None:
    deadline = time.monotonic() + 180
    while not holds():  # type: ignore[operator]
        assert time.monotonic() < deadline
        time.sleep(0.1)


def main() -> None:
    wanted = sys.argv[1:] or ["queue", "tray"]
    if "queue" in wanted:
        queue(DOCS / "page-queue.png")
    if "tray" in wanted:
        for name, options in PANELS.items():
            tray(DOCS / name, *options)


if __name__ == "__main__":
    main()
