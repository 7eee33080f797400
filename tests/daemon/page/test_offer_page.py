"""The prompt that was stored with a clip and the offer to render it again, in a browser: read, approved, declined. Real daemon and workers."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

import offered
import pytest
from axe_core_python.base import AXE_FILE_PATH
from clipmaker import pan, write
from offering_road import sidecar_of
from pagedesk import PageDesk
from playwright.sync_api import Page, expect

pytestmark = pytest.mark.parametrize("page_desk", ["offering_road"], indirect=True)

EVIL = "a harbour <script>window.isHacked = 1</script><img src=x onerror='window.isHacked = 1'>\u202egnp.live\u202c, dusk"
LINT = {
    "rule": "cogvideox-steps",
    "severity": "warning",
    "message": "20 steps leave noise that moves <b>loudly</b>.",
    "field": "num_inference_steps",
    "value": 20,
    "suggested": 40,
    "source": "the model card",
}
STORED = {
    "prompt": {
        "source": "comfyui",
        "prompt": EVIL,
        "negative_prompt": "blur",
        "pipeline": "CogVideoXPipeline",
        "model": "THUDM/CogVideoX-5b",
        "num_inference_steps": 20,
        "width": 720,
        "height": 480,
        "sources": {"prompt": "the workflow, node 6 <i>Positive</i>", "num_inference_steps": "node 3"},
    },
    "lint": [LINT],
}
OFFER = offered.OFFER | {"lint": [LINT]}
UNREADY = OFFER | {"ready": False, "remedy": "Run 'deshimmer models add THUDM/CogVideoX-5b' <b>first</b>."}


def drop(desk: PageDesk, name: str = "harbour", offer: dict[str, Any] | None = OFFER, **stored: Any) -> dict[str, Any]:
    """A render with its sidecar; its job, once it has ended."""
    clip = desk.hot / f"{name}.mp4"
    sidecar_of(clip).write_text(json.dumps({"offer": offer, "stored": STORED | stored}))
    os.replace(write(desk.folder / "aside.mp4", pan(6 + len(list(desk.hot.glob("*.mp4"))), (320, 180))), clip)
    deadline = time.monotonic() + 60
    while not (ended := [job for job in jobs(desk) if job["path"] == str(clip) and job["finished"]]):
        assert time.monotonic() < deadline, jobs(desk)
        time.sleep(0.05)
    return ended[0]


def jobs(desk: PageDesk) -> list[dict[str, Any]]:
    with desk.api() as client:
        return client.get("/api/v1/jobs").json()["jobs"]


def settle(desk: PageDesk) -> None:
    """Until every job has ended: the last one's files replace those that a page is about to show."""
    deadline = time.monotonic() + 60
    while not all(job["finished"] for job in jobs(desk)):
        assert time.monotonic() < deadline, jobs(desk)
        time.sleep(0.05)


def opened(desk: PageDesk, job: dict[str, Any], **options: Any) -> Page:
    page = desk.open(f"/jobs/{job['id']}", **options)
    page.wait_for_selector("#job[data-open=true]")
    return page


def test_the_prompt_is_shown_as_text_whatever_it_holds(page_desk: PageDesk) -> None:
    page = opened(page_desk, drop(page_desk))
    prompt = page.locator("#prompt")
    expect(prompt.locator("tr", has_text="Negative prompt")).to_contain_text("blur")
    expect(prompt.locator("tbody tr").first).to_contain_text("<script>window.isHacked = 1</script>")
    expect(prompt.locator("tbody tr").first).to_contain_text("\\u202egnp.live\\u202c, dusk")
    expect(prompt.locator("tbody tr").first).to_contain_text("node 6 <i>Positive</i>")
    assert prompt.locator("script, img, i").count() == 0
    assert page.evaluate("window.isHacked") is None
    assert "\u202e" not in page.inner_text("body")
    expect(prompt).to_contain_text("Not stored: seed, guidance, frames, frame rate.")
    lint = page.locator("#lint li")
    expect(lint).to_contain_text("Warning")
    expect(lint).to_contain_text("20 steps leave noise that moves <b>loudly</b>.")
    expect(lint).to_contain_text("num_inference_steps = 40")
    expect(lint).to_contain_text("the model card")


