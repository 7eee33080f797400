"""axe-core over every page, dark and light, wide and narrow; and that the page needs nothing from elsewhere."""

from __future__ import annotations

import pytest
from axe_core_python.base import AXE_FILE_PATH
from pagedesk import PageDesk
from playwright.sync_api import Page, expect

SIZES = {"wide": (1440, 900), "narrow": (390, 844)}


def faults(page: Page) -> list[str]:
    """Serious and critical faults, by rule and place."""
    page.evaluate(AXE_FILE_PATH.read_text())
    found = page.evaluate("axe.run()")["violations"]
    return [
        f"{each['id']}: {node['target']} {node['failureSummary']}"
        for each in found
        if each["impact"] in ("serious", "critical")
        for node in each["nodes"]
    ]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("scheme", ["dark", "light"])
def test_no_serious_fault(page_desk: PageDesk, scheme: str, size: str) -> None:
    page_desk.seed(60)
    page_desk.post("/pause")
    (page_desk.hot / "broken.mp4").write_text("no video")
    page = page_desk.open(scheme=scheme, size=SIZES[size])
    expect(page.locator("#waiting li")).to_be_visible()
    assert faults(page) == []
    page.click("#help-button")
    assert faults(page) == []
    page.keyboard.press("Escape")
    page.locator(".result details summary").first.click()
    assert faults(page) == []
    page.click("text=Settings")
    page.wait_for_url("**/settings*")
    page.click("#add-hot-folder")
    expect(page.locator("#hot-folder-1")).to_be_visible()
    page.fill("#hot_folders-1-path", "nowhere")
    page.click("#hot-folder-0 summary")
    page.click("#save")
    expect(page.locator("#hot_folders-1-path-error")).to_be_visible()
    assert faults(page) == []
    page.on("dialog", lambda dialog: dialog.accept())
    page.click("text=Log")
    expect(page.locator("#log")).to_be_visible()
    assert faults(page) == []


def test_nothing_comes_from_elsewhere(page_desk: PageDesk) -> None:
    page = page_desk.open()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    for path in ("/", "/settings", "/log"):
        answer = page.goto(page.evaluate("location.origin") + path)
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
    origin = page.evaluate("location.origin")
    assert asked
    assert [url for url in asked if not url.startswith(origin)] == []
