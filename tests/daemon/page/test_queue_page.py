"""The queue page in a browser, on a daemon that treats real clips."""

from __future__ import annotations

import shutil
import threading
import time
from itertools import count
from pathlib import Path

import pytest
from clipmaker import exposure_flicker, pan, write
from pagedesk import PageDesk
from playwright.sync_api import expect

from deshimmer.config.errors import ToolFailed
from deshimmer.daemon.page.proxies import Making, Proxies


def test_a_render_arrives_moves_and_ends_while_the_page_is_open(page_desk: PageDesk, tmp_path: Path) -> None:
    page = page_desk.open()
    page.evaluate("window.isSamePage = true")
    expect(page.get_by_text("Drop a render into")).to_be_visible()
    render = write(tmp_path / "render.mp4", exposure_flicker(pan(60, (480, 270)), 10))
    shutil.copyfile(render, page_desk.hot / "harbour.mp4")
    running = page.locator("#running li", has_text="harbour.mp4")
    expect(running).to_be_visible()
    result = page.locator(".result", has_text="harbour.mp4")
    parts: set[float] = set()
    deadline = time.monotonic() + 150
    while not result.count():
        assert time.monotonic() < deadline
        parts.add(page.evaluate("document.querySelector('#running progress')?.value ?? 0"))
        page.wait_for_timeout(30)
    assert len(parts) > 3
    expect(result.locator(".badge")).to_have_text("Repaired")
    expect(result).to_contain_text("brightness flicker, smoothed")
    expect(running).to_have_count(0)
    expect(page.locator("#state")).to_contain_text("Nothing to do")
    pictures = result.locator(".thumbnail img")
    expect(pictures).to_have_count(2)
    assert page.evaluate("[...document.querySelectorAll('.result .thumbnail img')].every((each) => each.naturalWidth === 480)")
    page.evaluate("htmx.trigger('#results-live', 'refresh')")
    page.wait_for_timeout(500)
    expect(pictures).to_have_count(2)
    assert page.evaluate("window.isSamePage")


