"""Sequences, animated images, HDR and transparency on the page of their jobs: each is shown frame by frame, on both sides."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
from clipmaker import exposure_flicker, pan, write
from framecode import READ, coded
from framemaker import write_frames
from pagedesk import PageDesk
from PIL import Image
from playwright.sync_api import Page
from watchdesk import until

FRAMES = 12
SIZE = (320, 180)
PLAYER = "window.deshimmer.job().player"
HDR = {"x265-params": "log-level=error:colorprim=bt2020:transfer=smpte2084:colormatrix=bt2020nc"}
REPAIRED = {"shot", "hdr.mp4", "moving.gif"}


def make(folder: Path) -> list[Path]:
    shots = coded(exposure_flicker(pan(FRAMES, SIZE), 10))
    images = [Image.fromarray(np.rint(shot).astype(np.uint8)) for shot in shots]
    for name, options in (("moving.webp", {"lossless": True}), ("moving.gif", {})):
        images[0].save(folder / name, save_all=True, append_images=images[1:], duration=50, **options)
    return [
        write_frames(folder / "shot", "shot.{:04d}.png", shots, first=1001),
        write_frames(folder / "glass", "glass_{:03d}.png", shots, pixel_format="rgba", alpha=0.5),
        write(folder / "hdr.mp4", shots, codec="libx265", pixel_format="yuv420p10le", options=HDR),
        folder / "moving.webp",
        folder / "moving.gif",
    ]


def ended(desk: PageDesk, number: int) -> dict[str, dict[str, Any]]:
    with desk.api() as client:
        rows = client.get("/api/v1/jobs").json()["jobs"]
    done = {Path(row["path"]).name: row for row in rows if row["state"] == "done"}
    return done if len(done) == number else {}


def show(desk: PageDesk, job: dict[str, Any]) -> Page:
    page = desk.open(f"/jobs/{job['id']}", ignored=("willReadFrequently",))
    page.wait_for_selector("#job[data-open=true]", timeout=60_000)
    page.evaluate(READ)
    return page


def test_each_kind_is_shown_frame_by_frame(page_desk: PageDesk, tmp_path: Path) -> None:
    making = tmp_path / "making"
    making.mkdir()
    made = make(making)
    for each in made:
        each.rename(page_desk.hot / each.name)
    jobs: dict[str, dict[str, Any]] = {}
    until(lambda: jobs.update(ended(page_desk, len(made))) or jobs, 180)
    assert {name for name, job in jobs.items() if job["outcome"] == "repaired"} >= REPAIRED
    for job in jobs.values():
        page = show(page_desk, job)
        both = page.locator("#result").count() == 1
        assert both == (job["outcome"] == "repaired")
        assert page.is_visible("#proxy-note")
        for wanted in (FRAMES - 1, 4, 9):
            page.evaluate(f"(frame) => {PLAYER}.seek(frame)", wanted)
            assert {page.evaluate(f"readFrame('{side}')") for side in ("original", *["result"] * both)} == {wanted}
        thumbnails_show_something(page_desk, job, both)
        if job["path"].endswith("shot"):
            the_curve_seeks_and_the_receipt_is_there(page, job)
        page.close()


def thumbnails_show_something(desk: PageDesk, job: dict[str, Any], both: bool) -> None:
    with desk.api() as client:
        for what in ("before", *["after"] * both):
            answer = client.get(f"/api/v1/jobs/{job['id']}/media/thumbnail_{what}", timeout=60)
            picture = np.asarray(Image.open(io.BytesIO(answer.content)).convert("L"))
            assert picture.std() > 15, job["path"]


def the_curve_seeks_and_the_receipt_is_there(page: Page, job: dict[str, Any]) -> None:
    curve = page.locator("#curves .u-over")
    curve.scroll_into_view_if_needed()
    box = curve.bounding_box()
    assert box is not None
    page.mouse.click(box["x"] + box["width"] * 0.5, box["y"] + 30)
    page.wait_for_timeout(300)
    landed = page.evaluate(f"{PLAYER}.index")
    assert abs(landed - FRAMES / 2) <= 1
    assert [page.evaluate(f"readFrame('{side}')") for side in ("original", "result")] == [landed] * 2
    page.click("text=The receipt as it was written")
    assert json.loads(page.inner_text("#job pre"))["output"] == job["output"]
