"""The cache of what browsers are shown: made once, by a child process, within its size, and no failure hidden."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import cv2
import pytest
from clipmaker import pan, write
from desktops import wait_until

from deshimmer.config import spawn
from deshimmer.config.errors import DeshimmerError, MissingClip, ToolFailed
from deshimmer.config.settings import Settings
from deshimmer.daemon.page import proxies
from deshimmer.daemon.page.proxies import Proxies
from deshimmer.processors import media

TEN_BIT = {"pixel_format": "yuv420p10le"}


@pytest.fixture(scope="module")
def ten_bit(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("ten") / "ten.mp4", pan(12, (160, 96)), **TEN_BIT)


@pytest.fixture
def clip(ten_bit: Path, tmp_path: Path) -> Path:
    return Path(shutil.copyfile(ten_bit, tmp_path / "ten.mp4"))


def test_it_is_made_once_and_told_on_the_way(clip: Path) -> None:
    cache = Proxies(Settings)
    making = cache.get("proxy", clip)
    assert cache.get("proxy", clip) is making
    assert all(0 <= part <= 1 for part in making.follow())
    made = making.done.result(timeout=30)
    assert media.probe(made).frames == 12
    changed = made.stat().st_mtime_ns
    os.utime(made, ns=(changed - 10**12, changed - 10**12))
    again = cache.get("proxy", clip).done.result(timeout=0)
    assert again == made
    assert again.stat().st_mtime_ns > changed - 10**12  # used just now
    assert [path.name for path in made.parent.iterdir()] == [made.name]


def test_a_replaced_clip_gets_another(clip: Path) -> None:
    cache = Proxies(Settings)
    first = cache.get("proxy", clip).done.result(timeout=30)
    write(clip, pan(5, (160, 96)), **TEN_BIT)
    second = cache.get("proxy", clip).done.result(timeout=30)
    assert (first != second, media.probe(second).frames) == (True, 5)


def test_a_thumbnail_shows_its_moment(clip: Path) -> None:
    cache = Proxies(Settings)
    made = [cache.get("thumbnail", clip, frame).done.result(timeout=30) for frame in (0, 11)]
    early, late = (cv2.imread(str(path)) for path in made)
    assert early.shape == late.shape == (96, 160, 3)
    assert cv2.norm(early, late, cv2.NORM_L1) / early.size > 2


def test_what_was_not_used_for_longest_goes(clip: Path, tmp_path: Path) -> None:
    others = [Path(shutil.copyfile(clip, tmp_path / f"{number}.mp4")) for number in range(3)]
    first = Proxies(Settings).get("proxy", others[0]).done.result(timeout=30)
    os.utime(first, (1, 1))
    small = Proxies(Settings, most_bytes=2 * first.stat().st_size + 100)
    kept = [small.get("proxy", each).done.result(timeout=30) for each in others[1:]]
    wait_until(lambda: not first.exists(), "the tidying, which nobody waits for")
    assert sorted(first.parent.iterdir()) == sorted(kept)


def test_an_entry_that_is_gone_when_it_is_looked_at_fails_nothing(clip: Path, tmp_path: Path) -> None:
    cache = Proxies(Settings)
    folder = cache.get("thumbnail", clip).done.result(timeout=30).parent
    (folder / "gone.jpg").symlink_to(tmp_path / "nowhere")  # listed, and no file
    made = cache.get("thumbnail", clip, 5).done.result(timeout=30)
    assert made.is_file()


def test_the_settings_in_force_are_used(clip: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [Settings()]
    sent: list[object] = []
    cache = Proxies(lambda: now[0])
    now[0] = Settings.model_validate({"tools": {"ffmpeg": "/edited/ffmpeg"}})
    monkeypatch.setattr(Proxies, "_send_out", lambda self, errand, report: sent.append(errand["settings"]["tools"]["ffmpeg"]))
    cache.get("thumbnail", clip).done.result(timeout=30)
    assert sent == ["/edited/ffmpeg"]


def test_a_failed_one_is_an_error_of_the_clip(tmp_path: Path) -> None:
    broken = tmp_path / "broken.mov"
    broken.write_bytes(b"no clip")
    cache = Proxies(Settings)
    with pytest.raises(DeshimmerError) as caught:
        cache.get("proxy", broken).done.result(timeout=30)
    assert caught.value.as_dict()["path"] == str(broken)
    assert caught.value.title == "The clip cannot be read"
    with pytest.raises(MissingClip):
        cache.get("proxy", tmp_path / "absent.mov")


def test_a_maker_that_dies_is_an_error_too(clip: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = spawn.spawn
    monkeypatch.setattr(proxies.spawn, "spawn", lambda argv, **how: real([argv[0], "-c", "raise SystemExit(3)"], **how))
    with pytest.raises(ToolFailed, match="died"):
        Proxies(Settings).get("proxy", clip).done.result(timeout=30)


def test_its_children_are_of_low_priority(clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = tmp_path / "niceness"
    real, script = spawn.spawn, "import os; from pathlib import Path; from deshimmer.daemon.page import maker; "
    script += f"maker.MAKERS['proxy'] = lambda errand, channel: Path({str(seen)!r}).write_text(str(os.nice(0))); maker.main()"
    monkeypatch.setattr(proxies.spawn, "spawn", lambda argv, **how: real([argv[0], "-c", script], **how))
    Proxies(Settings).get("proxy", clip).done.result(timeout=30)
    assert int(seen.read_text()) == min(19, os.nice(0) + 10)  # as the workers are
