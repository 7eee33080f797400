"""The command line as a script sees it: standard output, standard error, exit code."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from clipmaker import exposure_flicker, pan, write
from commandline import Run, program

from deshimmer.config import paths
from deshimmer.daemon import cli


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
