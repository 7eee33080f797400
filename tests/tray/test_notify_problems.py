from __future__ import annotations

from deshimmer.tray.notify_problems import FORGOTTEN_S, Problems

AWAY = {"title": "The hot folder is away", "message": "Plug it in.", "path": "/media/usb"}
FULL = {"title": "The disk is full", "message": "1.2 GB are free.", "path": "/media/usb"}


def test_each_is_told_once_though_its_figures_change() -> None:
    problems = Problems()
    problems.take([AWAY, FULL], 0)
    assert problems.news(0) == [AWAY, FULL]
    problems.take([AWAY, {**FULL, "message": "1.1 GB are free."}], 50)
    assert problems.news(50) == []


def test_one_that_comes_and_goes_is_news_again_only_after_a_while() -> None:
    problems = Problems()
    problems.take([AWAY], 0)
    assert problems.news(0) == [AWAY]
    problems.take([], 100_000)  # it stood until now
    problems.take([AWAY], 100_000 + FORGOTTEN_S - 1)
    assert problems.news(100_000 + FORGOTTEN_S - 1) == []
    problems.take([], 200_000)
    problems.take([AWAY], 200_000 + FORGOTTEN_S)
    assert problems.news(200_000 + FORGOTTEN_S) == [AWAY]


def test_what_is_over_before_anybody_asks_is_no_news() -> None:
    problems = Problems()
    problems.take([AWAY], 0)
    problems.take([], 10)
    assert problems.news(20) == []
