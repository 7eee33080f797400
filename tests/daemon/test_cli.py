"""The command line as a script sees it: standard output, standard error, exit code."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from clipmaker import exposure_flicker, pan, write
from commandline import Run, program

from deshimmer.config import paths
from deshimmer.config.settings import HotFolder, Settings
from deshimmer.daemon import cli, queue_commands
from deshimmer.daemon.app import Daemon
from deshimmer.daemon.lock import hold_state


def test_diagnose_writes_nothing(run: Run, clip: Path, own_state: Path) -> None:
    run("diagnose", clip, "--json")
    assert os.listdir(clip.parent) == ["clip.mp4"]
    assert not list(own_state.rglob("*.sqlite*"))


def test_diagnose_for_a_person_names_verdict_and_repair(run: Run, clip: Path) -> None:
    ended = run("diagnose", clip)
    assert ended.code == 0
    assert "luminance" in ended.out
    assert "smooth" in ended.out
    assert "clip.mp4: diagnosing" in ended.err


@pytest.mark.skipif(sys.platform == "win32", reason="there are no pseudo-terminals")
def test_on_a_terminal_a_bar_is_shown_and_standard_output_stays_clean(clip: Path) -> None:
    import pty

    ours, theirs = pty.openpty()
    with program("diagnose", clip, "--json", stderr=theirs) as process:
        os.close(theirs)
        shown = b""
        with contextlib.suppress(OSError):  # the terminal is gone with its program
            while piece := os.read(ours, 4096):
                shown += piece
        out, _ = process.communicate()
    os.close(ours)
    assert json.loads(out)["verdict"] == "luminance"
    assert b"clip.mp4: diagnosing" in shown
    assert b"verdict" not in shown


@pytest.mark.skipif(sys.platform == "win32", reason="there are no pseudo-terminals")
def test_on_a_terminal_one_clip_is_told_in_full(clip: Path) -> None:
    import pty

    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "deshimmer.daemon", "diagnose", str(clip)]
    with subprocess.Popen(command, stdout=theirs, stderr=subprocess.DEVNULL) as process:
        os.close(theirs)
        shown = b""
        with contextlib.suppress(OSError):  # the terminal is gone with its program
            while piece := os.read(ours, 4096):
                shown += piece
    os.close(ours)
    assert process.returncode == 0
    assert "brightness pulses" in (text := shown.decode())
    assert "Whole-frame brightness" in text
    assert "smooth" in text


@pytest.mark.parametrize("suffix", [".png", ".svg"])
def test_diagnose_draws_its_curves(run: Run, clip: Path, suffix: str) -> None:
    plot = clip.parent / f"plot{suffix}"
    assert run("diagnose", clip, "--plot", plot).code == 0
    assert plot.read_bytes().startswith(b"\x89PNG" if suffix == ".png" else b"<svg")
    assert sorted(os.listdir(clip.parent)) == ["clip.mp4", plot.name]


def test_an_error_of_one_clip_is_its_line_and_the_others_go_on(run: Run, clip: Path, tmp_path: Path) -> None:
    (tmp_path / "text.mp4").write_text("not a video")
    (tmp_path / "list.mp4").write_text("ffconcat version 1.0\nfile /etc/hostname\n")
    (tmp_path / "empty.mp4").touch()
    given = [tmp_path / "absent.mp4", tmp_path, tmp_path / "text.mp4", tmp_path / "list.mp4", tmp_path / "empty.mp4", clip]
    ended = run("diagnose", *given, "--json")
    assert ended.code == 1
    assert [line["path"] for line in ended.lines] == [str(path) for path in given]
    assert [line.get("outcome") for line in ended.lines] == ["failed"] * 5 + [None]
    titles = [line["error"]["title"] for line in ended.lines[:5]]
    assert titles == [
        "There is no such clip",
        "There are no frames in the folder",
        "The clip cannot be read",
        "The file is refused",
        "The file is incomplete",
    ]
    assert all(set(line) == {"path", "outcome", "error"} and line["error"]["path"] == line["path"] for line in ended.lines[:5])


@pytest.mark.parametrize(
    "name", ["-dash.mp4", "two words.mp4", "new\nline.mp4", "🎬.mp4", "per%cent [b].mp4", os.fsdecode(b"l\xe4tin.mp4")]
)
def test_names_that_are_odd(run: Run, clip: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(clip.parent)
    clip.rename(name)
    for ended in (run("diagnose", "--json", "--", name), run("diagnose", "--", name)):
        assert ended.code == 0
    assert run("diagnose", "--json", "--", name).lines[0]["path"] == name


def test_fix_repairs_beside_the_clip_and_leaves_nothing_else(
    run: Run, clip: Path, monkeypatch: pytest.MonkeyPatch, own_state: Path
) -> None:
    monkeypatch.chdir(clip.parent)
    before = clip.read_bytes()
    ended = run("fix", "./clip.mp4", "--json")
    record = ended.lines[0]
    assert (ended.code, len(ended.lines)) == (0, 1)
    assert (record["path"], record["outcome"], record["route"], record["verified"]) == ("./clip.mp4", "repaired", "smooth", True)
    results = clip.parent / "deshimmered"
    names = ["clip.comparison.mp4", "clip.deshimmered.mp4", "clip.receipt.json", "clip.report.html"]
    assert sorted(os.listdir(results)) == names
    shown = [Path(record[key]) for key in ("comparison", "output", "receipt", "report")]
    assert [path.resolve() for path in shown] == [(results / name).resolve() for name in names]
    assert record["after"]["flicker_score"] < record["before"]["flicker_score"]
    assert clip.read_bytes() == before
    assert not list(own_state.rglob("*.sqlite*"))


def test_fix_works_anew_and_replaces_its_own_former_result(run: Run, clip: Path, tmp_path: Path) -> None:
    results = tmp_path / "out"
    first = run("fix", clip, "--output", results, "--json").lines[0]
    second = run("fix", clip, "--output", results, "--json").lines[0]
    assert first["id"] != second["id"]
    assert {key: first[key] for key in ("output", "receipt")} == {key: second[key] for key in ("output", "receipt")}
    assert json.loads((results / "clip.receipt.json").read_text())["id"] == second["id"]
    assert len(os.listdir(results)) == 4


def test_fix_for_a_person_is_one_line_and_where_the_result_is(run: Run, clip: Path) -> None:
    ended = run("fix", clip)
    assert (ended.code, len(ended.out.splitlines())) == (0, 2)
    assert "repaired by smooth, flicker 0." in ended.out
    assert ended.out.rstrip().endswith("deshimmered/clip.deshimmered.mp4")


def test_fix_preview_makes_the_comparison_only(run: Run, clip: Path) -> None:
    record = run("fix", clip, "--preview", "--json").lines[0]
    assert (record["outcome"], record["reason"], record["output"]) == ("kept", "preview", None)
    assert Path(record["comparison"]).exists()


def test_fix_of_an_unreadable_clip_is_a_failed_line_with_a_receipt(run: Run, tmp_path: Path) -> None:
    bad = tmp_path / "bad.mp4"
    bad.write_text("not a video")
    ended = run("fix", bad, tmp_path / "absent.mp4", "--json")
    assert ended.code == 1
    assert set(ended.lines[0]) == {"path", "outcome", "error", "id", "receipt"}
    assert Path(ended.lines[0]["receipt"]).exists()
    assert set(ended.lines[1]) == {"path", "outcome", "error"}
    assert not list(tmp_path.rglob(".deshimmer-work"))


def test_fix_regenerate_says_what_is_missing(run: Run, clip: Path) -> None:
    ended = run("fix", clip, "--route", "regenerate", "--candidates", "2", "--json")
    assert (ended.code, ended.lines[0]["error"]["title"]) == (1, "This route cannot treat this clip")
    assert "deshimmer.json" in ended.lines[0]["error"]["message"]


@pytest.mark.parametrize(
    "arguments",
    [
        ("--route", "polish"),
        ("--preset", "other"),
        ("--strength", "2.5"),
        ("--strength", "much"),
        ("--factor", "1"),
        ("--fps", "fast"),
        ("--fps", "0"),
        ("--factor", "2", "--fps", "60"),
        ("--factor", "2", "--route", "smooth"),
        ("--profile", "polish"),
        ("--candidates", "3"),
        ("--candidates", "9", "--route", "regenerate"),
        ("--candidates", "0", "--route", "regenerate"),
        ("--preview", "--route", "regenerate"),
        ("--set", "repair.strenth=1"),
        ("--set", "repair.strength"),
        ("--config", "/absent.toml"),
        ("--unknown",),
    ],
)
def test_wrong_usage_is_exit_2_and_treats_nothing(run: Run, clip: Path, arguments: tuple[str, ...]) -> None:
    ended = run("fix", clip, "--json", *arguments)
    assert (ended.code, [set(line) for line in ended.lines]) == (2, [{"path", "outcome", "error"}])
    assert os.listdir(clip.parent) == ["clip.mp4"]
    assert len(ended.err.splitlines()) == 1


@pytest.mark.parametrize("name", cli.NOT_BUILT)
def test_what_is_not_built_says_so(run: Run, name: str) -> None:
    ended = run(name, "anything", "--of", "it")
    assert (ended.code, ended.out) == (2, "")
    assert "not in this version" in ended.err


def test_no_command_is_unknown_to_the_help(run: Run) -> None:
    shown = run("--help").out
    for name, _ in cli.COMMANDS:
        assert f"\n  {name} " in shown
        assert "--config" in run(name, "--help").out
    assert run().out == shown
    assert run("nonsense").code == 2
    assert run("--version").out.startswith("deshimmer ")


@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_fix_leaves_nothing(tmp_path: Path, stop: signal.Signals) -> None:
    long = write(tmp_path / "long.mp4", exposure_flicker(pan(150, (320, 200), step_px=0.5), 10))
    with program("fix", long, "--json") as process:
        work = tmp_path / "deshimmered" / ".deshimmer-work"
        deadline = time.monotonic() + 20
        while not (work.exists() and any(work.iterdir())):
            assert time.monotonic() < deadline
            assert process.poll() is None
            time.sleep(0.02)
        time.sleep(1.0)
        process.send_signal(stop)
        out, err = process.communicate(timeout=20)
    assert (process.returncode, out) == (130, "")
    assert "Traceback" not in err
    assert os.listdir(tmp_path) == ["long.mp4"]


def test_help_and_status_are_quick_and_load_nothing_heavy() -> None:
    code = (
        "import sys, contextlib\nfrom deshimmer.daemon import cli\n"
        "with contextlib.suppress(SystemExit): cli.main(['status', '--json'])\n"
        "assert not {'av', 'cv2', 'torch', 'dbos', 'numpy'} & set(sys.modules), sys.modules.keys()"
    )
    begin = time.monotonic()
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout)["running"] is False
    assert time.monotonic() - begin < 5  # a second on a quiet machine


# --- settings


def test_config_init_writes_a_file_that_is_right_and_never_overwrites(run: Run) -> None:
    file = Path(run("config", "path").out.strip())
    assert file == paths.settings_file()
    assert run("config", "init").code == 0
    text = file.read_text()
    assert run("config", "init").code == 2
    assert file.read_text() == text
    assert run("config", "check").code == 0
    assert [folder["path"] for folder in run("config", "show", "--json").lines[0]["hot_folders"]] == [str(paths.default_hot_folder())]


def test_config_show_is_what_the_file_may_say(run: Run, tmp_path: Path) -> None:
    shown = run("config", "show", "--set", "repair.strength=0.5", "--set", 'hot_folders=[{path="/hot", ignore=["a*"]}]').out
    (tmp_path / "again.toml").write_text(shown)
    again = run("config", "show", "--config", tmp_path / "again.toml")
    assert again.out == shown
    assert "strength = 0.5" in shown


def test_config_check_names_key_and_file(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "wrong.toml"
    file.write_text("[repair]\nstrenth = 1\n")
    ended = run("config", "check", "--config", file)
    assert ended.code == 1
    assert "repair.strenth" in ended.err
    assert str(file) in ended.err


# --- with and without the daemon


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
