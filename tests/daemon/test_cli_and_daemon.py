"""The command line with a daemon and without one: the queue is seen and steered, ``watch`` hands over or waits."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from clipmaker import pan, write
from commandline import Run, program

from deshimmer.config import paths
from deshimmer.config.settings import HotFolder, Settings
from deshimmer.daemon import queue_commands
from deshimmer.daemon.app import Daemon
from deshimmer.daemon.lock import hold_state


@pytest.fixture
def daemon(faulty_road: str, hot: Path) -> Iterator[Daemon]:
    settings = Settings.model_validate({"intake": {"quiet_s": 0.1, "rescan_s": 0.5}})
    running = Daemon(settings, [HotFolder(path=hot, existing="process")], road=faulty_road)
    running.start()
    yield running
    running.stop()


@pytest.fixture
def hot(tmp_path: Path) -> Path:
    folder = tmp_path / "hot"
    folder.mkdir()
    return folder


def wait_for(run: Run, state: str, count: int = 1) -> list[dict[str, Any]]:
    deadline = time.monotonic() + 20
    while len(found := run("jobs", "--state", state, "--json").lines) < count:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    return found


def test_without_a_daemon_lists_are_read_and_actions_say_what_to_start(run: Run) -> None:
    status = run("status", "--json")
    assert (status.code, status.lines[0]["running"]) == (0, False)
    assert run("jobs", "--json").lines == []
    assert "deshimmer run" in run("jobs").err
    for command in (("retry", "abc"), ("cancel", "abc"), ("pause",), ("resume",), ("history", "clear")):
        ended = run(*command, "--json")
        assert (ended.code, ended.lines[0]["error"]["title"]) == (1, "The daemon is not running")
        assert "deshimmer run" in ended.err
    assert run("show", "abc", "--json").lines[0]["error"]["title"] == "There is no such job"
    assert run("run").code == 1


def test_the_queue_is_seen_and_steered(run: Run, daemon: Daemon, hot: Path) -> None:
    write(hot / "quick.mp4", pan(4, (64, 48)))
    done = wait_for(run, "done")[0]
    assert run("status", "--json").lines[0]["counts"]["done"] == 1
    shown = run("show", done["id"][:6], "--json").lines[0]
    assert (shown["job"]["id"], shown["receipt"]["outcome"]) == (done["id"], "kept")
    assert run("retry", done["id"], "--json").lines[0]["job"]["id"] != done["id"]
    wait_for(run, "done", 2)
    write(hot / "hang-1.mp4", pan(5, (64, 48)))
    hanging = wait_for(run, "running")[0]
    assert "diagnosing" in run("status").out
    assert run("cancel", hanging["id"]).code == 0
    assert wait_for(run, "cancelled")[0]["id"] == hanging["id"]
    assert run("pause", "--for", "1h", "--json").lines[0]["paused"] is True
    assert "paused" in run("status").out
    assert run("resume", "--json").lines[0]["paused"] is False
    assert run("history", "clear", "--json").code == 0
    for ended in (run("show", "fffff", "--json"), run("cancel", "fffff", "--json")):
        assert (ended.code, ended.lines[0]["error"]["title"]) == (1, "There is no such job")


def test_lists_for_a_person_with_and_without_the_daemon(run: Run, daemon: Daemon, hot: Path) -> None:
    write(hot / "error-[b].mp4", pan(4, (64, 48)))
    failed = wait_for(run, "failed")[0]
    with_daemon = (run("jobs").out, run("show", failed["id"]).out)
    daemon.stop()
    assert (run("jobs").out, run("show", failed["id"]).out) == with_daemon
    assert "error-[b].mp4" in with_daemon[0]
    assert "nothing to see" in with_daemon[1]
    assert run("jobs", "--state", "lost").code == 2


def test_watch_hands_its_folder_to_the_running_daemon_and_follows(daemon: Daemon, tmp_path: Path) -> None:
    folder = tmp_path / "other"
    with program("watch", folder, "--json") as process:
        deadline = time.monotonic() + 20
        while folder not in [each.path for each in daemon.hot_folders()]:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        write(folder / "clip.mp4", pan(4, (64, 48)))
        assert process.stdout is not None
        record = json.loads(process.stdout.readline())
        process.send_signal(signal.SIGINT)
        rest, err = process.communicate(timeout=10)
    assert (record["path"], record["outcome"], rest, process.returncode) == (str(folder / "clip.mp4"), "kept", "", 0)
    assert str(folder / "deshimmered") in err


def test_watch_once_says_that_the_daemon_is_in_the_way(run: Run, daemon: Daemon, tmp_path: Path) -> None:
    ended = run("watch", tmp_path / "other", "--once", "--json")
    assert (ended.code, [set(line) for line in ended.lines]) == (1, [{"path", "outcome", "error"}])
    assert "Drop clips into" not in ended.err  # it refuses before it promises anything


def test_watch_refuses_a_state_folder_that_is_at_work(run: Run, tmp_path: Path) -> None:
    with hold_state():
        ended = run("watch", tmp_path / "hot")
    assert ended.code == 1
    assert "runs already on this state folder" in ended.err
    assert "Drop clips into" not in ended.err


def test_watch_once_works_off_what_is_there(run: Run, clip: Path, hot: Path) -> None:
    shutil.copyfile(clip, hot / "clip.mp4")
    (hot / "cut.mp4").write_bytes(clip.read_bytes()[:3000])
    ended = run("watch", hot, "--once", "--json", "--set", "intake.quiet_s=0.1")
    assert ended.code == 1
    outcomes = {line["path"]: line["outcome"] for line in ended.lines}
    assert outcomes == {str(hot / "clip.mp4"): "repaired", str(hot / "cut.mp4"): "failed"}
    assert (hot / "deshimmered" / "clip.deshimmered.mp4").exists()
    assert f"Drop clips into    {hot}" in ended.err
    assert run("watch", hot, "--once", "--json", "--set", "intake.quiet_s=0.1").out == ""


def test_watch_makes_its_default_folder(run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(paths, "default_hot_folder", lambda: tmp_path / "Videos" / "deshimmer")
    assert run("watch", "--once", "--json").code == 0
    assert (tmp_path / "Videos" / "deshimmer").is_dir()


@pytest.mark.parametrize(("text", "expected"), [("30m", 1800), ("90s", 90), ("1h30m", 5400), ("2d", 172800), ("45", 45), ("1.5h", 5400)])
def test_durations(text: str, expected: float) -> None:
    assert queue_commands.seconds(text) == expected


@pytest.mark.parametrize("text", ["", "soon", "30x", "m", "-5m", "3 m"])
def test_what_is_no_duration_is_wrong_usage_with_or_without_a_daemon(run: Run, text: str) -> None:
    assert run("pause", f"--for={text}").code == 2


def test_wrong_usage_needs_no_daemon_to_be_wrong(run: Run) -> None:
    assert run("retry", "abc", "--route", "bogus").code == 2
    assert run("status", "--set", "queue.database=garbage").code == 2
    assert run("config", "show", "--set", 'hot_folders=[{path="relative"}]').code == 2


@pytest.mark.skipif(sys.platform == "win32", reason="XDG folders are POSIX")
@pytest.mark.parametrize("command", [("status",), ("jobs",), ("pause",), ("watch", "--once"), ("fix",), ("doctor",)])
def test_a_state_folder_that_cannot_be_made_is_told(
    run: Run, clip: Path, monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...]
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(clip / "state"))
    given = {"watch": [clip.parent / "hot"], "fix": [clip]}.get(command[0], [])
    ended = run(*command, *given, "--json")
    assert (ended.code, len(ended.lines)) == (1, 1)
    assert "XDG_STATE_HOME" in ended.out
    assert sorted(os.listdir(clip.parent)) in (["clip.mp4"], ["clip.mp4", "hot"], ["clip.mp4", "deshimmered"])


def test_while_watch_once_is_at_work_the_commands_say_so(run: Run) -> None:
    with hold_state():
        assert "watch --once" in run("jobs").err
        assert "watch --once" in run("pause").err


def test_watch_refuses_before_it_introduces_itself(run: Run, hot: Path) -> None:
    with hold_state():
        refused = run("watch", hot)
    assert refused.code == 1
    assert "runs already" in refused.err
    assert "Drop clips into" not in refused.err


def test_watch_logs_names_that_are_no_unicode(run: Run, hot: Path, own_state: Path) -> None:
    write(hot / os.fsdecode(b"caf\xe9.mp4"), pan(4, (64, 48)))
    ended = run("watch", hot, "--once", "--json", "--set", "intake.quiet_s=0.1")
    assert (ended.code, len(ended.lines)) == (0, 1)
    assert "Traceback" not in ended.err
    assert r"caf\udce9.mp4: kept" in next(own_state.rglob("daemon.log")).read_text()
