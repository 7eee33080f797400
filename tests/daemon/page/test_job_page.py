"""The page of one job in a real browser, on a real daemon with jobs that it really treated."""

from __future__ import annotations

import json
import random
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from axe_core_python.sync_playwright import Axe
from clipmaker import exposure_flicker, pan, write
from framecode import READ, coded
from playwright.sync_api import Browser, ConsoleMessage, Page, Route

from deshimmer.daemon.api import api_file

FRAMES = 72
WORST = (30, 53)  # of coded.mp4
TREATED = ("coded.mp4", "clean.mp4", "prores.mov", "hevc.mp4", "broken.mp4")
WATCH = """async (seconds) => {
  const seen = [];
  const end = performance.now() + 1000 * seconds;
  await new Promise((done) => {
    const look = () => {
      seen.push(readBoth());
      performance.now() < end ? requestAnimationFrame(look) : done();
    };
    look();
  });
  return seen;
}"""
PLAYER = "window.deshimmer.job().player"
BRIGHTNESS = """(id) => {
  const canvas = document.getElementById(id);
  const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  return data.reduce((sum, value, place) => sum + (place % 4 < 3 ? value : 0), 0) / (data.length * 0.75);
}"""


@pytest.fixture(scope="module")
def hot(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of clips: one that says its frames' numbers and flickers most from ``WORST`` on, and others for their kinds."""
    folder = tmp_path_factory.mktemp("hot")
    light = np.random.default_rng(3)
    shots = [
        np.clip(shot + light.normal(0, 11 if WORST[0] <= index <= WORST[1] else 3), 0, 255)
        for index, shot in enumerate(pan(FRAMES, (320, 180), step_px=0.5))
    ]
    write(folder / "coded.mp4", coded(shots))
    write(folder / "clean.mp4", pan(24, (160, 96)))
    short = exposure_flicker(pan(16, (320, 180)), 10)
    write(folder / "prores.mov", coded(short), codec="prores_ks", pixel_format="yuv422p10le", options={})
    write(folder / "hevc.mp4", coded(short), codec="libx265", pixel_format="yuv420p10le", options={"x265-params": "log-level=error"})
    (folder / "broken.mp4").write_bytes((folder / "clean.mp4").read_bytes()[:9000])
    return folder


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """State for the whole module; each test's own would hide the daemon."""
    folder = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        for name in ("CONFIG", "STATE", "DATA", "CACHE"):
            patch.setenv(f"XDG_{name}_HOME", str(folder / name.lower()))
        (folder / "runtime").mkdir(mode=0o700)
        patch.setenv("XDG_RUNTIME_DIR", str(folder / "runtime"))
        yield folder


@pytest.fixture
def own_state() -> None:
    """The module's state is every test's."""


class Desk:
    """``deshimmer run`` on the hot folder, asked over HTTP."""

    def __init__(self, hot: Path, log: Path) -> None:
        self.hot = hot
        settings = ["intake.quiet_s=0.1", "intake.incomplete_s=0.5", f'hot_folders=[{{path="{hot}", existing="process"}}]']
        command = [sys.executable, "-m", "deshimmer.daemon", "run", *(part for each in settings for part in ("--set", each))]
        self._log = log.open("wb")
        self._process = subprocess.Popen(command, stderr=self._log, stdout=self._log)
        deadline = time.monotonic() + 60
        while not api_file().exists():
            assert self._process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, "the daemon did not come up"
            time.sleep(0.05)
        entry = json.loads(api_file().read_text())
        self.client = httpx.Client(base_url=entry["url"], headers={"Authorization": f"Bearer {entry['token']}"}, trust_env=False)

    def link(self, path: str) -> str:
        return self.client.post("/api/v1/link", json={"path": path}).json()["url"]

    def job(self, name: str) -> dict[str, Any]:
        rows = self.client.get("/api/v1/jobs").json()["jobs"]
        return next((row for row in rows if row["path"] == str(self.hot / name)), {})

    def wait_for(self, name: str, seconds: float = 120.0, states: tuple[str, ...] = ("done", "failed", "cancelled")) -> dict[str, Any]:
        deadline = time.monotonic() + seconds
        while (row := self.job(name)).get("state") not in states:
            assert time.monotonic() < deadline, row
            time.sleep(0.1)
        return row

    def close(self) -> None:
        self.client.close()
        self._process.terminate()
        assert self._process.wait(30) in (0, -15)
        self._log.close()


@pytest.fixture(scope="module")
def desk(browser: Browser, home: Path, hot: Path) -> Iterator[Desk]:
    desk = Desk(hot, home / "daemon.log")
    try:
        for name in TREATED:
            desk.wait_for(name)
        yield desk
    finally:
        desk.close()


def is_fault(message: ConsoleMessage) -> bool:
    """Warnings count too, but for what the tests' own reading of pixels brings."""
    return message.type in ("error", "warning") and "willReadFrequently" not in message.text


@pytest.fixture
def page(browser: Browser, desk: Desk) -> Iterator[Page]:
    """A page that must not complain."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    page = context.new_page()
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(f"{message.text} {message.location.get('url')}") if is_fault(message) else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    yield page
    context.close()
    assert complaints == []


def show(page: Page, desk: Desk, name: str) -> None:
    page.goto(desk.link(f"/jobs/{desk.job(name)['id']}"))
    page.wait_for_url("**/jobs/*")
    page.wait_for_selector("#job[data-open=true]", timeout=60_000)
    page.evaluate(READ)


def frames(page: Page) -> list[int]:
    return page.evaluate(f"[readFrame('original'), readFrame('result'), {PLAYER}.index]")


def gaps(seen: list[list[int]]) -> Counter[int]:
    return Counter(abs(result - original) for original, result in seen)


def assert_in_step(seen: list[list[int]]) -> None:
    """On the very same frame or, for a moment, on neighbours. On a busy machine the browser tells of a frame late: seldom more, then."""
    found = gaps(seen)
    assert found[0] + found[1] >= 0.97 * len(seen), found
    assert found[0] >= 0.75 * len(seen), found


def test_both_sides_play_in_step(page: Page, desk: Desk) -> None:
    show(page, desk, "coded.mp4")
    page.click("#play")
    seen = page.evaluate(WATCH, 4)
    assert_in_step(seen)
    assert len({original for original, _ in seen}) > FRAMES // 3  # it moves
    page.click("#quarter")
    seen = page.evaluate(WATCH, 2)
    assert_in_step(seen)
    assert len({original for original, _ in seen}) < 30
    page.click("#play")
    page.wait_for_function(f"() => !{PLAYER}.playing && {PLAYER}.inStep && readFrame('original') === {PLAYER}.index")
    original, result, index = frames(page)
    assert original == result == index


def test_twenty_seeks_land_on_their_frames(page: Page, desk: Desk) -> None:
    show(page, desk, "coded.mp4")
    dice = random.Random(5)
    for _ in range(20):
        wanted = dice.randrange(FRAMES)
        page.evaluate(f"(frame) => {PLAYER}.seek(frame)", wanted)
        assert frames(page) == [wanted] * 3
    for first, last in ((3, 60), (60, 8)):  # of two in a row the last one counts
        page.evaluate(f"([first, last]) => ({PLAYER}.seek(first), {PLAYER}.seek(last))", [first, last])
        assert frames(page) == [last] * 3


def test_frame_steps_are_exact(page: Page, desk: Desk) -> None:
    show(page, desk, "coded.mp4")
    page.evaluate(f"{PLAYER}.seek(10)")
    for key, wanted in [("#forward", 11), ("#forward", 12), ("#back", 11), (".", 12), (",", 11), ("ArrowRight", 12), ("ArrowLeft", 11)]:
        page.click(key) if key.startswith("#") else page.keyboard.press(key)
        page.wait_for_function("(frame) => readFrame('original') === frame && readFrame('result') === frame", arg=wanted)
        assert frames(page) == [wanted] * 3
    assert page.text_content("#clock") == "0.46 s · frame 11"


def test_the_worst_second_loops_within_itself(page: Page, desk: Desk) -> None:
    show(page, desk, "coded.mp4")
    first, last = page.evaluate(f"{PLAYER}.worst")
    assert last - first == 23  # a second at 24 a second
    assert abs(first - WORST[0]) <= 6
    page.click("#worst")
    page.wait_for_function(f"() => {PLAYER}.playing && {PLAYER}.index > {first}")
    seen = page.evaluate(WATCH, 3)
    assert first <= min(min(pair) for pair in seen)
    assert max(max(pair) for pair in seen) <= last
    assert_in_step(seen)
    originals = [original for original, _ in seen]
    assert any(later < earlier for earlier, later in pairwise(originals))  # it went round
    page.click("#worst")
    assert page.get_attribute("#worst", "aria-pressed") == "false"


def test_the_divider_moves_by_mouse_and_keyboard(page: Page, desk: Desk) -> None:
    show(page, desk, "coded.mp4")
    divider = page.get_by_role("slider", name="Wipe")
    box = page.locator("#stage-box").bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + 40)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] / 4, box["y"] + 60, steps=4)
    page.mouse.up()
    assert divider.get_attribute("aria-valuenow") == "25"
    for key, wanted in [("ArrowRight", "30"), ("Shift+ArrowLeft", "29"), ("Home", "0"), ("End", "100"), ("ArrowLeft", "95")]:
        divider.press(key)
        assert divider.get_attribute("aria-valuenow") == wanted
    clip = page.evaluate("getComputedStyle(document.getElementById('result')).clipPath")
    assert clip == "inset(0px 0px 0px 95%)"
    assert page.evaluate(f"{PLAYER}.index") == 0  # the keys moved nothing else


def test_the_difference_shows_what_was_repaired(page: Page, desk: Desk) -> None:
    show(page, desk, "coded.mp4")
    page.click("#diff")
    levels: dict[str, list[float]] = {"worst": [], "calm": []}
    for kind, places in (("worst", range(34, 50, 3)), ("calm", range(4, 20, 3))):
        for frame in places:
            page.evaluate(f"(frame) => {PLAYER}.seek(frame)", frame)
            levels[kind].append(page.evaluate(BRIGHTNESS, "difference"))
    assert np.mean(levels["worst"]) > 30
    assert np.mean(levels["calm"]) < 0.6 * np.mean(levels["worst"])
    page.click("#diff")
    assert page.is_hidden("#difference")


def test_the_heat_map_lies_over_the_picture(page: Page, desk: Desk) -> None:
    show(page, desk, "coded.mp4")
    page.click("#heat")
    assert page.is_visible("#heat-before")
    for band in page.locator("#heat-band option").evaluate_all("(all) => all.map((each) => each.value)"):
        page.select_option("#heat-band", band)
        assert page.evaluate("document.getElementById('heat-before').width") > 8
    assert "levels" in (page.text_content("#heat-scale") or "")
    page.keyboard.press("h")
    assert page.is_hidden("#heat-before")


def test_the_curve_seeks(page: Page, desk: Desk) -> None:
    show(page, desk, "coded.mp4")
    box = page.locator("#curves .u-over").bounding_box()
    assert box is not None
    page.locator("#curves").scroll_into_view_if_needed()
    box = page.locator("#curves .u-over").bounding_box()
    assert box is not None
    page.mouse.click(box["x"] + box["width"] * 0.5, box["y"] + 30)
    page.wait_for_function(f"() => {PLAYER}.index > 0")
    landed = page.evaluate(f"{PLAYER}.index")
    assert abs(landed - FRAMES / 2) <= 1
    curve = page.get_by_role("slider", name="Position in the clip")
    curve.press("ArrowRight")
    page.wait_for_function("(frame) => readFrame('original') === frame && readFrame('result') === frame", arg=landed + 1)
    assert curve.get_attribute("aria-valuenow") == str(landed + 1)
    curve.press("End")
    page.wait_for_function(f"() => {PLAYER}.index === {FRAMES - 1}")
    page.click("[data-band=global_luma]")
    _, before, after = page.evaluate("window.deshimmer.job().curves.chart.data")
    assert len(before) == len(after) == FRAMES
    worst = slice(WORST[0] + 1, WORST[1])
    assert np.mean(before[worst]) > 5
    assert np.mean(after[worst]) < 0.4 * np.mean(before[worst])
    assert np.mean(before[5:25]) < 0.6 * np.mean(before[worst])


def test_zoom_repeat_and_end(page: Page, desk: Desk) -> None:
    show(page, desk, "coded.mp4")
    page.click("#actual")
    assert page.evaluate("document.getElementById('original').getBoundingClientRect().width") == 320
    page.keyboard.press("z")
    assert page.evaluate("document.getElementById('original').getBoundingClientRect().width") > 700
    page.click("#repeat")
    page.evaluate(f"{PLAYER}.seek({FRAMES - 8})")
    page.keyboard.press("Space")
    page.wait_for_function(f"() => !{PLAYER}.playing && {PLAYER}.index === {FRAMES - 1}", timeout=10_000)
    assert frames(page) == [FRAMES - 1] * 3


@pytest.mark.parametrize("name", ["prores.mov", "hevc.mp4"])
def test_what_browsers_cannot_play_is_shown_by_proxy(page: Page, desk: Desk, name: str) -> None:
    show(page, desk, name)
    assert page.is_visible("#proxy-note")
    sources = page.evaluate("['original', 'result'].map((id) => document.getElementById(id).currentSrc)")
    assert all("/media/proxy_" in source for source in sources)
    assert page.evaluate(f"{PLAYER}.frames") == 16
    for wanted in (15, 4, 9):
        page.evaluate(f"(frame) => {PLAYER}.seek(frame)", wanted)
        assert frames(page) == [wanted] * 3


def test_a_kept_clip_has_only_its_original(page: Page, desk: Desk) -> None:
    show(page, desk, "clean.mp4")
    assert page.locator("#verdict").text_content() == "Nothing flickers enough to see."
    assert (page.locator("#result").count(), page.locator("#wipe").count(), page.locator("#diff").count()) == (0, 0, 0)
    page.keyboard.press("Space")
    page.wait_for_function(f"() => {PLAYER}.index > 3")


def test_a_failed_clip_says_why(page: Page, desk: Desk) -> None:
    show(page, desk, "broken.mp4")
    failure = page.locator("#failure")
    assert "The file is incomplete" in failure.inner_text()
    assert "render or copy it again" in failure.inner_text()
    assert page.locator("#preparing").inner_text().startswith("The clip cannot be read.")
    assert page.is_hidden(".controls")


def test_everything_of_the_receipt_is_told(page: Page, desk: Desk) -> None:
    show(page, desk, "coded.mp4")
    told = page.inner_text("#job")
    for words in (
        "Repaired",
        "Whole-frame brightness",
        "Checked against the original",
        "What was done",
        "Motion-compensated smoothing",
        "320 \u00d7 180",
    ):
        assert words in told
    page.click("text=The receipt as it was written")
    raw = json.loads(page.inner_text("#job pre"))
    assert raw["id"] == desk.job("coded.mp4")["id"]
    with page.context.expect_page() as opened:
        page.click("text=Report")
    opened.value.wait_for_load_state()
    assert opened.value.locator("h1").inner_text() == "coded.mp4"
    with opened.value.expect_response("**/coded.comparison.mp4") as answer:
        opened.value.click("text=Watch the comparison")
    assert answer.value.status in (200, 206)


def test_the_page_becomes_the_finished_one_by_itself(page: Page, desk: Desk) -> None:
    write(desk.hot / "late.mp4", coded(exposure_flicker(pan(48, (320, 180)), 10)))
    row = desk.wait_for("late.mp4", 30, ("queued", "running"))
    page.goto(desk.link(f"/jobs/{row['id']}"))
    page.wait_for_selector("#running")
    page.wait_for_function("() => document.getElementById('progress')?.value > 0", timeout=60_000)
    page.wait_for_selector("#job[data-state=done][data-open=true]", timeout=120_000)
    page.evaluate(READ)
    assert page.is_hidden("#running")
    page.evaluate(f"{PLAYER}.seek(20)")
    assert frames(page) == [20] * 3


def test_another_route_is_another_job(page: Page, desk: Desk) -> None:
    show(page, desk, "broken.mp4")
    former = page.url
    page.select_option("form.route select", "deband")
    page.click("text=Try this route")
    page.wait_for_url(lambda url: url != former)
    page.wait_for_selector("#job[data-state=failed][data-open=true]", timeout=60_000)
    assert desk.job("broken.mp4")["id"] == page.url.rpartition("/")[2]


def test_cancel_ends_a_job(page: Page, desk: Desk) -> None:
    write(desk.hot / "unwanted.mp4", exposure_flicker(pan(96, (480, 270)), 10))
    row = desk.wait_for("unwanted.mp4", 30, ("queued", "running"))
    page.goto(desk.link(f"/jobs/{row['id']}"))
    page.wait_for_selector("#job[data-open=true] #running")
    page.click("text=Cancel")
    page.wait_for_selector("#job[data-state=cancelled][data-open=true]")
    assert "Cancelled" in page.inner_text(".marks")


def test_the_page_stays_under_a_press_until_it_is_over(page: Page, desk: Desk) -> None:
    show(page, desk, "broken.mp4")
    page.evaluate("document.getElementById('job').dataset.former = 'yes'")
    page.hover("h1")
    page.mouse.down()
    with page.expect_response(page.url) as renewed:
        page.evaluate("window.deshimmer.stream.dispatchEvent(new MessageEvent('reset'))")
    renewed.value.finished()
    page.wait_for_timeout(200)
    assert page.get_attribute("#job", "data-former") == "yes"
    page.mouse.up()
    page.wait_for_selector("#job:not([data-former])")


def test_an_answer_that_was_overtaken_is_left(page: Page, desk: Desk) -> None:
    show(page, desk, "broken.mp4")
    held: list[Route] = []
    page.route(page.url, lambda route: route.continue_() if held else held.append(route))
    page.evaluate("document.getElementById('job').dataset.former = 'yes'")
    for _ in range(2):
        page.evaluate("window.deshimmer.stream.dispatchEvent(new MessageEvent('reset'))")
    page.wait_for_selector("#job:not([data-former])[data-open=true]")
    with page.expect_response(page.url) as overtaken:
        held[0].fulfill(content_type="text/html", body='<div id="job" data-state="running"></div>')
    overtaken.value.finished()
    page.wait_for_timeout(200)
    assert page.get_attribute("#job", "data-state") == "failed"


@pytest.mark.parametrize(
    ("name", "scheme", "width"), [("coded.mp4", "dark", 1280), ("coded.mp4", "light", 420), ("broken.mp4", "light", 1280)]
)
def test_no_serious_accessibility_fault(browser: Browser, desk: Desk, name: str, scheme: Any, width: int) -> None:
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
    page = context.new_page()
    show(page, desk, name)
    found = Axe().run(page)["violations"]
    context.close()
    assert [
        (each["id"], [node["html"][:120] for node in each["nodes"]]) for each in found if each["impact"] in ("serious", "critical")
    ] == []


def test_thumbnails_show_both_sides(desk: Desk) -> None:
    job = desk.job("coded.mp4")
    sizes = []
    for what in ("thumbnail_before", "thumbnail_after"):
        answer = desk.client.get(f"/api/v1/jobs/{job['id']}/media/{what}", timeout=60)
        assert (answer.status_code, answer.headers["content-type"]) == (200, "image/jpeg")
        sizes.append(len(answer.content))
    assert min(sizes) > 2000
    absent = desk.client.get(f"/api/v1/jobs/{desk.job('broken.mp4')['id']}/media/thumbnail_after", timeout=60)
    assert absent.status_code == 404
    assert absent.json()["error"]["message"]
