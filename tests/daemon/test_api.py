"""The daemon whole, with watcher and API, asked over HTTP as the command line does."""

from __future__ import annotations

import json
import os
import stat
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from clipmaker import pan, write

from deshimmer.config.settings import HotFolder, Settings
from deshimmer.daemon.api import api_file
from deshimmer.daemon.app import Daemon
from deshimmer.daemon.client import connect


@pytest.fixture
def daemon(tmp_path: Path, faulty_road: str) -> Iterator[Daemon]:
    (tmp_path / "hot").mkdir()
    write(tmp_path / "hot" / "old.mp4", pan(3, (64, 48)))
    settings = Settings.model_validate({"intake": {"quiet_s": 0.1, "rescan_s": 1.0}})
    daemon = Daemon(settings, [HotFolder(path=tmp_path / "hot")], road=faulty_road)
    daemon.start()
    yield daemon
    daemon.stop()
    assert not api_file().exists()


@pytest.fixture
def client(daemon: Daemon) -> Iterator[httpx.Client]:
    entry = json.loads(api_file().read_text())
    assert entry["pid"] == os.getpid()
    if sys.platform != "win32":
        assert stat.S_IMODE(api_file().stat().st_mode) == 0o600
    with httpx.Client(base_url=entry["url"], headers={"Authorization": f"Bearer {entry['token']}"}, trust_env=False) as client:
        yield client


def wait_for(client: httpx.Client, number: int) -> list[dict]:
    deadline = time.monotonic() + 20
    while len(receipts := client.get("/api/finished?since=0").json()["receipts"]) < number:
        assert time.monotonic() < deadline, client.get("/api/jobs").json()
        time.sleep(0.05)
    return receipts


def test_a_dropped_render_is_followed_to_its_receipt(daemon: Daemon, client: httpx.Client, tmp_path: Path) -> None:
    hot = tmp_path / "hot"
    since = client.get("/api/finished").json()["next"]
    (hot / "sub").mkdir()
    write(hot / "sub" / "ok.mp4", pan(3, (64, 48)))
    write(hot / "hang.mp4", pan(4, (64, 48)))
    summary = wait_for(client, 1)[0]
    while summary["path"] != str(hot / "sub" / "ok.mp4"):
        time.sleep(0.05)
        running = client.get("/api/status").json()["running"]
        if running and running[0]["stage"] == "diagnose":
            client.post(f"/api/jobs/{running[0]['id']}/cancel")
        summary = client.get(f"/api/finished?since={since}").json()["receipts"][-1]
    assert (summary["outcome"], summary["receipt"]) == ("kept", str(hot / "deshimmered" / "sub" / "ok.receipt.json"))
    job = client.get(f"/api/jobs/{summary['id'][:8]}").json()
    assert (job["job"]["state"], job["receipt"]["id"]) == ("done", summary["id"])
    status = client.get("/api/status").json()
    assert status["hot_folders"] == [{"path": str(hot), "output": str(hot / "deshimmered")}]
    assert (status["pid"], status["paused"]) == (os.getpid(), False)
    assert "old.mp4" not in json.dumps(client.get("/api/jobs").json())
    again = client.post(f"/api/jobs/{summary['id']}/retry", json={"route": None}).json()["job"]
    assert again["id"].endswith("-2")
    assert client.post("/api/history/clear").json()["cleared"] >= 1
    for row in client.get("/api/jobs?state=running").json()["jobs"] + client.get("/api/jobs?state=queued").json()["jobs"]:
        client.post(f"/api/jobs/{row['id']}/cancel")


def test_a_folder_is_added_while_it_runs_and_a_deleted_render_is_dropped(client: httpx.Client, tmp_path: Path) -> None:
    assert client.post("/api/pause", json={"seconds": None}).json() == {"paused": True, "paused_until": None}
    (tmp_path / "more").mkdir()
    write(tmp_path / "more" / "ok.mp4", pan(3, (64, 48)))
    added = client.post("/api/hot_folders", json={"path": str(tmp_path / "more"), "existing": "process"}).json()
    assert added["output"] == str(tmp_path / "more" / "deshimmered")
    deadline = time.monotonic() + 10
    while client.get("/api/status").json()["counts"]["queued"] < 1:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    (tmp_path / "more" / "ok.mp4").unlink()
    assert [(each["outcome"], each["reason"]) for each in wait_for(client, 1)] == [("cancelled", "the render was deleted")]
    assert client.post("/api/resume").json()["paused"] is False


def test_who_has_no_token_or_another_host_stays_outside(client: httpx.Client) -> None:
    base = str(client.base_url)
    for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": client.headers["Authorization"], "Host": "evil.example"}):
        answer = httpx.get(f"{base}/api/status", headers=headers, trust_env=False)
        assert answer.status_code in (401, 403)
        assert answer.json()["error"]["message"]
        assert not any(name.startswith("access-control") for name in answer.headers)


def test_wrong_requests_are_told_what_is_wrong(client: httpx.Client) -> None:
    for method, path, body, status, words in WRONG_REQUESTS:
        answer = client.request(method, path, json=body)
        assert answer.status_code == status, path
        assert words in answer.json()["error"]["message"]


WRONG_REQUESTS = [
    ("GET", "/api/jobs/nosuch", None, 404, "no job 'nosuch'"),
    ("GET", "/api/jobs?state=happy", None, 409, "no state 'happy'"),
    ("GET", "/api/jobs?limit=-1", None, 409, "limit is a number"),
    ("GET", "/api/nothing", None, 404, "Not Found"),
    ("POST", "/api/pause", {"seconds": -1}, 400, "seconds"),
    ("POST", "/api/pause", {"hours": 1}, 400, "hours"),
    ("POST", "/api/pause", {"gpu": True}, 409, "not in this version"),
    ("POST", "/api/hot_folders", {"path": "/x", "colour": "red"}, 400, "colour"),
]


def test_names_that_are_no_unicode_are_told_and_taken(daemon: Daemon, client: httpx.Client, tmp_path: Path) -> None:
    folder = tmp_path / os.fsdecode(b"caf\xe9")
    folder.mkdir()
    find_daemon = connect()
    find_daemon.post("/api/hot_folders", path=str(folder), existing="process")
    write(folder / os.fsdecode(b"ok-\xe4.mp4"), pan(3, (64, 48)))
    summary = wait_for(client, 1)[0]
    assert (summary["path"], summary["outcome"]) == (str(folder / os.fsdecode(b"ok-\xe4.mp4")), "kept")
    assert str(folder) in [each["path"] for each in find_daemon.get("/api/status")["hot_folders"]]
    assert client.post("/api/pause", content=b"{no json").status_code == 400
