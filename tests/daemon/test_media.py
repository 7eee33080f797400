"""A job's files over HTTP, as players ask for them."""

from __future__ import annotations

import time
from pathlib import Path
from random import Random

import httpx
import pytest
from clipmaker import pan, write

from deshimmer.daemon.app import Daemon


@pytest.fixture
def original(client: httpx.Client, tmp_path: Path) -> Path:
    path = write(tmp_path / "hot" / "ok.mp4", pan(3, (64, 48)))
    deadline = time.monotonic() + 20
    while not client.get("/api/v1/finished?since=0").json()["receipts"]:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return path


def url(client: httpx.Client, what: str) -> str:
    return f"/api/v1/jobs/{client.get('/api/v1/jobs').json()['jobs'][0]['id']}/media/{what}"


def test_any_range_is_that_part_of_the_file(client: httpx.Client, original: Path) -> None:
    place = url(client, "original")
    chance = Random(7)  # not Hypothesis: the daemon's threads draw from the same random numbers
    whole = original.read_bytes()
    for _ in range(40):
        start, length = chance.randrange(len(whole) + 100), chance.randrange(1, len(whole))
        part = whole[start : start + length]
        answer = client.get(place, headers={"Range": f"bytes={start}-{start + length - 1}"})
        if not part:
            assert (answer.status_code, answer.headers["content-range"]) == (416, f"bytes */{len(whole)}")
        else:
            assert (answer.status_code, answer.content) == (206, part)
            assert answer.headers["content-range"] == f"bytes {start}-{start + len(part) - 1}/{len(whole)}"


def test_a_file_is_sent_once_and_then_known(client: httpx.Client, original: Path) -> None:
    answer = client.get(url(client, "original"))
    assert (answer.status_code, answer.content, answer.headers["content-type"]) == (200, original.read_bytes(), "video/mp4")
    assert answer.headers["accept-ranges"] == "bytes"
    again = client.get(url(client, "original"), headers={"If-None-Match": answer.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert client.get(url(client, "original"), headers={"Range": "bytes=-10"}).content == original.read_bytes()[-10:]
    changed = {"Range": "bytes=0-9", "If-Range": '"another"'}
    assert client.get(url(client, "original"), headers=changed).status_code == 200


def test_what_is_not_there_is_told(daemon: Daemon, client: httpx.Client, original: Path) -> None:
    for what in ("result", "comparison", "nonsense", "..%2F..%2Fqueue.sqlite"):
        answer = client.get(url(client, what))
        assert answer.status_code == 404, what
    assert "no 'nonsense'" in client.get(url(client, "nonsense")).json()["error"]["message"]
    found = url(client, "original")
    original.unlink()
    assert client.get(found).json()["error"]["path"] == str(original)
