"""What a click does: the call that arrives, what fails, and a real daemon started and stopped."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from desktops import wait_until
from recordingdaemon import RecordingDaemon

from deshimmer.config import autostart, desktop
from deshimmer.config.errors import DeshimmerError
from deshimmer.tray.actions import Actions
from deshimmer.tray.client import Client
from deshimmer.tray.menu import Action, Do
from deshimmer.tray.starting import start_daemon


class Desk:
    def __init__(self) -> None:
        self.client = Client()
        self.done: list[str] = []
        self.actions = Actions(self.client, start_daemon=lambda: self.done.append("start"), quit_tray=lambda: self.done.append("quit"))
        self.ends = 0
        self.client.listen(lambda event, data, state: self._count())

    def _count(self) -> None:
        self.ends += 1

    def click(self, action: Action) -> None:
        """Until it is done."""
        before = self.ends
        self.actions.perform(action)
        wait_until(lambda: self.ends > before, str(action))


@pytest.fixture
def desk() -> Iterator[Desk]:
    desk = Desk()
    yield desk
    desk.actions.close()


CALLS = [
    (Action(Do.OPEN, "a"), ("/jobs/a/open", {})),
    (Action(Do.SHOW_IN_FOLDER, "a"), ("/jobs/a/show_in_folder", {})),
    (Action(Do.COMPARE, "a"), ("/link", {"path": "/jobs/a"})),
    (Action(Do.CANCEL, "a"), ("/jobs/a/cancel", {})),
    (Action(Do.PAUSE, seconds=1800.0), ("/pause", {"seconds": 1800.0})),
    (Action(Do.PAUSE), ("/pause", {})),
    (Action(Do.PAUSE_GPU), ("/pause", {"gpu": True})),
    (Action(Do.RESUME), ("/resume", {})),
    (Action(Do.RESUME_GPU), ("/resume", {"gpu": True})),
    (Action(Do.FREE_GPU), ("/gpu/free", {})),
    (Action(Do.SEEN), ("/seen", {})),
    (Action(Do.PAGE, "/settings"), ("/link", {"path": "/settings"})),
    (Action(Do.STOP), ("/stop", {})),
]


@pytest.mark.parametrize(("action", "call"), CALLS, ids=lambda value: str(value.do) if isinstance(value, Action) else "")
def test_a_click_becomes_a_call(
    desk: Desk, recorder: RecordingDaemon, monkeypatch: pytest.MonkeyPatch, action: Action, call: object
) -> None:
    visited: list[str] = []
    monkeypatch.setattr("webbrowser.open", lambda url: not visited.append(url))
    monkeypatch.setenv("BROWSER", "any")
    desk.click(action)
    assert recorder.calls == [call]
    assert desk.client.state.trouble is None
    assert visited == ([f"http://127.0.0.1/enter#{recorder.calls[0][1]['path']}"] if action.do in (Do.PAGE, Do.COMPARE) else [])


def test_what_fails_stands_in_the_menu_until_something_succeeds(desk: Desk, recorder: RecordingDaemon) -> None:
    recorder.refusal = {"title": "There is no such job", "message": "It was cleared.", "path": None}
    desk.click(Action(Do.CANCEL, "a"))
    assert desk.client.state.trouble is not None
    assert desk.client.state.trouble.title == "There is no such job"
    recorder.refusal = None
    desk.click(Action(Do.FREE_GPU))
    assert desk.client.state.trouble is None


def test_start_at_login_goes_on_and_off(desk: Desk) -> None:
    assert not autostart.is_on()
    desk.click(Action(Do.LOGIN))
    assert autostart.is_on()
    desk.click(Action(Do.LOGIN))
    assert not autostart.is_on()


def test_the_hot_folder_opens_in_the_file_manager(desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opener = tmp_path / "bin" / "xdg-open"
    opener.parent.mkdir()
    opener.write_text(f'#!/bin/sh\necho "$1" > "{tmp_path}/opened"\n')
    opener.chmod(0o755)
    monkeypatch.setenv("PATH", str(opener.parent), prepend=":")
    folder = tmp_path / "hot folder 'é'"
    folder.mkdir()
    desk.click(Action(Do.HOT_FOLDER, str(folder)))
    wait_until(lambda: (tmp_path / "opened").exists() and (tmp_path / "opened").read_text(), "the file manager")
    assert (tmp_path / "opened").read_text() == f"{folder}\n"
    desk.click(Action(Do.HOT_FOLDER, str(tmp_path / "gone")))
    assert desk.client.state.trouble is not None
    assert desk.client.state.trouble.title == "No such folder"


def test_what_no_browser_opens_is_told(desk: Desk, recorder: RecordingDaemon, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BROWSER", "any")
    monkeypatch.setattr("webbrowser.open", lambda url: False)
    desk.click(Action(Do.PAGE, "/"))
    assert desk.client.state.trouble is not None
    assert "browser" in desk.client.state.trouble.message


def test_a_browser_that_stays_holds_up_no_other_click(desk: Desk, recorder: RecordingDaemon, monkeypatch: pytest.MonkeyPatch) -> None:
    closed = threading.Event()
    monkeypatch.setenv("BROWSER", "any")
    monkeypatch.setattr("webbrowser.open", lambda url: closed.wait(20))
    monkeypatch.setattr(desktop, "BROWSER_S", 0.1)
    desk.click(Action(Do.PAGE, "/"))
    assert not closed.is_set()
    assert desk.client.state.trouble is None
    closed.set()


@pytest.mark.skipif(sys.platform != "linux", reason="xdg-open")
def test_a_file_manager_that_fails_is_told(desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opener = tmp_path / "xdg-open"
    opener.write_text("#!/bin/sh\necho no display >&2; exit 3\n")
    opener.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    desk.click(Action(Do.HOT_FOLDER, str(tmp_path)))
    assert desk.client.state.trouble is not None
    assert "no display" in desk.client.state.trouble.message


def test_quit_and_start_reach_the_tray(desk: Desk) -> None:
    desk.click(Action(Do.START))
    desk.actions.perform(Action(Do.QUIT))
    assert desk.done == ["start", "quit"]


def test_a_daemon_is_started_and_stopped(desk: Desk, tmp_path: Path) -> None:
    (tmp_path / "hot").mkdir()
    start_daemon(["--set", f'hot_folders=[{{path="{tmp_path / "hot"}"}}]'])
    status = desk.client.get("/status")
    assert [folder["path"] for folder in status["hot_folders"]] == [str(tmp_path / "hot")]
    start_daemon()  # it is there already
    assert desk.client.get("/status")["pid"] == status["pid"]
    desk.click(Action(Do.STOP))
    wait_until(lambda: not is_up(desk.client), "its end")


def test_a_daemon_that_gives_up_is_heard() -> None:
    with pytest.raises(DeshimmerError) as said:
        start_daemon()
    assert said.value.title == "There is nothing to watch"


def is_up(client: Client) -> bool:
    try:
        client.get("/status")
    except DeshimmerError:
        return False
    return True
