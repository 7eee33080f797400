"""Timecode against OpenTimelineIO's own arithmetic."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import opentimelineio as otio
import pytest
from clipmaker import pan, write
from hypothesis import given
from hypothesis import strategies as st

from deshimmer.config import spawn
from deshimmer.config.settings import Settings
from deshimmer.processors import ffmpeg, timing
from deshimmer.processors.editors import timecodes
from deshimmer.processors.editors.timecodes import Counting

NTSC, FILM = Fraction(30000, 1001), Fraction(24000, 1001)


@given(frame=st.integers(0, 2_589_407), factor=st.sampled_from([1, 2]))
def test_dropped_numbers_are_those_of_the_standard(frame: int, factor: int):
    rate = NTSC * factor
    counting = Counting(rate, True)
    written = counting.written(frame)
    assert written == otio.opentime.to_timecode(otio.opentime.RationalTime(frame, float(rate)), float(rate), True)
    assert counting.frame(written) == frame


@given(frame=st.integers(0, 2_000_000), rate=st.sampled_from([FILM, Fraction(24), Fraction(25), NTSC, Fraction(50), Fraction(60)]))
def test_counting_without_drops(frame: int, rate: Fraction):
    counting = Counting(rate, False)
    assert counting.frame(counting.written(frame)) == frame % (86400 * counting.whole_rate)
    assert ";" not in counting.written(frame)


def test_an_hour_of_2997_is_an_hour_by_the_clock():
    assert Counting(NTSC, True).written(round(3600 * NTSC)) == "01:00:00;00"
    assert Counting(NTSC, False).written(round(3600 * NTSC)) == "00:59:56:12"
    assert Counting(NTSC, True).written(1800) == "00:01:00;02"
    assert Counting(NTSC, True).frame("00:01:00;00") == 1800  # a number that there is not
    assert Counting(NTSC, True).written(2_589_408) == "00:00:00;00"
    assert Counting(Fraction(120), False).written(119) == "00:00:00:119"
    assert Counting(NTSC, True).frame("an hour") is None


@pytest.mark.parametrize(
    ("measured", "frames", "meant"),
    [
        (Fraction(2997, 100), 900, NTSC),
        (Fraction(23976, 1000), 20000, FILM),
        (Fraction(5994, 100), 100, NTSC * 2),
        (Fraction(30), 5, Fraction(30)),
        (Fraction(2371, 100), 500, Fraction(2371, 100)),
        (Fraction(8), 49, Fraction(8)),
    ],
)
def test_rates_that_are_meant(measured: Fraction, frames: int, meant: Fraction):
    assert timing.exact_average(measured, frames) == meant


@pytest.mark.parametrize(("written", "drops"), [("01:00:00:00", False), ("01:00:00;00", True)])
def test_the_start_is_the_files_own(tmp_path: Path, written: str, drops: bool):
    plain = write(tmp_path / "plain.mp4", pan(4, (64, 48)), fps=NTSC)
    assert timecodes.start(plain, NTSC) == timecodes.Start(0, Counting(NTSC, True))
    assert timecodes.start(tmp_path, NTSC).frame == 0  # a folder of frames
    timed = tmp_path / "timed.mov"
    given = ffmpeg.graph.output(ffmpeg.source(plain), ffmpeg.url(timed), vcodec="copy", timecode=written)
    spawn.run(ffmpeg.arguments(ffmpeg.tool(Settings()), given), timeout_s=60)
    begins = timecodes.start(timed, NTSC)
    assert (begins.counting.drops, begins.counting.written(begins.frame)) == (drops, written)


@pytest.mark.parametrize(
    ("timecode", "before", "after", "result"),
    [
        ("01:00:00;02", Fraction(30000, 1001), Fraction(60000, 1001), "01:00:00;04"),
        ("00:59:59;20", Fraction(30000, 1001), Fraction(60), "00:59:59:40"),
        ("00:59:59;20", Fraction(30000, 1001), Fraction(24), "00:59:59:16"),
        ("10:00:00:23", Fraction(24), Fraction(48), "10:00:00:46"),
        ("10:00:00:11", Fraction(24), Fraction(60), "10:00:00:28"),
        ("10:00:00:11", Fraction(24), Fraction(24), None),
        ("no timecode", Fraction(24), Fraction(48), None),
    ],
)
def test_timecode_at_another_rate(timecode: str, before: Fraction, after: Fraction, result: str | None) -> None:
    assert timecodes.at_rate(timecode, before, after) == result
