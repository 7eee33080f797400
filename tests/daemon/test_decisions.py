"""To render a clip again, or to keep the original: what a person or the hot folder decides after a job's end. Real daemon and workers."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from clipmaker import pan, write
from commandline import Run
from offered import OFFER
from offering_road import sidecar_of

from deshimmer.config.settings import HotFolder, Settings
from deshimmer.daemon.api import api_file
from deshimmer.daemon.app import Daemon
from deshimmer.daemon.table import Table
from deshimmer.daemon.workers import OnProgress, Worker
from deshimmer.processors.records import KEPT_BY_CHOICE

ROAD = "offering_road"
UNREADY = OFFER | {"ready": False, "remedy": "Run 'deshimmer models add THUDM/CogVideoX-5b'."}
JSON = dict[str, Any]


class Desk:
    """One hot folder, and a client of its daemon."""

    def __init__(self, folder: Path, regenerate: str = "ask") -> None:
        self.hot = folder / "hot"
        self.hot.mkdir(exist_ok=True)
        settings = Settings.model_validate({"intake": {"quiet_s": 0.1, "rescan_s": 1.0}})
        hot_folder = HotFolder.model_validate({"path": self.hot, "regenerate": regenerate})
        self.daemon = Daemon(settings, [hot_folder], road=ROAD)
        self.daemon.start()
        entry = json.loads(api_file().read_text())
        self.client = httpx.Client(
            base_url=f"{entry['url']}/api/v1", headers={"Authorization": f"Bearer {entry['token']}"}, trust_env=False
        )

    def close(self) -> None:
        self.client.close()
        self.daemon.stop()

    def drop(self, name: str, offer: JSON | None = OFFER, stored: JSON | None = None) -> Path:
        """A render, its sidecar before it."""
        clip = self.hot / f"{name}.mp4"
        if offer is not None:
            sidecar_of(clip).write_text(json.dumps({"offer": offer, "stored": stored}))
        aside = write(self.hot.parent / "aside.mp4", pan(4 + len(list(self.hot.glob("*.mp4"))), (64, 48)))
        os.replace(aside, clip)
        return clip

    def wait(self, condition: Callable[[], object], seconds: float = 30.0) -> None:
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, self.jobs()
            time.sleep(0.03)

    def jobs(self) -> list[JSON]:
        return self.client.get("/jobs").json()["jobs"]

    def ended(self, number: int = 1) -> JSON:
        """The newest job, once so many have ended."""
        self.wait(lambda: sum(job["finished"] is not None for job in self.jobs()) == number and not self.status()["counts"]["queued"])
        return self.jobs()[0]

    def status(self) -> JSON:
        return self.client.get("/status").json()

    def receipt(self, job: JSON) -> JSON:
        return json.loads(Path(job["receipt"]).read_text())

    def refused(self, job: JSON, act: str = "approve") -> str:
        answer = self.client.post(f"/jobs/{job['id']}/{act}")
        assert answer.status_code in (404, 409), answer.text
        return answer.json()["error"]["message"]


@pytest.fixture
def desk(tmp_path: Path, faulty_road: str) -> Iterator[Desk]:
    desk = Desk(tmp_path)
    yield desk
    desk.close()


def test_an_offer_waits_is_approved_once_and_leads_to_the_job(desk: Desk, run: Run) -> None:
    desk.drop("clip")
    job = desk.ended()
    assert (job["outcome"], job["offer"]) == ("repaired", "waiting")
    status = desk.status()
    assert (status["needs_you"], status["approving"]) == (0, 1)
    cost = {"minutes": 12.0, "memory_gb": 18.5, "device": "NVIDIA RTX 4090"}
    assert status["waiting_for_approval"] == [{"id": job["id"], "path": job["path"], **cost}]
    approved = run("approve", job["id"], "--json")
    assert approved.code == 0
    made = approved.lines[0]["job"]
    assert made["id"] != job["id"]
    assert desk.ended(2) == desk.client.get(f"/jobs/{made['id']}").json()["job"]
    receipt = desk.receipt(desk.jobs()[0])
    assert (receipt["id"], receipt["route"], receipt["offer"]) == (made["id"], "regenerate", None)
    request = receipt["details"]["request"]
    assert (request["route"], request["approved"], request["regenerate"]) == ("regenerate", True, "ask")
    again = run("approve", job["id"])
    assert again.code == 1
    assert f"approved already: job {made['id']}" in again.err
    first = desk.client.get(f"/jobs/{job['id']}").json()
    assert (first["job"]["offer"], first["receipt"]) == ("approved", None)  # its receipt's place is the other's
    assert (receipt["details"]["former"]["id"], receipt["details"]["former"]["offer"]) == (job["id"], OFFER)
    assert desk.status()["approving"] == 0


def test_what_was_rendered_again_stands_when_the_clip_is_dropped_again(desk: Desk) -> None:
    stored = {"prompt": {"source": "deshimmer", "prompt": "a woman"}, "lint": []}
    clip = desk.drop("clip", OFFER, stored)
    desk.client.post(f"/jobs/{desk.ended()['id']}/approve")
    rendered = desk.ended(2)
    row = desk.daemon.jobs.get(rendered["id"])
    plain = replace(row.request, route=None, approved=False)
    standing = desk.daemon.jobs.enqueue(plain, desk.daemon.jobs.content_digest(clip))
    assert standing is not None
    assert standing.id == rendered["id"]
    named = desk.daemon.jobs.retry(rendered["id"], "regenerate").request
    assert (named.route, named.approved, named.unasked) == ("regenerate", False, False)  # named by a person: delivered in any case


def test_two_who_approve_at_once_begin_one_job(desk: Desk) -> None:
    desk.drop("slow")
    job = desk.ended()
    with ThreadPoolExecutor(4) as four:
        answers = list(
            four.map(lambda _: httpx.post(f"{desk.client.base_url}jobs/{job['id']}/approve", headers=desk.client.headers), range(4))
        )
    assert sorted(answer.status_code for answer in answers) == [200, 409, 409, 409]
    desk.wait(lambda: desk.status()["counts"]["running"])
    [made] = [answer.json()["job"]["id"] for answer in answers if answer.status_code == 200]
    assert f"Job {made} treats this clip again" in desk.refused(job, "keep")
    assert "is running" in desk.refused({"id": made}, "renew")
    desk.client.post(f"/jobs/{made}/cancel")
    desk.ended(2)
    assert f"job {made} is cancelled. Begin it again with: deshimmer retry {made}" in desk.refused(job)
    assert f"Job {made} was cancelled and made nothing" in desk.refused({"id": made}, "keep")
    again = desk.client.post(f"/jobs/{made}/retry").json()["job"]
    assert desk.daemon.jobs.get(again["id"]).request.approved
    assert desk.ended(3)["route"] == "regenerate"


def test_what_makes_no_offer_or_changed_is_refused(desk: Desk) -> None:
    desk.drop("plain", None)
    plain = desk.ended(1)
    assert "not offered" in desk.refused(plain)
    changed = desk.drop("changed")
    job = desk.ended(2)
    kept = changed.read_bytes()
    changed.write_bytes(kept + bytes(1))
    assert "changed since" in desk.refused(job)
    desk.wait(lambda: len(desk.jobs()) == 3)
    assert f"job {desk.ended(3)['id']} has taken its place" in desk.refused(job)
    gone = desk.drop("gone")
    job = desk.ended(4)
    gone.unlink()
    assert "no longer there" in desk.refused(job)
    assert "no job" in desk.refused({"id": "ffffffffffff-1"})


def test_an_unready_offer_tells_its_remedy_until_it_is_ready(desk: Desk) -> None:
    clip = desk.drop("clip", UNREADY)
    job = desk.ended()
    assert (job["offer"], desk.status()["approving"]) == ("unready", 0)
    assert desk.refused(job) == UNREADY["remedy"]
    sidecar_of(clip).write_text(json.dumps({"offer": OFFER}))
    made = desk.client.post(f"/jobs/{job['id']}/approve").json()["job"]
    assert made["id"] != job["id"]
    assert desk.ended(2)["route"] == "regenerate"


def test_keeping_the_original_takes_only_our_files_and_holds_until_retry(desk: Desk) -> None:
    clip = desk.drop("clip")
    before = clip.read_bytes()
    job = desk.ended()
    results = desk.hot / "deshimmered"
    foreign = results / "mine.mp4"
    foreign.write_bytes(b"mine")
    assert {path.name for path in results.glob("clip.*")} == {
        "clip.deshimmered.mp4",
        "clip.comparison.mp4",
        "clip.report.html",
        "clip.receipt.json",
    }
    kept = desk.client.post(f"/jobs/{job['id']}/keep").json()["job"]
    assert (kept["outcome"], kept["reason"], kept["output"], kept["offer"]) == ("kept", KEPT_BY_CHOICE, None, "declined")
    assert {path.name for path in results.glob("clip.*")} == {"clip.report.html", "clip.receipt.json"}
    assert (clip.read_bytes(), foreign.read_bytes()) == (before, b"mine")
    receipt = desk.receipt(kept)
    assert (receipt["outcome"], receipt["reason"], receipt["route"]) == ("kept", KEPT_BY_CHOICE, "keep")
    assert [receipt[key] for key in ("output", "comparison", "offer")] == [None, None, None]
    assert "original already" in desk.refused(job, "keep")
    assert "keep the original" in desk.refused(job)
    clip.unlink()
    desk.wait(lambda: not clip.exists())
    time.sleep(0.5)
    clip.write_bytes(before)  # dropped again
    time.sleep(1.5)
    assert len(desk.jobs()) == 1
    desk.client.post(f"/jobs/{job['id']}/retry")
    assert desk.ended(2)["outcome"] == "repaired"
    assert (results / "clip.deshimmered.mp4").exists()


def test_a_flagged_clip_that_is_kept_needs_nobody(desk: Desk) -> None:
    desk.drop("flag", None)
    job = desk.ended()
    assert (job["outcome"], desk.status()["needs_you"]) == ("flagged", 1)
    assert desk.client.post(f"/jobs/{job['id']}/keep").json()["job"]["outcome"] == "kept"
    assert desk.status()["needs_you"] == 0
    assert "original already" in desk.refused(job, "keep")


def test_a_sidecar_that_comes_late_updates_the_offer_and_is_told(desk: Desk) -> None:
    clip = desk.drop("clip", None)
    job = desk.ended()
    assert job["offer"] is None
    since = desk.status()["event"]
    sidecar_of(clip).write_text(json.dumps({"offer": UNREADY}))
    desk.wait(lambda: desk.jobs()[0]["offer"] == "unready")
    assert desk.receipt(job)["offer"] == UNREADY
    sidecar_of(clip).write_text(json.dumps({"offer": OFFER}))
    desk.wait(lambda: desk.jobs()[0]["offer"] == "waiting")
    assert len(desk.jobs()) == 1

    def told() -> list[str]:
        return [json.loads(event.text)["job"]["offer"] for event in desk.daemon.jobs.hub.since(since) if event.kind == "amended"]

    desk.wait(lambda: told()[-1] == "waiting")


def test_a_late_offer_is_news_once_also_of_a_job_that_was_looked_at(desk: Desk) -> None:
    clip = desk.drop("clip", None)
    job = desk.ended()
    desk.client.post("/seen", json={"id": job["id"]})
    since = desk.status()["event"]
    sidecar_of(clip).write_text(json.dumps({"offer": OFFER}))
    desk.wait(lambda: desk.status()["approving"] == 1)
    sidecar_of(clip).write_text(json.dumps({"offer": OFFER | {"minutes": 14.0}}))
    told: list[JSON] = []

    def heard() -> bool:
        told[:] = [json.loads(event.text) for event in desk.daemon.jobs.hub.since(since) if event.kind == "amended"]
        return len(told) == 2

    desk.wait(heard)
    assert desk.status()["waiting_for_approval"][0]["minutes"] == 14.0
    assert [(each["job"]["offer"], each["offered"]) for each in told] == [("waiting", True), ("waiting", False)]


@pytest.mark.parametrize("is_changed", [True, False])
def test_a_prompt_that_is_read_again_undoes_no_decision(desk: Desk, is_changed: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    clip = desk.drop("clip")
    job = desk.ended()
    ask = Worker.ask

    def kept_meanwhile(self: Worker, request: JSON, on_progress: OnProgress) -> JSON:
        answer = ask(self, request, on_progress)
        if "renew" in request:
            desk.daemon.jobs.keep(job["id"])
        return answer

    monkeypatch.setattr(Worker, "ask", kept_meanwhile)
    if is_changed:
        sidecar_of(clip).write_text(json.dumps({"offer": OFFER | {"minutes": 14.0}}))
        assert "same moment" in desk.refused(job, "renew")
    else:
        assert desk.client.post(f"/jobs/{job['id']}/renew").json()["job"]["outcome"] == "kept"
    assert (desk.receipt(job)["outcome"], desk.jobs()[0]["outcome"], desk.jobs()[0]["offer"]) == ("kept", "kept", "declined")


def test_a_kill_between_receipt_and_list_is_made_good(tmp_path: Path, faulty_road: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def killed(self: Table, job_id: str, summary: JSON) -> None:
        raise KeyboardInterrupt

    first = Desk(tmp_path)
    first.drop("clip", None)
    clip = first.ended()
    late = first.drop("late", None)
    job = first.ended(2)
    with monkeypatch.context() as broken:
        broken.setattr(Table, "amend", killed)
        with pytest.raises(KeyboardInterrupt):
            first.daemon.jobs.keep(clip["id"])
        sidecar_of(late).write_text(json.dumps({"offer": OFFER}))
        with pytest.raises(KeyboardInterrupt):
            first.daemon.jobs.renew(job["id"])
    first.close()
    assert (first.receipt(clip)["outcome"], first.receipt(job)["offer"]) == ("kept", OFFER)
    second = Desk(tmp_path)
    second.wait(lambda: {each["outcome"] for each in second.jobs()} == {"kept", "repaired"})
    second.wait(lambda: "waiting" in {each["offer"] for each in second.jobs()})
    second.close()


def test_a_sidecar_that_comes_while_the_clip_is_at_work_is_found(desk: Desk) -> None:
    clip = desk.drop("slow", None)
    desk.wait(lambda: desk.status()["counts"]["running"])
    sidecar_of(clip).write_text(json.dumps({"offer": OFFER}))
    desk.wait(lambda: desk.jobs()[0]["offer"] == "waiting")


def test_a_sidecar_that_came_while_no_daemon_ran_is_found(tmp_path: Path, faulty_road: str) -> None:
    first = Desk(tmp_path)
    clip = first.drop("clip", None)
    first.ended()
    first.close()
    sidecar_of(clip).write_text(json.dumps({"offer": OFFER}))
    second = Desk(tmp_path)
    second.wait(lambda: second.jobs()[0]["offer"] == "waiting")
    second.close()


@pytest.mark.parametrize(
    ("offer", "jobs"),
    [
        (OFFER, 2),
        (OFFER | {"means": "comfyui", "device": None, "on_gpu": False}, 2),
        (OFFER | {"device": "CPU", "on_gpu": False}, 1),
        (OFFER | {"here": False}, 1),
        (UNREADY, 1),
    ],
)
def test_auto_starts_once_where_a_gpu_or_comfyui_does_it(tmp_path: Path, faulty_road: str, offer: JSON, jobs: int) -> None:
    desk = Desk(tmp_path, "auto")
    desk.drop("clip", offer)
    desk.ended(jobs)
    time.sleep(0.5)
    assert desk.jobs()[-1]["offer"] == ("approved" if jobs == 2 else "waiting" if offer["ready"] else "unready")
    assert len(desk.jobs()) == jobs
    desk.close()


def test_never_offers_nothing(tmp_path: Path, faulty_road: str) -> None:
    desk = Desk(tmp_path, "never")
    desk.drop("clip")
    job = desk.ended()
    assert (job["offer"], desk.status()["approving"]) == (None, 0)
    assert "not offered" in desk.refused(job)
    desk.close()
