"""The exact words of a notification."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deshimmer.tray.notify_batches import Ended, Moment, Telling
from deshimmer.tray.notify_words import words, worked_off

AT = Moment(0.0, datetime(2026, 11, 24, 22, 14))


def clip(outcome: str, name: str = "clip.mp4", reason: str = "Because.") -> Ended:
    return Ended(f"{name}-1", f"/hot/{name}", outcome, reason, AT)


def clips(**numbers: int) -> tuple[Ended, ...]:
    return tuple(clip(outcome, f"{outcome}{number}.mp4") for outcome, count in numbers.items() for number in range(count))


@pytest.mark.parametrize(
    ("outcome", "title"),
    [
        ("repaired", "Repaired: clip.mp4"),
        ("kept", "Kept as it was: clip.mp4"),
        ("flagged", "Needs you: clip.mp4"),
        ("failed", "Failed: clip.mp4"),
    ],
)
def test_one_clip_is_named_with_the_reason(outcome: str, title: str) -> None:
    assert words(Telling((clip(outcome),))) == (title, "Because.")


@pytest.mark.parametrize(
    ("numbers", "title", "body"),
    [
        ({"repaired": 2, "flagged": 1}, "2 repaired, 1 needs you", "flagged0.mp4: Because."),
        ({"repaired": 1, "flagged": 1, "failed": 1}, "1 repaired, 2 need you", "flagged0.mp4, failed0.mp4 need you."),
        ({"repaired": 1, "kept": 1}, "1 repaired, 1 kept", "kept0.mp4, repaired0.mp4."),
        ({"repaired": 10}, "10 clips repaired", "repaired9.mp4, repaired8.mp4 and 8 more."),
        ({"kept": 2}, "2 clips kept as they were", "kept1.mp4, kept0.mp4."),
        ({"flagged": 1, "failed": 2}, "3 clips need you", "flagged0.mp4, failed0.mp4 and 1 more."),
        ({"kept": 3, "failed": 4}, "4 need you, 3 kept", "failed0.mp4, failed1.mp4 and 2 more need you."),
    ],
)
def test_several_clips_are_counted(numbers: dict[str, int], title: str, body: str) -> None:
    assert words(Telling(clips(**numbers))) == (title, body)


def waiting(outcome: str, name: str) -> Ended:
    return replace(clip(outcome, name), for_approval=True)


def test_one_that_waits_for_an_approval() -> None:
    assert words(Telling((waiting("flagged", "a.mp4"),))) == ("For your approval: a.mp4", "Because.")
    offered = "Because. It can be rendered again, and waits for your approval."
    assert words(Telling((waiting("repaired", "a.mp4"),))) == ("Repaired: a.mp4", offered)


@pytest.mark.parametrize(
    ("told", "title", "body"),
    [
        ((clip("repaired"), waiting("flagged", "a.mp4")), "1 repaired, 1 waits for your approval", "a.mp4: Because."),
        ((clip("repaired"), waiting("repaired", "a.mp4")), "2 repaired, 1 waits for your approval", "a.mp4: Because."),
        ((clip("failed"), waiting("flagged", "a.mp4")), "1 needs you, 1 waits for your approval", "clip.mp4, a.mp4."),
        (
            (clip("kept"), waiting("flagged", "a.mp4"), waiting("flagged", "b.mp4")),
            "2 wait for your approval, 1 kept",
            "a.mp4, b.mp4 wait for your approval.",
        ),
        ((waiting("flagged", "a.mp4"), waiting("flagged", "b.mp4")), "2 clips wait for your approval", "a.mp4, b.mp4."),
    ],
)
def test_approvals_are_counted_beside_the_outcomes(told: tuple[Ended, ...], title: str, body: str) -> None:
    assert words(Telling(told)) == (title, body)


def test_what_is_to_come_and_what_was_held_back_is_said() -> None:
    told = words(Telling(clips(repaired=2), left=7, silent_since=AT.clock))
    assert told.body.splitlines() == ["repaired1.mp4, repaired0.mp4.", "7 more to come.", "While notifications were silent, since 22:14."]


@pytest.mark.parametrize(
    ("counts", "body"),
    [
        ({"repaired": 3, "flagged": 1, "failed": 1, "cancelled": 2}, "3 repaired, 2 need you."),
        ({"repaired": 3}, "3 clips repaired."),
        ({"failed": 1}, "1 needs you."),
    ],
)
def test_a_queue_that_is_worked_off(counts: dict[str, int], body: str) -> None:
    assert worked_off(counts) == ("The queue is worked off", body)


def test_long_names_and_reasons_are_shortened_and_keep_their_ends() -> None:
    told = words(Telling((clip("repaired", f"{'wan_video_' * 20}_00017.mp4", "Very. " * 100),)))
    assert told.title == "Repaired: wan_video_wan_video_wan_video_w…video__00017.mp4"
    assert len(told.body) <= 160
    assert told.body.endswith("…")


@given(st.text(min_size=1).filter(lambda name: "/" not in name and name not in (".", "..")), st.text())
def test_any_file_name_and_reason_goes_over_the_bus(name: str, reason: str) -> None:
    for text in words(Telling((clip("failed", name.encode("utf-8", "surrogatepass").decode("utf-8", "surrogateescape"), reason),))):
        assert text.encode("utf-8").decode("utf-8") == text  # D-Bus takes UTF-8 only, without NUL
        assert "\0" not in text
        assert "\n" not in text


def test_a_name_that_is_no_unicode_is_shown() -> None:
    assert words(Telling((clip("repaired", "caf\udce9.mp4"),))).title == "Repaired: caf?.mp4"


@given(st.lists(st.sampled_from(["repaired", "kept", "flagged", "failed"]), min_size=2, max_size=30))
def test_the_numbers_of_the_sentence_add_up(outcomes: list[str]) -> None:
    told = words(Telling(tuple(clip(outcome, f"{number}.mp4") for number, outcome in enumerate(outcomes))))
    numbers = [int(part.split()[0]) for part in told.title.split(", ")]
    assert sum(numbers) == len(outcomes)
    assert ("need" in told.title) == any(outcome in ("flagged", "failed") for outcome in outcomes)
