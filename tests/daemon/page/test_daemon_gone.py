"""The daemon goes away and comes back while the page stands open."""

from __future__ import annotations

import shutil
from pathlib import Path

from pagedesk import PageDesk
from playwright.sync_api import expect

OUTAGE = (
    "ERR_CONNECTION_REFUSED",
    "ERR_INCOMPLETE_CHUNKED_ENCODING",
    "ERR_CONNECTION_RESET",
    "ERR_EMPTY_RESPONSE",
    "ERR_NETWORK",
    "htmx:sseError",
)


def test_the_page_says_so_and_catches_up(page_desk: PageDesk, flickering: Path) -> None:
    page_desk.post("/pause")
    page = page_desk.open(ignored=OUTAGE)
    page.evaluate("window.isSamePage = true")
    page_desk.stop()
    expect(page.locator("#lost [data-when=lost]")).to_be_visible()
    page.click("#resume")
    expect(page.locator(".toast").first).to_contain_text("deshimmer run")
    page_desk.start()
    expect(page.locator("#lost")).to_be_hidden(timeout=20_000)
    shutil.copyfile(flickering, page_desk.hot / "after.mp4")
    expect(page.locator("#waiting li", has_text="after.mp4")).to_be_visible(timeout=20_000)
    assert page.evaluate("window.isSamePage")


def test_what_happened_behind_a_dropped_connection_is_replayed(page_desk: PageDesk) -> None:
    page_desk.post("/pause")
    page = page_desk.open()
    page.evaluate("deshimmer.stream.drop()")
    page_desk.post("/resume")
    page.evaluate(
        "window.told = []; deshimmer.stream.addEventListener('status', (event) => window.told.push(JSON.parse(event.data).paused))"
    )
    page.evaluate("deshimmer.stream.connect()")
    expect(page.locator("#state")).to_contain_text("Nothing to do")
    assert page.evaluate("window.told") == [False]


def test_a_page_whose_session_ended_says_how_to_open_it_anew(page_desk: PageDesk) -> None:
    page = page_desk.open(ignored=(*OUTAGE, "401"))
    page.context.clear_cookies()
    page.evaluate("deshimmer.stream.connect()")
    expect(page.locator("#lost [data-when=locked]")).to_be_visible()
    expect(page.locator("#lost [data-when=lost]")).to_be_hidden()


def test_a_page_without_its_key_says_how_to_open_it_anew(page_desk: PageDesk) -> None:
    page = page_desk.open(ignored=(*OUTAGE, "401", "htmx:responseError"))
    page.evaluate("localStorage.removeItem('key')")
    page.click("#pause")
    page.click("#pause-on")
    expect(page.locator(".toast").first).to_contain_text("deshimmer open")
    page.reload()
    expect(page.locator("#lost [data-when=locked]")).to_be_visible()
    page.goto(page_desk.link("/settings"))
    page.wait_for_selector("html[data-connection=live]")
    page.evaluate("localStorage.setItem('key', 'of another session')")
    page.click("#save")
    expect(page.locator("#lost [data-when=locked]")).to_be_visible()


def test_the_daemon_knows_whether_it_is_looked_at(page_desk: PageDesk) -> None:
    page = page_desk.open()
    with page_desk.api() as client:
        assert client.get("/api/v1/status").json()["page_in_front"] is True
        page.evaluate("window.dispatchEvent(new Event('pagehide'))")
        page.close()