def test_an_offer_tells_its_cost_and_approving_it_begins_the_new_job(page_desk: PageDesk) -> None:
    job = drop(page_desk)
    page = opened(page_desk, job)
    offer = page.locator("#offer")
    expect(offer.locator("h2")).to_have_text("Render again: about 12 minutes, 18.5 GB on NVIDIA RTX 4090")
    expect(offer).to_contain_text("From the clip itself, by diffusers. The shot's content stays")
    assert offer.locator("tbody tr").all_inner_texts() == [
        "num_inference_steps\t20\t40\tcogvideox-steps",
        "seed\tnot set\t42\tseed-unlocked",
    ]
    expect(page.locator(".marks")).to_contain_text("Waits for approval")
    page.get_by_role("button", name="Approve (about 12 minutes)").click()
    page.wait_for_url(lambda url: "/jobs/" in url and job["id"] not in url)
    made = page.url.rpartition("/")[2]
    assert {each["id"] for each in jobs(page_desk)} == {job["id"], made}
    settle(page_desk)
    page.goto(page.url.replace(made, job["id"]))
    expect(page.locator("#approve")).to_have_count(0)
    expect(page.locator(".marks")).not_to_contain_text("Waits for approval")


def test_what_is_missing_is_said_instead_of_the_button(page_desk: PageDesk) -> None:
    page = opened(page_desk, drop(page_desk, offer=UNREADY))
    expect(page.locator("#offer .remedy")).to_contain_text("Not yet: Run 'deshimmer models add THUDM/CogVideoX-5b' <b>first</b>.")
    expect(page.locator("#approve")).to_have_count(0)
    expect(page.locator(".marks")).not_to_contain_text("Waits for approval")


def test_the_original_alone_is_kept_after_a_confirmation(page_desk: PageDesk) -> None:
    job = drop(page_desk)
    page = opened(page_desk, job)
    page.click("#keep")
    page.click("#keep-dialog >> text=Cancel")
    expect(page.locator("#keep")).to_be_visible()
    assert Path(job["output"]).is_file()
    page.click("#keep")
    page.click("#keep-dialog button[value=yes]")
    expect(page.locator("#keep")).to_have_count(0)
    expect(page.locator("#approve")).to_have_count(0)
    expect(page.locator(".marks")).to_contain_text("Left as it is")
    assert not Path(job["output"]).exists()
    assert Path(job["path"]).is_file()


def test_an_offer_that_is_made_meanwhile_appears_by_itself(page_desk: PageDesk) -> None:
    job = drop(page_desk, offer=UNREADY)
    page = opened(page_desk, job)
    page.evaluate("window.isSamePage = true")
    sidecar_of(Path(job["path"])).write_text(json.dumps({"offer": OFFER, "stored": STORED}))
    page_desk.post(f"/jobs/{job['id']}/renew")
    expect(page.locator("#approve")).to_be_visible()
    assert page.evaluate("window.isSamePage")


def test_the_queue_filters_what_waits_for_approval(page_desk: PageDesk) -> None:
    waiting = drop(page_desk, "waits")
    drop(page_desk, "unready", UNREADY)
    drop(page_desk, "plain", None)
    drop(page_desk, "flag_waits")
    page = page_desk.open()
    expect(page.locator(".result")).to_have_count(4)
    expect(page.locator("#filter-approval .count")).to_have_text("2")
    expect(page.locator("#filter-needs_you .count")).to_have_text("0")
    expect(page.locator("#state")).to_contain_text("2 to approve")
    page.click("#filter-approval")
    expect(page.locator(".result")).to_have_count(2)
    expect(page.locator(".result .sign")).to_have_text(["waits for approval"] * 2)
    assert page.url.endswith("/?outcome=approval")
    page.click(".result:has-text('waits.mp4'):not(:has-text('flag')) .sign")
    page.wait_for_url(f"**/jobs/{waiting['id']}#offer")


def test_no_serious_accessibility_fault_and_nothing_sticks_out(page_desk: PageDesk) -> None:
    ready, unready = drop(page_desk), drop(page_desk, "flag_unready", UNREADY)
    narrow = page_desk.open(size=(390, 844))
    expect(narrow.locator("#state")).to_contain_text("1 to approve")
    expect(narrow.locator("#state")).to_contain_text("1 needs you")
    assert narrow.evaluate("document.documentElement.scrollWidth") <= 390
    for job, scheme, size in (
        (ready, "dark", (1440, 900)),
        (ready, "light", (390, 844)),
        (unready, "light", (1440, 900)),
        (unready, "dark", (390, 844)),
    ):
        page = opened(page_desk, job, scheme=scheme, size=size)
        page.evaluate(AXE_FILE_PATH.read_text())
        found = page.evaluate("axe.run()")["violations"]
        assert [each["id"] for each in found if each["impact"] in ("serious", "critical")] == []
        assert page.evaluate("document.documentElement.scrollWidth") <= size[0]
