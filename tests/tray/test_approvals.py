"""Clips that wait for an approval: in the state, the icon, the menu, and what a click asks of the daemon."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from recordingdaemon import RecordingDaemon, approval, row, running, status

from deshimmer.config import paths
from deshimmer.tray.actions import Actions
from deshimmer.tray.client import Client
from deshimmer.tray.look import Mood, cost, headline, picture, tooltip
from deshimmer.tray.menu import Action, Do, Entry, Item, menu
from deshimmer.tray.state import Approval, Link, State, after, with_jobs, with_status

ONE = with_status(State(), status(waiting_for_approval=[approval("a1", "/r/harbour.mp4")]))


def section(state: State, text: str = "Waiting for approval") -> tuple[Entry, ...]:
    return next((entry.children for entry in menu(state, at_login=False) if isinstance(entry, Item) and entry.text == text), ())


def texts(entries: tuple[Entry, ...]) -> list[str]:
    return [entry.text for entry in entries if isinstance(entry, Item)]


def test_the_menu_tells_file_and_cost_and_offers_page_and_approval() -> None:
    clip = section(ONE)[0]
    assert isinstance(clip, Item)
    assert clip.text == "harbour.mp4: about 12 min, 18.5 GB on RTX 4090"
    assert [(entry.text, entry.action) for entry in clip.children if isinstance(entry, Item)] == [
        ("Open its page", Action(Do.PAGE, "/jobs/a1#offer")),
        ("Approve", Action(Do.APPROVE, "a1")),
    ]


def test_a_daemon_that_knows_no_approvals_has_none() -> None:
    record = status()
    del record["waiting_for_approval"]
    state = with_status(State(), record)
    assert (state.approvals, state.approving, section(state), picture(state).mood) == ((), 0, (), Mood.IDLE)


def test_those_beyond_the_list_are_on_the_page() -> None:
    state = with_status(State(), status(waiting_for_approval=[approval("a1", "/r/a.mp4")], approving=4))
    assert texts(section(state))[1:] == ["3 more on the page", "Mark all as seen"]


def test_they_ask_for_attention() -> None:
    assert picture(ONE).mood is Mood.ATTENTION
    assert headline(ONE) == "1 clip waits for your approval"
    both = with_status(State(), status(needs_you=2, waiting_for_approval=[approval("a", "/r/a.mp4"), approval("b", "/r/b.mp4")]))
    assert headline(both) == "2 clips need you, 2 wait for your approval"
    busy = after(ONE, "job", row("r1", "/r/now.mp4") | running("r1", "/r/now.mp4", 0.5))
    assert (picture(busy).mood, picture(busy).badge) == (Mood.WORKING, True)
    assert tooltip(busy).splitlines()[-1] == "1 clip waits for your approval"


def test_a_flagged_clip_that_waits_for_an_approval_stands_there_only() -> None:
    record = status(needs_you=1, waiting_for_approval=[approval("a1", "/r/waits.mp4")])
    state = with_jobs(with_status(State(), record), [row("a1", "/r/waits.mp4", "flagged"), row("f1", "/r/bad.mp4", "flagged")])
    assert texts(section(state, "Needs you")) == ["bad.mp4: flagged", "Mark all as seen"]
    assert len(texts(section(state))) == 2


def test_a_job_that_was_amended_is_shown_as_it_is_now_in_its_place() -> None:
    state = with_jobs(State(link=Link.UP), [row("a", "/r/a.mp4", "repaired", finished=1.0), row("b", "/r/b.mp4", "kept", finished=2.0)])
    state = after(state, "amended", {"job": row("a", "/r/a.mp4", "kept", finished=1.0)})
    assert [(each.id, each.outcome, each.output) for each in state.recent] == [("b", "kept", None), ("a", "kept", None)]


@pytest.mark.parametrize(
    ("known", "words"),
    [
        (Approval("a", "/a", 0.4, 7.0, "cpu"), "under a minute, 7 GB on cpu"),
        (Approval("a", "/a", 150.0, None, "ComfyUI"), "about 2 h, on ComfyUI"),
        (Approval("a", "/a"), "time unknown"),
        (Approval("a", "/a", 12.0, 9.0, "NVIDIA GeForce RTX 4090 Laptop GPU"), "about 12 min, 9 GB on RTX 4090 Laptop GPU"),
        (Approval("a", "/a", 12.0, 9.0, "AMD Radeon RX 7900 XTX"), "about 12 min, 9 GB on Radeon RX 7900 XTX"),
        (Approval("a", "/a", 12.0, 9.0, "NVIDIA"), "about 12 min, 9 GB on NVIDIA"),
        (Approval("a", "/a", 12.0, 18.5, "GPU\u202e\n<b>"), "about 12 min, 18.5 GB on GPU\ufffd <b>"),
    ],
)
def test_the_cost_in_words(known: Approval, words: str) -> None:
    assert cost(known) == words


def test_a_long_line_leaves_room_for_the_level_below_it() -> None:
    long = approval("a1", "/r/a_take_with_a_very_long_name_of_the_harbour_0042.mp4") | {"device": "NVIDIA RTX 6000 Ada Generation"}
    line = texts(section(with_status(State(), status(waiting_for_approval=[long]))))[0]
    assert line == "a_take_with_…our_0042.mp4: about 12 min, 18.5 GB on RTX 6000 Ada Generation"


def test_names_from_outside_cannot_turn_the_menu_around() -> None:
    state = with_status(State(), status(waiting_for_approval=[approval("a1", "/r/\u202e4pm.evil<b>.mp4")]))
    assert texts(section(state))[0].startswith("\ufffd4pm.evil<b>.mp4: about 12 min")


def test_approving_asks_the_daemon(own_state: Path) -> None:
    with RecordingDaemon(paths.state_dir()).running() as daemon:
        actions = Actions(Client(), start_daemon=lambda: None, quit_tray=lambda: None)
        actions.perform(Action(Do.APPROVE, "a1"))
        deadline = time.monotonic() + 10
        while not daemon.calls:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        actions.close()
    assert daemon.calls == [("/jobs/a1/approve", {})]
