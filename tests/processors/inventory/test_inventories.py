"""Whatever a muxer loses, moves or renames is seen, and excused only by its name."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest
from clipmaker import pan, write
from mediamaker import NTSC, SETTINGS, SMOOTH, TONE, X264, delivered, made

from deshimmer.config.profiles import Profile
from deshimmer.processors import diagnosis, media, verification
from deshimmer.processors.checks import media_checks
from deshimmer.processors.inventory import inventories
from deshimmer.processors.inventory.entries import ROUNDED, Difference
from deshimmer.processors.records import Candidate, Route, Treatment
from deshimmer.processors.writing import grid

SOURCE = (
    f"{NTSC} {TONE} -i words.srt -i tags.txt -map 0 -map 1 -map 2 -map_metadata 3 -map_chapters 3 {X264} -bf 2 -c:a aac -c:s mov_text "
    "-timecode 01:00:00;02 -metadata:s:a:0 language=deu"
)


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made(tmp_path_factory.mktemp("source") / "a.mp4", SOURCE)


def _found(source: Path, arguments: str, treatment: Treatment = SMOOTH) -> tuple[Difference, ...]:
    changed = made(source.parent / "changed.mp4", f"{arguments} -c copy")
    return inventories.differences(inventories.take(source), inventories.take(changed), treatment)


def test_a_copy_does_not_differ(source: Path) -> None:
    assert _found(source, "-i a.mp4 -map 0:v -map 0:a -map 0:s -map_metadata:g 0") == ()


@pytest.mark.parametrize(
    ("arguments", "subject", "is_grave"),
    [
        ("-i a.mp4 -map 0:v -map 0:s", "audio track 1 (aac)", False),
        ("-i a.mp4 -map 0:v -map 0:a", "subtitle track 1 (mov_text)", False),
        ("-i a.mp4 -itsoffset 0.04 -i a.mp4 -map 0:v -map 1:a -map 0:s", "time of audio track 1 (aac)", True),
        ("-i a.mp4 -itsoffset 0.002 -i a.mp4 -map 0:v -map 0:a -map 1:s", "time of subtitle track 1 (mov_text)", True),
        ("-i a.mp4 -map 0:v -map 0:a -map 0:s -bsf:v noise=drop=eq(n\\,9)", "frame times", True),
        ("-i a.mp4 -map 0:v -map 0:a -map 0:s -bsf:v setts=pts=PTS+eq(N\\,9)*40:dts=DTS", "frame times", True),
        ("-i a.mp4 -map 0:v -map 0:a -map 0:s -bsf:a noise=amount=-1", "audio track 1 (aac)", True),
        ("-i a.mp4 -map 0:v -map 0:a -map 0:s -map_chapters -1", "chapters", False),
        ("-i a.mp4 -map 0:v -map 0:a -map 0:s -metadata artist=nobody", "tag 'artist'", False),
        ("-i a.mp4 -map 0:v -map 0:a -map 0:s -metadata:s:a:0 language=fra", "name of audio track 1 (aac)", False),
        ("-i a.mp4 -map 0:v -map 0:a -map 0:s -disposition:s:0 forced", "marks of subtitle track 1 (mov_text)", False),
        ("-i a.mp4 -map 0:v -map 0:a -map 0:s -timecode 01:00:00;03", "timecode", False),
        ("-i a.mp4 -map 0:v -map 0:a -map 0:a -map 0:s", "audio track 2 (aac)", True),
    ],
)
def test_what_changed_is_seen(source: Path, arguments: str, subject: str, is_grave: bool) -> None:
    found = _found(source, arguments)
    mine = [each for each in found if each.subject == subject]
    assert mine, found
    assert mine[0].grave == is_grave
    assert media_checks.is_named(mine[0], (f"{subject} is left out: for a reason",)) != is_grave
    assert not media_checks.is_named(mine[0], ("sound is left out",))


def test_a_date_that_says_there_is_none_may_go(tmp_path: Path) -> None:
    """Old encoders wrote 1970, counted from 1904; FFmpeg shows it and writes it nowhere."""
    source = made(tmp_path / "a.mp4", f"{NTSC} -metadata creation_time=1970-01-01T00:00:01Z {X264}")
    source.write_bytes(source.read_bytes().replace((2082844801).to_bytes(4, "big"), (2082844800).to_bytes(4, "big")))
    assert inventories.take(source).tags["creation_time"] == "1970-01-01T00:00:00.000000Z"
    assert _found(source, "-i a.mp4 -map 0 -map_metadata:g 0") == ()


def test_an_unnamed_loss_makes_a_result_broken(tmp_path: Path) -> None:
    source = made(tmp_path / "a.mp4", f"{NTSC} -i tags.txt -map_metadata 1 {X264}")
    clip = media.probe(source)
    found = diagnosis.diagnose(clip, None, lambda _: None)
    stripped = made(tmp_path / "b.mp4", "-i a.mp4 -map 0:v -map_metadata -1 -map_chapters -1 -c copy")
    notes = (*(f"tag '{key}' is left out" for key in ("title", "artist", "comment", "creation_time")), "chapters are left out")
    for said, is_broken in (((), True), (notes[:3], True), (notes, False)):
        candidate = Candidate(stripped, Treatment(Route.SMOOTH), "H.264", clip.frames, 0.0, said)
        verdict = verification.verify(clip, found, candidate, None, SETTINGS, lambda _: None)
        assert verdict.broken == is_broken


@pytest.mark.parametrize("rate", [Fraction(24000, 1001), Fraction(30000, 1001), Fraction(60000, 1001)])
def test_an_hour_on_a_clock_of_one_millisecond_comes_back_exact(rate: Fraction) -> None:
    tick = Fraction(1, 1000)
    known = grid.Grid(rate, tick, Fraction(1, rate.numerator))
    frames = range(0, int(3600 * rate), 97)
    rounded = tuple(round(index / rate / tick) for index in frames)
    assert max(abs(pts * tick - index / rate) for pts, index in zip(rounded, frames, strict=True)) <= tick / 2
    assert known.fits(rounded)
    exact = [known.tick(pts, 0) * known.time_base for pts in rounded]
    assert exact == [index / rate for index in frames]


def test_no_grid_for_frames_that_do_not_keep_to_it(tmp_path: Path) -> None:
    clip = media.probe(write(tmp_path / "a.mkv", pan(8, (64, 48)), fps=Fraction(24000, 1001)))
    assert grid.of(clip) is not None
    known = grid.Grid(clip.frame_rate, clip.time_base, Fraction(1, 24000))
    assert not known.fits((0, 42, 90, 125))
    assert not known.fits((0, 1, 42))


FLICKER = "-f lavfi -i testsrc2=s=64x48:r={rate}:d=2 -vf eq=brightness='0.04*sin(n*2.6)':eval=frame"
FIELDS_COUNTED = ["-c:v libx264 -preset ultrafast", "-c copy -bsf:v setts=pts=PTS*2:dts=DTS*2:duration=DURATION*2"]
"""Its headers say 59.94 of frames that come at 29.97."""


def _contradicted(folder: Path, name: str) -> Path:
    if name.endswith(".gif"):
        return made(folder / name, f"{FLICKER.format(rate=12)} -frames:v 16 -r 12")
    made(folder / "fast.mp4", f"{FLICKER.format(rate='60000/1001')} -frames:v 16 {FIELDS_COUNTED[0]}")
    return made(folder / name, f"-i fast.mp4 {FIELDS_COUNTED[1]}")


@pytest.mark.parametrize("name", ["a.gif", "a.ts"])
def test_a_rate_that_its_own_frame_times_contradict_is_not_held_against_a_result(tmp_path: Path, name: str) -> None:
    source = _contradicted(tmp_path, name)
    before, after, _ = delivered(source, Treatment(Route.SMOOTH, profile=Profile.PRORES))
    said = inventories.of(before).pictures.declared_rate
    assert said
    assert abs(said / before.frame_rate - 1) > Fraction(1, 30)
    assert [
        each for each in inventories.differences(inventories.of(before), inventories.of(after), SMOOTH) if each.subject != ROUNDED
    ] == []


def test_another_rate_than_said_and_shown_is_seen(tmp_path: Path) -> None:
    taken = inventories.take(_contradicted(tmp_path, "a.gif"))
    wrong = replace(taken, pictures=replace(taken.pictures, declared_rate=Fraction(13)))
    assert [each.subject for each in inventories.differences(taken, wrong, SMOOTH)] == ["frame rate"]
