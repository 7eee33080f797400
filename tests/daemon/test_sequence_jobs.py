"""Sequences as jobs: the real queue and worker, on the faulty road and, once, on the real one."""

from __future__ import annotations

import json
import shutil
import sys
import time
from pathlib import Path
from typing import Any

import httpx
import pytest
from clipmaker import exposure_flicker, pan
from commandline import Run
from desktops import wait_until
from framemaker import write_frames
from killing import kill_while_it_works, open_field, watch_command
from queuedesk import Desk

from deshimmer.config.settings import HotFolder, Settings
from deshimmer.daemon.app import Daemon, request_for
from deshimmer.daemon.fates import CANCELLED_GONE, CANCELLED_REPLACED
from deshimmer.daemon.page import job_view
from deshimmer.daemon.page.proxies import Proxies
from deshimmer.daemon.states import State
from deshimmer.processors import media
from deshimmer.processors.sequences import frame_folders

NAME = "f_{:04d}.png"


def drop(folder: Path, frames: int = 4) -> Path:
    """Moved in, as a whole."""
    made = write_frames(folder.parent.parent / "making" / folder.name, NAME, pan(frames, (64, 48)))
    folder.parent.mkdir(parents=True, exist_ok=True)
    made.rename(folder)
    return folder


def enqueue(desk: Desk, folder: Path) -> Any:
    hot_folder = HotFolder(path=folder.parent, output=desk.output)
    return desk.jobs.enqueue(request_for(folder, hot_folder, desk.settings), desk.jobs.content_digest(folder), 10)


def test_once_and_again(desk: Desk, tmp_path: Path) -> None:
    folder = drop(tmp_path / "hot" / "ok-a")
    row = enqueue(desk, folder)
    desk.wait_for_end()
    assert desk.outcome(row) == "kept"
    assert enqueue(desk, folder).id == row.id
    retried = desk.jobs.retry(row.id)
    assert retried.id != row.id
    desk.wait_for_end()
    assert desk.outcome(retried) == "kept"
    shutil.copyfile(folder / NAME.format(1), folder / NAME.format(5))
    more = enqueue(desk, folder)
    desk.wait_for_end()
    assert more.id.partition("-")[0] != row.id.partition("-")[0]
    assert [receipt.outcome for receipt in desk.ended] == ["kept"] * 3


def test_a_gap_is_named_and_mended(desk: Desk, tmp_path: Path) -> None:
    folder = drop(tmp_path / "hot" / "ok-a")
    (folder / NAME.format(3)).rename(tmp_path / "aside.png")
    row = enqueue(desk, folder)
    desk.wait_for_end()
    assert (desk.outcome(row), "f_0003 is missing" in (desk.jobs.get(row.id).reason or "")) == ("failed", True)
    (tmp_path / "aside.png").rename(folder / NAME.format(3))
    mended = enqueue(desk, folder)
    desk.wait_for_end()
    assert desk.outcome(mended) == "kept"


def test_replaced_and_deleted_while_it_runs(desk: Desk, tmp_path: Path) -> None:
    folder = drop(tmp_path / "hot" / "hang-a")
    row = enqueue(desk, folder)
    desk.wait(lambda: desk.jobs.get(row.id).state is State.RUNNING)
    shutil.copyfile(folder / NAME.format(1), folder / NAME.format(2))
    later = enqueue(desk, folder)
    desk.wait(lambda: desk.jobs.get(row.id).state.is_final)
    assert desk.jobs.get(row.id).reason == "the render was replaced by a newer one"
    shutil.rmtree(folder)
    desk.jobs.gone(folder)
    desk.wait_for_end()
    assert [desk.outcome(each) for each in (row, later)] == ["cancelled", "cancelled"]


@pytest.mark.parametrize(("goes", "reason"), [(6, CANCELLED_GONE), (1, CANCELLED_REPLACED)])
def test_frames_that_go_under_a_job_are_no_failure(desk: Desk, tmp_path: Path, goes: int, reason: str) -> None:
    """Before anybody tells of it: a folder goes one frame after the other."""
    folder = drop(tmp_path / "hot" / "reads-a", 6)
    row = enqueue(desk, folder)
    desk.wait(lambda: desk.jobs.get(row.id).stage == "diagnose")
    for number in range(2, 2 + goes):
        (folder / NAME.format(1 + number % 6)).unlink()
        time.sleep(0.1)
    desk.wait_for_end()
    assert (desk.outcome(row), desk.jobs.get(row.id).reason) == ("cancelled", reason)


def test_an_error_of_a_sequence_that_stays_is_a_failure(desk: Desk, tmp_path: Path) -> None:
    row = enqueue(desk, drop(tmp_path / "hot" / "error-a"))
    desk.wait_for_end()
    assert desk.outcome(row) == "failed"


def say_rate(folder: Path, fps: float) -> None:
    folder.with_name(f"{folder.name}.deshimmer.json").write_text(json.dumps({"schema": 1, "fps": fps}))


