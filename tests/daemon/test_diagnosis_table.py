"""What ``diagnose`` shows a person: one clip in full, several a line each, causes of a kind together."""

from __future__ import annotations

import io
from typing import Any

import pytest
from rich.console import Console

from deshimmer.daemon import diagnosis_words as words
from deshimmer.daemon import show
from deshimmer.daemon.diagnosis_table import block
from deshimmer.processors.measurement.causes import KINDS
from deshimmer.processors.records import VERDICT_WORDS, Band, Route, Verdict


def cause(kind: str, start: int, end: int | None = None, amount: float = 1.5, advice: str = "Look.") -> dict[str, Any]:
    return {"kind": kind, "start_frame": start, "end_frame": start if end is None else end, "amount": amount, "advice": advice}


def record(**changes: Any) -> dict[str, Any]:
    plain = {
        **{"path": "renders/clip.mp4", "verdict": "generative", "confidence": 0.95, "flicker_score": 0.8, "route": "smooth"},
        **{"summary": "The hue of patches changes from frame to frame.", "amounts": {"codec": 0.1}, "causes": [], "lint": []},
        "bands": {band.value: {"amplitude": 2.0, "correlation": -0.4} for band in Band},
        "shots": [{"start": 0, "end": 48, "verdict": "generative", "flicker_score": 0.8, "route": "smooth"}],
        "worst": {"start_frame": 12, "end_frame": 35},
        **{"frames": 48, "fps": 24.0, "width": 640, "height": 360, "seconds": 2.0},
    }
    return plain | changes


def shown(found: dict[str, Any]) -> str:
    out = io.StringIO()
    Console(file=out, width=80, highlight=False).print(block(found, "clip.mp4"))
    return out.getvalue()


def test_a_clip_is_told_in_plain_words() -> None:
    text = shown(record(causes=[cause("batch_step", 8, amount=15.1), cause("batch_step", 17, amount=9.0)]))
    for said in (
        *("clip.mp4", "drawn anew each frame", "0.80 of 1, strong", "95%, almost certain", "The hue of patches"),
        *("smooth: the flicker is evened out", "0.5-1.5 s (frames 12-35)", "Fine detail"),
        "Batch step, frames 8, 17 (0.3, 0.7 s): up to 15.1 levels",
    ):
        assert said in text
    assert "Shots" not in text
    assert "Damage" not in text


def test_it_fits_80_columns() -> None:
    causes = [cause(kind, 2, 40, advice="A long piece of advice, which has to be broken somewhere. " * 3) for kind in KINDS]
    text = shown(record(causes=causes, verdict="incoherent", route="keep", summary="Things change their shape. " * 8))
    assert max(map(len, text.splitlines())) <= 80


def test_what_is_wrong_with_the_stored_prompt_stands_below_the_causes() -> None:
    found = {"rule": "svd-noise-aug", "severity": "error", "message": "It is \x1b[31m0.1. Use 0.02.", "source": "the article"}
    text = shown(record(lint=[found]))
    lines = [line.rstrip() for line in text[text.index("Stored prompt") :].splitlines()]
    assert lines == ["Stored prompt", "  Error, svd-noise-aug", "      It is \\x1b[31m0.1. Use 0.02. (the article)"]
    assert "Stored prompt" not in shown(record())


def test_a_clean_clip_has_no_worst_second() -> None:
    assert "Worst" not in shown(record(verdict="clean", flicker_score=0.05, route="keep"))


def test_codec_damage_has_its_own_bar() -> None:
    assert "0.69 of 1, by compression" in shown(record(verdict="codec", route="deband", amounts={"codec": 0.69}))


@pytest.mark.parametrize("count", [3, 40])
def test_shots_that_differ_have_a_line_each(count: int) -> None:
    verdicts = ["generative" if at % 2 else "clean" for at in range(count)]
    shots = [
        {"start": 10 * at, "end": 10 * at + 10, "verdict": each, "flicker_score": 0.4, "route": "keep"} for at, each in enumerate(verdicts)
    ]
    text = shown(record(shots=shots))
    assert "frames 10-19" in text
    assert ("more: --json" in text) == (count > 12)


def test_causes_of_a_kind_and_advice_are_one_group() -> None:
    causes = [
        cause("batch_step", 8),
        cause("bad_frame", 9, amount=0.25),
        cause("batch_step", 17, amount=4),
        cause("bad_frame", 12, amount=0.25),
    ]
    steps, odd = words.grouped([*causes])
    assert (steps.frames(), steps.size()) == ("frames 8, 17", "up to 4.0 levels")
    assert (odd.frames(), odd.size()) == ("frames 9, 12", "50% of the frames")
    assert len(words.grouped([cause("tile_seam", 0, 9, advice="At 50%."), cause("tile_seam", 0, 9, advice="At 25%.")])) == 2


@pytest.mark.parametrize(
    ("places", "frames", "seconds"),
    [
        ([(9, 9)], "frame 9", "0.9 s"),
        ([(0, 7)], "frames 0-7", "0.0-0.8 s"),
        ([(1, 1), (5, 6)], "frames 1, 5-6", "0.1, 0.5-0.7 s"),
        ([(at, at) for at in range(8)], "frames 0, 1, 2, 3, 4, 5 and 2 more", "0.0, 0.1, 0.2, 0.3, 0.4, 0.5 s and 2 more"),
    ],
)
def test_places_in_words(places: list[tuple[int, int]], frames: str, seconds: str) -> None:
    (group,) = words.grouped([cause("content_change", *place) for place in places])
    assert (group.frames(), group.seconds(10.0)) == (frames, seconds)


def test_every_kind_verdict_and_route_has_words() -> None:
    assert all("_" not in words.kind_words(kind) for kind in KINDS)
    assert not [kind for kind in KINDS if words.grouped([cause(kind, 0)])[0].size() == "1.5"]
    assert set(VERDICT_WORDS) == set(Verdict)
    assert set(words.ROUTE_WORDS) == set(Route)
    assert "no filter" in words.route_words("incoherent", "keep")


@pytest.mark.parametrize(
    ("band", "amplitude", "correlation", "said"),
    [
        ("low_luma", 2.0, -0.45, "drawn anew each frame"),
        ("low_luma", 2.0, -0.15, "partly drawn anew"),
        ("low_luma", 2.0, 0.0, "no clear pattern"),
        ("low_luma", 0.0, 0.4, "moves with the picture"),
        ("low_luma", 0.02, -0.45, "still"),
        ("low_luma", 2.0, None, "not measurable"),
        ("global_luma", 6.0, 0.2, "swings more slowly"),
        ("global_luma", 0.0, None, "still"),
    ],
)
def test_correlation_in_words(band: str, amplitude: float, correlation: float | None, said: str) -> None:
    assert words.correlation_words(band, amplitude, correlation) == said


def test_bars_are_full_at_one_and_empty_at_nought() -> None:
    assert [words.bar(part, 4) for part in (0.0, 0.5, 1.0, 1.2)] == ["░░░░", "██░░", "████", "████"]


def test_several_clips_are_a_line_each_with_their_causes_below(capsys: pytest.CaptureFixture[str]) -> None:
    many = [cause("batch_step", 8), cause("batch_step", 17), cause("batch_step", 26)]
    show.print_findings([record(causes=many), record(path="renders/[b] other.mp4")])
    lines = capsys.readouterr().out.splitlines()
    assert [line.split("  ")[0] for line in lines[1:3]] == ["clip.mp4", "[b] other.mp4"]
    assert lines[3:] == ["  clip.mp4: batch step, frames 8, 17, 26. Look."]
