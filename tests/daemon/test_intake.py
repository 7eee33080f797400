"""The settle logic, by example and by property."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from deshimmer.daemon.intake import QUIET_AFTER_CLOSE_S, Intake, Judgement, Stamp

CLIP = Path("/hot/clip.mp4")
A, B = Stamp(10, 1), Stamp(20, 2)


def test_a_fresh_render_is_due_when_it_has_been_quiet():
    intake = Intake(quiet_s=2, incomplete_s=60)
    intake.observe(CLIP, A, modified_at=100, now=100)
    assert intake.due(101.9) == []
    assert intake.next_due() == 102
    assert intake.due(102) == [CLIP]
    assert intake.judge(CLIP, whole=True, now=102) is Judgement.TAKEN
    assert intake.due(1000) == []
    assert intake.next_due() is None


def test_a_render_older_than_the_quiet_time_is_not_waited_for():
    intake = Intake(quiet_s=2, incomplete_s=60)
    intake.observe(CLIP, A, modified_at=50, now=100)
    assert intake.due(100) == [CLIP]


def test_a_date_in_the_future_counts_as_now():
    intake = Intake(quiet_s=2, incomplete_s=60)
    intake.observe(CLIP, A, modified_at=9999, now=100)
    assert intake.due(102) == [CLIP]


def test_after_close_it_is_due_sooner_and_after_another_write_later_again():
    intake = Intake(quiet_s=2, incomplete_s=60)
    intake.observe(CLIP, A, modified_at=100, now=100, closed=True)
    assert intake.next_due() == 100 + QUIET_AFTER_CLOSE_S
    intake.observe(CLIP, A, modified_at=100, now=100.2, written=True)
    assert intake.next_due() == 102.2


def test_a_change_starts_the_wait_again():
    intake = Intake(quiet_s=2, incomplete_s=60)
    intake.observe(CLIP, A, modified_at=100, now=100)
    intake.observe(CLIP, B, modified_at=101, now=101.5)
    assert intake.next_due() == 103


def test_an_incomplete_render_is_looked_at_again_and_given_up_after_incomplete_s():
    intake = Intake(quiet_s=2, incomplete_s=10)
    intake.observe(CLIP, A, modified_at=100, now=100)
    looks: list[float] = []
    now, judgement = 102.0, Judgement.WAITING
    while judgement is Judgement.WAITING:
        looks.append(now)
        judgement = intake.judge(CLIP, whole=False, now=now)
        now = intake.next_due() or now
    assert looks == [102, 103, 105, 109, 112]
    assert judgement is Judgement.INCOMPLETE
    intake.observe(CLIP, B, modified_at=200, now=200)
    assert intake.due(202) == [CLIP]


def test_an_old_incomplete_render_is_still_given_time():
    """A copy may carry its original's date while the rest of it is on its way."""
    intake = Intake(quiet_s=2, incomplete_s=10)
    intake.observe(CLIP, A, modified_at=0, now=100)
    assert intake.judge(CLIP, whole=False, now=100) is Judgement.WAITING
    assert intake.judge(CLIP, whole=False, now=110) is Judgement.INCOMPLETE


def test_incomplete_at_once_when_nothing_is_waited_for():
    intake = Intake(quiet_s=2, incomplete_s=0)
    intake.observe(CLIP, A, modified_at=0, now=100)
    assert intake.judge(CLIP, whole=False, now=100) is Judgement.INCOMPLETE


def test_forgetting_says_whether_it_had_been_taken():
    intake = Intake(quiet_s=2, incomplete_s=60)
    assert not intake.forget(CLIP)
    intake.observe(CLIP, A, modified_at=0, now=100)
    assert not intake.forget(CLIP)
    intake.skip(CLIP, A)
    assert intake.forget(CLIP)


def test_what_could_not_be_handed_over_is_offered_again():
    intake = Intake(quiet_s=2, incomplete_s=60)
    intake.observe(CLIP, A, modified_at=0, now=100)
    intake.judge(CLIP, whole=True, now=100)
    intake.offer_again(CLIP, 130)
    assert intake.due(129) == []
    assert intake.due(132) == [CLIP]


@dataclass
class Writer:
    """A file that somebody writes, pausing as they like, and what intake made of it."""

    quiet_s: float
    stamp: int = 0
    last_write: float = 0.0
    closed: bool = True
    taken: list[int] = field(default_factory=list)


steps = st.lists(
    st.tuples(st.floats(0.01, 5), st.sampled_from(["write", "write unseen", "close", "event without change", "look"])),
    min_size=1,
    max_size=40,
)


@settings(deadline=None)
@given(steps, st.floats(0, 3), st.floats(0, 20))
def test_never_before_quiet_always_in_the_end_once_per_content(steps: list[tuple[float, str]], quiet_s: float, incomplete_s: float):
    intake = Intake(quiet_s, incomplete_s)
    writer = Writer(quiet_s)
    now = 0.0

    def look(*, closed: bool = False, written: bool = False):
        intake.observe(CLIP, Stamp(writer.stamp, writer.stamp), writer.last_write, now, closed=closed, written=written)

    def settle():
        for path in intake.due(now):
            needed = min(QUIET_AFTER_CLOSE_S, quiet_s) if writer.closed else quiet_s
            assert now - writer.last_write >= needed - 1e-6
            judgement = intake.judge(path, whole=True, now=now)
            assert judgement is Judgement.TAKEN
            writer.taken.append(writer.stamp)

    for pause, step in steps:
        now += pause
        if step.startswith("write"):
            writer.stamp, writer.last_write, writer.closed = writer.stamp + 1, now, False
        if step == "close":
            writer.closed = True
        if step != "write unseen":
            look(closed=step == "close", written=step in ("write", "event without change"))
            settle()
    now += quiet_s + 0.001
    look()
    settle()
    assert writer.taken[-1] == writer.stamp
    assert len(set(writer.taken)) == len(writer.taken)


@settings(deadline=None)
@given(st.floats(0, 3), st.floats(0, 100), st.floats(0, 50), st.floats(0.1, 20))
def test_a_render_that_never_becomes_whole_is_given_up_and_not_before(quiet_s: float, incomplete_s: float, age: float, pause: float):
    intake = Intake(quiet_s, incomplete_s)
    start = now = 100.0
    intake.observe(CLIP, A, start - age, start)
    judgement = Judgement.WAITING
    while judgement is Judgement.WAITING:
        assert now < start + quiet_s + incomplete_s + 2 * pause
        for path in intake.due(now):
            judgement = intake.judge(path, whole=False, now=now)
            assert judgement is Judgement.WAITING or now >= start + incomplete_s - 1e-6
        now += pause
    assert judgement is Judgement.INCOMPLETE
