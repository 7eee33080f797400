"""Who gets in: the token, the one-time link, the session's cookie; and what a page of another site cannot do."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from deshimmer.config.settings import Settings
from deshimmer.daemon.api import links
from deshimmer.daemon.api.links import SESSION_S, Links
from deshimmer.daemon.app import Daemon
from deshimmer.daemon.client import connect


@pytest.fixture
def browser(client: httpx.Client) -> Iterator[httpx.Client]:
    """Knows no token; sends what a browser sends for a page of ours."""
    with httpx.Client(base_url=client.base_url, headers={"Sec-Fetch-Site": "same-origin"}, trust_env=False) as browser:
        browser.headers["Origin"] = str(client.base_url).rstrip("/")
        yield browser


def code_of(client: httpx.Client, path: str = "/") -> str:
    url = client.post("/api/v1/link", json={"path": path}).json()["url"]
    address, _, code = url.partition("#")
    assert address == f"{str(client.base_url).rstrip('/')}/enter"
    return code


def enter(browser: httpx.Client, code: str) -> httpx.Response:
    """With the key from then on, as the page's scripts do."""
    answer = browser.post("/api/v1/session", json={"code": code})
    browser.headers["X-Deshimmer-Key"] = answer.json().get("key", browser.headers.get("X-Deshimmer-Key", ""))
    return answer


def test_a_link_lets_a_browser_in_once(client: httpx.Client, browser: httpx.Client) -> None:
    code = code_of(client, "/jobs/abc?x=1")
    assert browser.get("/api/v1/status").status_code == 401
    page = browser.get("/enter")
    assert (page.status_code, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert "script-src 'sha256-" in page.headers["content-security-policy"]
    entered = enter(browser, code)
    key = entered.json()["key"]
    assert entered.json() == {"path": "/jobs/abc?x=1", "key": key}
    cookie = entered.headers["set-cookie"]
    assert len(key) > 40
    assert key not in cookie
    assert all(word in cookie for word in ("HttpOnly", "SameSite=strict", "Path=/"))
    assert code not in cookie
    assert browser.get("/api/v1/status").json()["api"] == 1
    assert enter(browser, code).json()["error"]["title"] == "The link is used up"
    assert enter(browser, "").status_code == enter(browser, "guess").status_code == 409


def test_a_link_is_too_old_after_its_time(client: httpx.Client, browser: httpx.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(links, "CODE_S", 0.1)
    code = code_of(client)
    time.sleep(0.15)
    assert enter(browser, code).json()["error"]["title"] == "The link is used up"
    assert browser.get("/api/v1/status").status_code == 401


def test_a_link_leads_nowhere_else(client: httpx.Client) -> None:
    for path in ("//evil.example", "https://evil.example", "/\\evil.example", "/a\nb", ""):
        assert client.post("/api/v1/link", json={"path": path}).json()["error"]["title"] == "The request is wrong", path


FOREIGN = [
    {"Origin": "http://evil.example"},
    {"Origin": "http://127.0.0.1:8188"},
    {"Origin": "null"},
    {"Sec-Fetch-Site": "same-site"},
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "none"},
    {},
]


def test_another_sites_page_changes_nothing(client: httpx.Client, browser: httpx.Client) -> None:
    enter(browser, code_of(client))
    for name in ("Origin", "Sec-Fetch-Site"):
        del browser.headers[name]
    code = code_of(client)
    for headers in FOREIGN:
        for path, body in (("/pause", {}), ("/stop", {}), ("/session", {"code": code})):
            answer = browser.post(f"/api/v1{path}", json=body, headers=headers)
            assert (answer.status_code, answer.json()["error"]["title"]) == (403, "Wrong origin"), headers
    assert client.get("/api/v1/status").json()["paused"] is False


def test_our_own_page_may(client: httpx.Client, browser: httpx.Client) -> None:
    enter(browser, code_of(client))
    assert browser.post("/api/v1/pause").json()["paused"] is True
    del browser.headers["Origin"]
    assert browser.post("/api/v1/resume").json()["paused"] is False


def test_the_cookie_alone_changes_nothing(client: httpx.Client, browser: httpx.Client) -> None:
    """Programs on other ports see it, and may forge every header but the key."""
    enter(browser, code_of(client))
    key = browser.headers.pop("X-Deshimmer-Key")
    assert browser.get("/api/v1/status").status_code == 200
    for wrong in ("", key[:-1], browser.cookies["deshimmer"]):
        for method, path in (("POST", "/pause"), ("PATCH", "/settings"), ("POST", "/link")):
            assert browser.request(method, f"/api/v1{path}", json={}, headers={"X-Deshimmer-Key": wrong}).status_code == 401, path
        assert browser.post("/settings", headers={"X-Deshimmer-Key": wrong}).status_code == 401
    forged = f"{browser.cookies['deshimmer']} {key}"
    assert browser.post("/api/v1/pause", headers={"Cookie": f"deshimmer={forged}"}).status_code == 401
    assert client.get("/api/v1/status").json()["paused"] is False
    with httpx.Client(base_url=client.base_url, headers={"Origin": browser.headers["Origin"]}, trust_env=False) as another:
        enter(another, code_of(client))
        assert another.post("/api/v1/pause", headers={"X-Deshimmer-Key": key}).status_code == 401, "of another session"
        assert another.post("/api/v1/pause").json()["paused"] is True


def test_another_sites_page_reads_nothing(client: httpx.Client, browser: httpx.Client) -> None:
    enter(browser, code_of(client))
    for site in ("cross-site", "same-site"):
        assert browser.get("/api/v1/status", headers={"Sec-Fetch-Site": site, "Sec-Fetch-Mode": "no-cors"}).status_code == 403
    assert browser.get("/api/v1/status", headers={"Sec-Fetch-Site": "none", "Sec-Fetch-Mode": "navigate"}).status_code == 200
    answer = browser.get("/api/v1/status")
    assert not any(name.startswith("access-control") for name in answer.headers)
    assert answer.headers["cross-origin-resource-policy"] == "same-origin"
    assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]