def test_another_rate_is_another_job(desk: Desk, tmp_path: Path) -> None:
    folder = drop(tmp_path / "hot" / "ok-a")
    first = enqueue(desk, folder)
    desk.wait_for_end()
    say_rate(folder, 24)
    assert enqueue(desk, folder).id == first.id, "the settings' own"
    say_rate(folder, 30)
    other = enqueue(desk, folder)
    desk.wait_for_end()
    assert other.id.partition("-")[0] != first.id.partition("-")[0]
    receipt = json.loads(Path(desk.jobs.get(other.id).receipt or "").read_text())
    assert receipt["details"]["clip"]["frame_rate"] == "30"
    assert desk.jobs.history_clear() == 2
    assert desk.jobs.history_rebuild([desk.output]) == 1
    assert enqueue(desk, folder).id == other.id
    assert desk.jobs.table.get(other.id).content_digest == desk.jobs.content_digest(folder)


def test_a_rate_that_comes_late_is_taken_up(daemon: Daemon, client: httpx.Client, tmp_path: Path) -> None:
    def ended() -> int:
        jobs = client.get("/api/v1/jobs").json()["jobs"]
        return len(jobs) if all(job["state"] == "done" for job in jobs) else 0

    folder = drop(tmp_path / "hot" / "ok-shot")
    wait_until(lambda: ended() == 1, "the first job")
    say_rate(folder, 12.5)
    wait_until(lambda: ended() == 2, "the second job")
    assert len({row.id.partition("-")[0] for row in daemon.jobs.list()}) == 2


def test_the_daemon_takes_a_folder_and_shows_it(daemon: Daemon, client: httpx.Client, tmp_path: Path) -> None:
    hot = tmp_path / "hot"

    def states() -> dict[str, str]:
        return {Path(job["path"]).name: job["state"] for job in client.get("/api/v1/jobs").json()["jobs"]}

    drop(hot / "ok-shot")
    wait_until(lambda: states() == {"ok-shot": "done"}, "the first job's end")
    (done,) = daemon.jobs.list()
    assert job_view.media(done)["original"] == hot / "ok-shot"
    drop(hot / "hang-shot", 5)
    wait_until(lambda: states() == {"ok-shot": "done", "hang-shot": "running"}, "the second job")
    shutil.rmtree(hot / "hang-shot")
    wait_until(lambda: not daemon.jobs.unfinished(), "the deleted one's end")
    assert {(Path(row.path).name, row.outcome) for row in daemon.jobs.list()} == {("ok-shot", "kept"), ("hang-shot", "cancelled")}


def test_the_page_has_proxies_of_both_sides(tmp_path: Path) -> None:
    folder = drop(tmp_path / "hot" / "shot.mp4")  # a folder's name says nothing
    cache = Proxies(Settings)
    proxy = cache.get("proxy", folder).done.result(timeout=30)
    thumbnail = cache.get("thumbnail", folder, 2).done.result(timeout=30)
    assert (media.probe(proxy).frames, thumbnail.suffix) == (4, ".jpg")
    assert cache.get("proxy", folder).output == proxy
    say_rate(folder, 12)
    slower = cache.get("proxy", folder).done.result(timeout=30)
    assert (slower != proxy, media.probe(slower).frame_rate) == (True, 12)
    shutil.copyfile(folder / NAME.format(1), folder / NAME.format(2))
    assert cache.get("proxy", folder).output not in (proxy, slower)


def test_watch_once_repairs_a_sequence(run: Run, tmp_path: Path) -> None:
    hot = tmp_path / "hot"
    folder = write_frames(hot / "shots" / "shot_010", "shot_010.{:04d}.png", exposure_flicker(pan(16, (96, 64)), 10), first=1001)
    gap = drop(hot / "gap", 5)
    (gap / NAME.format(2)).unlink()
    command = ("watch", hot, "--once", "--json", "--set", "intake.quiet_s=0.1")
    ended = run(*command)
    told = {line["path"]: line for line in ended.lines}
    assert {path: line["outcome"] for path, line in told.items()} == {str(folder): "repaired", str(gap): "failed"}
    assert "f_0002 is missing" in told[str(gap)]["error"]["message"]
    result = frame_folders.find(Path(told[str(folder)]["output"]))
    assert result.folder == hot / "deshimmered" / "shots" / "shot_010.deshimmered"
    assert (result.prefix, result.first, result.count) == ("shot_010.", 1001, 16)
    assert told[str(folder)]["after"]["flicker_score"] < told[str(folder)]["before"]["flicker_score"] / 2
    receipt = json.loads(Path(told[str(folder)]["receipt"]).read_text())
    assert (receipt["details"]["source"], receipt["details"]["clip"]["container"]) == (str(folder), "frames")
    assert run(*command).out == ""


@pytest.mark.skipif(sys.platform == "win32", reason="kill -9 and process environments are POSIX")
def test_kills_leave_nothing_half(tmp_path: Path) -> None:
    hot = tmp_path / "hot"
    folder = write_frames(hot / "shot", NAME, exposure_flicker(pan(16, (96, 64)), 10))
    with open_field(tmp_path / "home", hot, watch_command(hot)) as field:
        tally = kill_while_it_works(field, 1, wait_s=(3.0, 4.0), seed=3, limit_s=60)
    assert (tally.clips, dict(tally.outcomes), tally.is_clean()) == (1, {"repaired": 1}, True), tally
    assert frame_folders.find(hot / "deshimmered" / "shot.deshimmered").count == frame_folders.find(folder).count
