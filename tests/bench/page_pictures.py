"""Draws the docs' pictures of page and notifications anew: page-*.png, job-*.jpg, notification-*.png.

Clips of our own are dropped before a real daemon; a headless Chromium, xfce4-notifyd and dunst show what comes of them.

python tests/bench/page_pictures.py [--out FOLDER] [--only page | --only offer]
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import url2pathname

ROOT = Path(__file__).resolve().parents[1]
SUPPORT = ROOT / "support"
sys.path.insert(0, str(SUPPORT))
os.environ["PYTHONPATH"] = str(SUPPORT)  # for the workers that make the offer

import offered  # noqa: E402
from clipmaker import Picture, exposure_flicker, pan, patch_flicker, write  # noqa: E402
from desktops import end  # noqa: E402
from pagedesk import PageDesk, wait_until  # noqa: E402
from playwright.sync_api import Browser, Page, sync_playwright  # noqa: E402
from sessiondesk import Bus, Monitor, Screen, until  # noqa: E402

PROGRAMS = ("chromium", "chromium-browser", "google-chrome")
LONG_S = 900.0
SHOWN_JOB, FRAME = "espresso_0042.mp4", 20
THUMBNAILS = "[...document.querySelectorAll('[data-thumbnail]')].every((each) => each.querySelector('img'))"
WORKS = "Number(document.querySelector('#running progress')?.value ?? 0) > 0.2"
ONLY_THE_OFFER = """() => {
  document.querySelector("body > header")?.remove();
  for (const each of document.querySelectorAll("#job > *")) if (!each.matches(".job-head, .said, #offer, #prompt")) each.remove();
}"""
SETTINGS = '# Kept by the page.\n[[hot_folders]]\npath = "~/Videos/Renders"\n\n[intake]\nquiet_s = 0.3\nincomplete_s = 0.5\n'
LINT = {
    "rule": "cogvideox-steps",
    "severity": "warning",
    "message": "20 steps leave noise that moves from frame to frame.",
    "field": "num_inference_steps",
    "value": 20,
    "suggested": 50,
    "source": "the model's card",
}
STORED = {
    "prompt": {
        "source": "comfyui",
        "prompt": "a cat by a window, evening light, slow push in",
        "negative_prompt": "blurry, low quality",
        "pipeline": "CogVideoXPipeline",
        "model": "THUDM/CogVideoX-5b",
        "num_inference_steps": 20,
        "width": 720,
        "height": 480,
        "sources": {"prompt": "the workflow, node 6", "negative_prompt": "the workflow, node 7", "num_inference_steps": "node 3"},
    },
    "lint": [LINT],
}
OFFER = offered.OFFER | {
    "device": "NVIDIA GeForce RTX 4090",
    "changes": [{**offered.OFFER["changes"][0], "after": 50}, *offered.OFFER["changes"][1:]],
    "lint": [LINT],
}


def coffee(frames: int = 40) -> list[Picture]:
    return patch_flicker(pan(frames, (512, 288), "coffee"), 9)


def cat(frames: int = 32) -> list[Picture]:
    return exposure_flicker(pan(frames, (384, 216), "chelsea"), 9)


def drop(desk: PageDesk, name: str, shots: list[Picture]) -> None:
    os.replace(write(desk.folder / f"aside-{name}", shots), desk.hot / name)


def settled(desk: PageDesk, number: int) -> dict[str, str]:
    """The ids of the jobs, by their clips' names, once that many have ended."""

    def look() -> list[dict[str, Any]]:
        with desk.api() as client:
            jobs = client.get("/api/v1/jobs").json()["jobs"]
        return jobs if len(jobs) >= number and all(job["finished"] for job in jobs) else []

    return {Path(job["path"]).name: job["id"] for job in until(look, LONG_S)}


@contextmanager
def at_home(browser: Browser, road: str) -> Iterator[PageDesk]:
    """A daemon whose hot folder is Videos/Renders in a home of its own."""
    with tempfile.TemporaryDirectory() as name:
        home = Path(name)
        for each in ("CONFIG", "STATE", "DATA", "CACHE"):
            os.environ[f"XDG_{each}_HOME"] = str(home / f".{each.lower()}")
        (home / "run").mkdir(mode=0o700)
        (home / "Videos" / "Renders").mkdir(parents=True)
        os.environ |= {"HOME": name, "XDG_RUNTIME_DIR": str(home / "run")}
        file = home / ".config" / "deshimmer" / "deshimmer.toml"
        file.parent.mkdir(parents=True)
        file.write_text(SETTINGS)
        from deshimmer.config.settings import load_settings

        desk = PageDesk(home, browser, load_settings(), road)
        try:
            yield desk
        finally:
            desk.close()


