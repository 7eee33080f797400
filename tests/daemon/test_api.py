"""The daemon whole, with watcher and API, asked over HTTP as the command line does."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

import httpx
import pytest
from clipmaker import pan, write
from stranger import ANSWERS, stranger

from deshimmer.config import paths
from deshimmer.daemon.app import Daemon
from deshimmer.daemon.client import connect, find


def wait_for(client: httpx.Client, number: int) -> list[dict]:
    deadline = time.monotonic() + 20
    while len(receipts := client.get("/api/v1/finished?since=0").json()["receipts"]) < number:
        assert time.monotonic() < deadline, client.get("/api/v1/jobs").json()
        time.sleep(0.05)
    return receipts


def test_a_dropped_render_is_followed_to_its_receipt(daemon: Daemon, client: httpx.Client, tmp_path: Path) -> None:
    hot = tmp_path / "hot"
    since = client.get("/api/v1/finished").json()["next"]
    (hot / "sub").mkdir()
    write(hot / "sub" / "ok.mp4", pan(3, (64, 48)))
    write(hot / "hang.mp4", pan(4, (64, 48)))
    summary = wait_for(client, 1)[0]
    while summary["path"] != str(hot / "sub" / "ok.mp4"):
        time.sleep(0.05)
        running = client.get("/api/v1/status").json()["running"]
        if running and running[0]["stage"] == "diagnose":
            client.post(f"/api/v1/jobs/{running[0]['id']}/cancel")
        summary = client.get(f"/api/v1/finished?since={since}").json()["receipts"][-1]
    assert (summary["outcome"], summary["receipt"]) == ("kept", str(hot / "deshimmered" / "sub" / "ok.receipt.json"))
    job = client.get(f"/api/v1/jobs/{summary['id'][:8]}").json()
    assert (job["job"]["state"], job["receipt"]["id"]) == ("done", summary["id"])
    status = client.get("/api/v1/status").json()
    assert status["hot_folders"] == [{"path": str(hot), "output": str(hot / "deshimmered")}]
    assert (status["pid"], status["paused"]) == (os.getpid(), False)
    assert "old.mp4" not in json.dumps(client.get("/api/v1/jobs").json())
    again = client.post(f"/api/v1/jobs/{summary['id']}/retry", json={"route": None}).json()["job"]
    assert again["id"].endswith("-2")
    assert client.post("/api/v1/history/clear").json()["cleared"] >= 1
    for row in client.get("/api/v1/jobs?state=running").json()["jobs"] + client.get("/api/v1/jobs?state=queued").json()["jobs"]:
        client.post(f"/api/v1/jobs/{row['id']}/cancel")


def test_a_folder_is_added_while_it_runs_and_a_deleted_render_is_dropped(client: httpx.Client, tmp_path: Path) -> None:
    assert client.post("/api/v1/pause", json={"seconds": None}).json() == {
        "paused": True,
        "paused_until": None,
        "gpu_paused": False,
        "gpu_paused_until": None,
    }
    (tmp_path / "more").mkdir()
    write(tmp_path / "more" / "ok.mp4", pan(3, (64, 48)))
    added = client.post("/api/v1/hot_folders", json={"path": str(tmp_path / "more"), "existing": "process"}).json()
    assert added["output"] == str(tmp_path / "more" / "deshimmered")
    deadline = time.monotonic() + 10
    while client.get("/api/v1/status").json()["counts"]["queued"] < 1:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    (tmp_path / "more" / "ok.mp4").unlink()
    assert [(each["outcome"], each["reason"]) for each in wait_for(client, 1)] == [("cancelled", "the render was deleted")]
    assert client.post("/api/v1/resume").json()["paused"] is False


def test_who_has_no_token_or_another_host_stays_outside(client: httpx.Client) -> None:
    base = str(client.base_url)
    for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": client.headers["Authorization"], "Host": "evil.example"}):
        answer = httpx.get(f"{base}/api/v1/status", headers=headers, trust_env=False)
        assert answer.status_code in (401, 403)
        assert answer.json()["error"]["message"]
        assert not any(name.startswith("access-control") for name in answer.headers)


def test_wrong_requests_are_told_what_is_wrong(client: httpx.Client) -> None:
    for method, path, body, status, words in WRONG_REQUESTS:
        answer = client.request(method, path, json=body)
        assert answer.status_code == status, path
        assert words in answer.json()["error"]["message"]


WRONG_REQUESTS = [
    ("GET", "/api/v1/jobs/nosuch", None, 404, "no job 'nosuch'"),
    ("GET", "/api/v1/jobs?state=happy", None, 409, "no state 'happy'"),
    ("GET", "/api/v1/jobs?limit=-1", None, 409, "limit is a number"),
    ("GET", "/api/v1/nothing", None, 404, "Not Found"),
    ("POST", "/api/v1/pause", {"seconds": -1}, 400, "seconds"),
    ("POST", "/api/v1/pause", {"hours": 1}, 400, "hours"),
    ("POST", "/api/v1/pause", {"gpu": "much"}, 400, "gpu"),
    ("POST", "/api/v1/resume", {"gpu": "much"}, 400, "gpu"),
    ("POST", "/api/v1/hot_folders", {"path": "/x", "colour": "red"}, 400, "colour"),
]


def test_names_that_are_no_unicode_are_told_and_taken(daemon: Daemon, client: httpx.Client, tmp_path: Path) -> None:
    folder = tmp_path / os.fsdecode(b"caf\xe9")
    folder.mkdir()
    find_daemon = connect()
    find_daemon.post("/hot_folders", path=str(folder), existing="process")
    write(folder / os.fsdecode(b"ok-\xe4.mp4"), pan(3, (64, 48)))
    summary = wait_for(client, 1)[0]
    assert (summary["path"], summary["outcome"]) == (str(folder / os.fsdecode(b"ok-\xe4.mp4")), "kept")
    assert str(folder) in [each["path"] for each in find_daemon.get("/status")["hot_folders"]]
    assert client.post("/api/v1/pause", content=b"{no json").status_code == 400


def test_outside_the_api_what_is_wrong_is_told_as_a_page(client: httpx.Client) -> None:
    for path, words in (("/jobs/<b>x", "There is no job &#x27;&lt;b&gt;x&#x27;."), ("/<b>x", "Not Found: GET /&lt;b&gt;x.")):
        answer = client.get(path)
        assert (answer.status_code, answer.headers["content-type"]) == (404, "text/html; charset=utf-8")
        assert words in answer.text
        assert "<b>" not in answer.text


@pytest.mark.parametrize("record", ANSWERS)
def test_another_program_at_the_port_is_no_daemon(own_state: Path, record: Any) -> None:
    with stranger(paths.state_dir(), record):
        assert find() is None
