"""When there is something to tell: example by example, and that nothing is lost or told twice whatever happens in whatever order."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from deshimmer.config.quiet_hours import Hours
from deshimmer.config.settings import Notify
from deshimmer.tray.notify_batches import GAP_S, KEPT_S, SETTLE_S, STALL_S, Batches, Moment, Telling
from deshimmer.tray.notify_words import words

NOON = datetime(2026, 11, 24, 12, 0)


def row(path: str, finished: float, outcome: str = "repaired", number: int = 1) -> dict[str, Any]:
    return {"id": f"{path}-{number}", "path": f"/hot/{path}", "outcome": outcome, "reason": "Flicker fell.", "finished": finished}


def status(queued: int = 0, running: int = 0, **more: Any) -> dict[str, Any]:
    return {"counts": {"queued": queued, "running": running, "cancelling": 0}, "snoozed_until": None, "page_in_front": False, **more}


class Desk:
    """Batches, and a clock that is turned by hand."""

    def __init__(self, **rules: Any) -> None:
        self.s = 1000.0
        self.batches = Batches(Notify(**rules), NOON.timestamp())
        self.told: list[Telling] = []

    @property
    def now(self) -> Moment:
        return Moment(self.s, NOON + timedelta(seconds=self.s - 1000))

    def status(self, *counts: int, **more: Any) -> None:
        self.batches.take_status(status(*counts, **more), self.now)

    def ends(self, path: str, outcome: str = "repaired", number: int = 1) -> None:
        self.batches.take(row(path, self.now.clock.timestamp(), outcome, number), self.now)

    def wait(self, seconds: float, step: float = 0.5) -> None:
        """As the notifier does: looks again and again."""
        end = self.s + seconds
        while self.s < end:
            self.s = min(end, self.s + step)
            telling = self.batches.due(self.now)
            if telling is not None:
                self.told.append(telling)

    @property
    def paths(self) -> list[list[str]]:
        return [[clip.path.removeprefix("/hot/") for clip in telling.clips] for telling in self.told]


def test_ten_clips_dropped_together_give_one() -> None:
    desk = Desk()
    desk.status(10, 0)
    for number in range(10):
        desk.status(9 - number, 1)
        desk.wait(40)
        desk.ends(f"{number}.mp4")
        desk.wait(0.3)
    desk.status(0, 0)
    desk.wait(200)
    assert desk.paths == [[f"{number}.mp4" for number in range(10)]]


def test_it_is_told_when_the_queue_has_been_empty_for_a_moment() -> None:
    desk = Desk()
    desk.status(0, 1)
    desk.ends("a.mp4")
    desk.status(0, 0)
    desk.wait(SETTLE_S - 0.5)
    desk.status(1, 0)  # the next one came in the meantime
    desk.wait(5)
    assert desk.told == []
    desk.status(0, 1)
    desk.wait(2)
    desk.ends("b.mp4")
    desk.status(0, 0)
    desk.wait(SETTLE_S)
    assert desk.paths == [["a.mp4", "b.mp4"]]


def test_a_queue_that_goes_on_is_told_of_every_batch_s() -> None:
    desk = Desk(batch_s=600)
    for number in range(30):
        desk.status(30 - number, 1)
        desk.wait(60)
        desk.ends(f"{number}.mp4")
    assert [len(paths) for paths in desk.paths] == [10, 10]
    assert desk.told[0].left == 21  # 20 queued, one running


def test_a_queue_that_stands_still_is_a_batch_that_ended() -> None:
    desk = Desk()
    desk.status(5, 1)
    desk.ends("a.mp4")
    desk.status(5, 0)  # paused, or it waits for the GPU
    desk.wait(STALL_S - 0.5)
    assert desk.told == []
    desk.wait(0.5)
    assert desk.paths == [["a.mp4"]]
    assert desk.told[0].left == 5


def test_a_daemon_that_goes_away_for_good_ends_the_batch_and_one_that_is_back_at_once_does_not() -> None:
    desk = Desk()
    desk.status(2, 1)
    desk.ends("a.mp4")
    desk.batches.lose(desk.now)
    desk.wait(STALL_S - 1)
    desk.status(1, 1)
    desk.wait(60)
    assert desk.told == []
    desk.batches.lose(desk.now)
    desk.wait(STALL_S)
    assert desk.paths == [["a.mp4"]]
    assert desk.told[0].left == 2


def test_two_notifications_are_apart() -> None:
    desk = Desk()
    desk.status()
    desk.ends("a.mp4")
    desk.wait(SETTLE_S)
    desk.ends("b.mp4")
    desk.wait(GAP_S - 0.5)
    assert desk.paths == [["a.mp4"]]
    desk.wait(0.5)
    assert desk.paths == [["a.mp4"], ["b.mp4"]]


@pytest.mark.parametrize(
    ("level", "told"),
    [("none", []), ("problems", [["broken.mp4", "odd.mp4"]]), ("all", [["good.mp4", "broken.mp4", "same.mp4", "odd.mp4"]])],
)
def test_levels(level: str, told: list[list[str]]) -> None:
    desk = Desk(level=level)
    desk.status()
    for path, outcome in (("good", "repaired"), ("broken", "failed"), ("gone", "cancelled"), ("same", "kept"), ("odd", "flagged")):
        desk.ends(f"{path}.mp4", outcome)
    desk.wait(200)
    assert desk.paths == told


def test_a_batch_without_problems_is_no_notification_at_level_problems_and_holds_nothing_up() -> None:
    desk = Desk(level="problems")
    desk.status()
    desk.ends("good.mp4")
    desk.wait(SETTLE_S)
    desk.ends("broken.mp4", "failed")
    desk.wait(SETTLE_S)
    assert desk.paths == [["broken.mp4"]]


def test_a_snooze_is_told_of_afterwards_in_one() -> None:
    desk = Desk()
    desk.status(snoozed_until=(NOON + timedelta(minutes=30)).timestamp())
    desk.wait(60)
    desk.ends("a.mp4")
    desk.wait(600)
    desk.ends("b.mp4", "failed")
    desk.wait(1139)
    assert desk.told == []
    desk.wait(6)
    assert desk.paths == [["a.mp4", "b.mp4"]]
    assert desk.told[0].silent_since == NOON + timedelta(seconds=60)
    desk.ends("c.mp4")
    desk.wait(GAP_S)
    assert desk.told[1].silent_since is None


def test_quiet_hours_over_midnight() -> None:
    desk = Desk(quiet_hours="22:00-07:00")
    desk.status()
    desk.wait(10 * 3600, step=60)  # 22:00
    desk.ends("night.mp4")
    desk.wait(9 * 3600 - 60, step=60)
    assert desk.told == []
    desk.wait(60, step=60)
    assert desk.paths == [["night.mp4"]]
    assert desk.told[0].silent_since == datetime(2026, 11, 24, 22, 0)


def test_nothing_while_the_page_is_in_front_then_or_later() -> None:
    desk = Desk()
    desk.status(page_in_front=True)
    desk.ends("seen.mp4")
    desk.wait(60)
    desk.status(page_in_front=False)
    desk.wait(60)
    desk.ends("unseen.mp4")
    desk.wait(60)
    assert desk.paths == [["unseen.mp4"]]


def test_of_a_clip_that_was_done_again_the_last_ending_counts() -> None:
    desk = Desk()
    desk.status(0, 1)
    desk.ends("a.mp4", "flagged", 1)
    desk.ends("a.mp4", "repaired", 2)
    desk.ends("b.mp4", "failed", 1)
    desk.ends("b.mp4", "cancelled", 2)  # the user took the render away: no news any more
    desk.status(0, 0)
    desk.wait(60)
    assert [[(clip.id, clip.outcome) for clip in telling.clips] for telling in desk.told] == [[("a.mp4-2", "repaired")]]


def test_what_was_decided_before_it_is_told_is_told_as_it_is() -> None:
    desk = Desk()
    desk.status(0, 1)
    ends = desk.now.clock.timestamp()
    offered = [row(path, ends, "flagged") | {"offer": "waiting"} for path in ("a.mp4", "b.mp4")]
    for each in offered:
        desk.batches.take(each, desk.now)
    desk.batches.amend(offered[0] | {"offer": "approved"})
    desk.batches.amend(row("a.mp4", ends, number=7))  # of another job
    desk.status(0, 0)
    desk.wait(60)
    assert [[(clip.id, clip.for_approval) for clip in telling.clips] for telling in desk.told] == [[("a.mp4-1", False), ("b.mp4-1", True)]]


def test_an_offer_that_came_late_is_told_once_unless_it_was_decided_meanwhile() -> None:
    desk = Desk()
    desk.status(0, 0)
    late = [row(path, NOON.timestamp() - 7200.0) | {"offer": "waiting"} for path in ("a.mp4", "b.mp4")]
    for each in late:
        desk.batches.take_offer(each, desk.now)
    desk.batches.amend(late[0] | {"offer": "approved"})
    desk.batches.amend(late[1])
    desk.wait(SETTLE_S + 1)
    desk.batches.amend(late[1])
    desk.wait(GAP_S + SETTLE_S + 1)
    [telling] = desk.told
    assert [(clip.id, clip.for_approval, clip.is_late) for clip in telling.clips] == [("b.mp4-1", True, True)]
    assert words(telling) == ("For your approval: b.mp4", "Its prompt was found since it ended: it can be rendered again.")


def test_an_offer_that_comes_before_its_job_was_told_is_told_with_it() -> None:
    desk = Desk()
    desk.status(0, 1)
    ended = row("a.mp4", desk.now.clock.timestamp())
    desk.batches.take(ended, desk.now)
    desk.batches.take_offer(ended | {"offer": "waiting"}, desk.now)
    desk.status(0, 0)
    desk.wait(SETTLE_S + 1)
    assert [[(clip.outcome, clip.for_approval, clip.is_late) for clip in telling.clips] for telling in desk.told] == [
        [("repaired", True, False)]
    ]


def test_what_could_not_be_shown_comes_later_with_the_rest_and_not_for_ever() -> None:
    desk = Desk()
    desk.status()
    desk.ends("a.mp4")
    desk.wait(SETTLE_S)
    desk.batches.put_back(desk.told.pop(), desk.now, 60)
    desk.ends("b.mp4")
    desk.wait(59)
    assert desk.told == []
    desk.wait(1)
    assert desk.paths == [["a.mp4", "b.mp4"]]
    desk.batches.put_back(desk.told.pop(), desk.now, KEPT_S)
    desk.wait(KEPT_S + 60, step=60)
    assert desk.told == []


def test_it_needs_no_waking_without_anything_to_tell() -> None:
    desk = Desk()
    desk.status()
    assert desk.batches.look_again_s(desk.now) is None
    desk.ends("a.mp4")
    assert desk.batches.look_again_s(desk.now) == 0.5
    desk.wait(SETTLE_S)
    assert desk.batches.look_again_s(desk.now) is None


def test_what_ended_before_the_start_or_is_known_is_no_news_when_catching_up() -> None:
    desk = Desk()
    desk.status()
    noon = NOON.timestamp()
    desk.wait(100)
    desk.ends("known.mp4")
    old, known, missed = row("old.mp4", noon - 60), row("known.mp4", noon + 100), row("missed.mp4", noon + 99)
    desk.batches.catch_up([known, missed, old], desk.now)
    desk.batches.catch_up([known, missed, old], desk.now)
    desk.wait(60)
    assert desk.paths == [["known.mp4", "missed.mp4"]]


def test_a_history_that_is_rebuilt_is_no_news_but_a_job_under_an_old_id_is() -> None:
    desk = Desk()
    desk.status()
    desk.wait(100)
    desk.ends("a.mp4")
    desk.wait(60)
    rebuilt = [row("a.mp4", NOON.timestamp() + 99.9), *(row(f"{number}.mp4", NOON.timestamp() - number) for number in range(6, 20))]
    desk.batches.catch_up(rebuilt, desk.now)
    desk.wait(60)
    assert desk.paths == [["a.mp4"]]
    desk.ends("a.mp4")  # the history was cleared, and numbers begin anew
    desk.wait(60)
    assert desk.paths == [["a.mp4"], ["a.mp4"]]


class Daemon(RuleBasedStateMachine):
    """A queue, a stream of events that breaks and is caught up with, a desktop that fails, a user who snoozes and looks."""

    def __init__(self) -> None:
        super().__init__()
        self.desk = Desk(quiet_hours=Hours.parse("13:00-13:10"))
        self.waiting, self.running, self.made = 0, 0, 0
        self.more: dict[str, Any] = {}
        self.finished: list[dict[str, Any]] = []  # ever
        self.undelivered: list[dict[str, Any]] = []  # events that are still under way
        self.connected = True
        self.shown: Counter[str] = Counter()
        self.seen: set[str] = set()

    def say(self) -> None:
        if self.connected:
            self.desk.status(self.waiting, self.running, **self.more)

    def deliver(self) -> None:
        for each in self.undelivered:
            self.desk.batches.take(each, self.desk.now)
        self.undelivered = []

    @rule(number=st.integers(1, 5))
    def renders_arrive(self, number: int) -> None:
        self.waiting += number
        self.say()

    @precondition(lambda self: self.waiting and not self.running)
    @rule()
    def one_begins(self) -> None:
        self.waiting, self.running = self.waiting - 1, 1
        self.say()

    @precondition(lambda self: self.running)
    @rule(outcome=st.sampled_from(["repaired", "kept", "flagged", "failed", "cancelled"]))
    def one_ends(self, outcome: str) -> None:
        self.running = 0
        self.made += 1
        ended = row(f"{self.made}.mp4", self.desk.now.clock.timestamp(), outcome)
        self.finished.append(ended)
        if self.connected:
            self.undelivered.append(ended)
            self.deliver()
        self.say()

    @precondition(lambda self: self.connected)
    @rule()
    def the_stream_breaks(self) -> None:
        self.connected = False

    @precondition(lambda self: not self.connected)
    @rule(again=st.integers(0, 5))
    def the_stream_is_back(self, again: int) -> None:
        """It asks what has ended; of some of these the event comes as well."""
        self.desk.batches.catch_up(self.finished[::-1], self.desk.now)
        self.undelivered = self.finished[len(self.finished) - again :] if again else []
        self.connected = True
        self.deliver()
        self.say()

    @rule(minutes=st.integers(0, 30))
    def snooze(self, minutes: int) -> None:
        self.more["snoozed_until"] = (self.desk.now.clock + timedelta(minutes=minutes)).timestamp()
        self.say()

    @rule(in_front=st.booleans())
    def page(self, in_front: bool) -> None:
        self.more["page_in_front"] = in_front
        self.say()

    @rule(seconds=st.floats(0.1, 2000), works=st.booleans())
    def time_passes(self, seconds: float, works: bool) -> None:
        self.look(seconds, works)

    def look(self, seconds: float, works: bool) -> None:
        pending = set(self.desk.batches._pending)
        self.desk.wait(seconds, step=max(0.5, seconds / 5))
        for telling in self.desk.told:
            assert not self.desk.batches.is_page_in_front()
            if works:
                self.shown.update(clip.id for clip in telling.clips)
            else:
                self.desk.batches.put_back(telling, self.desk.now, 60)
        if self.desk.batches.is_page_in_front():
            gone = pending - set(self.desk.batches._pending)
            self.seen |= {each["id"] for each in self.finished if each["path"] in gone}
        self.desk.told = []

    @invariant()
    def nothing_is_told_twice(self) -> None:
        assert all(number == 1 for number in self.shown.values()), self.shown

    def teardown(self) -> None:
        """At the end everything works, nobody snoozes or looks: all that ended has been told."""
        if not self.connected:
            self.the_stream_is_back(2)
        self.waiting = self.running = 0
        self.more = {}
        self.say()
        self.look(3600, True)
        self.look(3600, True)
        news = {each["id"] for each in self.finished if each["outcome"] != "cancelled"}
        assert set(self.shown) | self.seen == news
        assert not set(self.shown) & self.seen


TestNothingIsLost = Daemon.TestCase
TestNothingIsLost.settings = settings(max_examples=150, stateful_step_count=30, deadline=None)
