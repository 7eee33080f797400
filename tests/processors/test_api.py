"""The Python API: the same road as the command line's, as functions."""

from __future__ import annotations

import os
import shutil
from fractions import Fraction
from pathlib import Path

import pytest
from clipmaker import exposure_flicker, pan, write

from deshimmer.config.errors import CannotWrite, IncompleteClip, MissingClip, RefusedClip, UnreadableClip, WrongUsage
from deshimmer.config.settings import Settings
from deshimmer.processors import api, options, work_folders
from deshimmer.processors.records import Band, Outcome, Route, Verdict


@pytest.fixture(scope="session")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("source") / "source.mp4", exposure_flicker(pan(16), 10))


@pytest.fixture
def clip(source: Path, tmp_path: Path) -> Path:
    return Path(shutil.copyfile(source, tmp_path / "clip.mp4"))


def test_a_finding_holds_clip_diagnosis_and_curves(clip: Path):
    parts: list[tuple[str, float]] = []
    finding = api.diagnose(clip, progress=lambda stage, part: parts.append((stage, part)))
    assert finding.diagnosis.verdict is Verdict.LUMINANCE
    assert finding.diagnosis.reading.bands[Band.GLOBAL_LUMA].amplitude > 3
    assert {len(curve) for curve in finding.curves.values()} == {16}
    assert {"time_s", *Band} <= set(finding.curves)
    assert ("diagnose", 1.0) in parts
    assert os.listdir(clip.parent) == ["clip.mp4"]


@pytest.mark.parametrize(
    ("content", "error"),
    [(None, MissingClip), (b"", IncompleteClip), (b"text", UnreadableClip), (b"#EXTM3U\n/etc/hostname\n", RefusedClip)],
)
def test_what_cannot_be_diagnosed_raises_with_the_path_as_given(tmp_path: Path, content: bytes | None, error: type[Exception]):
    path = tmp_path / "odd.mp4"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(error) as raised:
        api.diagnose(path)
    assert raised.value.path == str(path)  # type: ignore[attr-defined]


def test_fix_returns_the_receipt(clip: Path, tmp_path: Path):
    receipt = api.fix(clip, tmp_path / "out")
    assert (receipt.outcome, receipt.verified, receipt.route) == (Outcome.REPAIRED, True, Route.SMOOTH)
    assert receipt.output == tmp_path / "out" / "clip.deshimmered.mp4"
    assert receipt.output.exists()
    assert sorted(os.listdir(tmp_path)) == ["clip.mp4", "out"]


def test_a_named_route_is_taken(clip: Path, tmp_path: Path):
    receipt = api.fix(clip, tmp_path / "out", route="keep", comparison=False)
    assert (receipt.outcome, receipt.output) == (Outcome.KEPT, None)


def test_what_cannot_be_fixed_ends_as_a_failed_receipt(tmp_path: Path):
    bad = tmp_path / "bad.mp4"
    bad.write_text("not a video")
    receipt = api.fix(bad)
    assert receipt.outcome is Outcome.FAILED
    assert receipt.error is not None
    assert receipt.receipt == tmp_path / "deshimmered" / "bad.receipt.json"
    with pytest.raises(MissingClip):
        api.fix(tmp_path / "absent.mp4")
    with pytest.raises(UnreadableClip):
        api.fix(tmp_path)


def test_an_interrupt_leaves_nothing_not_even_the_output_folder(clip: Path, tmp_path: Path):
    def interrupt(stage: str, part: float) -> None:
        if stage == "process":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        api.fix(clip, tmp_path / "a" / "b", progress=interrupt)
    assert os.listdir(tmp_path) == ["clip.mp4"]


def test_work_folders_of_a_killed_fix_are_swept_and_those_of_the_queue_are_not(clip: Path, tmp_path: Path):
    for job in ("0123456789ab-fix0a1b", "0123456789ab-1"):
        folder = work_folders.make_work_folder(tmp_path, job)
        (folder / "owner.json").write_text('{"pid": 1, "started": 0}')
        (folder / "candidate.mp4").touch()
    api.fix(clip, tmp_path, route="keep")
    assert os.listdir(tmp_path / work_folders.ROOT) == ["0123456789ab-1"]


def test_an_output_that_takes_no_files_is_a_clear_error(clip: Path, tmp_path: Path):
    (tmp_path / "file").touch()
    with pytest.raises(CannotWrite):
        api.fix(clip, tmp_path / "file" / "out")


@pytest.mark.parametrize(
    "options",
    [
        {"factor": 1},
        {"strength": 3.0},
        {"route": "polish"},
        {"preset": "other"},
        {"preset": "article", "route": "smooth"},
        {"factor": 2, "fps": Fraction(60)},
        {"route": "smooth", "factor": 2},
        {"route": "smooth", "drop_duplicates": True},
    ],
)
def test_options_that_do_not_go_together(clip: Path, options: dict[str, object]):
    with pytest.raises(WrongUsage):
        api.fix(clip, settings=Settings(), **options)  # type: ignore[arg-type]
    assert os.listdir(clip.parent) == ["clip.mp4"]


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        (23.976, Fraction(24000, 1001)),
        (Fraction("23.98"), Fraction(24000, 1001)),
        (Fraction("59.94"), Fraction(60000, 1001)),
        (Fraction(30000, 1001), Fraction(30000, 1001)),
        (60, Fraction(60)),
        (12.5, Fraction(25, 2)),
    ],
)
def test_rounded_frame_rates_are_the_broadcast_ones(said: float, meant: Fraction) -> None:
    assert options.frame_rate(said) == meant
