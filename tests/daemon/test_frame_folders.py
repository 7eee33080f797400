"""Folders of frames in a hot folder: which are renders, when one is handed over, and what cancels it."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from clipmaker import pan, write
from framemaker import write_frames
from PIL import Image
from watchdesk import Memory, Start, scan, until, watching
from watchdesk import WatchDesk as Desk

from deshimmer.config.settings import HotFolder, Intake
from deshimmer.daemon import frame_folders


@pytest.fixture(scope="session")
def shots(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ten frames, f_0001.png and on."""
    return write_frames(tmp_path_factory.mktemp("shots") / "source", "f_{:04d}.png", pan(10, (64, 48)))


@pytest.fixture
def hot(tmp_path: Path) -> Path:
    folder = tmp_path / "hot"
    folder.mkdir()
    return folder


@pytest.fixture
def desk() -> Desk:
    return Desk()


@pytest.fixture
def start(desk: Desk, hot: Path) -> Iterator[Start]:
    with watching(desk) as begin:
        yield partial(begin, hot)


def frame(shots: Path, number: int) -> bytes:
    return (shots / f"f_{number:04d}.png").read_bytes()


def animate(path: Path) -> Path:
    images = [Image.fromarray(np.rint(shot).astype(np.uint8)) for shot in pan(3, (64, 48))]
    path.parent.mkdir(exist_ok=True)
    images[0].save(path, save_all=True, append_images=images[1:], duration=40)
    return path


@pytest.mark.parametrize("suffix", ["png", "jpg", "tif", "exr", "webp"])
def test_a_folder_of_frames_is_one_render(hot: Path, suffix: str) -> None:
    write_frames(hot / "shot", f"f_{{:04d}}.{suffix}", pan(3, (64, 48)))
    assert scan(hot) == ["shot"]


def test_nested_shots_are_renders_of_their_own_and_the_root_is_none(hot: Path, shots: Path) -> None:
    shutil.copytree(shots, hot, dirs_exist_ok=True)
    shutil.copytree(shots, hot / "seq")
    shutil.copytree(shots, hot / "seq" / "b" / "shot.v2")
    write(hot / "a.mp4", pan(3, (64, 48)))
    assert scan(hot) == ["a.mp4", "seq", "seq/b/shot.v2"]


def test_pictures_beside_a_video_or_alone_are_none(hot: Path, shots: Path) -> None:
    shutil.copytree(shots, hot / "previews")
    write(hot / "previews" / "a.mp4", pan(3, (64, 48)))
    for name in ("one/still_01.png", "mixed/cat.png", "mixed/dog_2.png", ".hidden/f_1.png", ".hidden/f_2.png"):
        (hot / name).parent.mkdir(exist_ok=True)
        (hot / name).write_bytes(frame(shots, 1))
    assert scan(hot) == ["previews/a.mp4"]


@pytest.mark.parametrize(("suffix", "taken"), [("gif", True), ("webp", True), ("png", False)])
def test_numbered_animations_are_clips_by_themselves(hot: Path, suffix: str, taken: bool) -> None:
    names = [f"set/clip_00{number}.{suffix}" for number in (1, 2, 3)]
    for name in names:
        assert frame_folders.is_animation(animate(hot / name)) is (suffix != "gif")
    assert scan(hot) == (names if taken else [])


def test_a_first_webp_frame_is_not_taken_for_a_clip(hot: Path) -> None:
    write_frames(hot / "shot", "f_{:04d}.webp", pan(1, (64, 48)))
    assert scan(hot) == []


def test_results_are_never_taken(hot: Path, shots: Path) -> None:
    shutil.copytree(shots, hot / "deshimmered" / "shot.deshimmered")
    shutil.copytree(shots, hot / "made" / "shot")
    shutil.copytree(shots, hot / "elsewhere" / "shot.deshimmered")
    shutil.copytree(shots, hot / "by hand" / "shot-fixed")
    (hot / "by hand" / "shot.receipt.json").write_text("{}")
    assert scan(HotFolder(path=hot, output=hot / "made", name="{stem}-fixed")) == []


@pytest.mark.parametrize("glob", ["shot", "sub/*", "*.png"])
def test_ignored_folders_and_frames_stay(hot: Path, shots: Path, glob: str) -> None:
    shutil.copytree(shots, hot / "sub" / "shot")
    assert scan(HotFolder(path=hot, ignore=(glob,))) == []
    assert scan(hot) == ["sub/shot"]


def test_a_folder_moved_in_is_taken_at_once(start: Start, desk: Desk, hot: Path, shots: Path, tmp_path: Path) -> None:
    shutil.copytree(shots, tmp_path / "shot")
    time.sleep(0.5)
    start()
    (tmp_path / "shot").rename(hot / "shot")
    until(lambda: desk.taken, 2)
    time.sleep(0.5)
    assert desk.taken == [hot / "shot"]


def test_a_slow_renderer_is_not_cut(start: Start, desk: Desk, hot: Path, shots: Path) -> None:
    watcher = start()
    (hot / "shot").mkdir()
    for number, wait_s in enumerate((0.2, 0.5, 0.7, 0.2, 0.8, 0.4), 1):
        (hot / "shot" / f"f_{number:04d}.png").write_bytes(frame(shots, number))
        last = time.time()
        time.sleep(wait_s)
        assert desk.taken == []
    assert [each.path for each in watcher.writing] == [hot / "shot"]
    until(lambda: desk.taken)
    assert watcher.writing == ()
    assert desk.at[0] - last > 2.3  # three times the longest gap
    assert desk.taken == [hot / "shot"]