def test_a_picture_shows_as_soon_as_it_is_made(page_desk: PageDesk, flickering: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where the first try failed and the list was drawn anew meanwhile; until then the box shows a sign."""
    may_be_made = threading.Event()
    real, tries = Proxies.get, count()

    def get(self: Proxies, kind: str, source: Path, frame: int = 0) -> Making:
        if next(tries) == 0:
            raise ToolFailed("The machine was out of memory.")
        assert may_be_made.wait(30)
        return real(self, kind, source, frame)

    monkeypatch.setattr(Proxies, "get", get)
    page = page_desk.open(ignored=("Failed to load resource",))
    shutil.copyfile(flickering, page_desk.hot / "one.mp4")
    boxes = page.locator(".result .thumbnail")
    expect(boxes).to_have_count(2, timeout=60_000)
    for _ in range(3):
        expect(boxes.locator("svg")).to_have_count(2)
        page.evaluate("htmx.trigger('#results-live', 'refresh')")
        page.wait_for_timeout(300)
    may_be_made.set()
    expect(boxes.locator("img")).to_have_count(2)
    expect(boxes.locator("svg")).to_have_count(0)
    assert next(tries) == 3  # the one that failed, and two


def test_a_render_that_is_still_being_written_is_told(page_desk: PageDesk, flickering: Path) -> None:
    page = page_desk.open()
    expect(page.locator("#writing")).to_have_count(0)
    whole = flickering.read_bytes()
    with (page_desk.hot / "take <b>7.mp4").open("wb") as render:
        render.write(whole[: len(whole) // 2])
        render.flush()
        told = page.locator("#writing")
        expect(told).to_contain_text("1 file is still being written: take <b>7.mp4, since")
        with page_desk.api() as client:
            assert [Path(each["path"]).name for each in client.get("/api/v1/status").json()["writing"]] == ["take <b>7.mp4"]
        render.write(whole[len(whole) // 2 :])
    expect(told).to_have_count(0)
    expect(page.locator("#running li, .result", has_text="take <b>7.mp4").first).to_be_visible()


def test_pause_resume_cancel_and_retry(page_desk: PageDesk, flickering: Path) -> None:
    page = page_desk.open()
    page.click("#pause")
    page.click("#pause-30")
    expect(page.locator("#state")).to_contain_text("Paused until")
    shutil.copyfile(flickering, page_desk.hot / "one.mp4")
    waiting = page.locator("#waiting li", has_text="one.mp4")
    expect(waiting).to_be_visible()
    waiting.get_by_role("button", name="Take one.mp4 off the queue").click()
    result = page.locator(".result", has_text="one.mp4")
    expect(result.locator(".badge")).to_have_text("Cancelled")
    expect(waiting).to_have_count(0)
    result.get_by_label("Retry one.mp4").click()
    result.get_by_role("button", name="By debanding").click()
    expect(waiting).to_be_visible()
    page.keyboard.press("p")
    expect(page.locator("#state")).not_to_contain_text("Paused")
    running = page.locator("#running li", has_text="one.mp4")
    expect(running).to_be_visible()
    running.get_by_role("button", name="Cancel one.mp4").click()
    expect(page.locator(".result", has_text="one.mp4")).to_have_count(2)
    expect(page.locator("#state")).to_contain_text("Nothing to do")


def test_nothing_is_drawn_anew_under_a_press_until_it_is_over(page_desk: PageDesk) -> None:
    page = page_desk.open()
    page.evaluate("document.addEventListener('click', (event) => (window.clicked = event.target.textContent))")
    heading = page.locator("#gauges h2").first
    heading.hover()
    page.mouse.down()
    heading.evaluate("(each) => (each.dataset.former = 'yes')")
    with page.expect_response("**/queue/gauges*"):
        page.evaluate("htmx.trigger('#gauges', 'refresh')")
    page.wait_for_timeout(200)
    expect(heading).to_have_attribute("data-former", "yes")
    page.mouse.up()
    expect(heading).not_to_have_attribute("data-former", "yes")
    assert page.evaluate("window.clicked") == heading.inner_text()


def test_filter_search_pages_and_clear(page_desk: PageDesk) -> None:
    page_desk.seed(120)
    page = page_desk.open()
    rows = page.locator(".result")
    expect(rows).to_have_count(50)
    page.click("#filter-flagged")
    expect(rows).to_have_count(30)
    assert page.url.endswith("/?outcome=flagged")
    page.fill("#text", "NEON clip_0000")
    expect(page.locator("#filter-all .count")).to_have_text("5")
    expect(rows).to_have_count(0)
    page.click("text=Show all")
    page.wait_for_url("**/")
    page.wait_for_selector("html[data-connection=live]")
    page.keyboard.press("]")
    expect(page.locator("#page")).to_have_value("2")
    page.fill("#page", "3")
    page.keyboard.press("Enter")
    expect(rows).to_have_count(20)
    assert page.url.endswith("/?page=3")
    expect(page.locator("#older")).to_have_attribute("aria-disabled", "true")
    page.click("#history-menu summary")
    page.click("text=Clear the list …")
    page.click("#clear-dialog >> text=Keep it")
    expect(rows).to_have_count(20)
    page.click("#history-menu summary")
    page.click("text=Clear the list …")
    page.click("#clear-dialog button[value=yes]")
    expect(page.get_by_text("No clip has been treated yet")).to_be_visible()


def test_keys_walk_the_results_and_open_the_help(page_desk: PageDesk) -> None:
    page_desk.seed(8)
    page = page_desk.open(ignored=["404", "409"])
    page.keyboard.press("j")
    page.keyboard.press("j")
    page.keyboard.press("j")
    page.keyboard.press("k")
    assert page.evaluate("document.activeElement.textContent") == "clip_00006.mp4"
    page.keyboard.press("r")
    expect(page.locator(".toast")).to_be_visible()
    page.keyboard.press("?")
    expect(page.locator("#help")).to_be_visible()
    page.keyboard.press("Escape")
    page.keyboard.press("/")
    page.keyboard.type("p1?")
    expect(page.locator("#text")).to_have_value("p1?")
    page.wait_for_url("**/?text=p1%3F")
    page.keyboard.press("Tab")
    page.keyboard.press("?")
    page.uncheck("#shortcuts-on")
    page.keyboard.press("Escape")
    page.keyboard.press("2")
    assert page.url.endswith("text=p1%3F")
    page.reload()
    page.wait_for_selector("html[data-connection=live]")
    page.keyboard.press("p")
    assert page_desk.daemon.jobs.pause_state().paused is False


def test_colours_are_kept(page_desk: PageDesk) -> None:
    page = page_desk.open(scheme="light")
    ground = "getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(ground)
    page.click("#theme")
    assert page.get_attribute("html", "data-theme") == "dark"
    assert page.evaluate(ground) != light
    page.reload()
    assert page.evaluate(ground) != light
    page.keyboard.press("t")
    page.keyboard.press("t")
    assert (page.get_attribute("html", "data-theme"), page.evaluate(ground)) == ("system", light)


@pytest.mark.parametrize("width", [390, 820, 1440])
def test_nothing_sticks_out(page_desk: PageDesk, width: int) -> None:
    page_desk.seed(12)
    page = page_desk.open(size=(width, 900))
    for path in ("/", "/settings", "/log"):
        page.goto(path if path.startswith("http") else page.evaluate("location.origin") + path)
        assert page.evaluate("document.documentElement.scrollWidth") <= width, path