def test_the_host_is_checked_before_all_else(client: httpx.Client, browser: httpx.Client) -> None:
    for path in ("/enter", "/api/v1/status", "/"):
        assert browser.get(path, headers={"Host": "evil.example"}).status_code == 403
        assert client.get(path, headers={"Host": "evil.example"}).status_code == 403
    port = client.base_url.port
    assert client.get("/api/v1/status", headers={"Host": f"localhost:{port}"}).status_code == 200
    assert client.get("/api/v1/status", headers={"Host": f"localhost:{port}".upper()}).status_code == 403


def test_no_get_changes_anything(daemon: Daemon, client: httpx.Client) -> None:
    before = {key: value for key, value in client.get("/api/v1/status").json().items() if key != "event"}
    for path in (
        "pause",
        "resume",
        "stop",
        "snooze",
        "presence",
        "gpu/free",
        "link",
        "session",
        "history/clear",
        "jobs/abc/cancel",
        "seen",
    ):
        assert client.get(f"/api/v1/{path}").status_code in (404, 405), path
    assert not daemon.stopping.is_set()
    assert {key: value for key, value in client.get("/api/v1/status").json().items() if key != "event"} == before


def test_the_page_is_behind_the_same_guard(tmp_path: Path, faulty_road: str, monkeypatch: pytest.MonkeyPatch, own_state: Path) -> None:
    async def hello(_: Request) -> Response:
        return HTMLResponse("<p>hello</p>")

    monkeypatch.setattr("deshimmer.daemon.api.app.page_routes", lambda control, closing: [Route("/", hello)])
    daemon = Daemon(Settings(), [], road=faulty_road)
    daemon.start()
    try:
        url = connect().post("/link", path="/")["url"]
        base, _, code = url.partition("/enter#")
        with httpx.Client(base_url=base, headers={"Origin": base}, trust_env=False) as browser:
            outside = browser.get("/")
            assert (outside.status_code, outside.headers["content-type"]) == (401, "text/html; charset=utf-8")
            assert "deshimmer open" in outside.text
            enter(browser, code)
            assert browser.get("/").text == "<p>hello</p>"
    finally:
        daemon.stop()
    daemon = Daemon(Settings(), [], road=faulty_road)
    daemon.start()
    try:
        assert connect().post("/link", path="/")["url"].startswith(f"{base}/enter#"), "the port of the run before"
    finally:
        daemon.stop()


def test_a_session_lasts_over_a_restart_and_a_month(monkeypatch: pytest.MonkeyPatch) -> None:
    kept: dict[str, float] = {}
    before = Links(keep=kept.update)
    session, key, _ = before.enter(before.new_code("/"))
    after = Links(kept, kept.update)
    assert after.is_session(session)
    assert after.may_change(session, key)
    assert session not in json.dumps(kept)  # only its digest is
    assert key not in json.dumps(kept)
    assert not after.is_session(f"{session}x")
    assert not after.may_change(session, f"{key}x")
    made = time.time()
    monkeypatch.setattr(time, "time", lambda: made + SESSION_S + 1)
    assert not after.is_session(session)
    assert not after.may_change(session, key)
