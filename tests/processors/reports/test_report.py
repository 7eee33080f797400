"""The report: what it says of each outcome, and that it stands alone whatever the names hold."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from clipmaker import pan, patch_flicker, write

from deshimmer.processors import media
from deshimmer.processors.records import (
    Band,
    BandReading,
    Candidate,
    Cause,
    Check,
    CodecReading,
    Diagnosis,
    Outcome,
    Passage,
    Plan,
    Reading,
    Receipt,
    Request,
    Route,
    Shot,
    Treatment,
    Verdict,
    Verification,
)
from deshimmer.processors.reports import account, report

HOSTILE = '"><script>alert(1)</script>&\u202e{{7*7}}'


def reading(low_luma: float, score: float) -> Reading:
    bands = {band: BandReading(low_luma if band is Band.LOW_LUMA else 0.2, -0.4) for band in Band}
    return Reading(bands, CodecReading(0.4, 0.02, None), score, 11.0, 120.0, 2.0)


def curves(path: Path, amplitude: float, frames: int = 20) -> Path:
    rng = np.random.default_rng(3)
    values = {band.value: np.abs(rng.normal(0, amplitude, frames)).astype(np.float32) for band in Band}
    np.savez(path, time_s=np.arange(frames, dtype=np.float32) / 24, **values)
    return path


@pytest.fixture
def repaired(tmp_path: Path) -> tuple[Passage, Receipt]:
    truth = pan(20, (320, 200))
    source = write(tmp_path / "render & <i>co.mp4", patch_flicker(truth))
    candidate = write(tmp_path / "candidate-0.mp4", truth)
    clip = media.probe(source)
    shots = (Shot(0, 9, Verdict.GENERATIVE, {}), Shot(9, 20, Verdict.CLEAN, {}))
    cause = Cause("first_frames", 0, 2, 0.4, f"Advice {HOSTILE}")
    found = Diagnosis(
        verdict=Verdict.GENERATIVE,
        confidence=0.9,
        route=Route.SMOOTH,
        summary="Brightness patches are drawn anew.",
        amounts={Verdict.GENERATIVE: 0.7, Verdict.LUMINANCE: 0.1},
        causes=(cause,),
        reading=reading(8.2, 0.6),
        shots=shots,
        article_verdict="clean",
        curves=curves(tmp_path / "before.npz", 8),
    )
    treatment = Treatment(Route.SMOOTH, (Band.LOW_LUMA,))
    plan = Plan(Route.SMOOTH, (replace(treatment, strength=0.5), treatment), False, "Patches flicker.")
    checks = (Check("flicker", True, 8.2, 0.9, "Flicker fell from 8.20 to 0.90 levels."), Check("detail", False, 1, 0.6, "Detail is lost."))
    verification = Verification(True, False, "Flicker fell by 89%.", checks, reading(0.9, 0.05), curves(tmp_path / "after.npz", 0.9))
    rejected = replace(verification, better=False, reason="It did not fall enough.")
    passage = Passage(
        job_id="abc-1",
        request=Request(source, tmp_path, f"../{HOSTILE}.mp4"),
        work_folder=tmp_path,
        clip=clip,
        diagnosis=found,
        plan=plan,
        attempt=1,
        candidate=Candidate(candidate, treatment, "H.264 8 bit", 20, 1.0, ("a note",)),
        verification=verification,
        rejected=(rejected,),
        timings={"probe": 0.1, "verify": 2.0},
    )
    details = {"versions": {"ffmpeg": "9.0"}, "settings": {"repair": {"strength": 1.0}}}
    receipt = Receipt("abc-1", passage.request.shown_path, Outcome.REPAIRED, "Flicker fell by 89%.", Verdict.GENERATIVE, Route.SMOOTH)
    return passage, replace(receipt, details=details, output=tmp_path / "out.mp4", verified=True, seconds=3.1)


class _Links(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.links += [value or "" for name, value in attrs if name in ("src", "href", "action", "data", "poster")]


def written(passage: Passage, receipt: Receipt, comparison: str | None = None) -> str:
    output = passage.work_folder / "report.html"
    report.write(passage, receipt, output, comparison)
    assert not list(passage.work_folder.glob("*.part"))
    return output.read_text(encoding="utf-8")


def test_repaired_says_what_and_how_much(repaired: tuple[Passage, Receipt]) -> None:
    html = written(*repaired, comparison="clip's #1 .comparison.mp4")
    assert "Repaired" in html
    assert "Flicker fell by 89%." in html
    assert "8.20 → 0.90 levels" in html
    assert "\u221289%" in html
    assert "It did not fall enough." in html
    assert 'href="clip%27s%20%231%20.comparison.mp4"' in html
    assert html.count("<polyline") == 8
    assert html.count('class="cut"') == 4
    assert html.count("data:image/jpeg;base64,") == 8
    assert len(html) < 1_500_000


def test_it_stands_alone_and_escapes(repaired: tuple[Passage, Receipt]) -> None:
    html = written(*repaired, comparison=HOSTILE)
    seen = _Links()
    seen.feed(html)
    assert not {"script", "link", "iframe", "object", "i>co.mp4"} & set(seen.tags)
    outside = [link for link in seen.links if not link.startswith("data:image/jpeg")]
    assert outside == ["%22%3E%3Cscript%3Ealert%281%29%3C/script%3E%26%E2%80%AE%7B%7B7%2A7%7D%7D"]
    assert "render &amp; &lt;i&gt;co.mp4" in html
    assert "{{7*7}}" in html
    assert not re.search(r"url\(|@import|https?://", html)


def test_kept_shows_the_source_alone(repaired: tuple[Passage, Receipt]) -> None:
    passage, receipt = repaired
    assert passage.diagnosis is not None
    calm = replace(passage.diagnosis, verdict=Verdict.CLEAN)
    passage = Passage(
        passage.job_id,
        passage.request,
        passage.work_folder,
        passage.clip,
        diagnosis=calm,
        plan=Plan(Route.KEEP, (), False, "Nothing flickers."),
    )
    html = written(passage, replace(receipt, outcome=Outcome.KEPT, reason="Nothing flickers.", output=None, verified=None))
    assert "Left as it is" in html
    assert "There is nothing to repair." in html
    assert html.count("data:image/jpeg;base64,") == 4
    assert html.count("<polyline") == 4
    assert "Result" not in re.sub(r"<style>.*</style>", "", html, flags=re.S)


def test_a_refused_result_is_called_so(repaired: tuple[Passage, Receipt]) -> None:
    passage, receipt = repaired
    assert passage.verification is not None
    passage = replace(passage, verification=replace(passage.verification, better=False, reason="Detail is lost."))
    html = written(passage, replace(receipt, outcome=Outcome.KEPT, reason="Detail is lost.", output=None, verified=False))
    assert "Why the result was refused" in html
    assert "Refused result" in html
    assert "This result was not delivered." in html


def test_failed_says_what_to_do(tmp_path: Path) -> None:
    passage = Passage("abc-1", Request(tmp_path / "gone\udcff\n.mp4", tmp_path, "gone\udcff\n.mp4"), tmp_path)
    error = {"title": "The file is incomplete", "message": "Copy it again.", "path": "gone.mp4"}
    html = written(passage, Receipt("abc-1", "gone.mp4", Outcome.FAILED, "Copy it again.", error=error))
    assert "The file is incomplete" in html
    assert "Copy it again." in html
    assert "data:image" not in html


def test_a_source_that_is_gone_costs_only_the_pictures(repaired: tuple[Passage, Receipt]) -> None:
    passage, receipt = repaired
    passage.request.path.unlink()
    html = written(passage, receipt)
    assert "Flicker fell by 89%." in html
    assert "data:image" not in html


@pytest.mark.parametrize(("preset", "said"), [(None, "delivered at 10 bit"), ("article", "Debanding as in the article, at 8 bit.")])
def test_what_was_done_is_the_attempt_that_was_made(repaired: tuple[Passage, Receipt], preset: str | None, said: str) -> None:
    passage, receipt = repaired
    second = Treatment(Route.DEBAND, deband=True, preset=preset)
    assert passage.plan is not None
    assert passage.candidate is not None
    plan = replace(passage.plan, treatments=(passage.plan.treatments[0], second))
    html = written(replace(passage, plan=plan, candidate=replace(passage.candidate, treatment=second)), receipt)
    assert f"Route: {account.ROUTES[Route.DEBAND]}.".replace("'", "&#39;") in html
    assert said in html
