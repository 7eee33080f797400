"""Passages that wait for their delivery, each a repair of a small clip; and the delivery itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from clipmaker import pan, write

from deshimmer.config.settings import Settings
from deshimmer.processors import delivery, media
from deshimmer.processors.records import (
    Band,
    BandReading,
    Candidate,
    Check,
    CodecReading,
    Diagnosis,
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

SETTINGS = Settings()
BANDS = {band: BandReading(1.5, -0.4) for band in Band}
READING = Reading(BANDS, CodecReading(1.0, 0.1, None), 0.4, 9.5, 120.0, 1.1)
SMOOTH = Treatment(Route.SMOOTH, bands=(Band.LOW_LUMA,))


@pytest.fixture(scope="module")
def clip_bytes(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return write(tmp_path_factory.mktemp("clip") / "clip.mp4", pan(6, (96, 64))).read_bytes()


Maker = Callable[..., Passage]


@pytest.fixture
def passage(tmp_path: Path, clip_bytes: bytes) -> Maker:
    def make(
        *,
        name: str = "clip.mp4",
        job: str = "0123456789ab-1",
        tried: bool = True,
        better: bool = True,
        broken: bool = False,
        **changes: Any,
    ) -> Passage:
        source = tmp_path / name
        source.write_bytes(clip_bytes)
        request = replace(Request(source, tmp_path / "deshimmered", f"./{name}"), **changes.pop("request", {}))
        work_folder = delivery.make_work_folder(request.output_dir, job)
        result = work_folder / "candidate-0.mp4"
        result.write_bytes(clip_bytes)
        treatments = (SMOOTH,) if tried else ()
        plan = Plan(Route.SMOOTH if tried else Route.KEEP, treatments, changes.pop("named", False), "Nothing to repair.")
        shots = (Shot(0, 6, Verdict.GENERATIVE, BANDS),)
        verdict = changes.pop("verdict", Verdict.GENERATIVE)
        diagnosis = Diagnosis(verdict, 0.9, Route.SMOOTH, "It flickers.", {verdict: 0.8}, (), READING, shots, "generative", None)
        checks = (Check("flicker", better, 0.4, 0.1, "less"),)
        verification = Verification(better, broken, "Flicker fell by 60%.", checks, READING, None)
        return Passage(
            job,
            request,
            work_folder,
            clip=media.probe(source),
            diagnosis=diagnosis,
            plan=plan,
            candidate=Candidate(result, SMOOTH, "H.264", 6, 0.1) if tried else None,
            verification=verification if tried else None,
            timings={"probe": 0.1},
        )

    return make


def deliver(passage: Passage) -> Receipt:
    receipt = delivery.deliver_stage(passage, SETTINGS, lambda part: None).receipt
    assert receipt is not None
    return receipt
