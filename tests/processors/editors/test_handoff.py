"""Ranges and markers of real jobs: where flicker was put in, what a receipt says of it, and what an editing program is given."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import opentimelineio as otio
import pytest
from clipmaker import exposure_flicker, pan, write
from framemaker import write_frames

from deshimmer.config import spawn
from deshimmer.config.settings import HotFolder, Settings
from deshimmer.daemon.app import request_for
from deshimmer.daemon.page import job_view
from deshimmer.processors import afterwards, api, ffmpeg, identity, media, receipts
from deshimmer.processors.editors import edl, markers, ranges
from deshimmer.processors.editors.ranges import FLICKER, Range
from deshimmer.processors.editors.timecodes import Counting, Start
from deshimmer.processors.records import Band, Cause, Outcome, Receipt, Request, Route, Treatment, Verdict

NTSC = Fraction(30000, 1001)
SETTINGS = Settings()
EVENT = re.compile(
    r"(\d{3})  001      V     C        (\S+) (\S+) (\S+) (\S+)  \n([A-Za-z][^|\n]*) \|C:ResolveColor(\w+) \|M:([^|\n]+) \|D:(\d+)\n"
)


def _timed(source: Path, output: Path, start: str) -> Path:
    given = ffmpeg.graph.output(ffmpeg.source(source), ffmpeg.url(output), vcodec="copy", timecode=start)
    spawn.run(ffmpeg.arguments(ffmpeg.tool(SETTINGS), given), timeout_s=60)
    return output


@pytest.fixture(scope="module")
def job(tmp_path_factory: pytest.TempPathFactory) -> Receipt:
    """29.97 frames a second from 00:00:59;20 on; a second of rest, then flicker to the end."""
    folder = tmp_path_factory.mktemp("hand off")
    shots = pan(75, (128, 96), step_px=0.5)
    plain = write(folder / "plain.mp4", [*shots[:30], *exposure_flicker(shots[30:], 10)], fps=NTSC)
    clip = _timed(plain, folder / "a clip's #1.mov", "00:00:59;20")
    plain.unlink()
    return api.fix(clip, settings=SETTINGS, route=Route.SMOOTH, markers=True, comparison=False)


def _flicker(receipt: Receipt) -> list[dict[str, Any]]:
    return [each for each in receipt.details["ranges"] if each["what"] == FLICKER]


def _otio(receipt: Receipt) -> Any:
    assert receipt.output is not None
    return otio.adapters.read_from_file(str(receipt.output.parent / "a clip's #1.markers.otio"))


def test_the_receipt_names_the_frames_that_flickered(job: Receipt):
    assert job.outcome is Outcome.REPAIRED
    (found,) = _flicker(job)
    assert 24 <= found["start_frame"] <= 34
    assert found["end_frame"] == 74
    assert (found["band"], found["cause"], found["repaired"]) == ("global_luma", None, True)
    assert found["amount"] > 3
    assert found["after"] < 0.5 * found["amount"]
    assert json.loads(job.receipt.read_bytes())["details"]["ranges"] == job.details["ranges"] if job.receipt else False


def test_the_files_lie_beside_the_result_and_belong_to_the_job(job: Receipt):
    assert job.output is not None
    names = {path.name for path in job.output.parent.iterdir()}
    assert {"a clip's #1.markers.edl", "a clip's #1.markers.otio"} <= names
    assert names - {"a clip's #1.receipt.json"} == set(job.details["files"])


def test_the_timeline_as_its_own_library_reads_it(job: Receipt):
    timeline = _otio(job)
    source, result = timeline.video_tracks()
    (before,), (clip,) = source, result
    assert job.output is not None
    assert before.range_in_parent() == clip.range_in_parent()
    for each, path in ((clip, job.output), (before, Path(job.path))):
        relative = Path(unquote(each.media_reference.target_url))
        assert (job.output.parent / relative).resolve() == path.resolve()
        assert each.available_range().duration == otio.opentime.RationalTime(75, float(NTSC))
    assert timeline.global_start_time.to_timecode() == "00:00:59;20"
    assert not source.markers
    assert [marker.name for marker in clip.markers if "Flicker" in marker.name] == ["Flicker, whole-frame brightness: repaired"]
    for marker, record in zip(clip.markers, job.details["ranges"], strict=True):
        place = marker.marked_range
        assert int(place.start_time.value - clip.source_range.start_time.value) == record["start_frame"]
        assert int(place.duration.value) == record["end_frame"] - record["start_frame"] + 1
        assert clip.available_range().start_time <= place.start_time
        assert place.end_time_exclusive() <= clip.available_range().end_time_exclusive()
        assert marker.metadata["Resolve_OTIO"]["Note"] == marker.comment != ""
        assert marker.metadata["deshimmer"]["what"] == record["what"]
    again = otio.adapters.read_from_string(otio.adapters.write_to_string(timeline, "otio_json"), "otio_json")
    assert again.is_equivalent_to(timeline)


def test_folders_of_pictures_are_sequences_to_its_library(tmp_path: Path):
    frames = exposure_flicker(pan(24, (128, 96), step_px=0.5), 10)
    source = write_frames(tmp_path / "shot é", "take 50% {:04d}_.png", frames, first=1001)
    receipt = api.fix(source, settings=SETTINGS, route=Route.SMOOTH, markers=True, comparison=False)
    assert receipt.output is not None
    (file,) = receipt.output.parent.glob("*.otio")
    for track, folder in zip(otio.adapters.read_from_file(str(file)).video_tracks(), (source, receipt.output), strict=True):
        (clip,) = track
        assert isinstance(clip.media_reference, otio.schema.ImageSequenceReference)
        assert clip.media_reference.number_of_images_in_sequence() == 24
        urls = [clip.media_reference.target_url_for_image_number(index) for index in range(24)]
        assert [(file.parent / unquote(url)).resolve() for url in urls] == sorted(each.resolve() for each in folder.glob("*.png"))


def _events(text: str) -> Iterator[tuple[Any, ...]]:
    title, mode, *events = text.split("\n\n")[0].split("\n") + text.split("\n\n")[1:]
    assert title.startswith("TITLE: from ")
    assert mode in ("FCM: DROP FRAME", "FCM: NON-DROP FRAME")
    for event in events:
        if event:
            found = EVENT.fullmatch(event.rstrip("\n") + "\n")
            assert found, event
            yield found.groups()


def test_the_edl_is_as_resolve_writes_it(job: Receipt):
    assert job.output is not None
    text = (job.output.parent / "a clip's #1.markers.edl").read_text()
    assert text.startswith("TITLE: from 00:00:59;20 a clip's #1.deshimmered.mov\nFCM: DROP FRAME\n\n001  001      V     C        00:")
    events = list(_events(text))
    assert len(events) == len(job.details["ranges"])
    for number, (event, record) in enumerate(zip(events, job.details["ranges"], strict=True), start=1):
        first = otio.opentime.from_timecode("00:00:59;20", float(NTSC)) + otio.opentime.RationalTime(record["start_frame"], float(NTSC))
        assert int(event[0]) == number
        assert event[1] == event[3] == otio.opentime.to_timecode(first, float(NTSC), True)
        assert event[2] == event[4]
        assert int(event[8]) == record["end_frame"] - record["start_frame"] + 1
        assert event[6] == {True: "Green", False: "Red", None: "Yellow"}[record["repaired"]]


def test_nobody_gets_files_unasked_and_former_ones_go(tmp_path: Path):
    clip = write(tmp_path / "clip.mp4", exposure_flicker(pan(12, (96, 64)), 10))
    asked = api.fix(clip, settings=SETTINGS, markers=True, comparison=False)
    assert {"clip.markers.edl", "clip.markers.otio"} <= set(asked.details["files"])
    plain = api.fix(clip, settings=SETTINGS, comparison=False)
    assert plain.output is not None
    assert sorted(path.name for path in plain.output.parent.iterdir()) == [
        *("clip.deshimmered.mp4", "clip.receipt.json", "clip.report.html")
    ]
    assert plain.details["ranges"] == asked.details["ranges"] != []


def test_a_clip_that_is_kept_is_marked_itself(tmp_path: Path):
    clip = write(tmp_path / "clip.mp4", exposure_flicker(pan(16), 10))
    kept = api.fix(clip, settings=SETTINGS, route=Route.KEEP, markers=True)
    assert (kept.outcome, kept.output) == (Outcome.KEPT, None)
    assert [each["repaired"] for each in _flicker(kept)] == [False]
    timeline = otio.adapters.read_from_file(str(tmp_path / "deshimmered" / "clip.markers.otio"))
    (track,) = timeline.video_tracks()
    assert track[0].media_reference.target_url == "../clip.mp4"
    assert {marker.color for marker in track[0].markers} == {"RED"}


def test_results_behind_a_link_name_the_source_where_it_lies(tmp_path: Path):
    (tmp_path / "renders").mkdir()
    (tmp_path / "other disk" / "results").mkdir(parents=True)
    clip = write(tmp_path / "renders" / "clip.mp4", exposure_flicker(pan(16), 10))
    (tmp_path / "renders" / "deshimmered").symlink_to(tmp_path / "other disk" / "results")
    api.fix(clip, settings=SETTINGS, route=Route.KEEP, markers=True)
    folder = tmp_path / "other disk" / "results"
    (track,) = otio.adapters.read_from_file(str(folder / "clip.markers.otio")).video_tracks()
    assert track[0].media_reference.target_url == "../../renders/clip.mp4"


def test_a_hot_folder_asks_for_them_and_identity_knows(tmp_path: Path):
    plain, asking = (request_for(tmp_path / "a.mp4", HotFolder(path=tmp_path, markers=wish), SETTINGS) for wish in (False, True))
    assert (plain.markers, asking.markers) == (False, True)
    digests = {identity.job_digest("x", each, SETTINGS) for each in (plain, asking, replace(asking, markers=False))}
    assert len(digests) == 2


@pytest.fixture(scope="module")
def probed(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return media.probe(write(tmp_path_factory.mktemp("probed") / "clip.mp4", pan(48, (64, 48)), fps=24))


@pytest.mark.parametrize(
    ("treatment", "frames", "rate", "place"),
    [
        (None, 48, Fraction(24), (10, 10)),
        (Treatment(Route.INTERPOLATE, factor=2), 96, Fraction(48), (20, 20)),
        (Treatment(Route.INTERPOLATE, factor=4, slow_motion=True), 192, Fraction(24), (40, 40)),
        (Treatment(Route.INTERPOLATE, fps=Fraction(60000, 1001)), 120, Fraction(60000, 1001), (25, 25)),
    ],
)
def test_markers_move_with_the_frames_of_the_result(
    probed: Any, treatment: Treatment | None, frames: int, rate: Fraction, place: tuple[int, int]
):
    shown = markers.Footage(Path("/x/result.mp4"), frames, Start(0, Counting(rate, False)), False)
    found = Range(10, 19, FLICKER, None, Band.DETAIL, None, 2.0)
    (marker,) = markers.of([found], probed, treatment, shown)
    assert (marker.frame, marker.frames) == place
    assert marker.colour == "yellow"
    assert marker.note == "Frames 10 to 19 of the source, 2 levels."
    (last,) = markers.of([replace(found, start_frame=47, end_frame=47)], probed, treatment, shown)
    assert last.frame + last.frames <= frames
    assert last.note.startswith("Frame 47 of")


def test_a_varying_rate_is_named(probed: Any):
    shown = markers.footage(probed.path, probed.path, replace(probed, variable_frame_rate=True), 48, Fraction(24), has_sound=False)
    (marker,) = markers.of([Range(0, 9, "banding", False, None, "Deband | it.", 9.0)], probed, None, shown)
    assert "frame rate varies" in marker.note
    assert "CAMBI 9.0" in marker.note
    ((*_, note, _, _, _),) = _events(edl.written(shown, [marker]))
    assert "Deband it." in note


def test_close_causes_are_one_marker_and_clean_shots_have_none(job: Receipt):
    passage = receipts.passage_of(job)
    assert passage.diagnosis is not None
    causes = tuple(Cause("bad_frame", frame, frame, 0.01, "Odd.") for frame in (3, 5, 9, 60))
    clean = replace(passage.diagnosis.shots[0], verdict=Verdict.CLEAN)
    diagnosis = replace(passage.diagnosis, causes=causes, shots=(clean,), curves=None)
    found = ranges.find(replace(passage, diagnosis=diagnosis), delivered=False)
    assert [(each.start_frame, each.end_frame, each.repaired) for each in found] == [(3, 9, False), (60, 60, False)]
    assert ranges.find(replace(passage, diagnosis=None), delivered=False) == ()


def test_names_of_requests_default_to_no_markers(tmp_path: Path):
    assert not Request(tmp_path / "a.mp4", tmp_path, "a.mp4").markers


def test_the_page_gives_them_and_keeping_the_original_takes_them_away(tmp_path: Path):
    clip = write(tmp_path / "clip.mp4", exposure_flicker(pan(12, (96, 64)), 10))
    receipt = api.fix(clip, settings=SETTINGS, markers=True, comparison=False)
    assert receipt.receipt is not None
    files = job_view.markers_of(json.loads(receipt.receipt.read_bytes()))
    assert files == {kind: receipt.receipt.parent / f"clip.markers.{kind}" for kind in ("edl", "otio")}
    assert all(path.is_file() for path in files.values())
    kept = afterwards.keep_original(receipt)
    assert not any(path.exists() for path in files.values())
    assert job_view.markers_of(json.loads(receipts.as_bytes(kept))) == {}
    stranger = {"receipt": str(receipt.receipt), "details": {"files": ["../../etc.markers.edl"]}}
    assert job_view.markers_of(stranger) == {}
