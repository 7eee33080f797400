"""The watcher on real folders: what it hands over, when, and what it leaves alone."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from clipmaker import pan, write
from watchdesk import QUICK, Memory, Start, scan, until, watching
from watchdesk import WatchDesk as Desk

from deshimmer.config.settings import HotFolder, Intake, Settings
from deshimmer.daemon import territory
from deshimmer.daemon.hints import Events
from deshimmer.daemon.watcher import Watcher


@pytest.fixture(scope="session")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("clip") / "clip.mp4", pan(12, (96, 64)))


@pytest.fixture
def hot(tmp_path: Path) -> Path:
    folder = tmp_path / "hot"
    folder.mkdir()
    return folder


@pytest.fixture
def desk() -> Desk:
    return Desk()


@pytest.fixture
def start(desk: Desk) -> Iterator[Start]:
    with watching(desk) as begin:
        yield begin


def test_a_copied_render_is_taken_soon_after_its_close(start: Start, desk: Desk, hot: Path, clip: Path):
    start(hot)
    shutil.copyfile(clip, hot / "a.mp4")
    assert until(lambda: desk.taken) < 2
    time.sleep(0.6)
    assert desk.taken == [hot / "a.mp4"]


def test_a_slow_copy_is_taken_once_and_not_before_its_end(start: Start, desk: Desk, hot: Path, clip: Path):
    start(hot)
    data = clip.read_bytes()
    with (hot / "a.mp4").open("wb") as file:
        for piece in (data[:2000], data[2000:4000]):
            file.write(piece)
            file.flush()
            time.sleep(0.5)
            assert desk.taken == []
        file.write(data[4000:])
    until(lambda: desk.taken)
    time.sleep(0.6)
    assert desk.names() == ["a.mp4"]


def test_a_rename_into_the_folder_is_taken(start: Start, desk: Desk, hot: Path, clip: Path, tmp_path: Path):
    start(hot)
    shutil.copyfile(clip, tmp_path / "outside.mp4")
    (tmp_path / "outside.mp4").rename(hot / "in.mp4")
    until(lambda: desk.taken)
    assert desk.names() == ["in.mp4"]


def test_rsync_and_part_names_are_taken_under_their_last_name_only(start: Start, desk: Desk, hot: Path, clip: Path):
    start(hot)
    for name in (".b.mp4.AbCdEf", "c.mp4.part", "d.mp4.crdownload", "e.tmp.mp4", "f.tmp"):
        shutil.copyfile(clip, hot / name)
    time.sleep(1.0)
    assert desk.taken == []
    (hot / ".b.mp4.AbCdEf").rename(hot / "b.mp4")
    (hot / "c.mp4.part").rename(hot / "c.mp4")
    until(lambda: len(desk.taken) == 2)
    assert desk.names() == ["b.mp4", "c.mp4"]


def test_a_folder_moved_in_is_walked(start: Start, desk: Desk, hot: Path, clip: Path, tmp_path: Path):
    start(hot)
    deep = tmp_path / "shots" / "day" / "two"
    deep.mkdir(parents=True)
    for name in ("a.mp4", "b.mp4"):
        shutil.copyfile(clip, deep / name)
    (tmp_path / "shots").rename(hot / "shots")
    until(lambda: len(desk.taken) == 2)
    assert desk.names() == ["a.mp4", "b.mp4"]


def test_another_content_under_the_same_name_is_another_render(start: Start, desk: Desk, hot: Path, clip: Path, tmp_path: Path):
    start(hot)
    shutil.copyfile(clip, hot / "a.mp4")
    until(lambda: len(desk.taken) == 1)
    write(hot / "a.mp4", pan(16, (96, 64)))
    until(lambda: len(desk.taken) == 2)
    assert desk.gone == []


def test_deleted_before_it_settled_is_never_taken_and_after_it_is_gone(start: Start, desk: Desk, hot: Path, clip: Path):
    start(hot)
    shutil.copyfile(clip, hot / "early.mp4")
    (hot / "early.mp4").unlink()
    shutil.copyfile(clip, hot / "late.mp4")
    until(lambda: desk.taken)
    (hot / "late.mp4").unlink()
    until(lambda: desk.gone)
    assert (desk.names(), desk.gone) == (["late.mp4"], [hot / "late.mp4"])


def test_a_folder_deleted_takes_its_renders_with_it(start: Start, desk: Desk, hot: Path, clip: Path, tmp_path: Path):
    (hot / "day").mkdir()
    shutil.copyfile(clip, hot / "day" / "a.mp4")
    start(hot)
    until(lambda: desk.taken)
    (hot / "day").rename(tmp_path / "elsewhere")
    until(lambda: desk.gone)
    assert desk.gone == [hot / "day" / "a.mp4"]


def test_truncated_and_preallocated_files_wait_and_are_then_handed_over(start: Start, desk: Desk, hot: Path, clip: Path):
    start(hot)
    data = clip.read_bytes()
    (hot / "cut.mp4").write_bytes(data[: len(data) // 2])
    (hot / "zeros.mp4").write_bytes(bytes(len(data)))
    begin = time.monotonic()
    until(lambda: len(desk.taken) == 2)
    assert time.monotonic() - begin > QUICK.incomplete_s
    shutil.copyfile(clip, hot / "cut.mp4")
    until(lambda: len(desk.taken) == 3)
    assert desk.taken[2] == hot / "cut.mp4"


def test_a_preallocated_file_that_is_filled_in_time_is_taken_once(start: Start, desk: Desk, hot: Path, clip: Path):
    start(hot, intake=Intake(quiet_s=0.2, incomplete_s=30, rescan_s=60))
    data = clip.read_bytes()
    with (hot / "a.mp4").open("wb") as file:
        file.truncate(len(data))
        time.sleep(0.6)
        assert desk.taken == []
        file.write(data)
    until(lambda: desk.taken)
    time.sleep(0.5)
    assert desk.names() == ["a.mp4"]


def test_what_no_event_tells_is_found_by_the_rescan(start: Start, desk: Desk, hot: Path, clip: Path, tmp_path: Path):
    """Behind a link to a folder there are no events, as on a network share."""
    behind = tmp_path / "behind"
    behind.mkdir()
    (hot / "link").symlink_to(behind)
    start(hot, intake=Intake(quiet_s=0.2, incomplete_s=1, rescan_s=0.5))
    shutil.copyfile(clip, behind / "a.mp4")
    until(lambda: desk.taken)
    assert desk.taken == [hot / "link" / "a.mp4"]


def test_an_overflow_of_events_loses_nothing(start: Start, desk: Desk, hot: Path, clip: Path, monkeypatch: pytest.MonkeyPatch):
    """A burst of hints brings a walk, long before the next one is due: here files that no event told of."""
    monkeypatch.setattr("deshimmer.daemon.watcher._BURST", 50)
    behind = hot.parent / "behind"
    behind.mkdir()
    (hot / "link").symlink_to(behind)
    start(hot)
    shutil.copyfile(clip, behind / "lost.mp4")
    for number in range(60):
        (hot / f"{number}.txt").touch()
    until(lambda: desk.taken)
    assert desk.names() == ["lost.mp4"]


def test_a_system_without_room_for_another_watch_is_named_and_the_rescan_serves(
    start: Start, desk: Desk, hot: Path, clip: Path, monkeypatch: pytest.MonkeyPatch
):
    def refuse(events: Events, root: Path, identity: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Events, "follow", refuse)
    watcher = start(hot, intake=Intake(quiet_s=0.1, incomplete_s=1, rescan_s=0.3))
    shutil.copyfile(clip, hot / "a.mp4")
    until(lambda: desk.taken)
    assert [error.title for error in watcher.problems] == ["A hot folder is watched without events"]


def test_a_render_that_cannot_be_queued_is_offered_again(start: Start, desk: Desk, hot: Path, clip: Path, caplog: pytest.LogCaptureFixture):
    desk.refuse = 1
    start(hot, intake=Intake(quiet_s=0.1, incomplete_s=1, rescan_s=0.4))
    shutil.copyfile(clip, hot / "a.mp4")
    until(lambda: desk.taken)
    assert "could not be queued" in caplog.text
    caplog.clear()


def test_a_hot_folder_that_vanishes_is_waited_for_and_deletes_nothing(start: Start, desk: Desk, hot: Path, clip: Path):
    shutil.copyfile(clip, hot / "a.mp4")
    watcher = start(hot, intake=Intake(quiet_s=0.1, incomplete_s=1, rescan_s=0.2))
    until(lambda: desk.taken)
    hot.rename(hot.with_name("unmounted"))
    until(lambda: watcher.problems)
    assert [error.title for error in watcher.problems] == ["A hot folder is missing"]
    hot.with_name("unmounted").rename(hot)
    until(lambda: not watcher.problems)
    shutil.copyfile(clip, hot / "b.mp4")
    until(lambda: hot / "b.mp4" in desk.taken)
    assert desk.gone == []


def test_events_are_watched_again_after_the_hot_folder_was_replaced(start: Start, desk: Desk, hot: Path, clip: Path):
    watcher = start(hot, intake=Intake(quiet_s=0.1, incomplete_s=1, rescan_s=2))
    hot.rmdir()
    until(lambda: watcher.problems)
    hot.mkdir()
    until(lambda: not watcher.problems)
    shutil.copyfile(clip, hot / "a.mp4")
    assert until(lambda: desk.taken) < 1.5


def test_a_hot_folder_can_be_added_and_the_deepest_wins(start: Start, desk: Desk, hot: Path, clip: Path):
    inner = hot / "inner"
    inner.mkdir()
    watcher = start(hot)
    watcher.add(HotFolder(path=inner))
    time.sleep(0.3)
    shutil.copyfile(clip, inner / "a.mp4")
    shutil.copyfile(clip, hot / "b.mp4")
    until(lambda: len(desk.taken) == 2)
    assert desk.hot_folders == {inner / "a.mp4": inner, hot / "b.mp4": hot}


def test_existing_renders_are_ignored_at_the_first_start_only(hot: Path, clip: Path):
    memory = Memory()
    shutil.copyfile(clip, hot / "old.mp4")
    assert scan(hot, seen=memory) == []
    shutil.copyfile(clip, hot / "while_it_was_down.mp4")
    assert scan(hot, seen=memory) == ["while_it_was_down.mp4"]
    os.utime(hot / "old.mp4", (1, 1))
    assert scan(hot, seen=memory) == ["old.mp4", "while_it_was_down.mp4"]


def test_existing_renders_are_processed_where_the_hot_folder_says_so(hot: Path, clip: Path):
    shutil.copyfile(clip, hot / "old.mp4")
    assert scan(HotFolder(path=hot, existing="process"), seen=Memory()) == ["old.mp4"]
    assert scan(hot) == ["old.mp4"]


def test_once_takes_incomplete_files_at_once_and_waits_for_fresh_ones(hot: Path, clip: Path):
    data = clip.read_bytes()
    (hot / "cut.mp4").write_bytes(data[: len(data) // 2])
    (hot / "empty.mp4").touch()
    begin = time.monotonic()
    assert scan(hot, quiet_s=0.4) == ["cut.mp4", "empty.mp4"]
    assert 0.3 < time.monotonic() - begin < 2


def test_which_names_are_renders(hot: Path, clip: Path):
    taken = [
        "a.MP4",
        "b.mov",
        "c.mkv",
        "d.webm",
        "e.avi",
        "f.m4v",
        "g.ts",
        "h.mts",
        "i.mxf",
        "j.gif",
        "k.WebP",
        "-v.mp4",
        "new\nline.mp4",
        "🎬 take 2.mp4",
    ]
    left = ["a.png", "b.mp4.part", ".c.mp4", "d", "mp4", "e.json", "f.mp4.txt", "g.PART.mp4"]
    for name in taken + left:
        shutil.copyfile(clip, hot / name)
    assert scan(hot) == sorted(taken)


def test_our_own_results_are_never_taken(hot: Path, clip: Path):
    for folder in ("deshimmered/day", ".deshimmer-work/x-1", "out", "sub"):
        (hot / folder).mkdir(parents=True)
        shutil.copyfile(clip, hot / folder / "a.mp4")
    for name in ("b.deshimmered.mp4", "b.mov.deshimmered.mov", "b.comparison.mp4", "c.comparison.mp4", "b_fixed.mp4", "c_fixed.mp4"):
        shutil.copyfile(clip, hot / name)
    (hot / "b.receipt.json").write_text("{}")
    assert scan(hot) == ["b_fixed.mp4", "c.comparison.mp4", "c_fixed.mp4", "out/a.mp4", "sub/a.mp4"]
    beside = HotFolder(path=hot, output=hot, name="{stem}_fixed")
    assert scan(beside) == ["c.comparison.mp4", "c_fixed.mp4", "deshimmered/day/a.mp4", "out/a.mp4", "sub/a.mp4"]
    assert "out/a.mp4" not in scan(HotFolder(path=hot, output=hot / "out"))


def test_ignore_globs_fit_names_and_relative_paths(hot: Path, clip: Path):
    (hot / "old").mkdir()
    for name in ("a.mp4", "a_preview.mp4", "old/b.mp4"):
        shutil.copyfile(clip, hot / name)
    assert scan(HotFolder(path=hot, ignore=("*_preview.*", "old/*"))) == ["a.mp4"]


def test_links_to_files_and_folders_are_followed_but_not_in_circles(hot: Path, clip: Path, tmp_path: Path):
    (tmp_path / "store").mkdir()
    shutil.copyfile(clip, tmp_path / "store" / "a.mp4")
    (hot / "file.mp4").symlink_to(clip)
    (hot / "store").symlink_to(tmp_path / "store")
    (hot / "circle").symlink_to(hot)
    (tmp_path / "store" / "back").symlink_to(hot)
    (hot / "self.mp4").symlink_to(hot / "self.mp4")
    (hot / "broken.mp4").symlink_to(tmp_path / "absent.mp4")
    os.mkfifo(hot / "pipe.mp4")
    assert scan(hot) == ["file.mp4", "store/a.mp4"]


def test_nested_hot_folders_hand_over_each_render_once(hot: Path, clip: Path):
    (hot / "inner" / "deep").mkdir(parents=True)
    for name in ("a.mp4", "inner/b.mp4", "inner/deep/c.mp4"):
        shutil.copyfile(clip, hot / name)
    desk = Desk()
    assert scan(hot, hot / "inner", desk=desk) == ["a.mp4", "inner/b.mp4", "inner/deep/c.mp4"]
    assert desk.hot_folders[hot / "inner" / "deep" / "c.mp4"] == hot / "inner"
    assert desk.hot_folders[hot / "a.mp4"] == hot


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads every folder")
def test_an_unreadable_folder_is_named_and_the_others_go_on(hot: Path, clip: Path):
    shut = hot / "shut"
    shut.mkdir(mode=0o000)
    shutil.copyfile(clip, hot / "a.mp4")
    desk = Desk()
    watcher = Watcher([HotFolder(path=hot)], desk.on_render, desk.on_gone, Settings(intake=Intake(quiet_s=0)))
    watcher.scan_once()
    assert desk.names() == ["a.mp4"]
    assert [error.path for error in watcher.problems] == [str(shut)]


def test_a_folder_that_the_disk_refuses_is_named_and_the_others_go_on(hot: Path, clip: Path, monkeypatch: pytest.MonkeyPatch):
    shut = hot / "shut"
    shut.mkdir()
    shutil.copyfile(clip, shut / "hidden.mp4")
    shutil.copyfile(clip, hot / "a.mp4")
    desk = Desk()
    watcher = Watcher([HotFolder(path=hot)], desk.on_render, desk.on_gone, Settings(intake=Intake(quiet_s=0)))
    watcher.scan_once()
    real_scandir = os.scandir

    def refusing(folder: Path):
        if Path(folder) == shut:
            raise PermissionError(13, "Permission denied")
        return real_scandir(folder)

    monkeypatch.setattr(territory.os, "scandir", refusing)
    watcher.scan_once()
    assert desk.names() == ["a.mp4", "a.mp4", "hidden.mp4"]
    assert desk.gone == []
    assert [(error.path, error.title) for error in watcher.problems] == [(str(shut), "A folder cannot be read")]