def notified(desk: PageDesk, out: Path, drops: Callable[[], None], number: int) -> dict[str, str]:
    """Clips that end as one notification, on Xfce; the same on dunst. The ids of the jobs."""
    from deshimmer.tray.notify_desktop import Card, Desktop

    with ExitStack() as stack:
        bus = Bus(desk.folder)
        stack.callback(bus.kill)
        screen, monitor = Screen(stack, bus, "xfce4-notifyd"), Monitor(stack, bus, desk.folder / "monitor")
        tray = subprocess.Popen([sys.executable, "-m", "deshimmer.tray"], env=screen.environment, stderr=subprocess.DEVNULL)
        stack.callback(end, tray)
        drops()
        jobs = settled(desk, number)
        (call,) = until(monitor.calls, 120)
        picture = shutil.copy(url2pathname(urlsplit(call[-1]).path), desk.folder / "notified.png")
        still(screen).save(out / "notification-xfce.png")
    with ExitStack() as stack:
        bus = Bus(desk.folder)
        stack.callback(bus.kill)
        screen = Screen(stack, bus, "dunst")
        os.environ["DBUS_SESSION_BUS_ADDRESS"] = bus.address
        desktop = Desktop(answer_s=20)
        desktop.start()
        stack.callback(desktop.stop)
        buttons = tuple((word, lambda: None) for word in ("Open", "Compare"))
        desktop.show(Card(call[2], call[3], lambda: None, buttons, Path(picture)))
        still(screen).save(out / "notification-dunst.png")
    return jobs


def still(screen: Screen) -> Any:
    """The notification, once two looks in a row show the same."""
    last: list[bytes] = [b""]

    def look() -> Any:
        box = screen.window()
        if box is None:
            return None
        left, top, width, height = box
        picture = screen.picture().crop((left, top, left + width, top + height))
        seen, last[0] = last[0], picture.tobytes()
        colours = picture.getcolors(1 << 20)
        return picture if seen == last[0] and colours is not None and len(colours) > 200 else None

    return until(look, 120)


def shoot(page: Page, output: Path, height: int | None = None) -> None:
    page.evaluate("document.activeElement?.blur()")
    jpeg = {"type": "jpeg", "quality": 82} if output.suffix == ".jpg" else {}
    width = page.viewport_size["width"] if page.viewport_size else 1280
    clip = {"x": 0, "y": 0, "width": width, "height": height} if height else None
    page.screenshot(path=output, full_page=height is not None, clip=clip, animations="disabled", timeout=120_000, **jpeg)  # type: ignore[arg-type]


def draw_job(desk: PageDesk, out: Path, job: str) -> None:
    page = desk.open(f"/jobs/{job}", scheme="light", size=(1280, 760), ignored=("willReadFrequently",))
    page.wait_for_selector("#job[data-open=true]", timeout=120_000)
    page.evaluate(f"window.deshimmer.job().player.seek({FRAME})")
    page.wait_for_selector("#curves .u-over")
    wait_until(page, f"window.deshimmer.job().player.index === {FRAME}", 60)
    shoot(page, out / "job-page.jpg", 1290)
    for button, name, height in (("difference", "job-difference.jpg", 810), ("heat", "job-heat.jpg", 860)):
        page.keyboard.press(button[0])
        wait_until(page, f"!document.getElementById('{'heat-before' if button == 'heat' else button}').hidden", 60)
        page.wait_for_timeout(500)
        shoot(page, out / name, height)
        page.keyboard.press(button[0])
    page.close()


def draw_page(browser: Browser, out: Path) -> None:
    with at_home(browser, "deshimmer.processors.road") as desk:

        def drops() -> None:
            drop(desk, SHOWN_JOB, coffee())
            drop(desk, "orange_cat_v2.mp4", cat())
            (desk.hot / "harbour_dusk.mp4").write_bytes(b"no clip at all")

        jobs = notified(desk, out, drops, 3)
        draw_job(desk, out, jobs[SHOWN_JOB])
        settings = desk.open("/settings", size=(1280, 860))
        settings.locator(f"input[value='{desk.hot}']").first.fill("~/Videos/Renders")
        shoot(settings, out / "page-settings.png")
        settings.close()
        drop(desk, "launch_portrait.mp4", pan(24, (384, 216), "astronaut"))
        settled(desk, 4)
        page = desk.open("/", size=(1360, 840))
        wait_until(page, THUMBNAILS, LONG_S)
        drop(desk, "espresso_0042_long.mp4", coffee(72))
        drop(desk, "orange_cat_v3.mp4", cat())
        wait_until(page, WORKS, LONG_S)
        wait_until(page, f"document.querySelectorAll('#waiting li').length === 1 && {THUMBNAILS}", 60)
        shoot(page, out / "page-queue.png")


def draw_offer(browser: Browser, out: Path) -> None:
    from offering_road import sidecar_of

    with at_home(browser, "offering_road") as desk:
        sidecar_of(desk.hot / "orange_cat.mp4").write_text(json.dumps({"offer": OFFER, "stored": STORED}))
        drop(desk, "orange_cat.mp4", cat(12))
        (job,) = settled(desk, 1).values()
        page = desk.open(f"/jobs/{job}", size=(1080, 750))
        page.wait_for_selector("#job[data-open=true]", timeout=120_000)
        page.evaluate(ONLY_THE_OFFER)
        shoot(page, out / "page-offer.png", 1000)


DRAWN = {"page": draw_page, "offer": draw_offer}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=ROOT.parent / "docs")
    parser.add_argument("--only", choices=list(DRAWN))
    arguments = parser.parse_args()
    program = next(filter(None, map(shutil.which, PROGRAMS)))
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        for name in [arguments.only] if arguments.only else DRAWN:
            DRAWN[name](browser, arguments.out)


if __name__ == "__main__":
    main()
