"""Editing the settings file: the values asked for are there, and nothing that a person wrote is lost."""

from __future__ import annotations

import os
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deshimmer.config import document
from deshimmer.config.editing import Source, edited
from deshimmer.config.errors import CannotWrite, SettingsError

FILE = """# mine
[[hot_folders]]
path = "/a"   # the first
# output = "..."  # where results go
priority = 5

# about b
[[hot_folders]]
path = "/b"
# b's end

[repair]
# strength = 1.0  # of smoothing
# repair's end

# about the queue
[queue]
cpu_jobs = 2  # two
"""
COMMENTS = [line.partition("#")[2] for line in FILE.splitlines() if "#" in line]


def test_a_new_key_stands_with_its_own_section() -> None:
    text = edited(FILE, {"repair.strength": 1.5, "queue.cpu_jobs": 3, "disk.reserve_gb": 4.0})
    assert "# repair's end\nstrength = 1.5\n\n# about the queue\n[queue]\ncpu_jobs = 3  # two\n" in text
    assert tomllib.loads(text)["disk"] == {"reserve_gb": 4.0}
    assert edited(text, {"repair.strength": None, "queue.cpu_jobs": 2, "disk.reserve_gb": None}) == FILE + "\n[disk]\n"
    assert edited(FILE, {"disk.reserve_gb": None}) == FILE


def test_hot_folders_come_go_and_change_places() -> None:
    text = edited(
        FILE, {}, [{"path": "/b", "priority": 10, "routes": ["smooth"]}, {"path": "/c", "ignore": ["*.tmp"]}, {"path": "/a", "priority": 5}]
    )
    assert tomllib.loads(text)["hot_folders"] == [
        {"path": "/b", "routes": ["smooth"]},
        {"path": "/c", "ignore": ["*.tmp"]},
        {"path": "/a", "priority": 5},
    ], "a default that was not written stays so"
    assert [comment for comment in COMMENTS if comment not in text] == []
    assert text.index("/c") < text.index("[repair]"), "they stay where they were in the file"
    gone = edited(FILE, {}, [{"path": "/b"}])
    assert tomllib.loads(gone)["hot_folders"] == [{"path": "/b"}]
    assert "# about b" in gone
    none = edited(FILE, {}, [])
    assert "hot_folders" not in tomllib.loads(none)
    assert "# about the queue" in none
    assert tomllib.loads(edited('hot_folders = [{path = "/a"}]\n', {}, [{"path": "/b"}])) == {"hot_folders": [{"path": "/b"}]}


def test_a_path_written_with_a_tilde_stays_so() -> None:
    text = '[[hot_folders]]\npath = "~/clips"  # at home\n'
    assert edited(text, {}, [{"path": os.path.expanduser("~/clips")}]) == text


VALUES: dict[str, st.SearchStrategy[Any]] = {
    "repair.strength": st.floats(0, 2),
    "queue.cpu_jobs": st.integers(1, 64),
    "intake.quiet_s": st.floats(0, 100),
    "tools.ffmpeg": st.text(st.characters(blacklist_categories=["Cs"]), max_size=20),
}
FOLDERS = st.lists(
    st.fixed_dictionaries(
        {"path": st.sampled_from(["/a", "/b", "/c", "/d"])}, optional={"priority": st.integers(1, 1000), "comparison": st.booleans()}
    ),
    unique_by=lambda folder: folder["path"],
    max_size=4,
)


@given(
    text=st.sampled_from([FILE, document.template("/a"), "", "[queue]\n", "# only this\n"]),
    changes=st.fixed_dictionaries({}, optional={key: st.none() | value for key, value in VALUES.items()}),
    folders=st.none() | FOLDERS,
)
def test_any_edit_gives_what_was_asked_and_keeps_the_comments(
    text: str, changes: dict[str, Any], folders: list[dict[str, Any]] | None
) -> None:
    made = edited(text, changes, folders)
    before, after = tomllib.loads(text), tomllib.loads(made)
    for key, value in changes.items():
        section, name = key.split(".")
        assert after.get(section, {}).get(name) == value
    kept = {folder["path"] for folder in folders or []}
    if folders is not None:
        defaults = {"priority": 10, "comparison": True}
        assert [{**defaults, **folder} for folder in after.get("hot_folders", [])] == [{**defaults, **folder} for folder in folders]
    elif "hot_folders" in before:
        assert after["hot_folders"] == before["hot_folders"]
    if folders is None or {folder["path"] for folder in before.get("hot_folders", [])} <= kept:
        dropped = {name for key, value in changes.items() for name in [key.split(".")[1]] if value is None}
        for line in text.splitlines():
            if line.startswith("#"):
                assert line in made, (line, dropped)


def test_what_is_wrong_is_told_and_changes_nothing(tmp_path: Path) -> None:
    file = tmp_path / "deshimmer.toml"
    file.write_text(FILE)
    for changes, words in WRONG.items():
        with pytest.raises(SettingsError, match=words):
            Source(file).edit(dict([changes]))
    with pytest.raises(SettingsError, match=r"hot_folders\.0\.path"):
        Source(file).edit({}, [{"path": "relative"}])
    assert file.read_text() == FILE


WRONG: dict[tuple[str, Any], str] = {
    ("repair.strength", 3): r"'repair\.strength' does not fit",
    ("repair.colour", "red"): r"'repair\.colour' is not a setting",
    ("nonsense.key", 1): r"'nonsense' is not a setting",
    ("queue.cpu_jobs.deeper", 1): "is not a setting",
    ("models.interpolator", "film"): r"models\.film",
}


@pytest.mark.skipif(sys.platform == "win32", reason="links and modes are POSIX")
def test_the_file_is_written_whole_with_its_mode_and_through_a_link(tmp_path: Path) -> None:
    real, link = tmp_path / "real.toml", tmp_path / "link.toml"
    real.write_text(FILE)
    real.chmod(0o640)
    link.symlink_to(real)
    assert Source(link).edit({"repair.strength": 0.5}).repair.strength == 0.5
    assert link.is_symlink()
    assert (real.stat().st_mode & 0o777, "strength = 0.5" in real.read_text()) == (0o640, True)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["link.toml", "real.toml"]


def test_a_file_that_is_not_there_is_made_and_one_that_cannot_be_is_told(own_state: Path) -> None:
    source = Source(overrides=("queue.cpu_jobs=3",))
    settings = source.edit({"repair.strength": 0.5, "queue.cpu_jobs": 2}, [{"path": "/a"}])
    assert (settings.repair.strength, settings.queue.cpu_jobs) == (0.5, 3), "--set goes before the file"
    assert source.fixed() == {"queue.cpu_jobs": "--set queue.cpu_jobs=3"}
    assert tomllib.loads(source.text())["queue"] == {"cpu_jobs": 2}
    blocked = own_state / "blocked"
    blocked.write_text("")
    with pytest.raises((CannotWrite, SettingsError)):
        Source(blocked / "deshimmer.toml").edit({"repair.strength": 0.5})