def test_a_copy_keeps_no_gaps(start: Start, desk: Desk, hot: Path, shots: Path) -> None:
    """Frames that carry the times of an old render, each five minutes after the one before."""
    start()
    (hot / "shot").mkdir()
    for number in range(1, 11):
        (hot / "shot" / f"f_{number:04d}.png").write_bytes(frame(shots, number))
        os.utime(hot / "shot" / f"f_{number:04d}.png", (1e9 + 300 * number,) * 2)
        time.sleep(0.05)
        assert desk.taken == []
    until(lambda: desk.taken, 2)


def test_a_pause_of_hours_is_not_waited_for(hot: Path, shots: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(shots, hot / "shot")
    real = os.stat

    class Late:
        def __init__(self, status: os.stat_result, hours: float) -> None:
            self._status, self.st_ctime = status, status.st_ctime - 3600 * hours

        def __getattr__(self, name: str) -> object:
            return getattr(self._status, name)

    monkeypatch.setattr(frame_folders.os, "stat", lambda path: Late(real(path), 9 if str(path).endswith("1.png") else 0))
    pace = frame_folders.pace(hot / "shot")
    assert pace is not None
    assert pace.quiet_s == frame_folders.GAPS_WAITED * frame_folders.MOST_GAP_S
    mended = frame_folders.pace(hot / "shot", settled_at=pace.arrived - 3600)
    assert mended is not None
    assert mended.quiet_s < 10


def test_a_gap_is_waited_for_and_then_handed_over(start: Start, desk: Desk, hot: Path, shots: Path) -> None:
    start()
    shutil.copytree(shots, hot / "shot")
    (hot / "shot" / "f_0004.png").unlink()
    time.sleep(1.0)
    assert desk.taken == []
    until(lambda: desk.taken)
    (hot / "shot" / "f_0004.png").write_bytes(frame(shots, 4))
    until(lambda: len(desk.taken) == 2)


def test_a_gap_that_is_filled_in_time_is_none(start: Start, desk: Desk, hot: Path, shots: Path) -> None:
    watcher = start(intake=Intake(quiet_s=0.2, incomplete_s=60, rescan_s=60))
    shutil.copytree(shots, hot / "shot", ignore=shutil.ignore_patterns("f_0004.png"))
    until(lambda: [each.path for each in watcher.writing] == [hot / "shot"])
    (hot / "shot" / "f_0004.png").write_bytes(frame(shots, 4))
    until(lambda: desk.taken)
    assert watcher.writing == ()


@pytest.mark.parametrize("end", [b"", b"cut"])
def test_a_last_frame_that_is_not_whole_is_waited_for(start: Start, desk: Desk, hot: Path, shots: Path, end: bytes) -> None:
    start(intake=Intake(quiet_s=0.2, incomplete_s=60, rescan_s=60))
    shutil.copytree(shots, hot / "shot")
    (hot / "shot" / "f_0011.png").write_bytes(end and frame(shots, 1)[:-20])
    time.sleep(0.8)
    assert desk.taken == []
    (hot / "shot" / "f_0011.png").write_bytes(frame(shots, 1))
    until(lambda: desk.taken)


def test_a_deleted_or_renamed_folder_is_told(start: Start, desk: Desk, hot: Path, shots: Path) -> None:
    start()
    for name in ("a", "b"):
        shutil.copytree(shots, hot / name)
    until(lambda: len(desk.taken) == 2)
    shutil.rmtree(hot / "a")
    (hot / "b").rename(hot / "c")
    until(lambda: len(desk.gone) == 2 and len(desk.taken) == 3)
    assert sorted(desk.gone) == [hot / "a", hot / "b"]
    assert desk.taken[2] == hot / "c"


def test_more_frames_are_another_content(start: Start, desk: Desk, hot: Path, shots: Path) -> None:
    start()
    shutil.copytree(shots, hot / "shot")
    until(lambda: desk.taken)
    (hot / "shot" / "f_0011.png").write_bytes(frame(shots, 1))
    until(lambda: len(desk.taken) == 2)
    (hot / "shot" / "notes.txt").write_text("nothing of ours")
    time.sleep(0.8)
    assert desk.taken == [hot / "shot"] * 2


def test_what_lay_there_is_ignored_until_it_changes(start: Start, desk: Desk, hot: Path, shots: Path) -> None:
    shutil.copytree(shots, hot / "shot")
    memory = Memory()
    start(seen=memory)
    (hot / "shot" / ".DS_Store").write_text("")
    time.sleep(0.8)
    assert desk.taken == []
    (hot / "shot" / "f_0003.png").write_bytes(frame(shots, 4))
    until(lambda: desk.taken)


def test_the_stamp_tells_what_size_and_time_do_not(hot: Path, shots: Path) -> None:
    folder = Path(shutil.copytree(shots, hot / "shot"))
    before = frame_folders.look(folder)
    (folder / "f_0010.png").rename(folder / "f_0011.png")
    assert before is not None
    assert frame_folders.look(folder) not in (None, before)
    (folder / "f_0011.png").rename(folder / "f_0010.png")
    assert frame_folders.look(folder) == before
