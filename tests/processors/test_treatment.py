"""Each route has its maker, and a maker its candidate."""

from __future__ import annotations

from pathlib import Path

import pytest
from clipmaker import exposure_flicker, pan, write

from deshimmer.config.settings import Settings
from deshimmer.processors import diagnosis, media, treatment
from deshimmer.processors.records import Band, Candidate, Passage, Plan, Request, Route, Treatment

SETTINGS = Settings()


@pytest.fixture(scope="module")
def flickering(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("clip") / "clip.mp4", exposure_flicker(pan(10, (160, 96))))


def _made(source: Path, folder: Path, wanted: Treatment) -> Candidate:
    clip = media.probe(source)
    plan = Plan(wanted.route, (wanted,), True, "asked for")
    diagnosed = diagnosis.diagnose(clip, None, lambda part: None)
    passage = Passage("job", Request(source, folder, str(source)), folder, clip=clip, diagnosis=diagnosed, plan=plan)
    parts: list[float] = []
    candidate = treatment.process_stage(passage, SETTINGS, parts.append).candidate
    assert candidate is not None
    assert all(0 <= part <= 1 for part in parts)
    return candidate


@pytest.mark.parametrize(
    ("wanted", "codec", "bits"),
    [
        (Treatment(Route.SMOOTH, bands=(Band.GLOBAL_LUMA,)), "h264", 8),
        (Treatment(Route.DEBAND, deband=True, deflicker_size=5), "hevc", 10),
        (Treatment(Route.DEBAND_SMOOTH, bands=(Band.GLOBAL_LUMA,), deband=True), "hevc", 10),
        (Treatment(Route.DEBAND, preset="article"), "h264", 8),
    ],
)
def test_candidate_of_each_route(flickering: Path, tmp_path: Path, wanted: Treatment, codec: str, bits: int) -> None:
    candidate = _made(flickering, tmp_path, wanted)
    result = media.probe(candidate.path)
    assert candidate.path.parent == tmp_path
    assert (candidate.frames, result.frames, result.codec, result.bit_depth) == (10, 10, codec, bits)
    assert result.duration == media.probe(flickering).duration
    assert candidate.seconds > 0


def test_every_route_that_is_planned_has_a_maker() -> None:
    assert set(treatment.MAKERS) == set(Route) - {Route.KEEP}
