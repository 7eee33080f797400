"""What events make of the tray's state, and how it looks from afar."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest
from recordingdaemon import row, running, status

from deshimmer.tray.look import STEPS, Mood, Picture, headline, picture, tooltip
from deshimmer.tray.state import RECENT, Link, State, after, shown, with_jobs, with_status

UP = with_status(State(), status())


def test_a_job_goes_from_the_queue_to_the_results() -> None:
    state = after(UP, "job", row("a", "/r/clip.mp4"))
    assert [job.id for job in state.running] == ["a"]
    state = after(state, "progress", running("a", "/r/clip.mp4", 0.5))
    assert (state.running[0].stage, state.running[0].part, state.running[0].eta_s) == ("process", 0.5, 90.0)
    state = after(state, "job", row("a", "/r/clip.mp4", stage="verify"))
    assert (state.running[0].stage, state.running[0].part) == ("verify", 0.5)
    ended = row("a", "/r/clip.mp4", "repaired")
    state = after(state, "finished", {"number": 1, "summary": {}, "job": ended})
    assert state.running == ()
    assert [(job.id, job.outcome, job.output) for job in state.recent] == [("a", "repaired", ended["output"])]
    assert state.flagged == ()


def test_progress_of_a_job_that_is_not_running_changes_nothing() -> None:
    assert after(UP, "progress", running("a", "/r/clip.mp4", 0.5)) == UP
    assert after(UP, "settings", {}) == UP


def test_recent_results_are_few_newest_first_and_each_render_stands_once() -> None:
    rows = [row(f"j{n}", f"/r/{n % 7}.mp4", "repaired", finished=float(n)) for n in range(20)]
    state = with_jobs(UP, list(reversed(rows)))
    assert [job.id for job in state.recent] == ["j19", "j18", "j17", "j16", "j15"]
    assert len(state.recent) == RECENT


def test_cancelled_jobs_are_no_results_and_old_failures_need_nobody() -> None:
    now = time.time()
    rows = [
        row("a", "/r/a.mp4", "cancelled"),
        row("b", "/r/b.mp4", "failed", finished=now - 25 * 3600),
        row("c", "/r/c.mp4", "flagged", finished=now - 23 * 3600),
    ]
    state = with_jobs(UP, rows)
    assert [job.id for job in state.recent] == ["c", "b"]
    assert [job.id for job in state.flagged] == ["c"]


MOODS = [
    (State(), Mood.IDLE, "Connecting to deshimmer"),
    (State(link=Link.DOWN), Mood.DOWN, "deshimmer is not running"),
    (UP, Mood.IDLE, "Idle"),
    (with_status(State(), status(needs_you=1)), Mood.ATTENTION, "1 clip needs you"),
    (with_status(State(), status(needs_you=3)), Mood.ATTENTION, "3 clips need you"),
    (with_status(State(), status(waiting=[{"what": "gpu", "reason": "Resolve uses the GPU"}], counts={"queued": 2})), Mood.WAITING, None),
    (with_status(State(), status(running=[running("a", "/r/a.mp4", 0.3)])), Mood.WORKING, "Repairing 1 clip"),
    (with_status(State(), status(paused=True, running=[running("a", "/r/a.mp4", 0.3)])), Mood.PAUSED, "Paused"),
    (with_status(State(), status(problems=[{"title": "The disk is full", "message": "m", "path": "/"}])), Mood.ERROR, "The disk is full"),
]


@pytest.mark.parametrize(("state", "mood", "words"), MOODS, ids=lambda value: value if isinstance(value, str) else "")
def test_every_state_has_its_mood_and_its_words(state: State, mood: Mood, words: str | None) -> None:
    assert picture(state).mood is mood
    assert headline(state) == (words or "Waiting: Resolve uses the GPU")
    assert tooltip(state).startswith(headline(state))


def test_a_clip_that_waits_for_the_gpu_is_no_work() -> None:
    held = {**running("a", "/r/a.mp4", 0.3), "stage": "wait"}
    waits = {"running": [held], "waiting": [{"what": "gpu", "reason": "Resolve uses the GPU"}]}
    alone = with_status(State(), status(**waits))
    assert (picture(alone).mood, headline(alone)) == (Mood.WAITING, "Waiting: Resolve uses the GPU")
    assert tooltip(alone).splitlines() == ["Waiting: Resolve uses the GPU", "a.mp4: waiting"]
    beside = with_status(State(), status(**{**waits, "running": [held, running("b", "/r/b.mp4", 0.5)]}))
    assert (picture(beside), headline(beside)) == (Picture(Mood.WORKING, STEPS // 2), "Repairing 1 clip")
    assert tooltip(beside).splitlines() == ["Repairing 1 clip", "a.mp4: waiting", "b.mp4: 50 %, 2 min left", "Resolve uses the GPU"]


def test_the_ring_shows_the_part_in_steps_and_a_badge_that_somebody_is_needed() -> None:
    state = with_status(State(), status(running=[running("a", "/r/a.mp4", 0.5)], needs_you=1))
    assert picture(state) == Picture(Mood.WORKING, STEPS // 2, badge=True)
    assert picture(replace(state, running=(replace(state.running[0], part=0.501),))) == picture(state)
    assert picture(replace(state, running=(replace(state.running[0], part=None),), needs_you=0)) == Picture(Mood.WORKING)


def test_the_tooltip_names_clip_percent_and_time_left() -> None:
    state = with_status(State(), status(running=[running("a", "/r/shot 1.mp4", 0.419)], counts={"queued": 4}, needs_you=2))
    assert tooltip(state).splitlines() == ["Repairing 1 clip, 4 in the queue", "shot 1.mp4: 41 %, 2 min left", "2 clips need you"]


def test_a_pause_says_until_when() -> None:
    moment = time.mktime((2026, 1, 2, 15, 4, 0, 0, 0, -1))
    assert headline(with_status(State(), status(paused=True, paused_until=moment))) == "Paused until 15:04"
    gpu = with_status(State(), status(gpu_paused=True, gpu_paused_until=moment))
    assert tooltip(gpu).splitlines() == ["Idle", "GPU paused until 15:04"]


@pytest.mark.parametrize(
    ("text", "seen"), [("a\nb\tc", "a b c"), ("x\udcffy", "x\ufffdy"), ("\u202egpj.exe", "\ufffdgpj.exe"), ("🎬", "🎬")]
)
def test_names_are_shown_on_one_line_without_what_cannot_be_shown(text: str, seen: str) -> None:
    assert shown(text) == seen
