"""What the page of a job says, without a browser."""

from __future__ import annotations

import pytest

from deshimmer.daemon.offering import Offered
from deshimmer.daemon.page.job_view import left_words
from deshimmer.daemon.page.offer_view import offer_view
from deshimmer.daemon.page.words import about, visible

OFFER = {"means": "comfyui", "kind": None, "minutes": None, "memory_gb": None, "device": "ComfyUI", "reason": "", "ready": True}


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        (0.98, 0.95, "Much flicker is left: the score went from 0.98 to 0.95, and flicker shows from 0.5 on."),
        (0.7, 0.55, "Much flicker is left: the score went from 0.70 to 0.55, and flicker shows from 0.5 on."),
        (0.98, 0.55, "Some flicker is left: the score went from 0.98 to 0.55, and flicker shows from 0.5 on."),
        (0.6, 0.7, "The result flickers no less: the score was 0.60 and is 0.70."),
        (0.98, 0.2, ""),
        (0.2, 0.3, ""),
    ],
)
def test_much_that_is_left_is_said(before: float, after: float, words: str) -> None:
    assert left_words(before, after) == words


@pytest.mark.parametrize(
    ("minutes", "words"),
    [
        (0.001, "about 1 second"),
        (0.7, "about 42 seconds"),
        (1.5, "about 2 minutes"),
        (12.0, "about 12 minutes"),
        (150.0, "about 2.5 hours"),
        (15750.0, "about 262 hours"),
    ],
)
def test_spans(minutes: float, words: str) -> None:
    assert about(minutes) == words


def test_what_turns_the_reading_direction_is_shown_as_its_escape() -> None:
    assert visible("a\u202eb\u2066c\u200fd\x1b[31m\x00\ud800") == "a\\u202eb\\u2066c\\u200fd\\x1b[31m\\x00\\ud800"
    assert (
        visible("two\nlines\tof caf\u00e9 \u05d0 \U0001f469\u200d\U0001f680")
        == "two\nlines\tof caf\u00e9 \u05d0 \U0001f469\u200d\U0001f680"
    )


def test_an_offer_by_comfyui_tells_no_cost_that_nobody_knows() -> None:
    told = offer_view(OFFER, Offered.WAITING)
    assert told is not None
    assert told.headline == "Render again: as long as it took the first time, on ComfyUI"
    assert (told.kind, told.button) == ("By the graph that the clip carries, by ComfyUI", "Approve")
    unknown = offer_view(OFFER | {"memory_gb": 18.0, "device": "cpu"}, Offered.WAITING)
    assert unknown is not None
    assert unknown.headline == "Render again: nobody knows how long, 18 GB on cpu"


@pytest.mark.parametrize(
    ("state", "ready", "button", "remedy", "decided"),
    [
        (Offered.WAITING, True, True, False, False),
        (Offered.UNREADY, False, False, True, False),
        (Offered.APPROVED, True, False, False, True),
        (Offered.DECLINED, True, False, False, True),
        (Offered.REPLACED, False, False, False, True),
        (None, True, False, False, False),
    ],
)
def test_what_can_be_done_with_an_offer(state: Offered | None, ready: bool, button: bool, remedy: bool, decided: bool) -> None:
    told = offer_view(OFFER | {"ready": ready, "minutes": 3.0}, state)
    assert told is not None
    assert (bool(told.button), bool(told.remedy), bool(told.decided)) == (button, remedy, decided)
